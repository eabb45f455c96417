"""Everything of the source but the picture, carried into the output as it is.

The source is opened a second time and read along with the film: packets of the other tracks are pulled only as far as
the picture has come, so that a film's sound is never held in memory. Whether a container can carry a track is asked of
FFmpeg's own muxer, by writing a header for that track alone into memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Discard, Disposition, Stream
from av.subtitles.stream import SubtitleStream

from vidproc.media import output_codecs
from vidproc.media.container import last_words, open_source
from vidproc.media.film_clock import FilmClock
from vidproc.media.text_subtitles import add_text_stream, convert, is_text

if TYPE_CHECKING:
    from av.container.core import Chapter  # it is in PyAV's type stubs alone

JUMP = Fraction(1, 10)
"""Seconds that a track's clock may step back by within one piece of a joined source."""

_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "vendor_id", "duration")
_OWN_PREFIXES = ("bps", "number_of_", "_statistics_", "duration-")
_UNSET_DATE = "1970-01-01T00:00:00"

_COVER_TYPES: Mapping[str, str] = MappingProxyType(
    {"mjpeg": "image/jpeg", "png": "image/png", "bmp": "image/bmp", "gif": "image/gif", "webp": "image/webp"}
)


def kept_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags but those in which the source's writer described its own file."""
    return {
        key: value
        for key, value in tags.items()
        if key.lower() not in _OWN_TAGS
        and not key.lower().startswith(_OWN_PREFIXES)
        and not value.startswith(_UNSET_DATE)
    }


def is_cover(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def describe(stream: Stream) -> str:
    """For sentences: kind, number, codec."""
    context = stream.codec_context
    name = context.codec.canonical_name if context is not None else stream.name
    return f"{stream.type} stream {stream.index} ({name or 'unknown codec'})"


class Track:
    """One stream of the source and the one of the output that it goes into.

    `overlapping` counts packets left out because they sound into the next piece of a joined source, `unreadable` those
    that could not be converted.
    """

    def __init__(self, source: Stream, target: Stream, clock: FilmClock, container: str) -> None:
        self.source, self.target = source, target
        self.overlapping = self.unreadable = 0
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

    def take(self, packet: Packet[Stream]) -> Packet[Stream] | None:
        """The packet as the output gets it, or None when it is not part of it."""
        if is_cover(self.source):
            packet.pts = packet.dts = 0
        elif not self._retime(packet):
            return None
        made = self._converted(packet) if self._converts else packet
        if made is not None:
            made.stream = self.target
        return made

    @cached_property
    def tick(self) -> Fraction:
        """The output's unit of time for this track; to be asked for once the muxer chose it, with the header."""
        return self.target.time_base or self._tick

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
            del self._measures
        self._last = dts

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


class StreamCopy:
    """The other tracks of a source on their way into an output. Close it when done.

    `add` each stream of `source` but the picture, then `begin`, and with the output's header written take from `until`
    the packets up to a moment of the film. `losses` says what could not come along.
    """

    def __init__(self, path: Path, clock: FilmClock, container: str, audio: bool) -> None:
        self.source: InputContainer = open_source(path)
        self.tracks: dict[int, Track] = {}
        self._path, self._clock, self._container, self._audio = path, clock, container, audio
        self._losses: list[str] = []
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._next: tuple[Track, Packet[Stream]] | None = None

    def close(self) -> None:
        self._packets = iter(())
        self.source.close()

    @property
    def losses(self) -> list[str]:
        """Sentences."""
        losses = list(self._losses)
        for track in self.tracks.values():
            if track.unreadable:
                losses.append(f"{track.unreadable} events of {describe(track.source)} could not be read")
            if track.overlapping:
                what = f"{track.overlapping} packets of {describe(track.source)}"
                losses.append(f"{what} were left out: they overlap the next piece of a joined source")
        return losses

    def add(self, output: OutputContainer, stream: Stream) -> None:
        """Give the output a track for one of the source's, if it can carry it."""
        if isinstance(stream, AttachmentStream):
            self._attach(output, stream)
        elif is_cover(stream) and output_codecs.container(self._container).attachments:
            self._attach_cover(output, stream)
        elif not self._remade(stream) and (self._audio or stream.type != "audio"):
            self._add_track(output, stream)

    def begin(self, output: OutputContainer) -> None:
        """Hand over tags and chapters and set out to read. To be called when all tracks are added."""
        output.metadata.update(kept_tags(self.source.metadata))
        output.set_chapters(self.chapters())
        for stream in self.source.streams:
            if stream.index not in self.tracks:
                stream.discard = Discard.all
        if self.tracks:
            self._packets = self.source.demux([track.source for track in self.tracks.values()])

    def until(self, seconds: Fraction | None) -> Iterator[Packet[Stream]]:
        """Packets in the source's order, up to a moment of the output's time (None: all that are left)."""
        while True:
            self._next = self._next or self._pull()
            if self._next is None:
                return
            track, packet = self._next
            if seconds is not None and packet.dts is not None and packet.dts * track.tick > seconds:
                return
            self._next = None
            yield packet

    def _pull(self) -> tuple[Track, Packet[Stream]] | None:
        try:
            for packet in self._packets:
                if packet.size == 0 and packet.pts is None:
                    continue  # the demuxer's word for the end of a stream
                track = self.tracks[packet.stream.index]
                taken = track.take(packet)
                if taken is not None:
                    return track, taken
        except av.FFmpegError as error:
            self._losses.append(f"the other tracks break off where the source can't be read: {last_words(error)}")
            self._packets = iter(())
        return None

    def _add_track(self, output: OutputContainer, stream: Stream) -> None:
        target = self._target(output, stream)
        if target is None:
            self._lose(stream)
            return
        dress(target, stream)
        if stream.time_base:
            target.time_base = stream.time_base
        self.tracks[stream.index] = Track(stream, target, self._clock, self._container)

    def _target(self, output: OutputContainer, stream: Stream) -> Stream | None:
        if _accepts(self._container, stream):
            return output.add_stream_from_template(stream, opaque=True)
        if isinstance(stream, SubtitleStream) and is_text(stream):
            text = output_codecs.container(self._container).text
            self._losses.append(f"{describe(stream)} became {text}, as {self._container} demands")
            return add_text_stream(output, text, stream)
        return None

    def _lose(self, stream: Stream) -> None:
        way_out = "; write to .mkv to keep it" if self._container != "mkv" and _accepts("mkv", stream) else ""
        self._losses.append(f"{describe(stream)} cannot be kept in {self._container}{way_out}")

    def _attach(self, output: OutputContainer, stream: AttachmentStream) -> None:
        if not output_codecs.container(self._container).attachments:
            name = f"attachment {stream.name or stream.index}"
            self._losses.append(f"{name} cannot be kept in {self._container}; write to .mkv to keep it")
            return
        dress(output.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data), stream)

    def _attach_cover(self, output: OutputContainer, stream: Stream) -> None:
        """Matroska keeps cover art as an attachment that is called `cover`."""
        kind = _COVER_TYPES.get(stream.name or "", "image/jpeg")
        name = stream.metadata.get("filename") or f"cover.{kind.split('/')[1].replace('jpeg', 'jpg')}"
        picture = _first_packet(self._path, stream.index)
        output.add_attachment(name, stream.metadata.get("mimetype") or kind, picture)

    def _remade(self, stream: Stream) -> bool:
        """Whether this is how MP4 stores what the output is told otherwise: titles of chapters, the time code."""
        if stream.type != "data":
            return False
        return "timecode" in stream.metadata or (stream.name == "bin_data" and bool(self.source.chapters()))

    def chapters(self) -> list[Chapter]:
        """The source's chapters in the output's time."""
        kept: list[Chapter] = []
        window = self._clock.window
        for number, chapter in enumerate(self.source.chapters()):
            tick = chapter["time_base"] or Fraction(1, av.time_base)
            shift = round(self._clock.pieces[0].shift / tick)
            start, end = chapter["start"] + shift, chapter["end"] + shift
            if window is not None:
                start, end = max(start, 0), min(end, round((window.stop - window.start) / tick))
                if start >= end:
                    continue
            kept.append({**chapter, "id": number + 1, "start": start, "end": end, "time_base": tick})
        return kept


def dress(target: Stream, source: Stream) -> None:
    """Tags, language and disposition."""
    target.metadata.update(kept_tags(source.metadata))
    target.disposition = source.disposition


def _accepts(container: str, stream: Stream) -> bool:
    """Whether FFmpeg's muxer for a container takes a track like this one."""
    trial = av.open(io.BytesIO(), "w", format=output_codecs.container(container).muxer)
    try:
        trial.add_stream_from_template(stream, opaque=True)
        trial.start_encoding()
        trial.close()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _first_packet(path: Path, index: int) -> bytes:
    with open_source(path) as container:
        for packet in container.demux(container.streams[index]):
            return bytes(packet)
    return b""
