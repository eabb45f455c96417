"""A stream of the source on its way into the output: its packets, moved into the output's time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

import av
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from vidproc.media import output_codecs
from vidproc.media.film_clock import FilmClock
from vidproc.media.text_subtitles import convert

JUMP = Fraction(1, 10)
"""Seconds that a track's clock may step back by within one piece of a joined source."""


def is_cover(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def describe(stream: Stream) -> str:
    """For sentences: kind, number, codec."""
    context = stream.codec_context
    name = context.codec.canonical_name if context is not None else getattr(stream, "name", None)
    return f"{stream.type} stream {stream.index} ({name or 'unknown codec'})"


class Track:
    """One stream of the source and the one of the output that it goes into. `needs_past`: whether what comes before a
    window makes a difference to what is in it. `past`: what comes now is all behind the window.

    `overlapping` counts packets left out because they sound into the next piece of a joined source, `unreadable` those
    that could not be converted.
    """

    needs_past = False

    def __init__(self, source: Stream, target: Stream, clock: FilmClock, container: str) -> None:
        self.source, self.target = source, target
        self.overlapping = self.unreadable = 0
        self.past = False
        self._clock = clock
        self._step, self._signless = (1, False) if output_codecs.container(container).iso else (0, True)
        self._tick = source.time_base or Fraction(1, av.time_base)
        self._converts = source.type == "subtitle" and source.name != target.name
        context = source.codec_context
        self._depth = context.reorder_depth if isinstance(context, av.VideoCodecContext) else 0
        self._jump = JUMP / self._tick
        self._piece = 0
        self._last: int | None = None
        self._written: int | None = None

    def take(self, packet: Packet[Stream]) -> Sequence[Packet[Stream]]:
        """What the output gets for the packet: nothing when it is not part of it."""
        if is_cover(self.source):
            packet.pts = packet.dts = 0
            self.past = True
        elif not self._retime(packet):
            return ()
        made = self._converted(packet) if self._converts else packet
        if made is None:
            return ()
        made.stream = self.target
        return (made,)

    def finish(self) -> Sequence[Packet[Stream]]:
        """What is left when the source has no more packets."""
        return ()

    @cached_property
    def tick(self) -> Fraction:
        """The output's unit of time for this track; to be asked for once the muxer chose it, with the header."""
        return self.target.time_base or self._tick

    def due(self, packet: Packet[Stream]) -> int:
        """When a packet for the output is decoded, on the film's clock: the first of its ticks that is not earlier."""
        up, down = self._film_ticks
        return -(-(packet.dts or 0) * up // down)

    @cached_property
    def _film_ticks(self) -> tuple[int, int]:
        """The film's ticks in one of this track's, as a fraction: this is asked for with each packet."""
        return (self.tick / self._clock.tick).as_integer_ratio()

    @cached_property
    def _measures(self) -> tuple[Fraction | int, Fraction | int]:
        """(scale, shift) from the source's ticks to the output's, for the current piece. Whole numbers are quick."""
        scale, shift = self._tick / self.tick, self._clock.pieces[self._piece].shift / self.tick
        return _whole(scale), _whole(shift)

    def _converted(self, packet: Packet[Stream]) -> Packet[Stream] | None:
        assert isinstance(self.source, SubtitleStream)
        assert isinstance(self.target, SubtitleStream)
        try:
            return convert(packet, self.source, self.target)
        except av.FFmpegError:
            self.unreadable += 1
            return None

    def _retime(self, packet: Packet[Stream]) -> bool:
        """Move the packet into the output's time. False when it is left out."""
        dts, pts = self._times(packet)
        self._follow(dts)
        scale, shift = self._measures
        packet.time_base = self.tick
        packet.pts, packet.dts = round(pts * scale + shift), round(dts * scale + shift)
        packet.duration = round((packet.duration or 0) * scale)
        self.past = self._past_from is not None and packet.dts >= self._past_from
        if self._hidden(packet) or not self._cut(packet) or not self._fits(packet):
            return False
        if self._written is not None:
            packet.dts = max(packet.dts, self._written + self._step)
        packet.pts = max(packet.pts, packet.dts)
        self._written = packet.dts
        return True

    def _times(self, packet: Packet[Stream]) -> tuple[int, int]:
        """The packet's own (dts, pts), and where one is not said, a guess.

        Matroska has no decode times, and FFmpeg knows those of the first frames only when it has seen some more.
        """
        dts, pts = packet.dts, packet.pts
        if dts is None and self._last is not None:
            dts = self._last + (packet.duration or 1)
        elif dts is None:
            dts = (pts or 0) - self._depth * (packet.duration or 1)
        return dts, dts if pts is None else pts

    def _follow(self, dts: int) -> None:
        """Go on to the next piece of a joined source when the clock steps back."""
        if self._last is not None and self._last - dts > self._jump and self._piece + 1 < len(self._clock.pieces):
            self._piece += 1
            self.__dict__.pop("_measures", None)
        self._last = dts

    @cached_property
    def _past_from(self) -> int | None:
        """From which tick on nothing is kept. The clock of a joined source may come back to what is."""
        window = self._clock.window
        if window is None or len(self._clock.pieces) > 1:
            return None
        return math.ceil((window.stop - window.start) / self.tick)

    def _hidden(self, packet: Packet[Stream]) -> bool:
        """Whether it is sound that an edit list cuts away, where the output has no edit lists.

        The last packet before zero stays: decoders need it to begin.
        """
        return self._signless and packet.is_discard and (packet.pts or 0) + 2 * (packet.duration or 0) <= 0

    def _cut(self, packet: Packet[Stream]) -> bool:
        """Whether it is part of the kept window; subtitles that reach over its ends are cut there."""
        window, pts = self._clock.window, packet.pts or 0
        if window is None:
            return True
        end, stop = pts + (packet.duration or 1), round((window.stop - window.start) / self.tick)
        if end <= 0 or pts >= stop:
            return False
        if self.source.type == "subtitle":
            packet.pts = packet.dts = max(pts, 0)
            packet.duration = min(end, stop) - packet.pts
        # Other video that is copied can begin at a keyframe only.
        return self.source.type != "video" or self._written is not None or packet.is_keyframe

    def _fits(self, packet: Packet[Stream]) -> bool:
        """Whether it lies in its own piece: a piece's sound may be longer than its picture."""
        following = self._clock.pieces[self._piece + 1 : self._piece + 2]
        too_late = any((packet.pts or 0) * self.tick >= piece.begin for piece in following)
        too_early = self._piece > 0 and self._written is not None and (packet.dts or 0) <= self._written
        self.overlapping += too_late or too_early
        return not (too_late or too_early)


def _whole(number: Fraction) -> Fraction | int:
    return number.numerator if number.denominator == 1 else number
