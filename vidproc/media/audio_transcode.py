"""Sound in another codec, where the output's container can't carry the source's.

What was lossless stays so wherever the container has a lossless codec for it. Between decoder and encoder sound passes
a graph of FFmpeg's filters: by the time stamps alone, gaps are filled with silence and what overlaps is cut, so that
it stays in step with the picture; then it gets the form that the encoder takes, and loses what the output does not
show. Only what the graph and the encoder hold back for their next frame is kept in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.codec import Codec
from av.codec.context import Flags
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream

from vidproc.media import output_codecs
from vidproc.media.film_clock import FilmClock
from vidproc.media.track import Track

BITS_A_CHANNEL = 96_000
"""A second, of lossy sound: 192 kbit/s for stereo."""

_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1")
"""What is tried where an encoder does not know the source's own layout."""

_UNPLACED: Mapping[str, str] = MappingProxyType({"1 channels": "mono", "2 channels": "stereo"})
"""FFmpeg's names where a container tells the number of channels alone, and what everyone takes that for."""

_IN_STEP = "async=1:min_hard_comp=0.02"
"""Seconds that the clock may be off before silence fills the gap: Matroska's is off by half a millisecond."""


@dataclass(frozen=True, slots=True)
class Form:
    """Sound as an encoder takes it. `format` is that of a sample; `bit_rate` is 0 for a lossless codec."""

    codec: str
    rate: int
    layout: str
    format: str
    bit_rate: int

    def set(self, context: AudioCodecContext) -> None:
        """Prepare an encoder that is not open yet: one thread, and no version of FFmpeg's in the stream."""
        context.sample_rate, context.layout, context.format = self.rate, self.layout, self.format
        context.time_base = Fraction(1, self.rate)
        context.thread_count = 1
        context.flags |= Flags.bitexact
        if self.bit_rate:
            context.bit_rate = self.bit_rate

    def changes(self, source: AudioStream) -> str:
        """What of the sound is another, for a sentence."""
        bits = source.format.bytes * 8 if not self.bit_rate else 0
        said = [f" at {self.bit_rate // 1000} kbit/s"] if self.bit_rate else []
        said += [" with 24 bits a sample"] if bits > 24 else []
        said += [f" at {self.rate} Hz"] if self.rate != source.rate else []
        said += [f" in {self.layout}"] if AudioLayout(self.layout).nb_channels != source.channels else []
        return ",".join(said)


def form_for(container: str, source: AudioStream) -> Form | None:
    """How the container can carry the sound, or None where no encoder takes it."""
    context = source.codec_context
    if context is None or not context.sample_rate:
        return None
    row = output_codecs.container(container)
    lossless = context.codec.lossless and bool(row.lossless)
    names = row.lossless if lossless else row.lossy
    forms = (_form(name, source, layout, lossless) for layout in _layouts(source.layout) for name in names)
    return next((form for form in forms if _opens(form)), None)


def _layouts(source: AudioLayout) -> Iterator[str]:
    """The source's own, then those with a place for each of its channels, then those that it must be mixed down to."""
    yield _UNPLACED.get(source.name, source.name)
    places, count, others = _places(source), source.nb_channels, [AudioLayout(name) for name in _LAYOUTS]
    yield from (it.name for it in others if it.nb_channels >= count and _places(it) >= places)
    yield from (it.name for it in reversed(others) if it.nb_channels <= count)


def _places(layout: AudioLayout) -> set[str]:
    """Where its loudspeakers stand; what is beside the listener may as well be behind."""
    return {channel.name.replace("S", "B") for channel in layout.channels}


def _form(name: str, source: AudioStream, layout: str, lossless: bool) -> Form:
    codec = Codec(name, "w")
    rates, formats = codec.audio_rates or [source.rate], codec.audio_formats or [source.format]
    rate = min((it for it in rates if it >= source.rate), default=max(rates))
    wide_enough = [it for it in formats if it.bytes >= source.format.bytes] or formats
    bit_rate = 0 if lossless else BITS_A_CHANNEL * AudioLayout(layout).nb_channels
    return Form(name, rate, layout, min(wide_enough, key=lambda it: it.bytes).name, bit_rate)


def _opens(form: Form) -> bool:
    context = av.CodecContext.create(form.codec, "w")
    assert isinstance(context, AudioCodecContext)
    try:
        form.set(context)
        context.open()
    except (av.FFmpegError, ValueError):
        return False
    return True


def add_audio_stream(output: OutputContainer, form: Form) -> AudioStream:
    stream = output.add_stream(form.codec, rate=form.rate)
    assert isinstance(stream, AudioStream)
    form.set(stream.codec_context)
    return stream


class TranscodedTrack(Track):
    """Sound through a decoder and an encoder. `take` and `finish` give what has become of it by then."""

    needs_past = True

    def __init__(self, source: AudioStream, target: AudioStream, clock: FilmClock, container: str, form: Form) -> None:
        super().__init__(source, target, clock, container)
        self._decoder, self._encoder, self._form = source.codec_context, target, form
        self._decoder.thread_count = 1
        self._graph: Graph | None = None
        self._shape: tuple[str, str, int] | None = None
        self._end = Fraction(0)

    def take(self, packet: Packet[Stream]) -> Sequence[Packet[Stream]]:
        dts, _ = self._times(packet)
        self._follow(dts)
        if self._stop is not None and dts * self._tick + self._shift >= self._stop:
            self.past = len(self._clock.pieces) == 1
            return ()
        return list(self._encoded(self._decoded(packet)))

    def finish(self) -> Sequence[Packet[Stream]]:
        made = list(self._encoded(self._decoded(None)))
        return [*made, *self._drained(), *self._encoder.encode(None)]

    def due(self, packet: Packet[Stream]) -> int:
        """Here packets have the encoder's unit of time."""
        return math.ceil((packet.dts or 0) * packet.time_base / self._clock.tick)

    def _decoded(self, packet: Packet[Stream] | None) -> list[AudioFrame]:
        try:
            return self._decoder.decode(packet)
        except av.FFmpegError:
            self.unreadable += 1
            return []

    def _encoded(self, frames: Sequence[AudioFrame]) -> Iterator[Packet[Stream]]:
        for frame in frames:
            if not self._retimed(frame):
                continue
            shape = frame.format.name, frame.layout.name, frame.sample_rate
            if shape != self._shape:
                yield from self._drained()
                self._graph, self._shape = self._made_graph(frame), shape
            assert self._graph is not None
            self._graph.push(frame)
            yield from self._pulled(self._graph)

    def _retimed(self, frame: AudioFrame) -> bool:
        """Move the frame into the output's time. False when none of it is shown."""
        begin = self._end if frame.pts is None else frame.pts * (frame.time_base or self._tick) + self._shift
        self._end = begin + Fraction(frame.samples, frame.sample_rate)
        frame.pts, frame.time_base = round(begin * frame.sample_rate), Fraction(1, frame.sample_rate)
        stop = self._stop
        return self._end > 0 and (stop is None or begin < stop)

    @property
    def _shift(self) -> Fraction:
        """From the source's time to the output's, for the current piece."""
        return self._clock.pieces[self._piece].shift

    @property
    def _stop(self) -> Fraction | None:
        """When the sound of this piece must end, in the output's time."""
        stops = [piece.begin for piece in self._clock.pieces[self._piece + 1 : self._piece + 2]]
        window = self._clock.window
        return min([*stops, window.stop - window.start] if window else stops, default=None)

    def _made_graph(self, frame: AudioFrame) -> Graph:
        graph, form, window = Graph(), self._form, self._clock.window
        graph.threads = 1
        stop = f":end_pts={round((window.stop - window.start) * form.rate)}" if window else ""
        graph.link_nodes(
            graph.add_abuffer(
                sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout, time_base=frame.time_base
            ),
            graph.add("aresample", _IN_STEP),
            graph.add(
                "aformat", f"sample_fmts={form.format}:sample_rates={form.rate}:channel_layouts={form.layout}"
            ),
            graph.add("atrim", f"start_pts=0{stop}"),
            graph.add("abuffersink"),
        ).configure()
        return graph

    def _drained(self) -> Iterator[Packet[Stream]]:
        """What the graph still holds."""
        if self._graph is not None:
            graph, self._graph = self._graph, None
            graph.push(None)
            yield from self._pulled(graph)

    def _pulled(self, graph: Graph) -> Iterator[Packet[Stream]]:
        while True:
            try:
                frame = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, AudioFrame)
            yield from self._encoder.encode(frame)
