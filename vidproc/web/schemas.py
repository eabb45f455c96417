"""The shapes of what comes in and goes out as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from vidproc.coordinator.live import Where
from vidproc.model import JobState, LeaseKind, Outcome


class JobSummary(BaseModel):
    """A job in a line. Times are seconds since 1970 (UTC), sizes bytes."""

    id: str
    state: JobState
    name: str = Field(description="of the film")
    filters: list[str]
    container: str
    submitted_at: float
    ended_at: float | None
    frames_done: int
    frames_total: int = Field(description="0 while that is not known")
    size: int = Field(description="of the film")
    result_size: int
    result_held: bool = Field(description="the result can be fetched")
    detached: bool
    code: str = Field(description="of what failed, if anything did")
    message: str


class JobPage(BaseModel):
    """`more`: there are older ones; ask with `before` the last one's id."""

    jobs: list[JobSummary]
    more: bool


class JobDetails(JobSummary):
    """`job` is what was asked for, but for the text of filters that came as code; `metrics` are the figures of one that
    has ended."""

    source: str = Field(description="the film's SHA-256; empty while that is not known")
    job: dict[str, Any]
    metrics: dict[str, Any]


class Attempt(BaseModel):
    """A chunk in the hands of a daemon's slot, for the how manieth time, and what came of it. Times are seconds since
    1970 (UTC). `second`: another slot was at it too, and late."""

    kind: LeaseKind
    chunk: int
    attempt: int
    worker: str
    slot: int
    began_at: float
    ended_at: float | None
    outcome: Outcome
    code: str
    message: str
    second: bool


class AttemptPage(BaseModel):
    """Those that have ended, in the order of their ends, then those that go on; `total` is how many there are."""

    attempts: list[Attempt]
    total: int


class Chunk(BaseModel):
    """The frames [start, stop); `worker` is whoever has done it or works on it."""

    start: int
    stop: int
    state: Where
    worker: str
    slot: int
    attempt: int
    frames_done: int


class Share(BaseModel):
    frames: int
    fps: float


class Trouble(BaseModel):
    """A lease that came to nothing, and how it ended."""

    at: float = Field(description="seconds since 1970")
    what: Outcome
    chunk: int
    attempt: int
    worker: str
    reason: str


class JobNow(BaseModel):
    """A job at this moment."""

    id: str
    state: JobState
    name: str
    frames_done: int
    frames_total: int
    fps: float
    seconds_left: float | None
    waiting: str = Field(description="why nothing moves")
    slots: int = Field(description="that work on it")
    age_s: float
    chunks: list[Chunk] = Field(description="the first two thousand")
    chunks_total: int
    latency_ms: dict[str, float] | None = Field(description="percentiles of the time that a frame takes in a slot")
    workers: dict[str, Share]
    retries: int
    log: list[Trouble]
    fallback_frames: int
    fallbacks: dict[str, str] = Field(description="reasons, by the frame's number")
    bottleneck: dict[str, str | float] | None
    newest_frame: int | None = Field(description="one that is done")


class Worker(BaseModel):
    """A daemon that is connected."""

    name: str
    slots: int
    busy: int
    draining: bool
    fps: float
    frames: int
    cpu_percent: float | None = Field(description="of one core")
    memory_mb: float | None
    rate_limit: float = Field(description="frames a second, 0 for none")
    versions: dict[str, str]
    joined_at: float


class WorkerPage(BaseModel):
    workers: list[Worker]


class Alive(BaseModel):
    """`began_at` is in seconds since 1970."""

    name: str
    version: str
    began_at: float


class Component(BaseModel):
    """`reason` says how it is; where it is not `ready`, what to do."""

    name: str
    ready: bool
    reason: str


class Ready(BaseModel):
    ready: bool
    components: list[Component]


class Sample(BaseModel):
    """A value of a metric; `name` has what OpenMetrics appends to the metric's own."""

    name: str
    labels: dict[str, str]
    value: float


class MetricFamily(BaseModel):
    name: str
    type: str = Field(description="gauge, counter or histogram")
    help: str
    samples: list[Sample]


class MetricPage(BaseModel):
    """What `/metrics` tells."""

    metrics: list[MetricFamily]
