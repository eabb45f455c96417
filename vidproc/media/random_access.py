"""Any frame of a film that was indexed: for a person who moves about in it.

The packets that a frame needs are those of the chunk that it lies in, as a slot would be given them. Frames that were
shown are kept, so that one of them through another filter costs that filter alone; so are a few before a frame that was
jumped to, for who steps back. The decoder stays open, for who steps on.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

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

_BEHIND = 8
"""Frames before the one that was jumped to that are kept."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The packet records [start, stop) (byte offsets) of a file, and what a decoder needs to know of them. Without
    `stop`: all that follow."""

    path: Path
    start: int
    stop: int | None
    stream: StreamFormat

    def frames(self, first: int, last: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Those of the ranks [first, last), decoded when they are asked for. Raises `MediaError` and, if the file is
        gone, `NotHereError`."""
        return Decoder(self.stream).frames(self._records(), first, last)

    def picture(self, rank: int, converter: Converter) -> Picture:
        """One of them."""
        _, frame = next(self.frames(rank, rank + 1))
        return FilmPictures(self.stream, converter, frame.width, frame.height).of(frame)

    def _records(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                file.seek(self.start)
                return file.read(-1 if self.stop is None else self.stop - self.start)
        except FileNotFoundError:
            raise NotHereError("the frame was cleared away") from None


class _Pass:
    """A decoder's way through the ranks from `first` to `last`; `at` is the next one that it gives."""

    def __init__(self, stretch: Stretch, first: int, last: int, film: FilmPictures) -> None:
        self.at = first
        self._last = last
        self._frames = stretch.frames(first, last)
        self._film = film

    def holds(self, wanted: range) -> bool:
        return self.at <= wanted.start and wanted.stop <= self._last

    def pictures(self, first: int, last: int) -> Frames:
        """Those of ranks [first, last); the ones before are passed over."""
        while self.at < last:
            rank, frame = next(self._frames)
            self.at = rank + 1
            if rank >= first:
                yield rank, self._film.of(frame)


class RandomAccess:
    """`chunks` are the plan of the film that was ingested, `packets` is the file of its records."""

    def __init__(self, source: Ingested, chunks: Sequence[Chunk], packets: Path, converter: Converter) -> None:
        self.source = source
        self._chunks = chunks
        self._stops = [chunk.stop for chunk in chunks]
        self._groups = list({chunk.packets_start: chunk.start for chunk in reversed(chunks)}.values())[::-1]
        self._packets = packets
        self._converter = converter
        self._most_kept = MOST_KEPT // (source.info.stream.width * source.info.stream.height)
        self._kept: dict[int, Picture] = {}
        self._pass: _Pass | None = None

    def landmarks(self, most: int) -> tuple[int, ...]:
        """Frames spread over the film, in order, before each of which little has to be decoded."""
        step = max(1.0, self.source.frames / most)
        wanted = (int(number * step) for number in range(min(most, self.source.frames)))
        return tuple(sorted({self._near(rank) for rank in wanted}))

    def _near(self, rank: int) -> int:
        group = self._group_of(rank)
        return rank if rank - group <= _LITTLE else group

    def segment_of(self, rank: int) -> Segment:
        """Raises `NotHereError` for a frame that the film does not have."""
        if not 0 <= rank < self.source.frames:
            raise NotHereError(f"the film has {self.source.frames} frames, numbered from 0: there is no frame {rank}")
        return self.source.segments[self._chunks[self._number_of(rank)].segment]

    def pictures(self, wanted: range) -> Frames:
        """Those of these ranks, all of one segment. Raises `MediaError`."""
        if len(wanted) > self._most_kept:
            return self._decoded(wanted, wanted.start)
        self._keep([(rank, self._kept[rank]) for rank in wanted if rank in self._kept])  # the last ones to go
        missing = [rank for rank in wanted if rank not in self._kept]
        if missing:
            before = max(self.segment_of(wanted.start).start, missing[0] - min(_BEHIND, self._most_kept - len(wanted)))
            self._keep(self._decoded(range(missing[0], wanted.stop), before))
        return iter([(rank, self._kept[rank]) for rank in wanted])

    def _keep(self, frames: Iterable[tuple[int, Picture]]) -> None:
        for rank, picture in frames:
            self._kept.pop(rank, None)
            self._kept[rank] = picture
        while len(self._kept) > self._most_kept:
            del self._kept[next(iter(self._kept))]

    def _decoded(self, wanted: range, before: int) -> Frames:
        """Going on from where the decoder is, if that is nearer; else from `before` on, so far as that lies in the
        chunk."""
        going, self._pass = self._pass, None  # whatever goes wrong now, nothing can go on from it
        lead_in = wanted.start - self._group_of(wanted.start)
        first = wanted.start
        if going is None or not going.holds(wanted) or wanted.start - going.at > lead_in:
            first = max(before, self._chunks[self._number_of(wanted.start)].start)
            going = self._begun(range(first, wanted.stop))
        yield from going.pictures(first, wanted.stop)
        self._pass = going

    def _begun(self, wanted: range) -> _Pass:
        """It may go on as far as to the end of the chunk behind."""
        chunks, number = self._chunks, self._number_of(wanted.stop - 1)
        first, last = chunks[self._number_of(wanted.start)], chunks[number]
        if number + 1 < len(chunks) and chunks[number + 1].segment == last.segment:
            last = chunks[number + 1]
        stream, film = self.source.segments[first.segment].stream, self.source.info.stream
        stretch = Stretch(self._packets, first.packets_start, last.packets_stop, stream)
        pictures = FilmPictures(stream, self._converter, film.width, film.height)
        return _Pass(stretch, wanted.start, last.stop, pictures)

    def _number_of(self, rank: int) -> int:
        """Of the chunk that it lies in."""
        return bisect.bisect_right(self._stops, rank)

    def _group_of(self, rank: int) -> int:
        """The first frame of the last chunk up to this one that begins at a seek point of its own."""
        return self._groups[bisect.bisect_right(self._groups, rank) - 1]
