"""A slot lets go of a chunk's decoder and encoder when it is done with them, and not when the collector comes by."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from vidproc.media.ingest import Listener, ingest
from vidproc.media.output_format import encoder_spec
from vidproc.media.sample import make_sample
from vidproc.model import Chunk, ChunkTask, FilterSpec, JobSpec, StreamFormat
from vidproc.processes.gauge import Gauge
from vidproc.worker import chunk as worker_chunk

pytestmark = pytest.mark.media


def test_nothing_of_a_chunk_is_left_behind(tmp_path: Path) -> None:
    make_sample(tmp_path / "film.mp4", seconds=2, width=160, height=120)
    chunks: list[Chunk] = []
    streams: dict[int, StreamFormat] = {}
    film = ingest(
        tmp_path / "film.mp4", tmp_path / "packets", None, Listener(lambda _: None, streams.__setitem__, chunks.extend)
    )
    job = JobSpec(filters=(FilterSpec("motion"),))
    spec, _ = encoder_spec(film.info.stream, job)
    packets, gauge = (tmp_path / "packets").read_bytes(), Gauge()
    runner = worker_chunk.ChunkRunner(gauge)
    gc.collect()
    gc.disable()
    try:
        for it in chunks:
            part = (it.index, it.start, it.stop, it.first, it.last)
            task = ChunkTask("job", *part, streams[0], job.filters, spec, spec.width, spec.height)
            runner.run(task, packets[it.packets_start : it.packets_stop])
        left = [thing for thing in gc.get_objects() if isinstance(thing, worker_chunk._Work)]
        assert len(chunks) > 1
        assert left == []
    finally:
        gc.enable()
        gauge.close()
