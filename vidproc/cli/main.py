"""vidproc: all programs under one name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from vidproc._version import __version__
from vidproc.cli import options
from vidproc.errors import ClientError

_PROGRAMS = {
    "run": ("vidproc.cli.run", "filter a video on this host's cores"),
    "send": ("vidproc.cli.send", "have a coordinator filter a video"),
    "coordinator": ("vidproc.cli.coordinator", "take jobs and have workers do them"),
    "worker": ("vidproc.cli.worker", "lend this host's cores to a coordinator"),
    "jobs": ("vidproc.cli.jobs", "list a coordinator's jobs, watch, fetch, cancel, rerun and remove them"),
    "top": ("vidproc.cli.top", "show what a coordinator's jobs and workers are doing"),
    "filters": ("vidproc.cli.filters", "list the filters and their parameters"),
    "explain": ("vidproc.cli.explain", "show what a job would do to a film, without doing it"),
    "doctor": ("vidproc.cli.doctor", "look at this machine, and say what to do before vidproc runs here"),
    "verify": ("vidproc.cli.verify", "prove that a cluster gives the same bytes as one process"),
}


def usage() -> str:
    lines = [f"  {name:<12} {help_}" for name, (_, help_) in _PROGRAMS.items()]
    return "\n".join(
        ["usage: vidproc PROGRAM [OPTION ...]", "", "programs:", *lines, "", "vidproc PROGRAM --help tells of each."]
    )


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in _PROGRAMS:
        program = importlib.import_module(_PROGRAMS[words[0]][0])
        exit_code: int = program.main(words[1:])
        return exit_code
    return options.run(lambda: _about(words))


def _about(words: Sequence[str]) -> int:
    if words[:1] == ["--version"]:
        print(f"vidproc {__version__}")
        return 0
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        return 0 if words else ClientError.exit_code
    raise ClientError(f"there is no program {words[0]!r}; there are {', '.join(_PROGRAMS)}")


if __name__ == "__main__":
    sys.exit(main())
