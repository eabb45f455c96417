"""The documents that are made from the code: `make docs` writes them, a test sees to it that they are current."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2

import vidproc
from vidproc import scratch
from vidproc.config import CoordinatorSettings, WorkerSettings, default_of, keys
from vidproc.filters import reference
from vidproc.media.sample import make_sample
from vidproc.media.still import still
from vidproc.web import metrics_reference

FOLDER = Path(__file__).parents[2] / "docs"

_PROGRAMS = ("send", "run", "coordinator", "worker", "jobs", "top", "explain", "doctor", "verify")
_HEAD = """\
# Options of the programs

Made from the programs themselves by `make docs`; `--help` says the same.
"""

_EXIT_CODES = """\
Exit codes: 0 done, 2 wrong usage or configuration, 3 the coordinator cannot be reached or has too much to do, 4 the job
failed, 130 interrupted, 141 what they said was not read to its end. `vidproc verify` ends with 1 when the two runs
differ.
"""
_SETTINGS = """\
## Settings of the daemons

Each can be given as an option (where the daemon has one of that name), in the environment (`VIDPROC_COORDINATOR_PORT`,
or `VIDPROC_PORT` for both daemons), or in a TOML file (`--config FILE`, tables `[coordinator]` and `[worker]`); the
first of these that gives it wins. Sizes may be written as `4GiB`, times as `90`, `5m` or `7d`.
"""


def options_page() -> str:
    """The options of all programs, in Markdown."""
    programs = [importlib.import_module(f"vidproc.cli.{name}").parser() for name in _PROGRAMS]
    parsers = [parser for program in programs for parser in (program, *verbs(program))]
    return "\n".join(
        [_HEAD, _EXIT_CODES, *("\n".join(_section(parser)) for parser in parsers), _SETTINGS, *_settings(), ""]
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "filters.md": reference.page,
    "options.md": options_page,
    "prometheus.md": metrics_reference.page,
}


def stale(folder: Path) -> list[str]:
    """The names of the pages in `folder` that are not what the code makes now."""
    return [name for name, make in PAGES.items() if not _holds(folder / name, make())]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m vidproc.cli.docs", description="Write the documents anew.")
    parser.add_argument("--pictures", action="store_true", help="make the pictures too, which takes a film")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if one is out of date")
    given = parser.parse_args(argv)
    names = stale(FOLDER)
    for name in names:
        print(f"docs/{name} is out of date" if given.check else f"docs/{name} written")
        if not given.check:
            (FOLDER / name).write_text(PAGES[name](), encoding="utf-8")
    if given.pictures:
        draw_pictures(FOLDER / "images")
    return int(given.check and bool(names))


def draw_pictures(folder: Path) -> None:
    """A film that is made, before and after: what the README shows."""
    folder.mkdir(exist_ok=True)
    with scratch.folder() as made:
        before, after = made / "before.mp4", made / "after.mp4"
        make_sample(before, seconds=4)
        vidproc.process(before, after, "edges:low=60,high=140")
        halves = [cv2.resize(still(film, 90), (640, 360), interpolation=cv2.INTER_AREA) for film in (before, after)]
    cv2.imwrite(str(folder / "before-after.png"), cv2.hconcat(halves))


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of its subcommands, in the order in which they were added."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def _section(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {parser.prog}\n\n{parser.description}\n"
    if parser.epilog:
        yield f"```sh\n{_examples(parser.epilog)}\n```\n"
    yield "| option | meaning |\n| --- | --- |"
    formatter = parser._get_formatter()
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            yield f"| {_shown(action)} | {_cell(formatter._expand_help(action))} |"
    yield ""


def _settings() -> Iterator[str]:
    yield "| setting | default |\n| --- | --- |"
    for kind in (CoordinatorSettings, WorkerSettings):
        for key in keys(kind):
            yield f"| `{kind.table}.{key}` | {default_of(kind, key) or 'none'} |"


def _examples(epilog: str) -> str:
    return "\n".join(line.strip() for line in epilog.splitlines() if line.startswith("  "))


def _shown(action: argparse.Action) -> str:
    """`-o OUT, --out OUT` as code; for an argument without dashes, its name alone."""
    wanted = "" if action.nargs == 0 else _wanted(action)
    if not action.option_strings:
        return f"`{_cell(wanted)}`"
    return ", ".join(f"`{_cell(f'{option} {wanted}'.strip())}`" for option in action.option_strings)


def _wanted(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _cell(text: str) -> str:
    """Fit for a cell of a table, where a bar would end it."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
