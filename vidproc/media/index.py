"""The packet index: which packet holds which frame of the film, in presentation order.

Packets come in decode order, frames are numbered in presentation order. The number, a frame's rank, is known as soon
as no packet can follow whose frame is shown earlier. No codec lets more than 16 frames be decoded before a frame that
is shown before them all (the size of the decoded picture buffer in H.264 and HEVC), so the earliest of 17 packets
waiting has the next rank. That needs no trust in decode times, which are often missing or wrong.

Only shown frames have ranks. Alternate references of VP8 and VP9, what an edit list cuts away, and pictures whose
references were cut away with the film's beginning have none; the caller says which packets those are.

Pure: no file, no FFmpeg, nothing but what is fed in. However the packets are batched, the same ranks come out.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

from vidproc.media.records import HIDDEN

REORDER_LIMIT = 16
"""The most frames that may be decoded ahead of one that is shown before them."""


_STALLED = 8 * REORDER_LIMIT
"""A packet that so many others have overtaken has a time that is wrong."""


class Disordered(Exception):
    """A frame is shown before one whose rank is given already, or far too late: these times can't be trusted."""


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """What the index must know of a packet. `order` sorts the frames of a segment, such as by their pts; `None` where
    the packet shows no frame and has no place among them. `seek`: decoding may start here."""

    order: int | None
    shown: bool = True
    seek: bool = False
    starts_segment: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A packet's final place. `rank` is `HIDDEN` where no frame is shown; `position` is how many frames of the film
    are shown before its own would be."""

    rank: int
    position: int
    segment: int
    seek: bool


@dataclass(slots=True)
class _Pending:
    facts: PacketFacts
    segment: int
    rank: int = HIDDEN
    position: int = -1


class PacketIndexer:
    """`add` packets in decode order and take out entries in the same order, once final; `finish` gives the rest.

    With `mend`, a frame whose time can't be right is put where its packet came instead of being `Disordered`.
    """

    def __init__(self, mend: bool = False) -> None:
        self.frames = 0
        self._mend = mend
        self._segment = -1
        self._queue: deque[_Pending] = deque()
        self._waiting: list[tuple[int, int, _Pending]] = []
        self._added = 0
        self._latest: int | None = None

    def add(self, facts: PacketFacts) -> list[Entry]:
        """Raises `Disordered`."""
        if facts.starts_segment or self._segment < 0:
            self._place_down_to(0)
            self._segment += 1
            self._latest = None
        pending = _Pending(facts, self._segment)
        self._queue.append(pending)
        self._added += 1
        if facts.order is None:
            pending.position = self.frames
        else:
            heapq.heappush(self._waiting, (self._checked(facts.order, facts.shown), self._added, pending))
            self._place_down_to(REORDER_LIMIT)
        done = self._final()
        if len(self._queue) > _STALLED:
            done += self._unstalled()
        return done

    def finish(self) -> list[Entry]:
        """All that is left, when no packet follows."""
        self._place_down_to(0)
        return self._final()

    def _checked(self, order: int, shown: bool) -> int:
        if not shown or self._latest is None or order >= self._latest:
            return order
        if not self._mend:
            raise Disordered
        return self._latest

    def _unstalled(self) -> list[Entry]:
        if not self._mend:
            raise Disordered
        return self.finish()

    def _place_down_to(self, waiting: int) -> None:
        while len(self._waiting) > waiting:
            order, _, pending = heapq.heappop(self._waiting)
            pending.position = self.frames
            if pending.facts.shown:
                pending.rank, self._latest = self.frames, order
                self.frames += 1

    def _final(self) -> list[Entry]:
        entries = []
        while self._queue and self._queue[0].position >= 0:
            done = self._queue.popleft()
            entries.append(Entry(done.rank, done.position, done.segment, done.facts.seek))
        return entries


class JumpDetector:
    """Finds where a joined film starts its clock again: decode times that go back.

    At a seek point that begins a new segment. In the middle of a group of pictures nothing good can begin, and times
    no longer tell the order of frames: `Disordered`, or with `mend` not looked at. A jump forward needs no care, it
    changes no frame's place.
    """

    def __init__(self, mend: bool = False) -> None:
        self._dts: int | None = None
        self._mend = mend

    def jumps(self, dts: int | None, seek: bool) -> bool:
        """Whether a new segment starts with this packet. Ask once for each packet, in decode order."""
        back = dts is not None and self._dts is not None and dts < self._dts
        if back and not seek and not self._mend:
            raise Disordered
        self._dts = dts if dts is not None else self._dts
        return back and seek
