"""Jobs and daemons at this moment, as plain data for those who look on."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from itertools import chain, islice

from msgspec import Struct
from msgspec.structs import asdict, replace

from vidproc.coordinator.dispatch import Dispatch, WorkerLink
from vidproc.coordinator.job import Job
from vidproc.coordinator.results import bottleneck
from vidproc.model import Attempt, JobState, Outcome
from vidproc.protocol.status_messages import MOST_ROWS, Status
from vidproc.scheduling.events import Grant
from vidproc.status import JobBrief, WorkerNow

_MOST_CHUNKS = 2000
_MOST_FRAMES = 50

_LONGEST_TEXT = 255
_LONGEST_VERSION = 32
_MOST_VERSIONS = 5
"""Characters of what others chose, and versions that a daemon named, where there are many."""

_TO_THE_END = tuple(reversed(JobState))


class Where(StrEnum):
    """Where a chunk is. `RETRYING`: it failed, and will be tried again. `AHEAD`: with a slot that is at another one
    still. `LEASED`: in work."""

    WAITING = "waiting"
    RETRYING = "retrying"
    AHEAD = "ahead"
    LEASED = "leased"
    DONE = "done"


class ChunkNow(Struct, frozen=True):
    """The frames [start, stop); `worker` is whoever has done it or works on it, for the `attempt`-th time."""

    start: int
    stop: int
    state: Where
    worker: str = ""
    slot: int = -1
    attempt: int = 0
    frames_done: int = 0


class Share(Struct, frozen=True):
    """What a daemon has done of a job: `fps` over the whole time since the job began to run."""

    frames: int
    fps: float


class LogLine(Struct, frozen=True):
    """A lease that came to nothing, and how it ended; `at` is in seconds since 1970."""

    at: float
    what: Outcome
    chunk: int
    attempt: int
    worker: str
    reason: str


class JobNow(JobBrief, frozen=True):
    """A job that goes on. `chunks` are the first two thousand, `log` has the newest last. `latency_ms` are percentiles
    of the time that a frame takes in a slot; `bottleneck` is the part most time goes to, and its share."""

    age_s: float
    chunks: tuple[ChunkNow, ...]
    chunks_total: int
    latency_ms: Mapping[str, float] | None
    workers: Mapping[str, Share]
    retries: int
    log: tuple[LogLine, ...]
    fallback_frames: int
    fallbacks: Mapping[str, str]
    bottleneck: Mapping[str, str | float] | None
    newest_frame: int | None


def workers_now(dispatch: Dispatch) -> tuple[WorkerNow, ...]:
    links = sorted(dispatch.workers.values(), key=lambda it: it.name)
    busy = Counter(grant.worker for grant in _in_hand(dispatch))
    return tuple(_worker_now(link, busy[link.name]) for link in links)


def _in_hand(dispatch: Dispatch) -> Iterable[Grant]:
    """What each slot works on: of its leases the oldest, since it does them in their order."""
    oldest: dict[tuple[str, int], Grant] = {}
    for grant in dispatch.grants():
        oldest.setdefault((grant.worker, grant.slot), grant)
    return oldest.values()


def _worker_now(link: WorkerLink, busy: int) -> WorkerNow:
    it = link.figures
    return WorkerNow(
        link.name, link.slots, busy, link.draining, round(it.fps, 2), it.frames,
        it.cpu_percent, it.memory_mb, it.rate_limit, link.versions, it.joined_at,
    )  # fmt: skip


def jobs_now(dispatch: Dispatch) -> tuple[JobBrief, ...]:
    """All that have not ended."""
    return _briefs(dispatch, _under_way(dispatch))


def _under_way(dispatch: Dispatch) -> list[Job]:
    return [job for job in dispatch.jobs.values() if job.finished is None]


def _briefs(dispatch: Dispatch, jobs: Iterable[Job]) -> tuple[JobBrief, ...]:
    slots = Counter(grant.job for grant in _in_hand(dispatch))
    return tuple(_brief(dispatch, job, slots[job.id]) for job in jobs)


def _brief(dispatch: Dispatch, job: Job, slots: int) -> JobBrief:
    state, waiting = job.told_state, _waiting(dispatch, job)
    left = _seconds_left(job, waiting)
    return JobBrief(job.id, state, job.name, job.frames_done, job.frames_total, _fps(job), left, waiting, slots)


def _fps(job: Job) -> float:
    return round(job.fps(time.monotonic()), 2)


def _seconds_left(job: Job, waiting: str) -> float | None:
    """None where nothing goes on: the pace is still that of before."""
    left, fps = job.frames_total - job.frames_done, _fps(job)
    return round(left / fps, 1) if fps > 0 and job.frames_total and left >= 0 and not waiting else None


def _waiting(dispatch: Dispatch, job: Job) -> str:
    return job.unwritten or (dispatch.scheduler.why_waiting(job.id) if job.state is JobState.RUNNING else "")


def status(dispatch: Dispatch, request: int, up_s: float) -> Status:
    """All of that, as far as it fits a message."""
    workers, jobs = workers_now(dispatch), sorted(_under_way(dispatch), key=lambda it: _TO_THE_END.index(it.told_state))
    return Status(
        request=request,
        up_s=round(up_s, 1),
        slots=sum(it.slots for it in workers),
        busy=sum(it.busy for it in workers),
        fps=round(sum(it.fps for it in workers), 2),
        queued=sum(dispatch.scheduler.figures(job.id).queued for job in jobs),
        workers=tuple(map(_short_worker, workers[:MOST_ROWS])),
        workers_total=len(workers),
        jobs=tuple(map(_short_job, _briefs(dispatch, jobs[:MOST_ROWS]))),
        jobs_total=len(jobs),
    )


def _short_worker(it: WorkerNow) -> WorkerNow:
    versions = {name[:_LONGEST_VERSION]: version[:_LONGEST_VERSION] for name, version in it.versions.items()}
    return replace(it, name=it.name[:_LONGEST_TEXT], versions=dict(islice(versions.items(), _MOST_VERSIONS)))


def _short_job(it: JobBrief) -> JobBrief:
    return replace(it, name=it.name[:_LONGEST_TEXT], waiting=it.waiting[:_LONGEST_TEXT])


def job_now(dispatch: Dispatch, job: Job) -> JobNow:
    reports = [done.report for done in job.results.values()]
    at_work = {grant.lease for grant in _in_hand(dispatch) if grant.job == job.id}
    fallbacks = {str(each.rank): each.reason for report in reports for each in report.fallbacks}
    seconds = _sums([*(report.seconds for report in reports), job.seconds])
    return JobNow(
        **asdict(_brief(dispatch, job, len(at_work))),
        age_s=round(job.age_s, 1),
        chunks=_chunks(dispatch, job, at_work),
        chunks_total=len(job.chunks),
        latency_ms=_latency(job),
        workers=_shares(job),
        retries=sum(attempts - 1 for attempts in job.attempts.values()),
        log=tuple(map(_line, job.troubles)),
        fallback_frames=sum(report.fell_back for report in reports),
        fallbacks=dict(islice(fallbacks.items(), _MOST_FRAMES)),
        bottleneck=bottleneck(seconds, 1) if reports else None,
        newest_frame=job.newest_frame,
    )


def _sums(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Seconds by part."""
    total: dict[str, float] = defaultdict(float)
    for name, seconds in chain.from_iterable(each.items() for each in parts):
        total[name] += seconds
    return total


def _chunks(dispatch: Dispatch, job: Job, at_work: Collection[int]) -> tuple[ChunkNow, ...]:
    """`at_work` are the leases that slots have in hand."""
    leased = {grant.chunk: grant for grant in dispatch.grants() if grant.job == job.id and not grant.second}
    failed = {it.chunk for it in job.troubles}
    found = []
    for it in islice(job.chunks, _MOST_CHUNKS):
        attempt = job.attempts.get(it.index, 0)
        if done := job.results.get(it.index):
            found.append(ChunkNow(it.start, it.stop, Where.DONE, done.worker, done.slot, attempt, it.frames))
        elif grant := leased.get(it.index):
            state = Where.LEASED if grant.lease in at_work else Where.AHEAD
            frames = job.frames_in_hand.get(grant.lease, 0)
            found.append(ChunkNow(it.start, it.stop, state, grant.worker, grant.slot, grant.attempt, frames))
        else:
            state = Where.RETRYING if it.index in failed else Where.WAITING
            found.append(ChunkNow(it.start, it.stop, state, attempt=attempt))
    return tuple(found)


def _latency(job: Job) -> dict[str, float] | None:
    if not job.results:
        return None
    return {f"p{p}": round(1e3 * job.latency.percentile(p), 3) for p in (50, 95, 99)}


def _shares(job: Job) -> dict[str, Share]:
    frames = Counter[str]()
    for done in job.results.values():
        frames[done.worker] += done.report.frames
    return {name: Share(count, round(count / max(job.age_s, 1e-3), 2)) for name, count in frames.most_common()}


def _line(it: Attempt) -> LogLine:
    return LogLine(it.ended_at or it.began_at, it.outcome, it.chunk, it.attempt, it.worker, it.message)
