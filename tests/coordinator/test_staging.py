"""What a stage has handed on: which bytes a lease carries, what is removed when, and how often things were done."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.coordinator.jobs import ENCODER, STREAM, report
from vidproc.coordinator.staging import Staging
from vidproc.filters.contract import Shape
from vidproc.model import Chunk, ChunkTask, FilterSpec, LeaseKind
from vidproc.pipelines.plan import SequentialPart
from vidproc.reach import Reach, ReachStep
from vidproc.scheduling.events import Grant
from vidproc.storage.job_folder import JobFolder

pytestmark = pytest.mark.unit

STAGE, FILM = LeaseKind.STAGE, LeaseKind.CHUNK
FILTERS = (FilterSpec("motion", {"kind": "mog2", "every": 0}), FilterSpec("blur"))
CHUNKS = [
    Chunk(n, 10 * n, 10 * n + 10, max(0, 10 * n - 3), min(50, 10 * n + 15), 0, 100 * n, 100 * n + 150)
    for n in range(5)
]


def staging(folder: Path, pinned: bool, *behind: ReachStep) -> Staging:
    job = JobFolder(folder / "job")
    job.create()
    job.create_stage()
    return Staging(SequentialPart(1, pinned, Reach(behind)), FILTERS, Shape(32, 24), job)


def grant(kind: LeaseKind, chunk: int, attempt: int = 1, replays: bool = False) -> Grant:
    return Grant(1, "a", 0, "j", chunk, attempt, kind, continues=True, replays=replays)


def task(chunk: int) -> ChunkTask:
    it = CHUNKS[chunk]
    times = b"".join(bytes([rank] * 8) for rank in range(it.first, it.last))
    return ChunkTask(
        "j", chunk, it.start, it.stop, it.first, it.last, STREAM, FILTERS, ENCODER, 64, 48, continues=True, times=times
    )


def hand_on(it: Staging, folder: Path, chunk: int) -> None:
    """Frames of 10, 11, 12 ... bytes."""
    sizes = tuple(range(10, 20))
    (folder / "job" / "stage" / str(chunk)).write_bytes(bytes(sum(sizes)))
    made = replace(STREAM, codec="magicyuv")
    it.keep(CHUNKS[chunk], replace(report(), made=made, made_as="gray", made_sizes=sizes), replays=False)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "job" / "stage").iterdir())


def test_a_chunk_is_leased_with_the_frames_that_the_filters_behind_see(tmp_path: Path) -> None:
    it = staging(tmp_path, True, ReachStep(-2, 1))
    for chunk in range(3):
        hand_on(it, tmp_path, chunk)
    pieces = it.payload(grant(FILM, 1), CHUNKS[1], (Path("packets"), 100, 250), begins=False)
    assert [(path.name, start, stop) for path, start, stop in pieces] == [
        ("0", sum(range(10, 18)), 145), ("1", 0, 145), ("2", 0, 10),
    ]  # fmt: skip


def test_and_told_what_they_are(tmp_path: Path) -> None:
    it = staging(tmp_path, True, ReachStep(-2, 1))
    hand_on(it, tmp_path, 0)
    told = it.task(grant(FILM, 1), task(1), begins=False, ends=False)
    assert (told.first, told.last, told.made_as, told.stream.codec) == (8, 21, "gray", "magicyuv")
    assert (told.width, told.height, told.filters, told.continues) == (32, 24, FILTERS[1:], False)
    assert told.times == b"".join(bytes([rank] * 8) for rank in range(8, 21))


def test_a_stage_is_leased_with_the_sources_packets(tmp_path: Path) -> None:
    it = staging(tmp_path, True)
    assert it.payload(grant(STAGE, 1), CHUNKS[1], (Path("p"), 150, 250), begins=False) == [(Path("p"), 150, 250)]
    told = it.task(grant(STAGE, 0, replays=True), task(0), begins=True, ends=False)
    assert (told.kind, told.begins, told.ends, told.replays, told.filters) == (STAGE, True, False, True, FILTERS)


@pytest.mark.parametrize("kind", [STAGE, FILM])
def test_a_state_goes_to_the_chunk_after(tmp_path: Path, kind: LeaseKind) -> None:
    it = staging(tmp_path, False)
    state = tmp_path / "job" / "stage" / "0"
    state.write_bytes(b"remembered")
    packets = (Path("p"), 150, 250)
    assert it.payload(grant(kind, 1), CHUNKS[1], packets, begins=False) == [packets, (state, 0, 10)]
    assert it.task(grant(kind, 1), task(1), begins=False, ends=False).state_size == 10
    assert it.payload(grant(kind, 1), CHUNKS[1], packets, begins=True) == [packets]
    assert it.task(grant(kind, 1), task(1), begins=True, ends=False).state_size == 0


def test_frames_are_removed_when_no_chunk_will_see_them(tmp_path: Path) -> None:
    it = staging(tmp_path, True, ReachStep(-12, 0))
    for chunk in range(4):
        hand_on(it, tmp_path, chunk)
    it.let_go(CHUNKS[0])
    assert left(tmp_path) == ["0", "1", "2", "3"]  # chunk 2 sees them from frame 8 on
    it.let_go(CHUNKS[2])
    assert left(tmp_path) == ["1", "2", "3"]


def test_a_state_is_removed_when_its_chunk_is_in_the_film_and_the_stage_is_past_it(tmp_path: Path) -> None:
    it = staging(tmp_path, False)
    for chunk in range(2):
        hand_on(it, tmp_path, chunk)
    it.let_go(CHUNKS[1])
    assert left(tmp_path) == ["1"]  # chunk 2 begins with it, and the stage goes on from it
    it.let_go(CHUNKS[2])
    assert left(tmp_path) == ["1"]
    hand_on(it, tmp_path, 2)
    it.let_go(CHUNKS[2])
    assert left(tmp_path) == ["2"]


def test_what_is_done_again_is_counted(tmp_path: Path) -> None:
    it = staging(tmp_path, True)
    it.note_attempt(grant(STAGE, 0))
    hand_on(it, tmp_path, 0)
    it.note_attempt(grant(STAGE, 1))
    it.note_attempt(grant(STAGE, 0, replays=True))
    it.keep(CHUNKS[0], report(), replays=True)
    it.note_attempt(grant(STAGE, 1, attempt=2))
    assert it.retries == {0: 1, 1: 1}
    assert it.payload(grant(FILM, 0), CHUNKS[0], (Path("p"), 0, 1), begins=True)[0][2] == 145
