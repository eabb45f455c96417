"""What must be true of the scheduler between any two events. Tests check it after each one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState, follows
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.workers import Lease, Slot, Worker

_WITH_LEASE = {ChunkState.LEASED, ChunkState.PERSISTING}
_IN_FLIGHT = {ChunkState.LEASED, ChunkState.PERSISTING, ChunkState.READY}


def check(
    workers: Mapping[str, Worker], jobs: Mapping[str, Job], leases: Mapping[int, Lease], policy: Policy
) -> None:
    """Raises `AssertionError` naming what is wrong."""
    for lease in leases.values():
        _check_lease(lease, workers, jobs)
    for worker in workers.values():
        _check_worker(worker, leases)
    hosts = Counter(id(record.host) for job in jobs.values() for record in job.records.values() if record.host)
    for worker in workers.values():
        _require(worker.kept_for == hosts.pop(id(worker), 0), f"daemon {worker.name} is kept for the wrong chunks")
    _require(not hosts, "a chunk waits for a daemon that is gone")
    for job in jobs.values():
        _check_job(job)
        for record in job.records.values():
            _check_record(job, record, leases, policy)


def _require(condition: bool, complaint: str) -> None:
    # Not `assert`: that is switched off by -O.
    if not condition:
        raise AssertionError(complaint)


def _check_lease(lease: Lease, workers: Mapping[str, Worker], jobs: Mapping[str, Job]) -> None:
    _require(lease.job in jobs, f"lease {lease.id} of a forgotten job")
    record = jobs[lease.job].records.get(lease.chunk.index)
    _require(record is not None and lease in (record.lease, record.second), f"lease {lease.id} is not its chunk's")
    worker = lease.slot.worker
    in_hand = lease is lease.slot.lease or lease is lease.slot.ahead
    _require(in_hand != lease.finished, f"lease {lease.id} and its slot disagree")
    _require(lease.finished or workers.get(worker.name) is worker, f"lease {lease.id} of a lost daemon")


def _check_worker(worker: Worker, leases: Mapping[int, Lease]) -> None:
    held = [slot.lease for slot in worker.slots if slot.lease is not None]
    _require(worker.busy == len(held), f"daemon {worker.name} counts {worker.busy} busy slots of {len(held)}")
    for slot in worker.slots:
        _check_ahead(slot, leases)
    _require(bool(worker.setbacks) == bool(worker.rests_until), f"daemon {worker.name} rests without a setback")
    at_once = [lease for lease in held if worker.setbacks > 1 and lease.granted >= worker.rests_until]
    _require(len(at_once) <= 1, f"daemon {worker.name} is tried with {len(at_once)} leases at once")
    for lease in held:
        _require(leases.get(lease.id) is lease, f"daemon {worker.name} holds the void lease {lease.id}")


def _check_ahead(slot: Slot, leases: Mapping[int, Lease]) -> None:
    if slot.ahead is None:
        return
    name = f"lease {slot.ahead.id}"
    _require(slot.lease is not None, f"{name} lies ahead of a slot that idles")
    _require(not (slot.worker.draining or slot.worker.setbacks), f"{name} lies ahead where nothing should")
    _require(leases.get(slot.ahead.id) is slot.ahead, f"{name} lies ahead and is void")
    before = slot.lease if slot.ahead.continues else None
    _require(before is None or (before.open_end and follows(before.chunk, slot.ahead.chunk)), f"{name} can't go on")


def _check_job(job: Job) -> None:
    records, base, limit = job.records, job.reorder.next, job.reorder.limit
    _require(list(records) == list(range(base, job.planned)), f"job {job.id} misses chunks")
    counts = Counter(record.state for record in records.values())
    counts[ChunkState.DELIVERED] = base
    _require(all(job.counts[state] == counts[state] for state in ChunkState), f"job {job.id} miscounts its chunks")
    waiting = [i for i in range(base, min(limit, job.planned, job.ceiling)) if records[i].state is ChunkState.WAITING]
    _require(job.leasable == waiting, f"job {job.id} lists the wrong chunks for lease")
    in_flight = [i for i, record in records.items() if record.state in _IN_FLIGHT]
    _require(len(in_flight) <= job.reorder.capacity, f"job {job.id} has too many chunks in flight")
    _require(all(i < limit for i in in_flight), f"job {job.id} works beyond its window")
    _require(job.reorder.held == counts[ChunkState.READY], f"job {job.id}: the reorder buffer lost count")
    _require(not job.complete, f"job {job.id} is complete and still here")


def _check_record(job: Job, record: ChunkRecord, leases: Mapping[int, Lease], policy: Policy) -> None:
    name = f"chunk {record.chunk.index} of job {job.id}"
    if record.state in _WITH_LEASE:
        _require(record.lease is not None and record.lease.id in leases, f"{name} is {record.state} without a lease")
    else:
        _require(record.lease is None, f"{name} is {record.state} and has a lease")
    if (second := record.second) is not None:
        _require(record.state is ChunkState.LEASED, f"{name} is {record.state} and has two leases")
        _require(second.id in leases and second is second.slot.lease, f"{name} has a second lease that nobody works on")
        _require(record.lease is not None and record.lease is not second, f"{name} has a second lease alone")
    _require(not policy.exhausted(record.errors, record.losses), f"{name} should have failed its job")
    _require(record.failed_on.total() == record.failures, f"{name} forgets where it failed")
    _require(record.isolated <= (job.isolates and record.afresh), f"{name} is isolated where nothing is to be")
    runs = record.failures + (record.state in _IN_FLIGHT)
    _require(record.attempts == runs, f"{name}: {record.attempts} attempts, {runs} runs")
