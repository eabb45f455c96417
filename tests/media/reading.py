"""Reading a clip the way slots do: its packet file, its plan, and the frames of each chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.media.clips import digest
from vidproc.errors import WorkerError
from vidproc.media.decode import Decoder
from vidproc.media.growing import GrowingFile
from vidproc.media.ingest import Ingested, Listener, Request, ingest
from vidproc.model import Chunk, StreamFormat
from vidproc.reach import Reach, ReachStep

Frames = list[tuple[int, str]]
"""(rank, digest) pairs."""


def window(before: int, after: int) -> Reach:
    """The reach of one filter that sees its neighbours from before to after."""
    return Reach((ReachStep(before, after),))


@dataclass
class Read:
    """An ingested clip, and what was heard on the way."""

    result: Ingested
    packets: bytes
    chunks: list[Chunk]
    heard: list[str] = field(default_factory=list)

    def stream(self, chunk: Chunk) -> StreamFormat:
        return self.result.segments[chunk.segment].stream

    def afresh(self, chunk: Chunk) -> Frames:
        """A chunk decoded by a decoder of its own."""
        return self._afresh(Decoder(self.stream(chunk)), chunk, chunk.last)

    def continued(self, before: int = 0) -> Iterator[tuple[Chunk, Frames, bool]]:
        """Each chunk, decoded by going on from the last wherever that is possible; whether it was."""
        decoder, last = None, None
        for chunk in self.chunks:
            keep, went_on = chunk.stop + before, False
            frames: Frames = []
            if decoder is not None and last is not None and decoder.can_continue and _same(last, chunk):
                try:
                    frames, went_on = self._on(decoder, last, chunk, keep), True
                except WorkerError:
                    decoder = None
            if not went_on:
                decoder = Decoder(self.stream(chunk))
                frames = self._afresh(decoder, chunk, keep)
            yield chunk, frames, went_on
            last = chunk

    def _afresh(self, decoder: Decoder, chunk: Chunk, keep: int) -> Frames:
        records = self.packets[chunk.packets_start : chunk.packets_stop]
        return [(rank, digest(f)) for rank, f in decoder.frames(records, chunk.first, chunk.last, keep)]

    def _on(self, decoder: Decoder, last: Chunk, chunk: Chunk, keep: int) -> Frames:
        records = self.packets[last.packets_stop : chunk.packets_stop]
        frames = decoder.frames(records, chunk.first, chunk.last, keep, continues=True)
        return [(rank, digest(f)) for rank, f in frames]


def _same(last: Chunk, chunk: Chunk) -> bool:
    return (last.segment, last.packets_start) == (chunk.segment, chunk.packets_start)


def read(path: Path | GrowingFile, folder: Path, request: Request | None = None) -> Read:
    """Ingest a clip into a packet file in `folder`."""
    chunks: list[Chunk] = []
    heard: list[str] = []

    def planned(more: tuple[Chunk, ...]) -> None:
        heard.append("chunks")
        chunks.extend(more)

    listener = Listener(
        opened=lambda info: heard.append("opened"),
        segment=lambda index, stream: heard.append(f"segment {index}"),
        chunks=planned,
    )
    packets = folder / "packets"
    result = ingest(path, packets, request, listener)
    return Read(result, packets.read_bytes(), chunks, heard)
