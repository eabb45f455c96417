from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TypeVar

import pytest

from tests.scheduling.looks import at_work, attempts, slots
from tests.scheduling.plans import chunks
from vidproc.model import LeaseKind
from vidproc.scheduling import events as ev
from vidproc.scheduling.figures import JobFigures
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler

pytestmark = pytest.mark.unit

C = TypeVar("C", bound=ev.Command)


class HalfWay:
    """Backs off for half of what is allowed: 0.1 s, 0.2 s, 0.4 s."""

    def uniform(self, a: float, b: float, /) -> float:
        return (a + b) / 2


class Desk:
    """A scheduler at a desk: events go in at a time that is set by hand."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.scheduler = Scheduler(policy or Policy(read_ahead=False, lateness=inf), HalfWay())
        self.now = 100.0

    def __call__(self, *events: ev.Event) -> list[ev.Command]:
        commands = []
        for event in events:
            commands += self.scheduler.handle(event, self.now)
            self.scheduler.validate()
        return commands

    def join(self, name: str, slots: int = 1, rate: float = 0.0, custom: bool = False) -> list[ev.Grant]:
        return only(ev.Grant, self(ev.WorkerJoined(name, slots, rate, custom)))

    def film(self, job: str, groups: Sequence[int], in_flight: int = 64, custom: bool = False) -> list[ev.Grant]:
        submitted = ev.JobSubmitted(job, custom, in_flight)
        return only(ev.Grant, self(submitted, ev.ChunksPlanned(job, chunks(groups), final=True)))

    def raised(self, lease: int, frame: int = -1, retryable: bool = True) -> list[ev.Command]:
        return self(ev.ChunkFailed(lease, "filter", "invert raised", retryable, frame))

    def tick(self, seconds: float) -> list[ev.Grant]:
        """Let time pass."""
        self.now += seconds
        return only(ev.Grant, self(ev.Tick()))

    def slot_died(self, lease: int) -> list[ev.Command]:
        return self(ev.ChunkFailed(lease, "worker", "the process was killed", True, frame=7, slot_lost=True))


def only(kind: type[C], commands: Sequence[ev.Command]) -> list[C]:
    return [command for command in commands if isinstance(command, kind)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


# The way of a result


def test_a_result_is_persisted_then_acknowledged_then_delivered(desk: Desk) -> None:
    desk.join("a")
    (grant,) = desk.film("j", [1])
    assert grant == ev.Grant(1, "a", 0, "j", 0, attempt=1, kind=LeaseKind.CHUNK, continues=False)
    assert desk(ev.ChunkFinished(1)) == [ev.Persist(1, "j", 0)]
    assert desk(ev.ChunkPersisted(1)) == [ev.Acknowledge(1, "a"), ev.Deliver("j", 0)]
    assert desk(ev.ChunkDelivered("j", 0)) == [ev.CompleteJob("j")]
    assert desk.scheduler.figures("j") == JobFigures()


def test_chunks_are_delivered_in_order_one_at_a_time(desk: Desk) -> None:
    desk.join("a", slots=3)
    desk.film("j", [1, 1, 1])
    for lease in (3, 2):
        assert not only(ev.Deliver, desk(ev.ChunkFinished(lease), ev.ChunkPersisted(lease)))
    assert only(ev.Deliver, desk(ev.ChunkFinished(1), ev.ChunkPersisted(1))) == [ev.Deliver("j", 0)]
    assert desk(ev.ChunkDelivered("j", 0)) == [ev.Deliver("j", 1)]
    assert desk(ev.ChunkDelivered("j", 1)) == [ev.Deliver("j", 2)]
    assert desk(ev.ChunkDelivered("j", 2)) == [ev.CompleteJob("j")]


def test_a_job_is_complete_only_when_its_plan_is(desk: Desk) -> None:
    desk.join("a")
    desk(ev.JobSubmitted("j"), ev.ChunksPlanned("j", chunks([1]), final=False))
    assert desk(ev.ChunkFinished(1), ev.ChunkPersisted(1), ev.ChunkDelivered("j", 0))[-1] == ev.Deliver("j", 0)
    assert desk(ev.ChunksPlanned("j", (), final=True)) == [ev.CompleteJob("j")]


def test_a_job_without_chunks_is_complete_at_once(desk: Desk) -> None:
    assert desk(ev.JobSubmitted("j"), ev.ChunksPlanned("j", (), final=True)) == [ev.CompleteJob("j")]


def test_what_is_in_flight_is_bounded_and_the_lowest_chunk_can_always_go(desk: Desk) -> None:
    desk.join("a", slots=8)
    assert [grant.chunk for grant in desk.film("j", [1] * 9, in_flight=3)] == [0, 1, 2]
    assert not only(ev.Grant, desk(ev.ChunkFinished(2), ev.ChunkPersisted(2), ev.ChunkFinished(3)))
    desk.slot_died(1)
    (again,) = desk.tick(0.1)
    assert again.chunk == 0
    assert not only(ev.Grant, desk(ev.ChunkFinished(again.lease), ev.ChunkPersisted(again.lease)))
    (after,) = only(ev.Grant, desk(ev.ChunkDelivered("j", 0)))
    assert after.chunk == 3


# The fence


def test_a_result_of_a_void_lease_is_thrown_away(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1])
    desk(ev.WorkerLost("a"))
    assert desk(ev.ChunkFinished(1)) == [ev.Discard(1)]
    assert desk.join("b") == [ev.Grant(2, "b", 0, "j", 0, attempt=2, kind=LeaseKind.CHUNK, continues=False)]
    assert desk(ev.ChunkFinished(1), ev.ChunkPersisted(1)) == [ev.Discard(1), ev.Discard(1)]
    assert desk.raised(1) == []
    assert not desk.scheduler.is_live(1)
    assert desk.scheduler.is_live(2)
    assert desk(ev.ChunkFinished(2)) == [ev.Persist(2, "j", 0)]


def test_a_second_result_changes_nothing(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1])
    assert desk(ev.ChunkFinished(1), ev.ChunkFinished(1)) == [ev.Persist(1, "j", 0)]
    desk(ev.ChunkPersisted(1))
    assert desk(ev.ChunkFinished(1)) == [ev.Discard(1)]
    assert desk(ev.ChunkPersisted(1)) == [ev.Discard(1)]


def test_leases_are_never_numbered_twice(desk: Desk) -> None:
    for round_ in range(1, 5):
        desk(ev.JobCancelled("j"))
        desk.join("a")
        (grant,) = desk.film("j", [1])
        assert grant.lease == round_


def test_a_result_that_has_arrived_outlives_its_daemon(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1])
    desk(ev.ChunkFinished(1))
    assert desk(ev.WorkerLost("a")) == []
    assert desk(ev.ChunkPersisted(1)) == [ev.Deliver("j", 0)]


def test_a_daemon_that_comes_back_is_another_one(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [2])
    desk(ev.ChunkFinished(1))
    (grant,) = desk.join("a")
    assert (grant.lease, grant.chunk, grant.continues) == (3, 1, False)
    assert desk(ev.ChunkFinished(2)) == [ev.Discard(2)]
    assert not only(ev.Acknowledge, desk(ev.ChunkPersisted(1)))


# Failures


def test_a_failed_chunk_rests_longer_each_time_and_then_fails_its_job(desk: Desk) -> None:
    desk.join("a")
    (grant,) = desk.film("j", [1])
    for attempt, rest in ((1, 0.1), (2, 0.2), (3, 0.4)):
        assert grant.attempt == attempt
        assert attempts(desk.scheduler, "j", 0) == attempt
        (wake,) = only(ev.WakeAt, desk.raised(grant.lease, frame=5))
        assert wake.time == pytest.approx(desk.now + rest)
        desk.now += rest * 0.9
        assert only(ev.Grant, desk(ev.Tick())) == []
        desk.now += rest * 0.11
        (grant,) = only(ev.Grant, desk(ev.Tick()))
    assert desk.scheduler.figures("j").retries == 3
    assert desk.raised(grant.lease, frame=5) == [
        ev.FailJob("j", "filter", "frame 5 failed: invert raised (chunk 0, frames 0 to 47, 4 attempts)", {0: 3})
    ]


def test_another_daemon_gets_the_next_try(desk: Desk) -> None:
    desk.join("a", slots=2)
    desk.film("j", [1])
    desk.join("b")
    desk.raised(1)
    desk.now += 1
    assert [grant.worker for grant in only(ev.Grant, desk(ev.Tick()))] == ["b"]


def test_without_another_daemon_the_same_one_gets_it(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1])
    desk.raised(1)
    desk.now += 1
    assert [grant.worker for grant in only(ev.Grant, desk(ev.Tick()))] == ["a"]


def test_lost_chunks_are_leased_again_at_once(desk: Desk) -> None:
    desk.join("a", slots=2)
    desk.join("b", slots=2)
    desk.film("j", [1, 1])
    commands = desk(ev.WorkerLost("a"))
    assert [(grant.worker, grant.chunk, grant.attempt) for grant in only(ev.Grant, commands)] == [("b", 0, 2)]
    desk.join("c")
    (again,) = only(ev.Grant, desk.slot_died(2))
    assert (again.worker, again.attempt) == ("c", 2)


def test_a_chunk_that_loses_its_slot_four_times_is_poison(desk: Desk) -> None:
    desk.join("a")
    (grant,) = desk.film("j", [1])
    for _ in range(3):
        desk.slot_died(grant.lease)
        (grant,) = desk.tick(1.0)
    message = "frame 7 failed: the process was killed (chunk 0, frames 0 to 47, 4 attempts)"
    assert desk.slot_died(grant.lease) == [ev.FailJob("j", "worker", message, {0: 3})]


def test_so_is_one_that_loses_its_daemon_four_times(desk: Desk) -> None:
    desk.film("j", [1])
    for name in ("a", "b", "c"):
        desk.join(name)
        assert desk(ev.WorkerLost(name)) == []
    desk.join("d")
    (failed,) = desk(ev.WorkerLost("d"))
    assert isinstance(failed, ev.FailJob)
    assert failed.message == "frames 0 to 47 failed: the connection to daemon d was lost (chunk 0, 4 attempts)"


def test_losses_do_not_use_up_the_budget_of_errors(desk: Desk) -> None:
    desk.join("a")
    (grant,) = desk.film("j", [1])
    for _ in range(3):
        desk.slot_died(grant.lease)
        (grant,) = desk.tick(20)
        desk.raised(grant.lease)
        (grant,) = desk.tick(20)
    assert grant.attempt == 7
    desk(ev.ChunkFinished(grant.lease), ev.ChunkPersisted(grant.lease))
    assert desk(ev.ChunkDelivered("j", 0)) == [ev.CompleteJob("j", {0: 6})]


def test_what_is_not_retryable_fails_the_job_at_once_and_frees_its_slots(desk: Desk) -> None:
    desk.join("a", slots=2)
    desk.film("j", [1, 1])
    desk.film("k", [1])
    commands = desk(ev.ChunkFailed(1, "media", "the stream has no frame 3", retryable=False, frame=3))
    assert commands[:2] == [
        ev.FailJob("j", "media", "frame 3 failed: the stream has no frame 3 (chunk 0, frames 0 to 47, 1 attempt)"),
        ev.Withdraw(2, "a"),
    ]
    assert [grant.job for grant in only(ev.Grant, commands)] == ["k"]
    assert desk(ev.ChunkFinished(2)) == [ev.Discard(2)]


def test_a_result_that_can_not_be_stored_is_a_failure(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1])
    desk(ev.ChunkFinished(1))
    (failed,) = desk(ev.ChunkFailed(1, "storage", "the disk is full", retryable=False))
    assert isinstance(failed, ev.FailJob)
    assert failed.code == "storage"


def test_a_job_that_fails_with_its_daemon_withdraws_only_from_others(desk: Desk) -> None:
    desk.scheduler = Scheduler(Policy(losses=1), HalfWay())
    desk.join("a", slots=2)
    desk.join("b", slots=1)
    desk.film("j", [1, 1, 1])
    assert [type(command) for command in desk(ev.WorkerLost("a"))] == [ev.FailJob, ev.Withdraw]


# Cancelling and forgetting


def test_a_cancelled_job_is_withdrawn_and_forgotten(desk: Desk) -> None:
    desk.join("a", slots=2)
    desk.film("j", [1, 1, 1])
    (persist, grant) = desk(ev.ChunkFinished(1))
    assert isinstance(persist, ev.Persist)
    assert isinstance(grant, ev.Grant)
    assert desk(ev.JobCancelled("j")) == [ev.Withdraw(grant.lease, "a"), ev.Withdraw(2, "a")]
    assert desk(ev.ChunkPersisted(1)) == [ev.Discard(1)]
    assert desk(ev.JobCancelled("j"), ev.ChunksPlanned("j", (), final=True), ev.ChunkDelivered("j", 0)) == []
    assert at_work(desk.scheduler) == 0


def test_a_backoff_ends_with_its_job(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1])
    assert only(ev.WakeAt, desk.raised(1))
    assert desk(ev.JobCancelled("j")) == []
    desk.film("j", [1])
    desk.now += 20
    assert desk(ev.Tick()) == []


# Who gets the slots


def test_jobs_share_the_slots_fairly_and_the_oldest_goes_first(desk: Desk) -> None:
    desk.film("old", [1] * 9)
    desk.film("new", [1] * 9)
    assert [grant.job for grant in desk.join("a", slots=5)] == ["old", "new", "old", "new", "old"]
    (grant,) = only(ev.Grant, desk(ev.ChunkFinished(1)))
    assert grant.job == "old"
    (grant,) = only(ev.Grant, desk(ev.ChunkFinished(3)))
    assert grant.job == "old"
    (grant,) = only(ev.Grant, desk(ev.ChunkFinished(2)))
    assert grant.job == "new"


def test_custom_code_runs_only_where_it_is_allowed(desk: Desk) -> None:
    desk.join("strict", slots=2)
    assert desk.film("j", [1], custom=True) == []
    assert [grant.worker for grant in desk.join("open", custom=True)] == ["open"]


def test_a_draining_daemon_finishes_and_gets_no_more(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [2])
    desk(ev.WorkerDraining("a"))
    assert desk(ev.ChunkFinished(1)) == [ev.Persist(1, "j", 0)]
    assert desk(ev.ChunkPersisted(1))[0] == ev.Acknowledge(1, "a")
    assert slots(desk.scheduler) == 0


def test_a_rate_limit_is_kept_and_waited_for(desk: Desk) -> None:
    desk.join("a", slots=4, rate=64.0)
    desk(ev.JobSubmitted("j"))
    commands = desk(ev.ChunksPlanned("j", chunks([1] * 6), final=True))
    # A second's worth, 64 frames, is saved up: two chunks of 48 leave a debt of 32.
    assert [type(command) for command in commands] == [ev.Grant, ev.Grant, ev.WakeAt]
    assert commands[-1] == ev.WakeAt(100.5)
    desk.now = 100.5
    assert [type(command) for command in desk(ev.Tick())] == [ev.Grant, ev.WakeAt]
    assert desk.scheduler.why_waiting("j") == ""


def test_a_daemon_s_rate_limit_may_change(desk: Desk) -> None:
    desk.join("a", slots=3)
    desk.film("j", [1] * 9)
    assert desk(ev.WorkerLimited("a", 12.0), ev.WorkerLimited("gone", 12.0)) == []
    desk(ev.ChunkFinished(1))
    commands = desk(ev.ChunkFinished(2))
    assert commands[-1] == ev.WakeAt(104.0), "one more, and its 48 frames are waited for"
    assert len(only(ev.Grant, desk(ev.WorkerLimited("a", 0.0)))) == 1


def test_no_wake_for_tokens_that_nobody_wants(desk: Desk) -> None:
    desk.join("a", slots=1, rate=1.0)
    desk(ev.JobSubmitted("j"))
    assert [type(c) for c in desk(ev.ChunksPlanned("j", chunks([1, 1]), final=True))] == [ev.Grant], "no slot is free"
    assert [type(c) for c in desk(ev.JobCancelled("j"))] == [ev.Withdraw], "no work is left"


# What the shell may ask


def test_why_a_job_waits(desk: Desk) -> None:
    why = desk.scheduler.why_waiting
    assert why("j") == ""
    desk.film("j", [1], custom=True)
    assert why("j") == "no worker daemon is connected"
    desk.join("a", rate=1.0)
    assert why("j") == "no connected daemon runs custom code (start one with --allow-custom)"
    desk.film("k", [2])
    assert why("k") == ""
    desk.film("l", [1])
    assert why("l") == "all slots are busy with other jobs"
    desk(ev.JobCancelled("k"))
    assert why("l") == "the daemons have reached their rate limit"
    desk(ev.WorkerDraining("a"))
    assert why("l") == "all connected worker daemons are about to leave"


def test_a_resting_chunk_is_a_reason_too(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1])
    desk.raised(1)
    assert desk.scheduler.why_waiting("j") == "a chunk failed and will be tried again shortly"
    desk(ev.JobSubmitted("unplanned"))
    assert desk.scheduler.why_waiting("unplanned") == ""


def test_figures(desk: Desk) -> None:
    desk.join("a", slots=3)
    desk.film("j", [1] * 10, in_flight=5)
    desk(ev.ChunkFinished(1), ev.ChunkPersisted(1), ev.ChunkDelivered("j", 0), ev.ChunkFinished(2))
    desk(ev.ChunkFinished(3), ev.ChunkPersisted(3))
    desk.slot_died(4)
    desk.tick(0.1)
    assert desk.scheduler.figures("j") == JobFigures(
        planned=10, queued=4, leased=3, stored=2, delivered=1, frames_planned=480, frames_done=96, retries=1
    )
    assert (at_work(desk.scheduler), slots(desk.scheduler)) == (3, 3)
    assert attempts(desk.scheduler, "j", 3) == 2


# Bugs of the caller


def test_bugs_of_the_caller_are_refused(desk: Desk) -> None:
    desk.film("j", [1])
    with pytest.raises(ValueError, match="submitted before"):
        desk(ev.JobSubmitted("j"))
    with pytest.raises(ValueError, match="not handed out"):
        desk(ev.ChunkDelivered("j", 0))
    with pytest.raises(TypeError, match="not an event"):
        desk("hello")  # type: ignore[arg-type]


def test_validate_finds_a_broken_invariant(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1, 1])
    desk.scheduler._workers["a"].slots[0].lease = None
    with pytest.raises(AssertionError, match="lease 1 and its slot disagree"):
        desk.scheduler.validate()
