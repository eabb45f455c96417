"""What all programs have in common: help, versions, exit codes, and a start that is quick."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from vidproc import filters
from vidproc._version import __version__
from vidproc.cli import docs, options
from vidproc.cli import main as together
from vidproc.config import CoordinatorSettings, WorkerSettings, load
from vidproc.errors import (
    AuthenticationError,
    CancelledError,
    ClientError,
    FilterError,
    MediaError,
    UnreachableError,
    VersionError,
    VidprocError,
)

WITH_PARSERS = ("send", "run", "coordinator", "worker", "jobs", "top", "explain", "doctor", "verify")
PROGRAMS = (*WITH_PARSERS, "filters")


def program(name: str) -> Any:
    return importlib.import_module(f"vidproc.cli.{name}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_waits_for_no_heavy_module(name: str) -> None:
    code = (
        f"import sys\nfrom vidproc.cli.{name} import main\n"
        "try:\n    main(['--help'])\nfinally:\n"
        "    print(*({'cv2', 'av', 'numpy', 'rich', 'pydantic', 'sqlalchemy'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []
    assert "usage: vidproc" in done.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_version(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program(name).main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"vidproc {__version__}\n"


@pytest.mark.parametrize("words", [("show",), ("remove", "a"), ("list", "--before")], ids="-".join)
def test_no_job_has_so_long_an_id(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program("jobs").main([*words, "a" * 256])
    assert end.value.code == 2
    assert "a job's id has at most 255 characters" in capsys.readouterr().err


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_unknown_option_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program(name).main(["--frobnicate"])
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert len(said.err.splitlines()) == 1
    assert "--help lists the options" in said.err


_WITHOUT_DEFAULT = {
    "video", "out", "metrics_json", "processing", "param", "filter", "start", "duration", "unix_socket", "token_file",
    "config", "processes", "before",
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_PARSERS)
def test_every_option_is_explained_with_its_default(name: str) -> None:
    parser: argparse.ArgumentParser = program(name).parser()
    formatter = parser._get_formatter()
    for action in [action for each in (parser, *docs.verbs(parser)) for action in each._actions]:
        shown = formatter._expand_help(action)
        assert shown, action.dest
        if action.nargs != 0 and not action.required and action.dest not in _WITHOUT_DEFAULT:
            assert "(default: " in shown, f"{name}: {action.option_strings}"


_SAID_IN_WORDS = ("name", "data_dir", "processes", "database_url")


@pytest.mark.parametrize(("name", "settings"), [("coordinator", CoordinatorSettings), ("worker", WorkerSettings)])
def test_the_defaults_in_the_help_are_those_of_the_settings(
    name: str, settings: type[CoordinatorSettings] | type[WorkerSettings]
) -> None:
    compared = 0
    for action in program(name).parser()._actions:
        said = (action.help or "").partition("(default: ")[2].rstrip(")")
        if said and action.dest not in _SAID_IN_WORDS and hasattr(settings(), action.dest):
            assert load(settings, {action.dest: said}, None, {}) == settings(), action.dest
            compared += 1
    assert compared >= 5


# vidproc, the one for all


def test_all_programs_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert together.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in PROGRAMS)


def test_no_program_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert together.main([]) == 2
    assert "usage: vidproc PROGRAM" in capsys.readouterr().out


def test_an_unknown_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert together.main(["sned", "--help"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no program 'sned'; there are run, send,")


def test_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert together.main(["--version"]) == 0
    assert capsys.readouterr().out == f"vidproc {__version__}\n"


def test_a_program_gets_the_rest_of_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert together.main(["filters", "blur"]) == 0
    assert "ksize" in capsys.readouterr().out


# vidproc filters


def test_filters_are_described_to_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert together.main(["filters", "--json", "lut", "blur"]) == 0
    assert json.loads(capsys.readouterr().out) == {name: filters.schema(name) for name in ("lut", "blur")}
    assert together.main(["filters", "--json"]) == 0
    assert tuple(json.loads(capsys.readouterr().out)) == filters.names()


def test_all_filters_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert together.main(["filters"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in filters.names())


def test_a_filter_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert together.main(["filters", "blurr"]) == 2
    assert "did you mean 'blur'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["filters", "--help", "--version", "coordinator --help", "jobs list --help", "send --version"],
)
def test_a_reader_that_leaves_is_no_error_to_talk_about(command: str) -> None:
    words = [sys.executable, "-m", "vidproc", *command.split()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == 141


@pytest.mark.parametrize("command", ["nothing", "send --frobnicate", "filters blurr"])
def test_nor_is_one_of_complaints(command: str) -> None:
    with subprocess.Popen([sys.executable, "-m", "vidproc", *command.split()], stderr=subprocess.PIPE) as complaining:
        assert complaining.stderr is not None
        complaining.stderr.close()
    assert complaining.returncode == 141


# Exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError("no"), 2),
        (UnreachableError("no"), 3),
        (AuthenticationError("no"), 3),
        (VersionError("no"), 3),
        (FilterError("no"), 4),
        (MediaError("no"), 4),
        (VidprocError("no"), 4),
        (CancelledError("no"), 130),
    ],
)
def test_an_error_is_one_line_and_its_kind_s_exit_code(
    error: VidprocError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> int:
        raise error

    assert options.run(fails) == code
    assert capsys.readouterr().err == "error: no\n"


def test_what_others_wrote_can_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> int:
        raise MediaError("a\x1b[2Jfilm\nerror: another\tline")

    assert options.run(fails) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line


def test_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert options.run(interrupted) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_ctrl_c_twice_gives_no_traceback() -> None:
    code = (
        "import signal, sys\nfrom vidproc.cli import options\n"
        "class Stderr:\n"
        "    flush = sys.stderr.flush\n"
        "    def write(self, text):\n        signal.raise_signal(signal.SIGINT)\n"
        "def interrupted():\n    raise KeyboardInterrupt\n"
        "sys.stderr = Stderr()\noptions.run(interrupted)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("name", ["coordinator", "worker"])
def test_a_daemon_that_is_stopped_while_it_starts_says_nothing(name: str) -> None:
    code = (
        f"import signal\nfrom vidproc.cli import logs, {name}\n"
        "logs.configure = lambda *given: signal.raise_signal(signal.SIGTERM)\n"
        f"{name}.main([])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGTERM
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.process
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_program_whose_standard_streams_are_closed_ends_as_any_other(closed: str) -> None:
    command = f"'{sys.executable}' -m vidproc.cli.send --video nowhere.mp4 --out also-nowhere.mp4 {closed}"
    assert subprocess.run(["sh", "-c", command], capture_output=True).returncode == ClientError.exit_code
