"""vidproc doctor: looks at a machine before it is to work, and says what to do."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from vidproc.cli import options
from vidproc.cli.settings import add_settings, settings_of
from vidproc.config import CoordinatorSettings, WorkerSettings, default_of

if TYPE_CHECKING:
    from vidproc.checks.finding import Check, Finding

_EXAMPLES = """\
  vidproc doctor                                          # can a coordinator and a worker run here?
  vidproc doctor --config /etc/vidproc.toml               # and with these settings?
  vidproc doctor --host coordinator.lan --token-file t    # can this machine be its worker?
  vidproc doctor --json | jq '.findings[] | select(.level != "ok")'"""

_ROWS = (
    ("--bind", "ADDR", "where it listens"),
    ("--preview-port", "P", "its port for pages, REST and metrics, or off"),
    ("--data-dir", "DIR", "its data folder"),
    ("--database-url", "URL", "where it writes jobs down"),
)

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc doctor",
        "Look at this machine and say what to do: Python and the wheels, each codec (a few frames are encoded and "
        "decoded), cores, memory, open files, ports, the data folder, the database. Run it before the first job, and "
        "when something does not work. With --host, or where the settings give a worker another host than this one, "
        "the machine is looked at as a worker's or a client's of the coordinator there; else as one on which a "
        "coordinator runs, or may. Nothing is changed, and nothing stays. Exits with 0 when there is no problem, with "
        "2 when there is one, and with 3 when the only one is that the coordinator cannot be reached; warnings change "
        "nothing in that.",
        _EXAMPLES,
    )
    options.add_where(made)
    here = made.add_argument_group("a coordinator here")
    here.add_argument("--config", metavar="FILE", help="TOML file with the settings of the daemons")
    add_settings(here, CoordinatorSettings, _ROWS)
    made.add_argument("--json", action="store_true", help="the findings as JSON")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _examine(given))


def _examine(given: argparse.Namespace) -> int:
    from vidproc.checks.finding import carried_out, exit_code

    findings = (each for subject, check in _checks(given) for each in carried_out(subject, check))
    return exit_code(_as_json(findings) if given.json else _as_text(findings))


def _checks(given: argparse.Namespace) -> Iterator[tuple[str, Check]]:
    """Each with what to call it if it fails itself."""
    from vidproc.checks import coding, machine, places, software

    began = time.time(), time.monotonic()
    worker = settings_of(WorkerSettings, given)
    coordinator = settings_of(CoordinatorSettings, given)
    elsewhere = bool(given.host) or worker.host != default_of(WorkerSettings, "host")
    yield "python", software.python
    yield "packages", software.packages
    yield "wheels", software.wheels
    yield "ffmpeg", software.ffmpeg
    yield "codecs", coding.codecs
    yield "cascades", software.cascades
    yield "filters", software.filters
    yield "cores", partial(machine.cores, worker.processes)
    yield "memory", partial(machine.memory, worker.processes)
    yield "address space", partial(machine.address_space, worker.memory_limit)
    yield "shared memory", machine.shared_memory
    yield "open files", partial(machine.descriptors, 0 if elsewhere else coordinator.max_connections)
    yield "temporary files", places.temporary_files
    if worker.token_file is not None:
        yield "token file", partial(places.token_file, worker.token_file)
    if elsewhere:
        yield from _of_coordinator_elsewhere(worker, coordinator.preview_port)
    else:
        yield from _of_coordinator_here(coordinator)
    yield "clock", partial(machine.clock, began)


def _of_coordinator_here(settings: CoordinatorSettings) -> Iterator[tuple[str, Check]]:
    from vidproc.checks import database, network, pages, places

    yield "data folder", partial(places.data_folder, settings.data_dir)
    yield "port", partial(network.own_port, settings.bind, settings.port, settings.token)
    if settings.unix_socket is not None:
        yield "socket", partial(network.own_socket, settings.unix_socket, settings.token)
    if settings.preview_port is not None:
        yield "preview port", partial(pages.pages_here, settings.bind, settings.preview_port)
    if settings.database_url is not None:
        yield "database", partial(database.database, settings.database_url)


def _of_coordinator_elsewhere(settings: WorkerSettings, preview_port: int | None) -> Iterator[tuple[str, Check]]:
    from vidproc.checks import network, pages

    families = ["IPv4"] if settings.ipv4 else ["IPv6"] if settings.ipv6 else ["IPv6", "IPv4"]
    where = settings.host, settings.port, settings.token, families
    yield "coordinator", partial(network.coordinator_at, *where)
    if preview_port is not None:
        yield "pages", partial(pages.pages_there, settings.host, preview_port)


def _as_json(findings: Iterable[Finding]) -> Sequence[Finding]:
    found = list(findings)
    told = {"ok": not _count(found, "problem"), "findings": [asdict(each) for each in found]}
    print(json.dumps(told, indent=2))
    return found


def _as_text(findings: Iterable[Finding]) -> Sequence[Finding]:
    found = _drawn(findings) if sys.stdout.isatty() else [_said(each) for each in findings]
    problems, warnings = _count(found, "problem"), _count(found, "warning")
    print(f"{len(found)} things looked at: {_number(problems, 'problem')}, {_number(warnings, 'warning')}")
    return found


def _drawn(findings: Iterable[Finding]) -> Sequence[Finding]:
    """A table, at the end: one that grew would be drawn over itself where it is longer than the terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    console, found = Console(), []
    table = Table("", "what", "seen, and what to do", box=SIMPLE_HEAD)
    with console.status("looking") as status:
        for each in findings:
            status.update(f"looked at {escape(each.subject)}")
            seen = Text.assemble(each.said, *([("\n" + each.advice, "bold")] if each.advice else []))
            table.add_row(Text(each.level, style=_COLOURS[each.level]), Text(each.subject), seen)
            found.append(each)
    console.print(table)
    return found


def _said(finding: Finding) -> Finding:
    advice = f": {finding.advice}" if finding.advice else ""
    print(f"{finding.level:<8} {finding.subject}: {finding.said}{advice}", flush=True)
    return finding


def _count(findings: Iterable[Finding], level: str) -> int:
    return sum(each.level == level for each in findings)


def _number(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
