"""`python -m tests`, with what else pytest is to be told: all tests in two halves at once, with a pytest for each.

Those that start programs or processes wait half of their time, for these to begin and to end; the others compute, on
one core. What the others say is seen at once, what the programs' half says when both are done. Where folders, files or
tests are named there is one pytest, and it has those alone.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from tests.end_to_end.programs import die_with_the_tests

PROGRAMS = ("tests/end_to_end", "tests/worker", "tests/processes")
ALONE = ("-o", "cache_dir=.pytest_cache/programs")
"""Each half remembers its own failures, for `--last-failed`."""

NONE_CHOSEN = int(pytest.ExitCode.NO_TESTS_COLLECTED)


def main(words: Sequence[str], programs: Sequence[str] = PROGRAMS) -> int:
    """The exit code of a half that has failed; of one alone if nothing of the other was chosen."""
    if any(Path(word.partition("::")[0]).exists() for word in words):
        return _ended(_pytest(*words))
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    with tempfile.TemporaryFile() as said:
        beside = _pytest(*words, *colour, *ALONE, *programs, into=said)
        here = _ended(_pytest(*words, *(f"--ignore={each}" for each in programs)))
        print(f"\nThe tests in {', '.join(programs)} ran meanwhile:", flush=True)
        there = _ended(beside)
        said.seek(0)
        print(said.read().decode(errors="replace"), flush=True)
    return _together(there, here)


def _pytest(*words: str, into: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.Popen(command, stdout=into, stderr=into, preexec_fn=die_with_the_tests)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Ctrl-C reaches it as well, and it has something to say then."""
    while process.returncode is None:
        with contextlib.suppress(KeyboardInterrupt):
            process.wait()
    return process.returncode


def _together(*codes: int) -> int:
    failed = [code for code in codes if code not in (0, NONE_CHOSEN)]
    return failed[0] if failed else min(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
