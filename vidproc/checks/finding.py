"""What a check has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from vidproc.errors import ClientError, one_line

REINSTALL = "install vidproc's wheels anew: make setup, or pip install --force-reinstall vidproc"


class Level(StrEnum):
    """`WARNING`: it works, less well or less safely than it could. `PROBLEM`: something that was asked for does not."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is what was looked at, `said` what was seen, `advice` what to do: one sentence, empty where nothing is
    to be done. `exit_code` is of a program that can't go on for this."""

    subject: str
    level: Level
    said: str
    advice: str = ""
    exit_code: int = ClientError.exit_code


def ok(subject: str, said: str) -> Finding:
    return Finding(subject, Level.OK, said)


def warning(subject: str, said: str, advice: str) -> Finding:
    return Finding(subject, Level.WARNING, said, advice)


def problem(subject: str, said: str, advice: str, exit_code: int = ClientError.exit_code) -> Finding:
    return Finding(subject, Level.PROBLEM, said, advice, exit_code)


Check = Callable[[], Iterable[Finding]]


def carried_out(subject: str, check: Check) -> Iterator[Finding]:
    """What the check finds. On a sick machine anything may fail, and then that is what was found."""
    try:
        yield from check()
    except Exception as error:
        said = one_line(str(error)) or type(error).__name__
        advice = REINSTALL if isinstance(error, ImportError) else "mend what this says, then ask the doctor again"
        yield problem(subject, f"could not be looked at: {said}", advice)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 without a problem. What must be mended here goes before what is out of reach."""
    return min((each.exit_code for each in findings if each.level is Level.PROBLEM), default=0)
