"""A job's states and its error: what may follow what, and that the first reason to end stays."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

import pytest

from tests.coordinator.jobs import ENCODER, STREAM, job_in, run
from vidproc.coordinator.job import Done, Job
from vidproc.coordinator.media import Opened
from vidproc.errors import CancelledError, MediaError
from vidproc.model import ChunkReport, FilterSpec, JobSpec, JobState
from vidproc.protocol.messages import Finished
from vidproc.storage.job_folder import JobFolder

pytestmark = pytest.mark.unit
JOB = JobSpec((FilterSpec("blur"),))
STATES = list(JobState)
WAY = STATES[:5]
"""From the upload to the film."""


def job_at(folder: Path, state: JobState) -> Job:
    """A job that came to that state in order."""
    job = job_in(folder)
    for step in WAY[1 : WAY.index(state) + 1] if state in WAY else [JobState.INDEXING, state]:
        job.enter(step)
    return job


def test_the_way_to_a_film(tmp_path: Path) -> None:
    assert job_at(tmp_path, JobState.DONE).state is JobState.DONE


@pytest.mark.parametrize("state", WAY[:-1])
def test_a_job_can_be_cancelled_until_it_ends(tmp_path: Path, state: JobState) -> None:
    job = job_at(tmp_path, state)
    job.enter(JobState.CANCELLED)
    assert job.state.final


def test_its_end_is_told_when_it_was_written_down(tmp_path: Path) -> None:
    job = job_at(tmp_path, JobState.DONE)
    assert job.told_state is JobState.MUXING
    job.recall(Finished(job.id, JobState.DONE, 1, "0" * 64, {}))
    assert job.told_state is JobState.DONE


def test_frames_that_are_lost_make_no_pace_below_none(tmp_path: Path) -> None:
    job, now = job_at(tmp_path, JobState.RUNNING), time.monotonic()
    job.frames_in_hand[1] = 40
    assert job.progress(now + 1, "").fps > 0
    del job.frames_in_hand[1]
    assert job.progress(now + 20, "").fps == job.fps(now + 20) == 0.0


def test_what_was_done_before_a_restart_is_no_pace(tmp_path: Path) -> None:
    job, now = job_at(tmp_path, JobState.RUNNING), time.monotonic()
    job.take_over({0: Done(ChunkReport(40, b"", 0, {}, {}), "w", 0, {})})
    told = job.progress(now + 1, "")
    assert told.frames_done == 40
    assert told.fps == 0


def test_a_job_that_has_ended_grows_no_older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_at(tmp_path, JobState.DONE)
    age, now = job.age_s, time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    assert job.age_s == age


def may(state: JobState, then: JobState) -> bool:
    """Whether anything ever asks for it. Muxing may be begun twice: the media process can die over it."""
    forward = STATES.index(then) - STATES.index(state) == 1
    return not state.final and (forward or then in STATES[5:] or state is then is JobState.MUXING)


@pytest.mark.parametrize(
    ("state", "then"), [pair for pair in itertools.product(STATES, STATES) if not may(*pair)]
)
def test_no_job_goes_back_or_leaps_to_its_film_or_ends_twice(tmp_path: Path, state: JobState, then: JobState) -> None:
    job = job_at(tmp_path, state)
    with pytest.raises(ValueError, match=f"cannot be {then} after it was {state}"):
        job.enter(then)
    assert job.state is state


def test_the_first_reason_to_end_stays(tmp_path: Path) -> None:
    job, first = job_at(tmp_path, JobState.RUNNING), MediaError("no film")
    assert job.fail(first)
    assert not job.fail(CancelledError("too late"))
    assert job.error is first


def test_a_job_that_has_ended_has_no_reason_to(tmp_path: Path) -> None:
    job = job_at(tmp_path, JobState.DONE)
    assert not job.fail(CancelledError("too late"))
    assert job.error is None


def test_a_reason_to_end_ends_its_course_whatever_that_waits_for(tmp_path: Path) -> None:
    async def main() -> None:
        job = job_at(tmp_path, JobState.UPLOADING)
        job.course = asyncio.create_task(job.source.until_whole())
        await asyncio.sleep(0)
        job.fail(MediaError("no film"))
        await asyncio.wait({job.course})
        assert job.course.cancelled()

    run(main())


def test_what_is_known_of_a_film_that_is_on_its_way_does_not_end_its_upload(tmp_path: Path) -> None:
    job = Job("j", JOB, "in.mp4", 1, "0" * 64, JobFolder(tmp_path), time.monotonic())
    job.open(Opened(STREAM, ENCODER, 20, ()))
    assert (job.state, job.frames_total) == (JobState.UPLOADING, 20)
    job.arrived()
    assert job.state is JobState.RUNNING
