from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from tests.media import clips
from tests.media.reading import read
from tests.worker.work import HALF_A_SECOND, work_on
from vidproc.media.decode import Decoder
from vidproc.media.ingest import Request
from vidproc.pipelines.run import Spent
from vidproc.processes.gauge import Gauge
from vidproc.worker import footage
from vidproc.worker.footage import Footage
from vidproc.worker.stage import converter_for

pytestmark = pytest.mark.media


class Clock:
    """Moves when it is told."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.now


class Unread(Gauge):
    """Without shared memory."""

    def __init__(self) -> None:
        pass

    def set(self, frame: int, finished: int) -> None:
        pass


def test_what_nobody_is_shown_behind_the_last_frame_is_no_lead_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of a part of a film. No part of the time is less than nothing, however long others took."""
    clock = Clock()
    monkeypatch.setattr(footage, "time", clock)
    film = clips.make("constant rate", tmp_path)
    part = replace(work_on(film, tmp_path), film=read(film, tmp_path, Request(1.0, 1.0, tuning=HALF_A_SECOND)))
    for index in part.chunks:
        task = part.task(index)
        made = Footage(task, Decoder(task.stream), converter_for(task), Unread(), Spent())
        shown = made.pictures(part.packets(index), task.first, task.last, task.stop)
        for _ in itertools.islice(shown, task.last - task.first):
            clock.now += 100  # in filters and the encoder
        made.feed_the_rest()
        seconds = made.report(clock.now, {}, extradata=b"", delay=0, latency={}).seconds
        assert (seconds["decode"], seconds["lead_in"]) == (0, 0)
