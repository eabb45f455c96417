"""What a daemon's log looks like, and what it does not show."""

from __future__ import annotations

import argparse
import ast
import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from vidproc.cli import logs
from vidproc.cli.log_secrets import Secrets
from vidproc.config import CoordinatorSettings, WorkerSettings
from vidproc.model import FilterSpec, JobSpec

Log = Callable[[], structlog.typing.FilteringBoundLogger]


_TOKEN = b"only a few may know this"
_URL = "postgresql://vidproc:p%40ss-w0rd@db.lan/jobs?sslpassword=another-one"


@pytest.fixture
def log() -> Iterator[Log]:
    """A logger as a coordinator has it that holds secrets."""
    before = logging.getLogger().handlers[:]

    def log(form: str = "console", level: str = "info") -> structlog.typing.FilteringBoundLogger:
        settings = CoordinatorSettings(token=_TOKEN, database_url=_URL)
        logs.configure(argparse.Namespace(log_format=form, log_level=level), settings)
        made: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        return made

    yield log
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger().handlers = before


def test_what_others_named_is_printable_in_the_logs(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log().info("job", name="film\x1b[31m\nforged   line.mp4")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("name='film?[31m forged line.mp4'")


def test_a_traceback_keeps_its_lines_in_the_logs(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("no \x1b[2J")
    except ValueError:
        log().exception("bug")
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: no ?[2J"


def test_a_log_that_nobody_takes_stops_no_work(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(full, write_through=True))  # type: ignore[type-var]
        said = log()
        for _ in range(1000):
            said.info("a line of the log")


def test_a_line_says_what_the_context_is_of(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.contextvars.bound_contextvars(job="j1", worker="w1"):
        log("json").warning("chunk failed", worker="w2", chunk=3)
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert {name: line[name] for name in ("event", "level", "job", "worker", "chunk")} == {
        "event": "chunk failed", "level": "warning", "job": "j1", "worker": "w2", "chunk": 3
    }  # fmt: skip
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(("level", "said"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_least_level(log: Log, capsys: pytest.CaptureFixture[str], level: str, said: int) -> None:
    made = log("json", level)
    for each in ("debug", "info", "warning", "error"):
        getattr(made, each)("a line")
    assert len(capsys.readouterr().err.splitlines()) == said


def test_what_libraries_say_are_lines_like_all(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log("json")
    log("json")  # set up twice, said once
    try:
        raise ValueError(_TOKEN.decode())
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it is %s", "broken")
    logging.getLogger("uvicorn.error").info("of no interest")
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["event"], line["message"], line["level"]) == ("uvicorn.error", "it is broken", "error")
    assert "ValueError: ***" in line["exception"]


_SHOWING = [
    {"error": f"no coordinator takes {_TOKEN.decode()} for a token"},
    {"data": _TOKEN},
    {"party": {"role": "worker", "answers": [{"it": (_TOKEN.decode(), 1)}]}},
    {"settings": CoordinatorSettings(name="c " + _TOKEN.decode())},
    {"token": "xyz", "Authorization": "Bearer xyz", "database_url": "xyz", "password": "xyz"},
    {"error": f"cannot connect to {_URL}"},
    {"error": "user vidproc with p@ss-w0rd, another-one"},
    {"error": "postgres://me:xyz@elsewhere/x and http://h/?password=xyz"},
]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("said", _SHOWING, ids=lambda said: "-".join(said))
def test_secrets_are_not_shown(
    log: Log, capsys: pytest.CaptureFixture[str], form: str, said: dict[str, object]
) -> None:
    log(form).error("an event", **said)
    shown = capsys.readouterr().err
    assert "***" in shown
    for secret in (_TOKEN.decode(), "p%40ss-w0rd", "p@ss-w0rd", "another-one", "xyz"):
        assert secret not in shown


def test_in_a_traceback_neither(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError({"given": _TOKEN})
    except ValueError:
        log().exception("bug")
    shown = capsys.readouterr().err
    assert "ValueError: {'given': b'***'}" in shown
    assert _TOKEN.decode() not in shown


def test_the_code_of_a_filter_is_not_shown(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    spec = JobSpec(filters=(FilterSpec("custom", {"radius": 3}, code="KEY = 'xyz'"),))
    log().error("bug", spec=spec, error=repr(spec))
    shown = capsys.readouterr().err
    assert shown.count("FilterSpec('custom', {'radius': 3}, <11 characters of code>)") == 2
    assert "xyz" not in shown


def test_what_is_no_secret_stays_as_it_is() -> None:
    event = {"event": "connected", "where": "tcp://[::1]:9090", "slots": 2, "ratio": 0.5, "held": True, "error": None}
    for secrets in (Secrets(), Secrets(["abc", ""]), Secrets.of(WorkerSettings(token=b"something else, long"))):
        assert secrets(None, "info", dict(event)) == event


def test_what_a_storm_leaves_out_is_counted(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    made = log("json")
    for _ in range(1000):
        made.warning("session ended")
    made.info("stopped")
    lines = list(map(json.loads, capsys.readouterr().err.splitlines()))
    assert len(lines) < 1000
    assert len(lines) + sum(line.get("left_out", {}).get("session ended", 0) for line in lines) == 1001


_ROOT = Path(__file__).parents[2]
_SAYING = {"debug", "info", "warning", "error", "exception", "say", "tell"}


def _logged() -> set[object]:
    """The events that the code has words for."""
    trees = (ast.parse(path.read_text()) for path in (_ROOT / "vidproc").rglob("*.py"))
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    said = [call.args[0] for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) in _SAYING]
    return {each.value for words in said for each in ast.walk(words) if isinstance(each, ast.Constant)}


def test_the_page_tells_of_events_that_there_are() -> None:
    page = (_ROOT / "docs" / "logs.md").read_text().partition("| event | level |")[2].partition("\n\n")[0]
    told = {event for row in page.splitlines() for event in re.findall("`(.+?)`", row.split("|")[1])}
    assert len(told) > 15
    assert told <= _logged()
