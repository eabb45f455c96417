"""Commands become sends, writes and words to jobs; what comes late, twice or broken changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from tests.coordinator.jobs import FRAMES, announce, delivered, finish, job_in, join, run, submit, until
from vidproc.coordinator.dispatch import Dispatch
from vidproc.errors import CancelledError, FilterError, StorageError
from vidproc.model import Attempt, Outcome
from vidproc.protocol.messages import Committed, Revoke
from vidproc.scheduling import events as ev
from vidproc.storage.journal import KeptChunk, NoJournal, Then
from vidproc.storage.result_file import ResultFile


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Callable[[Callable[[Dispatch], Awaitable[None]]], None]]:
    """Runs a course of events over a dispatch, which must not hold anything when it has been closed."""

    async def over(course: Callable[[Dispatch], Awaitable[None]]) -> None:
        dispatch = Dispatch()
        try:
            await course(dispatch)
            dispatch.scheduler.validate()
        finally:
            dispatch.close()

    yield lambda course: run(over(course))
    assert not list(tmp_path.glob("*/chunks/*.*")), "results that were not kept are not left either"


Clean = Callable[[Callable[[Dispatch], Awaitable[None]]], None]


def test_results_are_kept_acknowledged_and_delivered_in_order(clean: Clean, tmp_path: Path) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path), join(dispatch, "w", slots=2)
        submit(dispatch, job)
        first, second = link.leases
        assert {first.slot, second.slot} == {0, 1}
        late, early = (first, second) if first.chunk == 0 else (second, first)
        finish(dispatch, early.lease, b"the second")
        assert delivered(job) == []
        finish(dispatch, late.lease, b"the first")
        assert link.heard == [Committed(early.lease), Committed(late.lease)]
        assert delivered(job) == [0]
        dispatch.feed(ev.ChunkDelivered("j", 0))
        assert delivered(job) == [1]
        dispatch.feed(ev.ChunkDelivered("j", 1))
        assert delivered(job) == [None]
        assert [job.folder.chunk(n).read_bytes() for n in (0, 1)] == [b"the first", b"the second"]
        assert job.frames_done == 2 * FRAMES

    clean(course)


def test_a_late_result_is_thrown_away(clean: Clean, tmp_path: Path) -> None:
    """Its daemon was taken for dead, and another one has the chunk."""

    async def course(dispatch: Dispatch) -> None:
        job, slow = job_in(tmp_path, chunks=1), join(dispatch, "slow")
        submit(dispatch, job)
        dispatch.worker_lost(slow)
        quick = join(dispatch, "quick")
        finish(dispatch, slow.leases[0].lease, b"late")
        assert (job.results, slow.heard) == ({}, [])
        finish(dispatch, quick.leases[0].lease, b"timely")
        finish(dispatch, slow.leases[0].lease, b"later")
        finish(dispatch, quick.leases[0].lease, b"twice")
        assert job.folder.chunk(0).read_bytes() == b"timely"
        assert job.results[0].worker == "quick"
        assert quick.heard == [Committed(quick.leases[0].lease)]
        assert set(job.seconds) == {"network", "disk"}
        assert min(job.seconds.values()) > 0

    clean(course)


def test_a_result_that_is_announced_twice_is_taken_once(clean: Clean, tmp_path: Path) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path, chunks=1), join(dispatch, "w")
        submit(dispatch, job)
        lease = link.leases[0].lease
        announce(dispatch, lease)
        dispatch.result_block(lease, b"rec")
        announce(dispatch, lease)
        dispatch.result_block(lease, b"ords")
        assert job.folder.chunk(0).read_bytes() == b"records"

    clean(course)


@pytest.mark.parametrize("data", [b"recordt", b"too many bytes"])
def test_a_result_that_is_not_what_was_announced(clean: Clean, tmp_path: Path, data: bytes) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path, chunks=1), join(dispatch, "w")
        submit(dispatch, job)
        announce(dispatch, link.leases[0].lease)
        with pytest.raises(ValueError, match="does not match"):
            dispatch.result_block(link.leases[0].lease, data)
        assert job.results == {}

    clean(course)


def test_more_bytes_than_were_announced_change_nothing(clean: Clean, tmp_path: Path) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path, chunks=1), join(dispatch, "w")
        submit(dispatch, job)
        finish(dispatch, link.leases[0].lease, b"records")
        dispatch.result_block(link.leases[0].lease, b"!")
        assert job.folder.chunk(0).read_bytes() == b"records"

    clean(course)


def test_a_coordinator_that_is_started_again_does_not_use_a_lease_s_number_again(clean: Clean, tmp_path: Path) -> None:
    numbers: list[int] = []

    async def course(dispatch: Dispatch) -> None:
        submit(dispatch, job_in(tmp_path / str(len(numbers))))
        numbers.extend(grant.lease for grant in join(dispatch, "w", slots=2).leases)

    clean(course)
    clean(course)
    assert len(set(numbers)) == len(numbers) >= 4


class SlowJournal(NoJournal):
    """One that takes its time to write."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Then] = []

    def keep_chunk(self, job_id: str, chunk: KeptChunk, then: Then) -> None:
        self.asked.append(then)


def test_a_daemon_hears_of_a_result_whose_job_ended_while_it_was_written(tmp_path: Path) -> None:
    """One that is about to leave waits for that."""

    async def main() -> None:
        journal = SlowJournal()
        dispatch, job = Dispatch(journal), job_in(tmp_path, chunks=1)
        link = join(dispatch, "w")
        submit(dispatch, job)
        finish(dispatch, link.leases[0].lease)
        dispatch.fail(job, CancelledError("enough"))
        assert link.heard == []
        journal.asked[0](None)
        assert link.heard == [Revoke(link.leases[0].lease)]
        dispatch.close()

    run(main())


def test_a_cancelled_job_s_leases_are_revoked(clean: Clean, tmp_path: Path) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path), join(dispatch, "w", slots=2)
        submit(dispatch, job)
        announce(dispatch, link.leases[0].lease)
        dispatch.fail(job, CancelledError("enough"))
        revoked = {message.lease_id for message in link.heard if isinstance(message, Revoke)}
        assert revoked == {grant.lease for grant in link.leases}
        assert isinstance(job.error, CancelledError)
        finish(dispatch, link.leases[0].lease)
        assert job.results == {}
        dispatch.fail(job, StorageError("something else"))
        assert isinstance(job.error, CancelledError), "the first reason is the reason"

    clean(course)


def test_a_failure_is_tried_again_and_its_frames_count_no_more(clean: Clean, tmp_path: Path) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path, chunks=1), join(dispatch, "w")
        submit(dispatch, job)
        first = link.leases[0].lease
        job.frames_in_hand[first] = 7
        dispatch.lease_failed(ev.ChunkFailed(first, "filter", "frame 7: no", retryable=True, frame=7))
        assert job.frames_done == 0
        assert dispatch.grant_of(first) is None
        await until(lambda: len(link.leases) == 2)
        assert (link.leases[1].attempt, job.attempts) == (2, {0: 2})
        finish(dispatch, link.leases[1].lease)
        assert delivered(job) == [0]

    clean(course)


def test_what_a_daemon_is_late_with_is_begun_by_another_and_counts_once(clean: Clean, tmp_path: Path) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, slow, quick = job_in(tmp_path), join(dispatch, "slow"), join(dispatch, "quick")
        submit(dispatch, job)
        dispatch.progressed({slow.leases[0].lease: 1})
        finish(dispatch, quick.leases[0].lease)
        await until(lambda: len(quick.leases) == 2)
        second = quick.leases[1]
        assert (second.chunk, second.second) == (slow.leases[0].chunk, True)
        dispatch.progressed({second.lease: 5})
        assert job.frames_done == FRAMES + 1, "no frame counts twice"
        finish(dispatch, second.lease)
        assert Revoke(slow.leases[0].lease) in slow.heard
        finish(dispatch, slow.leases[0].lease)
        assert job.results[second.chunk].worker == "quick"
        assert (job.second_runs, job.second_runs_won, job.frames_done) == (1, 1, 2 * FRAMES)
        assert set(job.attempts.values()) == {1}

    clean(course)


def test_a_failure_for_good_fails_the_job_by_its_own_name(clean: Clean, tmp_path: Path) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path), join(dispatch, "w")
        submit(dispatch, job)
        lease = link.leases[0].lease
        dispatch.lease_failed(ev.ChunkFailed(lease, "filter", "no", retryable=False, frame=3))
        assert isinstance(job.error, FilterError)
        assert "frame 3 failed: no" in str(job.error)

    clean(course)


@pytest.mark.parametrize("moment", ["at its announcement", "at a block", "when it is whole"])
def test_a_disk_that_refuses_fails_the_job_alone(clean: Clean, tmp_path: Path, moment: str) -> None:
    """The chunks' folder is gone; so is a full disk's file, by its error."""

    async def course(dispatch: Dispatch) -> None:
        job, other, link = job_in(tmp_path), job_in(tmp_path, "other", chunks=1), join(dispatch, "w")
        submit(dispatch, job)
        lease = link.leases[0].lease
        chunks = job.folder.chunk(0).parent
        if moment == "at its announcement":
            chunks.rmdir()
        announce(dispatch, lease)
        if moment == "at a block":
            fill_disk(dispatch._results[lease][0])
        elif moment == "when it is whole":
            job.folder.chunk(link.leases[0].chunk).mkdir()
            (job.folder.chunk(link.leases[0].chunk) / "x").touch()
        dispatch.result_block(lease, b"records")
        assert isinstance(job.error, StorageError)
        assert "cannot store a chunk" in str(job.error)
        assert dispatch.grant_of(lease) is None
        assert Revoke(lease) in link.heard
        submit(dispatch, other)
        finish(dispatch, link.leases[-1].lease)
        assert delivered(other) == [0]

    clean(course)


def fill_disk(file: ResultFile) -> None:
    file._file.close()
    file._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - closed as the one before it would be


def test_a_daemon_that_is_lost_takes_its_half_results_along(clean: Clean, tmp_path: Path) -> None:
    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path, chunks=1), join(dispatch, "w")
        submit(dispatch, job)
        announce(dispatch, link.leases[0].lease)
        dispatch.result_block(link.leases[0].lease, b"rec")
        assert len(list(job.folder.chunk(0).parent.iterdir())) == 1
        dispatch.worker_lost(link)
        assert not list(job.folder.chunk(0).parent.iterdir())
        assert dispatch.scheduler.why_waiting("j") == "no worker daemon is connected"

    clean(course)


def test_what_an_event_causes_waits_its_turn(clean: Clean, tmp_path: Path) -> None:
    """A link that answers at once, from within the command."""

    async def course(dispatch: Dispatch) -> None:
        job, link = job_in(tmp_path, chunks=5), join(dispatch, "w")
        dispatch.jobs["j"] = job

        class Eager:
            name, versions, leases, heard = link.name, link.versions, link.leases, link.heard
            post = link.post

            def lease(self, grant: ev.Grant) -> None:
                finish(dispatch, grant.lease)

        dispatch.workers["w"] = Eager()
        submit(dispatch, job)
        assert len(job.results) == 5

    clean(course)


class Noting(NoJournal):
    """Writes nothing down but what came of leases."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Attempt] = []

    def note_attempt(self, job_id: str, attempt: Attempt) -> None:
        assert attempt.ended_at is not None
        assert attempt.began_at <= attempt.ended_at
        self.noted.append(attempt)

    @property
    def outcomes(self) -> list[tuple[int, int, str, Outcome]]:
        return [(it.chunk, it.attempt, it.worker, it.outcome) for it in self.noted]


def test_what_became_of_each_lease_is_noted_for_the_history(tmp_path: Path) -> None:
    journal = Noting()

    async def course() -> None:
        dispatch = Dispatch(journal)
        job, one = job_in(tmp_path, chunks=3), join(dispatch, "one", slots=2)
        submit(dispatch, job)
        first, second = sorted(one.leases[:2], key=lambda grant: grant.chunk)
        going_on = [(it.chunk, it.outcome, it.ended_at) for it in dispatch.attempts("j")]
        assert (first.chunk, Outcome.RUNNING, None) in going_on
        assert dispatch.attempts("another") == []
        finish(dispatch, first.lease)
        assert journal.outcomes == [(first.chunk, 1, "one", Outcome.DONE)]
        dispatch.lease_failed(ev.ChunkFailed(second.lease, "filter", "it raised " * 999, retryable=True))
        failed = next(it for it in journal.noted if it.outcome is Outcome.FAILED)
        assert (failed.chunk, failed.code, failed.message[:9]) == (second.chunk, "filter", "it raised")
        assert len(failed.message) == 500
        other = join(dispatch, "other")
        await until(lambda: other.leases)
        dispatch.worker_lost(other)
        assert journal.outcomes[-1] == (other.leases[0].chunk, other.leases[0].attempt, "other", Outcome.LOST)
        dispatch.fail(job, CancelledError("no"))
        assert journal.outcomes[-1][3] is Outcome.WITHDRAWN
        assert dispatch.attempts("j") == []
        dispatch.close()

    run(course())


def test_to_be_leased_anew_with_all_packets_is_no_failure(tmp_path: Path) -> None:
    journal = Noting()

    async def course() -> None:
        dispatch = Dispatch(journal)
        job, link = job_in(tmp_path), join(dispatch, "w")
        submit(dispatch, job)
        lease = link.leases[0]
        dispatch.lease_failed(ev.ChunkFailed(lease.lease, "cannot-continue", "it is closed", retryable=True))
        assert journal.outcomes[0] == (lease.chunk, 1, "w", Outcome.WITHDRAWN)
        dispatch.close()

    run(course())


def test_a_timer_speaks_in_nobodys_name(clean: Clean, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever job or worker the event was of that happened to ask for it."""

    async def course(dispatch: Dispatch) -> None:
        spoken_of: list[object] = []

        def handle(event: ev.Event, now: float) -> list[ev.Command]:
            spoken_of.append(get_contextvars())
            return [] if isinstance(event, ev.Tick) else [ev.WakeAt(now)]

        monkeypatch.setattr(dispatch.scheduler, "handle", handle)
        with bound_contextvars(job="j", worker="w"):
            dispatch.feed(ev.JobCancelled("j"))
        await until(lambda: len(spoken_of) == 2)
        assert spoken_of == [{"job": "j", "worker": "w"}, {}]

    clean(course)
