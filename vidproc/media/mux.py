"""Writing the film: encoded chunks in order, everything else from the source, one file that is the same every time.

The encoder is opened here once more and never fed: it describes the stream to the muxer (parameter sets, colour, shape
of pixels, field order), and a chunk whose parameter sets differ from its own was made by another encoder and can't be
joined. Nothing in the file depends on the clock or on chance: FFmpeg's muxers are told to be bit-exact.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from vidproc.errors import MediaError, StorageError, WorkerError, way_out
from vidproc.media import ffmpeg
from vidproc.media.container import last_words
from vidproc.media.encode import configure
from vidproc.media.film_clock import FilmClock, FrameTimes, Window
from vidproc.media.kept import missing
from vidproc.media.output_codecs import allowed, codec, container
from vidproc.media.records import PacketFlag, PacketRecord, unpack
from vidproc.media.stream_copy import StreamCopy, dress
from vidproc.media.track import is_cover
from vidproc.model import ChunkReport, EncoderSpec

_FINEST_MOVIE = 1_000_000  # finer ones need 64-bit durations sooner than old players like
_HEADER_SIZE = 1 << 16
_OUR_FAULT = (errno.EINVAL, errno.ERANGE, errno.EDOM)
_LARGEST_ERRNO = 4096  # FFmpeg's own codes are made of four letters


@dataclass(frozen=True, slots=True)
class Film:
    """What the output is made of beside the chunks.

    stream: the picture's number among the source's streams. display_matrix: nine numbers, FFmpeg's, or none.
    audio: "copy" or "none". window: the kept part when it is not the whole.
    """

    source: Path
    container: str
    encoder: EncoderSpec
    frames: FrameTimes
    stream: int = 0
    display_matrix: Sequence[int] | None = None
    audio: str = "copy"
    window: Window | None = None


class Muxer:
    """Writes one film. `append` the chunks in order, then `finish`; as a context manager it closes what it opened.

    `alive` hears of each packet of the other tracks: sound that gets another codec, and goes on for long after the
    picture, takes its time.

    Errors: `StorageError` when the disk is full or refuses; `WorkerError` for a chunk that doesn't fit to the others;
    `MediaError` for what FFmpeg's muxer refuses.
    """

    def __init__(self, film: Film, out: Path, alive: Callable[[], None] = lambda: None) -> None:
        allowed(film.encoder.codec, film.container)
        self._alive = alive
        self._film, self._out = film, out
        self._clock = FilmClock(film.frames, film.window)
        self._copy = StreamCopy(film.source, self._clock, film.container, film.audio == "copy")
        self._packets = 0
        self._losses: list[str] = []
        try:
            with _writing(out):
                _require_room(out)
                self._output, self._picture = self._open()
        except BaseException:
            self._copy.close()
            raise

    def __enter__(self) -> Muxer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, records: bytes | memoryview, report: ChunkReport) -> None:
        """Write the next chunk's packets, and the other tracks' up to their times."""
        context = self._picture.codec_context
        if report.extradata != (context.extradata or b"") or report.delay > context.reorder_depth:
            raise WorkerError("a chunk was made by an encoder of another version and can't be joined to this film")
        stop = self._packets + report.frames
        for record in unpack(records):
            packet = self._packet(record, stop)
            self._write_others(packet.dts)
            with _writing(self._out):
                self._output.mux_one(packet)
        if self._packets != stop:
            raise WorkerError(f"a chunk of {report.frames} frames came with {self._packets - stop:+d} packets")
        self._losses += [loss for loss in report.losses if loss not in self._losses]

    def finish(self) -> tuple[str, ...]:
        """Write what is left, close the file and read it back: sentences about what was lost."""
        if self._packets != len(self._clock):
            raise WorkerError(f"the film has {len(self._clock)} frames, and {self._packets} were encoded")
        self._write_others(None)
        with _writing(self._out):
            self._output.close()
        self._losses += [*self._own_losses(), *self._copy.losses, *self._missing()]
        self.close()
        return tuple(self._losses)

    def close(self) -> None:
        """Let go of both files. A film that was not finished is left as it is, and is not playable."""
        self._copy.close()
        with suppress(av.FFmpegError):
            self._output.close()

    def _write_others(self, until: int | None) -> None:
        for packet in self._copy.until(until):
            self._alive()
            with _writing(self._out):
                self._output.mux_one(packet)

    def _open(self) -> tuple[OutputContainer, VideoStream]:
        """The output with all its tracks and its header written."""
        output = av.open(
            f"file:{self._out.absolute()}",
            "w",
            container(self._film.container).muxer,
            container_options=self._muxer_options(),
        )
        for stream in self._copy.source.streams:
            if stream.index == self._film.stream:
                picture = self._add_picture(output, stream)
            else:
                self._copy.add(output, stream)
        self._copy.begin(output)
        with ffmpeg.ordinary_priority():
            output.start_encoding()
        return output, picture

    def _add_picture(self, output: OutputContainer, source: Stream) -> VideoStream:
        row = codec(self._film.encoder.codec)
        picture = output.add_stream(row.encoder)
        assert isinstance(picture, VideoStream)
        configure(picture.codec_context, self._film.encoder)
        if tag := row.tags.get(self._film.container):
            picture.codec_context.codec_tag = tag
        picture.time_base = self._clock.tick
        picture.set_display_matrix(self._film.display_matrix or None)
        dress(picture, source)
        return picture

    def _muxer_options(self) -> dict[str, str]:
        """Bit-exact: no clock, no random numbers. MP4 gets units in which starts and edit lists are exact."""
        if not container(self._film.container).iso:
            return {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
        scale = self._clock.tick.denominator
        rates = [stream.codec_context.sample_rate for stream in self._copy.source.streams.audio if stream.codec_context]
        common = math.lcm(scale, *(rate for rate in rates if rate))
        return {
            "fflags": "+bitexact",
            "movflags": "+faststart",
            "video_track_timescale": str(scale),
            "movie_timescale": str(common if common <= _FINEST_MOVIE else scale),
        }

    def _packet(self, record: PacketRecord, stop: int) -> Packet[Stream]:
        number, delay = record.rank - self._clock.first, self._picture.codec_context.reorder_depth
        if not self._packets - delay <= number < min(stop, len(self._clock)):
            raise WorkerError(f"frame {record.rank} is not where it should be in the film")
        packet: Packet[Stream] = Packet(len(record.data))
        packet.update(record.data)  # type: ignore[arg-type]  # any buffer will do
        packet.stream, packet.time_base = self._picture, self._clock.tick
        packet.pts, packet.duration = self._clock.shown(number), self._clock.duration(number)
        packet.dts = self._clock.shown(self._packets - delay)
        packet.is_keyframe = bool(record.flags & PacketFlag.KEY)
        self._packets += 1
        return packet

    def _own_losses(self) -> list[str]:
        losses = []
        if len(self._clock.pieces) > 1:
            pieces = len(self._clock.pieces)
            losses.append(f"the source is joined from {pieces} pieces, each with its own clock; here they go on as one")
        if self._clock.moved:
            losses.append(
                f"the film begins {float(self._clock.moved):g} s before zero, which {self._film.container} can't say: "
                "all of it was moved to begin at zero"
            )
        return losses

    def _missing(self) -> list[str]:
        kept = {*self._copy.tracks, self._film.stream}
        source = self._copy.source
        order = [s.index for s in source.streams if s.index in kept and not is_cover(s)]
        return missing(source, order, len(self._copy.chapters()), self._out, self._film.container)


def _require_room(out: Path) -> None:
    """Raises `OSError` where not even a header can be written: PyAV leaves a file open when FFmpeg fails at that."""
    with out.open("wb") as file:
        file.write(bytes(_HEADER_SIZE))
        file.flush()
        file.seek(0)
        file.truncate()


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Errors while writing as ours: mostly the disk's."""
    try:
        yield
    except av.FFmpegError as error:
        number = error.errno or 0
        if number in _OUR_FAULT or number > _LARGEST_ERRNO:
            raise MediaError(f"the film can't be written to {out.name}: {last_words(error)}") from error
        raise _not_written(out, error) from error
    except OSError as error:
        raise _not_written(out, error) from error


def _not_written(out: Path, error: OSError | av.FFmpegError) -> StorageError:
    limit = f"; {way_out('file_limit')}" if error.errno == errno.EFBIG else ""
    return StorageError(f"the film can't be written to {out.name}: {error.strerror}{limit}")
