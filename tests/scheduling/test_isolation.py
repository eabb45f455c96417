"""A chunk that fails again and again within a filter: what is tried, what is proved by it, and when it is given up."""

from __future__ import annotations

import random
from math import inf

import pytest
from msgspec.structs import replace

from tests.scheduling.plans import chunks
from tests.scheduling.test_scheduler import HalfWay, only
from vidproc.model import FilterCall, LeaseKind
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler
from vidproc.scheduling.suspicion import Suspicion, suspect

pytestmark = pytest.mark.unit

CALL = FilterCall(0, 7)


class Ward:
    """A scheduler with a job whose frames may fall back."""

    def __init__(self, groups: int = 1, slots: int = 1, isolates: bool = True) -> None:
        self.scheduler = Scheduler(Policy(read_ahead=False, lateness=inf), HalfWay())
        self.now = 100.0
        self.granted: list[ev.Grant] = []
        self.send(ev.WorkerJoined("a", slots))
        self.send(ev.JobSubmitted("j", isolates=isolates))
        self.send(ev.ChunksPlanned("j", chunks([1] * groups), final=True))

    def send(self, event: ev.Event) -> list[ev.Command]:
        commands = self.scheduler.handle(event, self.now)
        self.scheduler.validate()
        self.granted += only(ev.Grant, commands)
        return commands

    @property
    def last(self) -> ev.Grant:
        return self.granted[-1]

    def then(self, commands: list[ev.Command]) -> list[ev.Command]:
        """What was commanded; and time goes on until all may be leased."""
        self.now += 20
        self.send(ev.Tick())
        return commands

    def dies(
        self, call: FilterCall | None = CALL, frame: int | None = None, grant: ev.Grant | None = None
    ) -> list[ev.Command]:
        frame = frame if frame is not None else call.rank if call else -1
        failed = ev.ChunkFailed(
            (grant or self.last).lease, "slot-died", "killed by SIGSEGV", True, frame, slot_lost=True, call=call
        )
        return self.then(self.send(failed))

    def raises(self, call: FilterCall | None = CALL) -> list[ev.Command]:
        return self.then(self.send(ev.ChunkFailed(self.last.lease, "filter", "it raised", True, 7, call=call)))

    def isolate(self, call: FilterCall = CALL) -> None:
        while self.last.kind is not LeaseKind.FRAME:
            self.dies(call)

    def faults(self) -> list[FilterCall]:
        return [fault.call for fault in self.last.faults]


def test_a_chunk_whose_filter_keeps_raising_is_isolated_when_its_budget_is_used_up() -> None:
    it = Ward()
    for _ in range(3):
        it.raises()
        assert it.last.kind is LeaseKind.CHUNK
    assert not only(ev.FailJob, it.raises())
    assert (it.last.kind, it.last.attempt, it.last.continues) == (LeaseKind.FRAME, 5, False)
    it.send(ev.ChunkFinished(it.last.lease))
    it.send(ev.ChunkPersisted(it.last.lease))
    assert it.send(ev.ChunkDelivered("j", 0)) == [ev.CompleteJob("j", {0: 4})]


def test_so_is_one_whose_slot_keeps_dying_in_a_filter() -> None:
    it = Ward()
    for _ in range(4):
        assert it.last.kind is LeaseKind.CHUNK
        assert not only(ev.FailJob, it.dies())
    assert it.last.kind is LeaseKind.FRAME
    assert it.faults() == []


def test_a_call_that_ends_the_isolated_process_too_is_not_made_again() -> None:
    it = Ward()
    it.isolate()
    it.dies()
    assert (it.last.kind, it.faults()) == (LeaseKind.FRAME, [CALL])
    (fault,) = it.last.faults
    assert fault.reason == "killed by SIGSEGV"


def test_behind_it_there_may_be_another_one_which_takes_two_runs_to_prove() -> None:
    it, other = Ward(), FilterCall(1, 9)
    it.isolate()
    it.dies()
    it.dies(other)
    assert it.faults() == [CALL]
    it.dies(other)
    assert it.faults() == [CALL, other]


def test_a_process_that_somebody_kills_condemns_nothing() -> None:
    """Each time it is in another frame, and the ones before it were done by the run before."""
    it = Ward()
    for rank in (3, 9, 5, 1, 11, 4, 9):
        assert not only(ev.FailJob, it.dies(FilterCall(0, rank)))
    assert it.last.kind is LeaseKind.FRAME
    assert it.faults() == []


def test_a_call_that_another_run_has_passed_is_innocent_however_often_a_process_dies_in_it() -> None:
    it = Ward()
    it.dies(FilterCall(0, 11))
    for _ in range(3):
        it.dies(CALL)
    assert it.last.kind is LeaseKind.FRAME
    for _ in range(3):
        it.dies(CALL)
    assert it.faults() == []


def test_deaths_before_the_isolation_are_not_proof_alone() -> None:
    assert not Suspicion(CALL, 7, times=4, alone=0).proved
    assert not Suspicion(CALL, 7, times=1, alone=1).proved
    assert Suspicion(CALL, 7, times=2, alone=1).proved


def test_of_two_calls_for_the_same_frame_of_the_result_the_newest_is_suspected() -> None:
    held = suspect(Suspicion(CALL, 7, times=3, alone=1), FilterCall(1, 8), 7, alone=True)
    assert held == Suspicion(FilterCall(1, 8), 7, times=1, alone=1)


def test_a_neighbour_whose_filters_see_that_frame_does_not_make_the_call_either() -> None:
    it, edge = Ward(groups=0), FilterCall(0, 47)
    film = [replace(chunk, first=max(0, chunk.start - 1)) for chunk in chunks([1, 1, 1])]
    it.send(ev.JobSubmitted("k", isolates=True))
    it.send(ev.ChunksPlanned("k", tuple(film), final=True))
    it.isolate(edge)
    it.dies(edge)
    seen = {}
    for _ in range(3):
        seen[it.last.chunk] = it.faults()
        it.send(ev.ChunkFinished(it.last.lease))
    assert seen == {0: [edge], 1: [edge], 2: []}


def test_what_never_fails_within_a_filter_fails_its_job_as_ever() -> None:
    it = Ward()
    for _ in range(3):
        it.dies(None)
    (failed,) = only(ev.FailJob, it.dies(None))
    assert failed.message == "frames 0 to 47 failed: killed by SIGSEGV (chunk 0, 4 attempts)"


def test_nor_is_one_isolated_where_a_frame_at_fault_is_to_fail_the_job() -> None:
    it = Ward(isolates=False)
    for _ in range(3):
        it.raises()
    (failed,) = only(ev.FailJob, it.raises())
    assert failed.message == "frame 7 failed: it raised (chunk 0, frames 0 to 47, 4 attempts)"


def test_an_isolated_chunk_that_fails_elsewhere_has_one_more_budget() -> None:
    it = Ward()
    it.isolate()
    for _ in range(3):
        assert not only(ev.FailJob, it.dies(None))
    (failed,) = only(ev.FailJob, it.dies(None))
    assert "8 attempts" in failed.message


def test_the_isolated_chunk_s_deaths_in_a_filter_are_no_setback_of_the_daemon() -> None:
    it = Ward()
    it.isolate(FilterCall(0, 3))
    worker = it.scheduler._workers["a"]
    worker.clear()
    it.send(ev.ChunkFailed(it.last.lease, "slot-died", "killed", True, 7, slot_lost=True, call=CALL))
    assert worker.setbacks == 0
    assert it.last.kind is LeaseKind.FRAME, "and so it is tried again at once"


def test_nor_is_a_second_death_in_the_same_call() -> None:
    it = Ward()
    worker = it.scheduler._workers["a"]
    for call, setbacks in ((CALL, 1), (CALL, 1), (FilterCall(0, 8), 2), (FilterCall(0, 8), 2)):
        it.dies(call)
        assert worker.setbacks == setbacks


def test_a_job_whose_filter_ends_its_process_over_and_over_is_given_up() -> None:
    it = Ward()
    it.isolate()
    failed: list[ev.FailJob] = []
    for rank in range(8, 60):
        for _ in range(2):
            failed = failed or only(ev.FailJob, it.dies(FilterCall(0, rank), frame=rank))
    assert len(failed) == 1
    assert failed[0].message.startswith("frame 24 failed: killed by SIGSEGV (chunk 0, frames 0 to 47, ")
    assert failed[0].message.endswith("; so it was with 16 frames before")
    assert failed[0].retries[0] < 4 + 1 + 2 * 17


def test_an_isolated_chunk_is_never_gone_on_from_nor_run_twice() -> None:
    it = Ward(groups=1)
    it.isolate()
    lease = it.scheduler._leases[it.last.lease]
    assert not lease.open_end
    assert not lease.reads_ahead


# Memory


def test_a_chunk_that_ran_out_of_memory_has_its_daemon_for_itself_next() -> None:
    it = Ward(groups=6, slots=3)
    first, second, third = it.granted
    it.send(ev.ChunkFailed(first.lease, "out-of-memory", "killed for memory", True, 3, slot_lost=True))
    it.then([])
    it.send(ev.ChunkFinished(second.lease))
    assert it.last is third, "the slots that are free stay so"
    it.then(it.send(ev.ChunkFinished(third.lease)))
    assert (it.last.chunk, len(it.granted)) == (0, 4), "it is alone"
    it.send(ev.ChunkFinished(it.last.lease))
    assert len(it.granted) == 7, "and then all go on"


def test_that_costs_nothing_of_its_budget_the_first_time() -> None:
    it = Ward()

    def short() -> list[ev.Command]:
        return it.then(it.send(ev.ChunkFailed(it.last.lease, "out-of-memory", "killed", True, 3, slot_lost=True)))

    for attempt in range(1, 5):
        assert it.last.attempt == attempt
        assert not only(ev.FailJob, short())
    (failed,) = only(ev.FailJob, short())
    assert "5 attempts" in failed.message


@pytest.mark.parametrize("leaving", [ev.WorkerLost("a"), ev.WorkerDraining("a")])
def test_if_that_daemon_leaves_any_other_may_have_it(leaving: ev.Event) -> None:
    it = Ward(groups=2, slots=2)
    it.send(ev.ChunkFailed(it.granted[0].lease, "out-of-memory", "killed for memory", True, 3, slot_lost=True))
    it.send(ev.WorkerJoined("b", 1))
    it.send(leaving)
    assert (it.last.worker, it.last.chunk) == ("b", 0)


def test_if_the_job_ends_the_daemon_is_free_for_others() -> None:
    it = Ward(groups=2, slots=2)
    it.send(ev.ChunkFailed(it.granted[0].lease, "out-of-memory", "killed for memory", True, 3, slot_lost=True))
    it.send(ev.JobCancelled("j"))
    it.send(ev.JobSubmitted("k"))
    it.send(ev.ChunksPlanned("k", chunks([1, 1]), final=True))
    it.then([])
    assert [grant.job for grant in it.granted[-2:]] == ["k", "k"]


class Chaos:
    """Deaths, errors and want of memory at random, in filters and elsewhere, with daemons that come and go."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.scheduler = Scheduler(Policy(), random.Random(seed))
        self.now = 0.0
        self.working: dict[int, str] = {}
        self.answers: list[ev.Event] = []
        self.ended: set[str] = set()

    def send(self, event: ev.Event) -> None:
        commands = self.scheduler.handle(event, self.now)
        self.scheduler.validate()
        for command in commands:
            self._take(command)

    def _take(self, command: ev.Command) -> None:
        match command:
            case ev.Grant(lease, worker):
                self.working[lease] = worker
            case ev.Withdraw(lease):
                del self.working[lease]
            case ev.Persist(lease):
                self.answers.append(ev.ChunkPersisted(lease))
            case ev.Deliver(job, chunk):
                self.answers.append(ev.ChunkDelivered(job, chunk))
            case ev.CompleteJob(job) | ev.FailJob(job):
                self.ended.add(job)

    def _pop(self) -> int:
        lease = self.rng.choice(list(self.working))
        del self.working[lease]
        return lease

    def leave_or_come_back(self) -> None:
        name = self.rng.choice("ab")
        self.working = {lease: worker for lease, worker in self.working.items() if worker != name}
        self.send(self.rng.choice([ev.WorkerLost(name), ev.WorkerJoined(name, self.rng.randint(1, 3))]))

    def fail(self) -> None:
        call = self.rng.choice([None, FilterCall(self.rng.randrange(2), self.rng.randrange(3))])
        code = self.rng.choice(["filter", "slot-died", "slot-died", "out-of-memory"])
        frame = call.rank if call else -1
        self.send(ev.ChunkFailed(self._pop(), code, "no", True, frame, code != "filter", call))

    def go_on(self) -> None:
        self.now += self.rng.random()
        if self.answers:
            self.send(self.answers.pop(0))
        elif self.working and self.rng.random() < 0.5:
            self.send(ev.ChunkFinished(self._pop()))
        else:
            self.send(ev.Tick())


@pytest.mark.parametrize("seed", range(60))
def test_whatever_fails_each_job_comes_to_an_end(seed: int) -> None:
    it = Chaos(seed)
    it.send(ev.WorkerJoined("a", 3))
    for job in "jkl":
        it.send(ev.JobSubmitted(job, isolates=job != "l"))
        it.send(ev.ChunksPlanned(job, chunks([2, 1, 3]), final=True))
    for _ in range(300):
        dice = it.rng.random()
        if dice < 0.02:
            it.leave_or_come_back()
        elif dice < 0.4 and it.working:
            it.fail()
        else:
            it.go_on()
    it.send(ev.WorkerJoined("c", 2))
    for _ in range(600):
        it.go_on()
    assert it.ended == {"j", "k", "l"}
