"""From packet records to frames, each once, in order, numbered by rank, however the records were cut.

A chunk's records begin at a seek point, which may lie long before the frames that are wanted: the lead-in. Its frames
are decoded and dropped, and those that no other refers to (FFmpeg's `skip_frame=NONREF`) are not decoded at all, which
halves its cost and changes no wanted frame. A slot that goes on with the next chunk of the same seek point needs no
lead-in: the decoder stays open, and what it gave beyond the chunk's end is kept.

Damage must give the same frames in every run, and what FFmpeg patches a damaged frame up with depends on all that was
decoded before. So the frames of a chunk decoded afresh, from its seek point, are the ones that count: at the first sign
of damage (an error, a frame flagged corrupt, a frame that is missing) a decoder that goes on from an earlier chunk
gives up with a `CannotContinueError`, and the chunk is to be run afresh; nor can anything go on from a damaged chunk. A
fresh pass that skipped frames in the lead-in begins again and skips none, in case the skipping was to blame. A frame
that does not come out at all is replaced by the last decoded frame before it, or by the next one where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av

from vidproc.errors import CannotContinueError, MediaError, OutOfMemoryError
from vidproc.media.decoders import open_decoder, to_packet
from vidproc.media.records import unpack
from vidproc.model import StreamFormat

_SKIPPABLE = frozenset({"h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video"})
"""Decoders that were seen to give the same frames after skipping those that none refers to."""

Records = bytes | bytearray | memoryview
Numbered = Iterator[tuple[int, av.VideoFrame]]


class _Damaged(Exception):
    """A sign of damage in a pass that must not have any."""


def _nothing(rank: int) -> None:
    pass


class Decoder:
    """Decodes chunks of one stream, one after the other, on one thread.

    alone: the film has no other decoder, and this one goes through its chunks in the same way each time. So damage is
        the same each time too, and it goes on from there.
    concealed: ranks of the last `frames` call that did not decode and were filled from a neighbour.
    damaged: ranks that did decode, with errors that the codec patched up.
    lead_in: how many packets were decoded only for others to refer to.
    can_continue: whether the last call ended so that the next may go on from it.
    """

    def __init__(self, stream: StreamFormat, on_decode_error: str = "conceal", alone: bool = False) -> None:
        self.stream = stream
        self._alone = alone
        self.concealed: list[int] = []
        self.damaged: list[int] = []
        self.lead_in = 0
        self.can_continue = False
        self._fail = on_decode_error == "fail"
        self._context: av.VideoCodecContext | None = None
        self._ready: dict[int, av.VideoFrame] = {}
        self._filled: set[int] = set()
        self._previous: av.VideoFrame | None = None
        self._skipping = False
        self._continuing = False
        self._damage_seen = False
        self._highest_out = -1
        self._base: int | None = None
        self._on_decoded: Callable[[int], None] = _nothing

    def frames(
        self,
        records: Records,
        first: int,
        last: int,
        keep_from: int | None = None,
        continues: bool = False,
        on_decoded: Callable[[int], None] = _nothing,
    ) -> Numbered:
        """The frames of ranks [first, last), in order, each exactly once, with pts = rank.

        `records` are a chunk's packet records. With `continues` they go on where the last call's ended; `first` may
        then lie before that call's `last`, down to its `keep_from`. The frames are shared with the decoder: do not
        write into them. A concealed rank's frame is its neighbour's, with that one's pts. `on_decoded` hears the rank
        of each packet fed, the lead-in's too.

        Raises `MediaError` where frames have another size or pixel format than the stream's or, if errors are to
        fail, at the first damaged frame; `CannotContinueError` where it can't continue, or could but for damage.
        """
        if continues and not self.can_continue:
            raise CannotContinueError("this slot's decoder is not open where the chunk's packets begin")
        self.can_continue, self._continuing = False, continues
        self.concealed, self.damaged, self.lead_in = [], [], 0
        self._on_decoded = on_decoded
        keep = last if keep_from is None else keep_from
        try:
            if continues:
                self._forget_before(first)
                yield from self._on(records, first, last, keep)
            else:
                yield from self._afresh(records, first, last, keep)
        finally:
            self._on_decoded = _nothing  # or a circle through its owner would keep both, and their frames, from going

    def _on(self, records: Records, first: int, last: int, keep: int) -> Numbered:
        try:
            yield from self._pass(records, first, last, keep)
        except _Damaged:
            raise CannotContinueError("damaged packets: this chunk must be decoded from its seek point") from None

    def _afresh(self, records: Records, first: int, last: int, keep: int) -> Numbered:
        wanted = first
        try:
            self._start_over(skip=self.stream.codec in _SKIPPABLE and self.stream.field_order == "progressive")
            for rank, frame in self._pass(records, first, last, keep):
                yield rank, frame
                wanted = rank + 1
        except _Damaged:
            self._start_over(skip=False)
            for rank, frame in self._pass(records, first, last, keep):
                if rank >= wanted:
                    yield rank, frame

    def _start_over(self, skip: bool) -> None:
        self._context = open_decoder(self.stream)
        self._ready, self._filled, self._previous, self._highest_out = {}, set(), None, -1
        self._skipping, self._damage_seen, self.lead_in = skip, False, 0
        self._base, self.concealed, self.damaged = None, [], []

    def _forget_before(self, rank: int) -> None:
        self._ready = {kept: frame for kept, frame in self._ready.items() if kept >= rank}
        self._filled = {kept for kept in self._filled if kept >= rank}

    def _pass(self, records: Records, first: int, last: int, keep: int) -> Numbered:
        """Feed all records; give each frame of [first, last) as soon as it is there or known to be missing."""
        wanted = first
        for frame in self._from_packets(records, first):
            self._take(frame, min(first, keep))
            while wanted < last and (wanted in self._ready or self._highest_out > wanted):
                yield wanted, self._hand_out(wanted, keep)
                wanted += 1
        flushed = wanted < last
        if flushed:
            for frame in self._fed(None):
                self._take(frame, min(first, keep))
        for rank in range(wanted, last):
            yield rank, self._hand_out(rank, keep)
        self.can_continue = not flushed and not self._damage_seen

    def _from_packets(self, records: Records, first: int) -> Iterator[av.VideoFrame | None]:
        """Each frame as the decoder gives it; `None` once at the start, since frames may be ready already."""
        yield None
        context, leading, skipped = self._open, True, False
        for record in unpack(records):
            if leading and record.rank >= first:
                leading, context.skip_frame = False, "DEFAULT"
            elif leading and self._skipping and not self._continuing and not skipped and self.lead_in:
                context.skip_frame, skipped = "NONREF", True
            self.lead_in += leading
            self._base = record.rank if self._base is None else self._base
            yield from self._fed(to_packet(record))
            self._on_decoded(record.rank)
        context.skip_frame = "DEFAULT"

    @property
    def _open(self) -> av.VideoCodecContext:
        assert self._context is not None
        return self._context

    def _fed(self, packet: av.Packet[av.VideoStream] | None) -> list[av.VideoFrame]:
        try:
            frames = self._open.decode(packet)
        except av.error.MemoryError as error:
            raise OutOfMemoryError("not enough memory to decode this video") from error
        except av.FFmpegError:
            if packet is None or not self._is_leading(packet.pts):
                self._notice_damage()
            return []
        if any(frame.is_corrupt and not self._is_leading(frame.pts) for frame in frames):
            self._notice_damage()
        return frames

    def _is_leading(self, rank: int | None) -> bool:
        """Whether a frame is decoded after the seek point but shown before it: its references are not there, and
        nobody asked for it."""
        return rank is not None and 0 <= rank < (self._base or 0)

    def _notice_damage(self) -> None:
        self._damage_seen = True
        if self._skipping or (self._continuing and not self._alone):
            raise _Damaged

    def _take(self, frame: av.VideoFrame | None, oldest: int) -> None:
        """Put a decoded frame where it can be handed out, or remember it if it is only the lead-in's last so far."""
        if frame is None or frame.pts is None or frame.pts < 0:
            return
        self._check(frame)
        self._highest_out = max(self._highest_out, frame.pts)
        if frame.pts >= oldest:
            self._ready[frame.pts] = frame
        elif self._previous is None or (self._previous.pts or 0) < frame.pts:
            self._previous = frame

    def _check(self, frame: av.VideoFrame) -> None:
        is_now = (frame.width, frame.height, frame.format.name)
        said = (self.stream.width, self.stream.height, self.stream.pix_fmt)
        if is_now != said:
            raise MediaError(
                "the picture turns from {}x{} {} into {}x{} {} at frame {}".format(*said, *is_now, frame.pts)
            )

    def _hand_out(self, rank: int, keep: int) -> av.VideoFrame:
        frame = self._ready.get(rank)
        if frame is None or rank in self._filled:
            self._notice_damage()
            self._refuse(rank)
            self.concealed.append(rank)
            frame = frame or self._substitute()
            self._filled.add(rank)
        else:
            self._previous = frame
            if frame.is_corrupt:
                self._refuse(rank)
                self.damaged.append(rank)
        self._ready[rank] = frame
        if rank < keep:
            del self._ready[rank]
        return frame

    def _refuse(self, rank: int) -> None:
        if self._fail:
            raise MediaError(f"frame {rank} is damaged, and damage is not to be concealed")

    def _substitute(self) -> av.VideoFrame:
        if self._previous is not None:
            return self._previous
        real = [rank for rank in self._ready if rank not in self._filled]
        return self._ready[min(real)] if real else self._grey()

    def _grey(self) -> av.VideoFrame:
        made = av.VideoFrame(self.stream.width, self.stream.height, "gray")
        made.planes[0].update(b"\x80" * made.planes[0].buffer_size)
        return made.reformat(format=self.stream.pix_fmt)
