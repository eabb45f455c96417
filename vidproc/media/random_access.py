"""Any frame of a film that was indexed: for a person who moves about in it.

The packets that a frame needs are those of the chunk that it lies in, as a slot would be given them. What was decoded
last is kept, so that the same frame through another filter costs that filter alone.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidproc.errors import NotHereError
from vidproc.filters.contract import Picture
from vidproc.media.convert import Converter
from vidproc.media.decode import Decoder
from vidproc.media.film_pictures import FilmPictures
from vidproc.media.ingest import Ingested, Segment
from vidproc.media.slot_memory import MOST_KEPT
from vidproc.model import Chunk, StreamFormat

Frames = Iterator[tuple[int, Picture]]


_LITTLE = 48
"""Frames that may be decoded before one that is wanted."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The packet records [start, stop) (byte offsets) of a file, and what a decoder needs to know of them. Without
    `stop`: all that follow."""

    path: Path
    start: int
    stop: int | None
    stream: StreamFormat

    def pictures(self, wanted: range, converter: Converter, width: int, height: int) -> Frames:
        """The frames of these ranks, of that size. Raises `MediaError` and, if the file is gone, `NotHereError`."""
        film = FilmPictures(self.stream, converter, width, height)
        frames = Decoder(self.stream).frames(self._records(), wanted.start, wanted.stop)
        for rank, frame in itertools.islice(frames, len(wanted)):  # what follows is not decoded
            yield rank, film.of(frame)

    def _records(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                file.seek(self.start)
                return file.read(-1 if self.stop is None else self.stop - self.start)
        except FileNotFoundError:
            raise NotHereError("the frame was cleared away") from None


class RandomAccess:
    """`chunks` are the plan of the film that was ingested, `packets` is the file of its records."""

    def __init__(self, source: Ingested, chunks: Sequence[Chunk], packets: Path, converter: Converter) -> None:
        self.source = source
        self._chunks = chunks
        self._stops = [chunk.stop for chunk in chunks]
        self._groups = list({chunk.packets_start: chunk.start for chunk in reversed(chunks)}.values())[::-1]
        self._packets = packets
        self._converter = converter
        self._kept: dict[int, Picture] = {}

    def landmarks(self, most: int) -> tuple[int, ...]:
        """Frames spread over the film, in order, before each of which little has to be decoded."""
        step = max(1.0, self.source.frames / most)
        wanted = (int(number * step) for number in range(min(most, self.source.frames)))
        return tuple(sorted({self._near(rank) for rank in wanted}))

    def _near(self, rank: int) -> int:
        group = self._groups[bisect.bisect_right(self._groups, rank) - 1]
        return rank if rank - group <= _LITTLE else group

    def segment_of(self, rank: int) -> Segment:
        """Raises `NotHereError` for a frame that the film does not have."""
        if not 0 <= rank < self.source.frames:
            raise NotHereError(f"the film has {self.source.frames} frames, numbered from 0: there is no frame {rank}")
        return self.source.segments[self._chunk_of(rank).segment]

    def pictures(self, wanted: range) -> Frames:
        """Those of these ranks, all of one segment. Raises `MediaError`."""
        film = self.source.info.stream
        if len(wanted) * film.width * film.height > MOST_KEPT:
            return self._decoded(wanted)
        if any(rank not in self._kept for rank in wanted):
            self._kept.clear()
            self._kept.update(self._decoded(wanted))
        return ((rank, self._kept[rank]) for rank in wanted)

    def _decoded(self, wanted: range) -> Frames:
        first, last = self._chunk_of(wanted.start), self._chunk_of(wanted.stop - 1)
        stream, film = self.source.segments[first.segment].stream, self.source.info.stream
        stretch = Stretch(self._packets, first.packets_start, last.packets_stop, stream)
        return stretch.pictures(wanted, self._converter, film.width, film.height)

    def _chunk_of(self, rank: int) -> Chunk:
        return self._chunks[bisect.bisect_right(self._stops, rank)]
