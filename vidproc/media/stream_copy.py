"""Everything of the source but the picture, carried into the output as it is wherever that can be.

The source is opened a second time and read along with the film: packets of the other tracks are pulled only as far as
the picture has come, so that a film's sound is never held in memory. Whether a container can carry a track is asked of
FFmpeg's own muxer, by writing a header for that track alone into memory.
"""

from __future__ import annotations

import io
import math
from collections import deque
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Discard, Stream
from av.subtitles.stream import SubtitleStream

from vidproc.media import output_codecs
from vidproc.media.audio_transcode import TranscodedTrack, add_audio_stream, form_for
from vidproc.media.container import demuxed, last_words, open_source
from vidproc.media.film_clock import FilmClock
from vidproc.media.text_subtitles import add_text_stream, is_text
from vidproc.media.track import Track, describe, is_cover

if TYPE_CHECKING:
    from av.container.core import Chapter  # it is in PyAV's type stubs alone

_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "vendor_id", "duration")
_OWN_PREFIXES = ("bps", "number_of_", "_statistics_", "duration-")
_LISTING = "mov,mp4,m4a,3gp,3g2,mj2"
_RUN_UP = 1
"""Seconds before a window from which on the tracks are read."""

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
        self._unfinished: list[Track] = []
        self._ready: deque[tuple[int, Packet[Stream]]] = deque()

    def close(self) -> None:
        self._packets = iter(())
        self.source.close()

    @property
    def losses(self) -> list[str]:
        """Sentences."""
        losses = list(self._losses)
        for track in self.tracks.values():
            if track.unreadable:
                what = "events" if track.source.type == "subtitle" else "packets"
                losses.append(f"{track.unreadable} {what} of {describe(track.source)} could not be read")
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
        self._unfinished = list(self.tracks.values())
        if self.tracks:
            self._skip()
            self._packets = demuxed(self.source, *[track.source for track in self.tracks.values()])

    def _skip(self) -> None:
        """Go where the kept window begins. Only an MP4 with the tables of all its packets leads each track there by
        itself; others would begin all tracks at one place, and what is stored before that would be missed."""
        window, source = self._clock.window, self.source
        listed = source.format.name == _LISTING and all(track.source.frames for track in self.tracks.values())
        if window is not None and listed and not any(track.needs_past for track in self.tracks.values()):
            early = math.floor((window.start - _RUN_UP) * av.time_base)
            if early > (source.start_time or 0):
                source.seek(early)

    def until(self, ticks: int | None) -> Iterator[Packet[Stream]]:
        """Packets in the source's order, up to a time on the film's clock (None: all that are left)."""
        while self._ready or self._pull():
            due, packet = self._ready[0]
            if ticks is not None and due > ticks:
                return
            self._ready.popleft()
            yield packet

    def _pull(self) -> bool:
        """Read on until there is something to write. False at the end."""
        try:
            for packet in self._packets:
                if packet.size == 0 and packet.pts is None:
                    continue  # the demuxer's word for the end of a stream
                track = self.tracks[packet.stream.index]
                self._ready.extend((track.due(made), made) for made in track.take(packet))
                if self._ready:
                    return True
                if track.past and all(it.past for it in self.tracks.values()):
                    self._packets = iter(())
                    break
        except av.FFmpegError as error:
            self._losses.append(f"the other tracks break off where the source can't be read: {last_words(error)}")
            self._packets = iter(())
        return self._finish()

    def _finish(self) -> bool:
        left, self._unfinished = self._unfinished, []
        for track in left:
            self._ready.extend((track.due(made), made) for made in track.finish())
        return bool(self._ready)

    def _add_track(self, output: OutputContainer, stream: Stream) -> None:
        track = self._track(output, stream)
        if track is None:
            self._lose(stream)
            return
        dress(track.target, stream)
        self.tracks[stream.index] = track

    def _track(self, output: OutputContainer, stream: Stream) -> Track | None:
        if _accepts(self._container, stream):
            return self._copied(stream, output.add_stream_from_template(stream, opaque=True))
        if isinstance(stream, SubtitleStream) and is_text(stream):
            text = output_codecs.container(self._container).text
            self._losses.append(f"{describe(stream)} became {text}, as {self._container} demands")
            return self._copied(stream, add_text_stream(output, text, stream))
        if isinstance(stream, AudioStream):
            return self._transcoded(output, stream)
        return None

    def _copied(self, stream: Stream, target: Stream) -> Track:
        if stream.time_base:
            target.time_base = stream.time_base
        return Track(stream, target, self._clock, self._container)

    def _transcoded(self, output: OutputContainer, stream: AudioStream) -> Track | None:
        form = form_for(self._container, stream)
        if form is None:
            return None
        became = f"{describe(stream)} became {form.codec}{form.changes(stream)}, as {self._container} demands"
        self._losses.append(f"{became}{self._way_out(stream)}")
        target = add_audio_stream(output, form)
        return TranscodedTrack(stream, target, self._clock, self._container, form)

    def _lose(self, stream: Stream) -> None:
        self._losses.append(f"{describe(stream)} cannot be kept in {self._container}{self._way_out(stream)}")

    def _way_out(self, stream: Stream) -> str:
        return "; write to .mkv to keep it" if self._container != "mkv" and _accepts("mkv", stream) else ""

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
        for packet in demuxed(container, container.streams[index]):
            return bytes(packet)
    return b""
