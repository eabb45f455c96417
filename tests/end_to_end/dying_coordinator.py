"""vidproc-coordinator that kills itself at its k-th commit point: a rename or a link in DATA, an fsync, or a commit.

    python -m tests.end_to_end.dying_coordinator before|after K POINTS DATA ...

It writes a line to the file POINTS for each point it comes to, so that a test knows how many there are. SIGKILL leaves
it no chance to tidy up; all that is left is what the kernel was given.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from vidproc.cli import coordinator


class Points:
    """Counts commit points, from any thread, and strikes at one."""

    def __init__(self, when: str, strike_at: int, told: str, data: str) -> None:
        self._when = when
        self._strike_at = strike_at
        self._told = told
        self._data = data
        self._count = 0
        self._lock = threading.Lock()

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def struck(*given: Any, **named: Any) -> Any:
            if name in ("rename", "link") and not os.fspath(given[0]).startswith(self._data):
                return call(*given, **named)
            with self._lock:
                self._count += 1
                number = self._count
                with open(self._told, "a") as file:
                    file.write(f"{number} {name}\n")
            if number == self._strike_at and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return call(*given, **named)
            finally:  # where it is refused, too
                if number == self._strike_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        return struck


def main() -> int:
    when, strike_at, told, data, *words = sys.argv[1:]
    points = Points(when, int(strike_at), told, data)
    for name in ("rename", "link", "fsync"):
        setattr(os, name, points.around(name, getattr(os, name)))
    dialect = sa.create_engine("sqlite://").dialect.__class__
    dialect.do_commit = points.around("commit", dialect.do_commit)  # type: ignore[method-assign]
    return coordinator.main(words)


if __name__ == "__main__":
    sys.exit(main())
