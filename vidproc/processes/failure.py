"""How a child tells its parent of an error: as one line for people, and as a traceback for the log (`Child.raised`)."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from vidproc.errors import VidprocError, one_line

_MOST_LINES = 200
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Telling:
    """What a kind of child says of errors that are not vidproc's own.

    out_of_memory: the errors that mean it; too_large: what is said of them.
    bug: the kind of error that any other is told as; `prefix` goes before its text.
    """

    out_of_memory: tuple[type[Exception], ...]
    too_large: VidprocError
    bug: type[VidprocError]
    prefix: str = ""

    def of(self, error: Exception) -> dict[str, Any]:
        """The error as a plain map. What nobody raised on purpose is a bug of ours."""
        bug = False
        if isinstance(error, self.out_of_memory):
            told = self.too_large
        elif isinstance(error, VidprocError):
            told = error
        else:
            told, bug = self.bug(f"{self.prefix}{type(error).__name__}: {error}"), True
        return plain(told, bug, _trace(error))


def plain(error: VidprocError, bug: bool = False, trace: str = "") -> dict[str, Any]:
    """What crosses the channel of an error."""
    return {"code": error.code, "message": one_line(str(error)), "bug": bug, "trace": trace}


def _trace(error: Exception) -> str:
    """Its end, where it is long. A message within it may be of any size, and of no text that can be sent."""
    lines = "".join(traceback.format_exception(error)).encode(errors="backslashreplace").decode().splitlines()
    return "\n".join(line[:_LONGEST_LINE] for line in lines[-_MOST_LINES:])
