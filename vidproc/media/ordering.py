"""From packets to the facts that the index ranks: which are shown, in which order, where segments begin.

Two ways. `TimedOrder` takes the containers' times at their word: a packet is a frame, and frames are shown by pts. It
decodes no more than the head of each segment, because what comes out there is not in any header: a film cut in the
middle of an open group of pictures begins with frames that can't be decoded and are never shown.

`CountedOrder` decodes everything once and takes the frames in the order in which they come out. It is for streams whose
packets are no frames (field-coded H.264, packed MPEG-4) or have no times. `TimedOrder` raises `Untrusted` when it meets
one; told to `mend`, it makes do instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from msgspec.structs import replace

from vidproc.errors import MediaError
from vidproc.media.arrivals import Arrival
from vidproc.media.decoders import open_decoder
from vidproc.media.index import REORDER_LIMIT, JumpDetector, PacketFacts
from vidproc.media.probe import refine
from vidproc.model import StreamFormat

_HEAD = 2 * REORDER_LIMIT
"""Packets of a segment's head that are looked at before its first is let go."""

_HEAD_LIMIT = 1000
"""Packets among which a segment's first frame must come out."""

_OVERDUE = 4 * REORDER_LIMIT
"""A packet whose frame has not come out when so many more were decoded shows none."""


class Untrusted(Exception):
    """The stream's packets and times don't tell its frames; the message says why."""


@dataclass(slots=True, eq=False)
class Placed:
    """A packet with its facts; `stream` is set where a segment begins. `time` is the pts, or the best known. `lost`: it
    ought to show a frame and shows none."""

    arrival: Arrival
    facts: PacketFacts
    time: int | None
    stream: StreamFormat | None = None
    lost: bool = False


class TimedOrder:
    """Places packets by their times. Those `lost` are at segments' heads: their frames never come out."""

    def __init__(self, stream: StreamFormat, first_decoder: av.VideoCodecContext, mend: bool = False) -> None:
        self._stream = stream
        self._decoder: av.VideoCodecContext | None = first_decoder
        self._mend = mend
        self._jumps = JumpDetector(mend)
        self._latest = 0
        self._head: list[tuple[Arrival, int]] = []
        self._in_head = True
        self._first: av.VideoFrame | None = None
        self._floor: int | None = None
        self.frame: av.VideoFrame | None = None

    def place(self, arrivals: Iterable[Arrival]) -> Iterator[Placed]:
        """Raises `Untrusted`; `MediaError` where the film's first segment gives no frame at all."""
        for arrival in arrivals:
            order = self._order(arrival)
            if self._begins_segment(arrival) and (self._head or not self._in_head):
                yield from self._end_head(flush=True)
                self._begin_head(arrival)
            if not self._in_head:
                yield self._placed(arrival, order)
                continue
            self._head.append((arrival, order))
            self._decode_head(arrival)
            ready = self._first is not None and len(self._head) >= _HEAD
            if ready or len(self._head) >= _HEAD_LIMIT:
                yield from self._end_head(flush=False)
        yield from self._end_head(flush=True)

    def _order(self, arrival: Arrival) -> int:
        order = arrival.pts
        if order is None and (self._mend or not self._stream.reorder_depth):
            order = arrival.dts
        if self._mend:
            order = self._latest if order is None else order
        elif arrival.look.trouble:
            raise Untrusted(arrival.look.trouble)
        elif order is None:
            raise Untrusted("some of its packets have no presentation time")
        self._latest = order
        return order

    def _begins_segment(self, arrival: Arrival) -> bool:
        changed = arrival.look.changed or arrival.extradata is not None
        return self._jumps.jumps(arrival.dts, arrival.look.seek) or (changed and arrival.look.seek)

    def _begin_head(self, arrival: Arrival) -> None:
        if arrival.extradata is not None:
            self._stream = replace(self._stream, extradata=arrival.extradata)
        self._decoder, self._in_head, self._first, self._floor = None, True, None, None

    def _decode_head(self, arrival: Arrival | None) -> None:
        if self._first is not None:
            return
        if self._decoder is None:
            self._decoder = open_decoder(self._stream)
        frames = _decoded(self._decoder, arrival)
        if not frames and arrival is not None and arrival.look.first and len(self._head) == 1:
            frames = self._decoded_alone(arrival)
        self._first = frames[0] if frames else None

    def _decoded_alone(self, arrival: Arrival) -> list[av.VideoFrame]:
        """The frame of the head's first packet, before the decoder has seen those that it may refer to: each of them
        takes as long to decode. If it is damaged, the decoder begins anew with it."""
        assert self._decoder is not None
        frames = _decoded(self._decoder, None)
        self._decoder.flush_buffers()
        return frames or _decoded(self._decoder, arrival)

    def _end_head(self, flush: bool) -> Iterator[Placed]:
        if not self._in_head:
            return
        if flush:
            self._decode_head(None)
        head, self._head, self._in_head = self._head, [], False
        if self._first is not None:
            self.frame = self.frame or self._first
            self._floor = self._first.pts
            self._stream = self._refined(self._first, _reorder_depth(order for a, order in head if a.look.shown))
        elif self.frame is None:
            raise MediaError("no frame of this video can be decoded")
        for number, (arrival, order) in enumerate(head):
            yield self._placed(arrival, order, self._stream if number == 0 else None)

    def _refined(self, first: av.VideoFrame, depth: int) -> StreamFormat:
        """The format with what the decoder found in the stream's own headers; a container need not repeat it."""
        refined, decoder = refine(self._stream, first), self._decoder
        assert decoder is not None
        return replace(
            refined,
            reorder_depth=max(refined.reorder_depth, decoder.reorder_depth, depth),
            sar=refined.sar or decoder.sample_aspect_ratio or Fraction(0),
        )

    def _placed(self, arrival: Arrival, order: int, stream: StreamFormat | None = None) -> Placed:
        wanted = arrival.look.shown and not arrival.discarded
        lost = wanted and self._floor is not None and order < self._floor
        place = order if arrival.look.shown else None
        facts = PacketFacts(place, wanted and not lost, arrival.look.seek, starts_segment=stream is not None)
        return Placed(arrival, facts, order, stream, lost)


def _decoded(decoder: av.VideoCodecContext, arrival: Arrival | None) -> list[av.VideoFrame]:
    """Frames that come out for a packet, or at the end; none where it is damaged."""
    try:
        return decoder.decode(arrival.packet if arrival is not None else None)
    except av.FFmpegError:
        return []


def _reorder_depth(orders: Iterable[int]) -> int:
    """How many frames are decoded before one that is shown before them all, at most."""
    seen: list[int] = []
    depth = 0
    for order in orders:
        depth = max(depth, sum(earlier > order for earlier in seen[-REORDER_LIMIT:]))
        seen.append(order)
    return depth


@dataclass(slots=True, eq=False)
class _Counted:
    arrival: Arrival
    order: int | None = None
    frame: av.VideoFrame | None = None


class CountedOrder:
    """Places packets by decoding them."""

    def __init__(self, stream: StreamFormat, decoder: av.VideoCodecContext) -> None:
        self._stream = stream
        self._decoder = decoder
        self._waiting: deque[_Counted] = deque()
        self._by_number: dict[int, _Counted] = {}
        self._fed = 0
        self._shown = 0
        self._begun = False
        self.frame: av.VideoFrame | None = None

    def place(self, arrivals: Iterable[Arrival]) -> Iterator[Placed]:
        """Raises `MediaError` where no frame comes out at all."""
        for arrival in arrivals:
            arrival.packet.pts = self._fed
            counted = _Counted(arrival)
            self._by_number[self._fed] = counted
            self._waiting.append(counted)
            self._fed += 1
            self._decode(arrival)
            yield from self._resolved(_OVERDUE)
        self._decode(None)
        yield from self._resolved(0)
        if self.frame is None:
            raise MediaError("no frame of this video can be decoded")

    def _decode(self, arrival: Arrival | None) -> None:
        for frame in _decoded(self._decoder, arrival):
            counted = self._by_number.get(frame.pts) if frame.pts is not None else None
            if counted is not None and counted.order is None:
                counted.order, self._shown = self._shown, self._shown + 1
                if self.frame is None or counted.arrival.look.changed or counted.arrival.extradata is not None:
                    counted.frame = frame
                self.frame = self.frame or frame

    def _resolved(self, overdue: int) -> Iterator[Placed]:
        while self._waiting and (self._waiting[0].order is not None or len(self._waiting) > overdue):
            if self.frame is None and overdue and self._fed < _HEAD_LIMIT:
                return
            counted = self._waiting.popleft()
            del self._by_number[self._fed - len(self._waiting) - 1]
            yield self._placed(counted)

    def _placed(self, counted: _Counted) -> Placed:
        arrival = counted.arrival
        shown = counted.order is not None
        lost = not (shown or arrival.discarded or arrival.look.trouble) and arrival.look.shown
        stream = self._segment(counted)
        facts = PacketFacts(counted.order, shown, arrival.look.seek, starts_segment=stream is not None)
        return Placed(arrival, facts, arrival.pts, stream, lost)

    def _segment(self, counted: _Counted) -> StreamFormat | None:
        """The format of a segment that begins with this packet, if one does."""
        arrival = counted.arrival
        changed = arrival.look.seek and (arrival.look.changed or arrival.extradata is not None)
        if self._begun and not changed:
            return None
        self._begun = True
        if arrival.extradata is not None:
            self._stream = replace(self._stream, extradata=arrival.extradata)
        frame = counted.frame or self.frame
        if frame is not None:
            self._stream = refine(self._stream, frame)
        return self._stream
