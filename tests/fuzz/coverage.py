"""Which ways through some files a call takes: pairs of lines that follow each other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

Way = tuple[str, int, int]
_Tracer = Callable[[FrameType, str, Any], Any]


class Ways:
    """`taken` by a call, of those through the files whose names contain `where`. Nothing else may trace meanwhile."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._ours: dict[CodeType, bool] = {}

    def taken(self, call: Callable[[], None]) -> set[Way]:
        """Whatever `call` raises is raised again, but for the ways nobody knows then."""
        ways: set[Way] = set()
        before = sys.gettrace()
        sys.settrace(self._tracer(ways))
        try:
            call()
        finally:
            sys.settrace(before)
        return ways

    def _tracer(self, ways: set[Way]) -> _Tracer:
        def enter(frame: FrameType, event: str, argument: Any) -> _Tracer | None:
            code = frame.f_code
            if code not in self._ours:
                self._ours[code] = self._where in code.co_filename
            return follow(code.co_filename, frame.f_lineno) if self._ours[code] else None

        def follow(name: str, line: int) -> _Tracer:
            def step(frame: FrameType, event: str, argument: Any) -> Any:
                nonlocal line
                ways.add((name, line, frame.f_lineno))
                line = frame.f_lineno
                return step

            return step

        return enter
