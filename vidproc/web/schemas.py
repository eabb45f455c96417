"""The shapes of what comes in and goes out as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from vidproc.model import JobState


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
    """`job` is what was asked for, `metrics` the figures of one that has ended."""

    job: dict[str, Any]
    metrics: dict[str, Any]
