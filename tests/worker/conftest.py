"""Films as slots get them, made once; and the fork server gets what any test needs of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media import clips
from tests.worker.work import MOTION, Work, work_on
from vidproc.coordinator.server import PRELOADED as FOR_MEDIA
from vidproc.processes.child import preload
from vidproc.processes.gauge import Gauge
from vidproc.worker.chunk import ChunkRunner
from vidproc.worker.daemon import PRELOADED as FOR_SLOTS

preload(*FOR_MEDIA, *FOR_SLOTS)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="session")
def one_keyframe(folder: Path) -> Work:
    """Five chunks of 12 frames that share the only seek point, through two filters that look at neighbours."""
    return work_on(clips.make("one keyframe", folder), folder, (MOTION, MOTION))


@pytest.fixture(scope="session")
def work(folder: Path) -> Work:
    """Five chunks of 12 frames of a film with B-frames; give it other filters with `through`."""
    return work_on(clips.make("constant rate", folder), folder)


@pytest.fixture
def gauge() -> Iterator[Gauge]:
    made = Gauge()
    yield made
    made.close()


@pytest.fixture
def runner(gauge: Gauge) -> ChunkRunner:
    """What a slot's process has, in this one."""
    return ChunkRunner(gauge)
