"""Filters that remember the whole film: the same bytes whoever is killed, and no more is done again than must be."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.programs import Cluster, cluster, run, sha256, until

pytestmark = pytest.mark.process

_TRAIL = """
import os
import time

import numpy as np
import vidproc


@vidproc.filter(memory={memory!r})
def trail(frame, state):
    state["n"] = state.get("n", 0) + 1
    if state["n"] == {at} and not os.path.exists({gate!r}):
        open({mark!r} + str(os.getpid()), "w").close()
        while not os.path.exists({gate!r}):
            time.sleep(0.005)
    state["mean"] = state.get("mean", np.zeros_like(frame, np.float32)) * 0.9 + frame * np.float32(0.1)
    return state["mean"].astype(np.uint8)
"""
BEHIND = ("--filter", "motion")


class Trail:
    """A filter that remembers. At the film's `at`-th frame its process waits until `open`."""

    def __init__(self, folder: Path, memory: str, at: int) -> None:
        self.gate, self._folder = folder / "open", folder
        self.filter = folder / f"{memory}.py"
        self.filter.write_text(
            _TRAIL.format(memory=memory, at=at, gate=str(self.gate), mark=str(folder / "at-"))
        )

    def reached(self, by: int = 1) -> list[int]:
        """The processes that wait there, once there are so many."""
        until(lambda: len(self._waiting()) >= by, f"the filter to come to that frame in {by} processes")
        return self._waiting()

    def _waiting(self) -> list[int]:
        return [int(path.name.removeprefix("at-")) for path in self._folder.glob("at-*")]

    def open(self) -> None:
        self.gate.touch()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "own", "--log-level", "debug") as made:
        yield made


@pytest.fixture(params=["snapshot", "opaque"])
def memory(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def alone(film: Path, trail: Trail, out: Path) -> str:
    """What one process makes of it, undisturbed."""
    trail.open()
    outcome = run(film, "-o", out, "--processes", 1, "--filter", trail.filter, *BEHIND)
    assert outcome.code == 0, outcome.err
    trail.gate.unlink()
    return sha256(out)


def stage_leases(own: Cluster) -> Counter[int]:
    """How often the stage was leased, by chunk."""
    return Counter(line["chunk"] for line in own.log("lease") if line["kind"] == "stage")


def test_the_slot_of_the_stage_is_killed(own: Cluster, film: Path, tmp_path: Path, memory: str) -> None:
    """Where states are handed on, so is that of the chunk which is at the same frame."""
    trail = Trail(tmp_path, memory, at=30)
    expected = alone(film, trail, tmp_path / "alone.mp4")
    own.add_worker(1, "--allow-custom")
    own.add_worker(2, "--allow-custom")
    figures = tmp_path / "figures.json"
    words = ("--filter", trail.filter, *BEHIND, "--metrics-json", figures)
    sending = own.sending(film, tmp_path / "out.mp4", *words)
    waiting = trail.reached(2 if memory == "snapshot" else 1)
    failed = len(own.log("chunk failed"))  # a slot that could not go on says so in these words, too
    for process in waiting:
        os.kill(process, signal.SIGKILL)
    until(lambda: len(own.log("chunk failed")) >= failed + len(waiting), "the coordinator to hear of it")
    trail.open()
    assert sending.wait() == 0, sending.said
    assert sha256(tmp_path / "out.mp4") == expected
    said: dict[str, Any] = json.loads(figures.read_text())
    assert said["seconds"]["stage"] > 0
    again = [chunk for chunk, count in sorted(stage_leases(own).items()) if count > 1]
    assert again == ([2] if memory == "snapshot" else [0, 1, 2])
    assert said["retries"]["total"] == (2 if memory == "snapshot" else 3)


def test_the_daemon_of_the_stage_is_killed(own: Cluster, film: Path, tmp_path: Path, memory: str) -> None:
    trail = Trail(tmp_path, memory, at=30)
    expected = alone(film, trail, tmp_path / "alone.mp4")
    daemons = {name: own.add_worker(1, "--allow-custom", "--name", name) for name in ("a", "b")}
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", trail.filter, *BEHIND)
    trail.reached()
    stage = [line for line in own.log("lease") if line["kind"] == "stage"][-1]
    daemons[stage["worker"]].end()
    until(lambda: own.log("worker left"), "the coordinator to notice", limit_s=3)
    trail.open()
    assert sending.wait() == 0, sending.said
    assert sha256(tmp_path / "out.mp4") == expected
    assert max(stage_leases(own).values()) == 2


def test_a_coordinator_that_is_killed_begins_the_film_anew(
    own: Cluster, film: Path, tmp_path: Path, memory: str
) -> None:
    """Its successor has nothing of the stage."""
    trail = Trail(tmp_path, memory, at=30)
    expected = alone(film, trail, tmp_path / "alone.mp4")
    own.add_worker(2, "--allow-custom")
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", trail.filter, *BEHIND)
    trail.reached()
    own.coordinator.kill()
    trail.open()
    own.start_coordinator("--log-level", "debug", port=own.port)
    assert sending.wait() == 0, sending.said
    assert sha256(tmp_path / "out.mp4") == expected
    assert stage_leases(own)[0] == 1


@pytest.mark.parametrize("fault", ["frame / 0", "os.abort()"])
def test_a_frame_that_cannot_be_done_in_order_fails_its_job(
    own: Cluster, film: Path, tmp_path: Path, memory: str, fault: str
) -> None:
    """After the retries; it is named, and why it does not fall back."""
    filter_ = tmp_path / "poison.py"
    filter_.write_text(
        f"import os\nimport vidproc\n\n@vidproc.filter(memory={memory!r})\ndef f(frame, state):\n"
        f"    state['n'] = state.get('n', 0) + 1\n    return frame if state['n'] != 5 else {fault}\n"
    )
    own.add_worker(1, "--allow-custom")
    outcome = own.send(film, tmp_path / "out.mp4", "--filter", filter_)
    assert outcome.code == 4
    assert "frame 4 failed" in outcome.complaint
    assert "no frame falls back where filters go through the film in order" in outcome.complaint


def test_a_background_that_is_never_learnt_anew(film: Path, tmp_path: Path, shared: Cluster) -> None:
    """In one process, in several, and in a daemon."""
    job = ("--filter", "blur", "--filter", "motion:kind=mog2,every=0", "--filter", "motion")
    outs = [tmp_path / f"{number}.mp4" for number in range(3)]
    assert run(film, "-o", outs[0], "--processes", 1, *job).code == 0
    assert run(film, "-o", outs[1], "--processes", 3, *job).code == 0
    assert shared.send(film, outs[2], *job).code == 0
    assert len(set(map(sha256, outs))) == 1


def test_nothing_of_a_stage_is_left(own: Cluster, film: Path, tmp_path: Path, memory: str) -> None:
    trail = Trail(tmp_path, memory, at=10**9)
    own.add_worker(2, "--allow-custom")
    assert own.send(film, tmp_path / "out.mp4", "--filter", trail.filter, *BEHIND).code == 0
    until(lambda: not list(own.data.glob("jobs/*/stage")), "the job's folder to be cleared")


def test_a_state_that_cannot_be_handed_on_fails_its_job(own: Cluster, film: Path, tmp_path: Path) -> None:
    filter_ = tmp_path / "wrong.py"
    filter_.write_text(
        "import vidproc\n\n@vidproc.filter(memory='snapshot')\ndef f(frame, state):\n"
        "    state['now'] = {frame.size}\n    return frame\n"
    )
    own.add_worker(1, "--allow-custom")
    outcome = own.send(film, tmp_path / "out.mp4", "--filter", filter_)
    assert outcome.code == 4
    assert "the state['now'] is a set, and can't be handed from chunk to chunk" in outcome.complaint
