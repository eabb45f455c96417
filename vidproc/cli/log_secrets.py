"""What no line of a log may show: the token, and the password of the database.

Secrets are known by the names that such values go by, and by what they are, wherever in a line they turn up: in the
words of an error, in a traceback, in a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import structlog

from vidproc.config import CoordinatorSettings, WorkerSettings

HIDDEN = "***"
_NAMES = frozenset({"token", "password", "passwd", "secret", "authorization", "cookie", "database_url", "sslpassword"})
_IN_URL = re.compile(r"(\w://[^\s/:@]*:)[^\s/@]+(?=@)|([?&](?:ssl)?password=)[^\s&'\"]+")
_SHORTEST = 6
"""Characters of what is looked for everywhere: a shorter one would stand in many a word."""


class Secrets:
    """A processor of structlog's that hides them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        spellings = {spelling for value in values for spelling in _spellings(value) if len(spelling) >= _SHORTEST}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    @classmethod
    def of(cls, settings: CoordinatorSettings | WorkerSettings) -> Secrets:
        """Those that the settings hold."""
        values = [settings.token.decode(errors="replace")] if settings.token else []
        if isinstance(settings, CoordinatorSettings) and settings.database_url is not None:
            from vidproc.storage.database import passwords  # takes time to import, and a worker has none

            values += passwords(settings.database_url)
        return cls(values)

    def __call__(self, logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {name: self._shown(name, value) for name, value in event.items()}

    def _shown(self, name: str, value: Any) -> Any:
        if name.lower() in _NAMES:
            return HIDDEN
        if isinstance(value, str):
            return self._hidden(value)
        if isinstance(value, bytes):
            return self._hidden(repr(value))
        if isinstance(value, dict):
            return {key: self._shown(str(key), each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._shown(name, each) for each in value]
        return value if isinstance(value, int | float) or value is None else self._hidden(str(value))

    def _hidden(self, text: str) -> str:
        text = self._values.sub(HIDDEN, text) if self._values else text
        return _IN_URL.sub(lambda found: (found[1] or found[2]) + HIDDEN, text)


def _spellings(value: str) -> set[str]:
    """As it is, in a URL, and as Python shows it."""
    return {value, quote(value), quote(value, safe=""), repr(value)[1:-1], repr(value.encode())[2:-1]}
