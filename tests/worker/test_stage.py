"""Filters that remember the whole film: in chunks they do what they do in one go."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.media import clips
from tests.worker.staged import Staged, times
from tests.worker.work import Work, pixels, work_on
from vidproc.errors import FilterError, MediaError, WorkerError
from vidproc.model import FilterSpec, LeaseKind
from vidproc.processes.gauge import Gauge
from vidproc.worker.chunk import ChunkRunner

pytestmark = pytest.mark.media

_MEAN = """
import numpy as np
import vidproc


@vidproc.filter(formats={format!r}, window={window!r}, memory={memory!r})
def mean(frames, state, gain=0.8):
    here = frames if {window!r} == (0, 0) else frames[-{window!r}[0]]
    ahead = here if {window!r}[1] == 0 or frames[-1] is None else frames[-1]
    before = state.get("mean", np.zeros_like(here, np.float32))
    state["mean"] = before * gain + ahead.astype(np.float32) * (1 - gain)
    state.setdefault("seen", []).append(int(here[0].sum()))
    state["seen"] = state["seen"][-3:]
    return (state["mean"] + len(state["seen"])).astype(np.uint8)
"""

_OF_ITSELF = """
import vidproc

@vidproc.filter(memory="snapshot")
def f(frame, state):
    state["f"] = f
    return frame
"""

CLOCK = FilterSpec("text", {"text": "{time} {frame}", "size": 12})
MOTION = FilterSpec("motion")
AHEAD = FilterSpec(
    "custom",
    code="""
import vidproc

@vidproc.filter(formats="gray", window=(-1, 2))
def around(frames):
    before, here, _, later = frames
    return (here if later is None else later) // 2 + (here if before is None else before) // 2
""",
)
BACKGROUND = FilterSpec("motion", {"kind": "mog2", "every": 7})


def mean(memory: str, window: tuple[int, int] = (0, 0), format: str = "gray") -> FilterSpec:
    return FilterSpec("custom", code=_MEAN.format(memory=memory, window=window, format=format))


CHAINS = [
    lambda memory: (mean(memory),),
    lambda memory: (mean(memory, format="bgr24"), FilterSpec("blur", {"ksize": 3})),
    lambda memory: (MOTION, mean(memory), AHEAD, MOTION),
    lambda memory: (AHEAD, mean(memory, (-2, 3)), AHEAD, mean(memory, (-1, 1)), AHEAD),
    lambda memory: (mean(memory), FilterSpec("resize", {"width": 44}), BACKGROUND, MOTION),
    lambda memory: (mean("snapshot"), AHEAD, mean(memory), BACKGROUND),
    lambda memory: (CLOCK, AHEAD, mean(memory), MOTION, CLOCK),
]


def lossless(folder: Path, *filters: FilterSpec, clip: str = "one keyframe") -> Work:
    return work_on(clips.make(clip, folder), folder, filters, crf=0)


def in_one_go(work: Work) -> dict[int, bytes]:
    """Each continuity segment as one chunk, each run by a process of its own."""
    gauge = Gauge()
    found: dict[int, bytes] = {}
    for segment in {chunk.segment: None for chunk in work.film.chunks}:
        task, packets = work.whole(segment)
        found |= pixels(*ChunkRunner(gauge).run(replace(task, times=times(task.first, task.last)), packets))
    gauge.close()
    return found


@pytest.mark.parametrize("chain", range(len(CHAINS)))
@pytest.mark.parametrize("clip", ["one keyframe", "joined"])
def test_handed_on_states_change_nothing(folder: Path, tmp_path: Path, gauge: Gauge, clip: str, chain: int) -> None:
    """Every step, and every chunk, in a slot that knows nothing of the others; the chunks backwards."""
    work = lossless(folder, *CHAINS[chain]("snapshot"), clip=clip)
    staged = Staged.of(work, tmp_path / "job")
    for chunk in work.chunks[:-1]:
        staged.step(ChunkRunner(gauge), chunk)
    found: dict[int, bytes] = {}
    for chunk in reversed(work.chunks):
        found |= staged.frames(ChunkRunner(gauge), chunk)
    assert found == in_one_go(work)
    assert len(set(found.values())) > 10


@pytest.mark.parametrize("chain", range(len(CHAINS)))
@pytest.mark.parametrize("clip", ["one keyframe", "joined"])
def test_a_pinned_stage_changes_nothing(folder: Path, tmp_path: Path, gauge: Gauge, clip: str, chain: int) -> None:
    work = lossless(folder, *CHAINS[chain]("opaque"), clip=clip)
    staged, slot = Staged.of(work, tmp_path / "job"), ChunkRunner(gauge)
    for chunk in work.chunks:
        staged.step(slot, chunk, work.follows(chunk))
    found: dict[int, bytes] = {}
    for chunk in reversed(work.chunks):
        found |= staged.frames(ChunkRunner(gauge), chunk)
    assert found == in_one_go(work)
    assert len(set(found.values())) > 10


def test_a_stages_slot_may_do_other_work_between(folder: Path, tmp_path: Path, runner: ChunkRunner) -> None:
    work = lossless(folder, MOTION, mean("opaque"), MOTION)
    staged = Staged.of(work, tmp_path / "job")
    found: dict[int, bytes] = {}
    for chunk in work.chunks:
        staged.step(runner, chunk, work.follows(chunk))
        found |= staged.frames(runner, max(0, chunk - 1))
    assert found | staged.frames(runner, work.chunks[-1]) == in_one_go(work)


def test_a_replay_hands_nothing_on_and_comes_to_the_same(folder: Path, tmp_path: Path, gauge: Gauge) -> None:
    work = lossless(folder, mean("opaque"), MOTION)
    staged, lost = Staged.of(work, tmp_path / "job"), ChunkRunner(gauge)
    expected = [staged.step(lost, chunk, work.follows(chunk)) for chunk in work.chunks]
    another = ChunkRunner(gauge)
    replayed = [staged.step(another, chunk, work.follows(chunk), replays=True) for chunk in (0, 1)]
    assert replayed == [b"", b""]
    assert staged.step(another, 2, work.follows(2)) == expected[2]


def test_a_slot_without_the_state_says_so(folder: Path, tmp_path: Path, gauge: Gauge) -> None:
    work = lossless(folder, mean("opaque"))
    staged = Staged.of(work, tmp_path / "job")
    staged.step(ChunkRunner(gauge), 0)
    with pytest.raises(WorkerError, match="not in this slot"):
        staged.step(ChunkRunner(gauge), 1)


def test_after_an_error_a_stage_is_of_no_more_use(folder: Path, tmp_path: Path, runner: ChunkRunner) -> None:
    work = lossless(folder, mean("opaque"))
    staged = Staged.of(work, tmp_path / "job")
    staged.step(runner, 0)
    task, packets = staged.lease(LeaseKind.STAGE, 1, False)
    with pytest.raises(MediaError):
        runner.run(task, packets[:1000])
    with pytest.raises(WorkerError, match="not in this slot"):
        runner.run(task, packets)
    staged.step(runner, 0)
    staged.step(runner, 1)


def test_what_cannot_be_handed_on_is_the_filters_fault(folder: Path, tmp_path: Path, runner: ChunkRunner) -> None:
    staged = Staged.of(lossless(folder, FilterSpec("custom", code=_OF_ITSELF)), tmp_path / "job")
    with pytest.raises(FilterError, match=r"the state\['f'\] is a function"):
        staged.step(runner, 0)


def test_a_stages_seconds_are_counted_by_part(folder: Path, tmp_path: Path, runner: ChunkRunner) -> None:
    staged = Staged.of(lossless(folder, mean("opaque")), tmp_path / "job")
    staged.step(runner, 0)
    (report,) = staged.reports
    assert all(report.seconds[part] > 0 for part in ("decode", "filter", "convert", "hand_on"))
    assert sum(report.made_sizes) == staged.folder.stage(0).stat().st_size
    assert len(report.made_sizes) == report.frames == 12
