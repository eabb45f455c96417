"""Holes of FFmpeg that are known, as data.

Only those that a film can reach here: in a demuxer of the white list, or in a decoder for what such a container may
hold. Decoding on a graphics card, network protocols, playlists and the decoder of VVC are not used, so their holes are
left out. The table is as good as the day on which it was written; that a version is not in it proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Version = tuple[int, ...]

WRITTEN = "2026-11-21"
PAGE = "https://ffmpeg.org/security.html"


@dataclass(frozen=True, slots=True)
class Hole:
    """`fixed` has the first version of each branch without it, from `since` on."""

    name: str
    where: str
    since: Version
    fixed: tuple[Version, ...]
    source: str = PAGE

    def is_in(self, version: Version) -> bool:
        """A branch that is not named has what the next one that is has: it was never mended, or began later."""
        mended = [each for each in self.fixed if each[:2] == version[:2]]
        return self.since <= version < (mended[0] if mended else max(self.fixed))


_RECORD = "https://www.cve.org/CVERecord?id="

HOLES = (
    Hole("CVE-2022-2566", "MP4 demuxer", (5, 1), ((5, 1, 2),)),
    Hole("CVE-2025-9951", "JPEG 2000 decoder", (0,), ((8, 0),)),
    Hole("CVE-2026-40962", "MP4 demuxer, encrypted samples", (4, 1), ((8, 1),), f"{_RECORD}CVE-2026-40962"),
    Hole("CVE-2026-8461", "MagicYUV decoder", (0,), ((8, 0, 3), (8, 1, 2))),
)


def release(said: str) -> Version | None:
    """The numbers of a release, as FFmpeg says its version; None for a build from between two releases."""
    found = re.fullmatch(r"n?(\d+(?:\.\d+)+)(?:-\D.*)?", said)
    return tuple(map(int, found[1].split("."))) if found else None


def holes_of(version: Version) -> Sequence[Hole]:
    return [each for each in HOLES if each.is_in(version)]
