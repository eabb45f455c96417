"""Messages of clients that ask for jobs, past and present, whoever submitted them.

Where a job is named here, the beginning of its id will do if no other job's id begins so. `request` comes back in the
answer, or in the error. A job is watched, fetched and cancelled by the messages that its own client uses.
"""

from __future__ import annotations

from vidproc.model import Attempt, JobSpec, JobState, JobSummary, Paths
from vidproc.protocol.messages import Message, check, check_job_id

PAGE = 50
"""Jobs or attempts in one answer at most, so that it fits a header."""


class ListJobs(Message, frozen=True):
    """Client: tell me of the newest jobs, those of `state` if it is given, that came before the job `before` if one is
    named."""

    request: int
    limit: int = PAGE
    state: JobState | None = None
    before: str = ""

    def __post_init__(self) -> None:
        check(1 <= self.limit <= PAGE, f"a page has 1 to {PAGE} jobs")
        check_job_id(self.before)


class Jobs(Message, frozen=True):
    """Coordinator, to that: the newest first; `more`: there are older ones."""

    request: int
    jobs: tuple[JobSummary, ...]
    more: bool


class Describe(Message, frozen=True):
    """Client: tell me more of this job."""

    request: int
    job_id: str

    def __post_init__(self) -> None:
        check_job_id(self.job_id)


class Description(Message, frozen=True):
    """Coordinator, to that. `job` is what was asked for, without the text of filters that came as code; `sha256` the
    source's and `result_sha256` the result's; `paths` as its client gave them, and `folder` where the coordinator keeps
    the job's files. The figures of a job that has ended come with `Finished`."""

    request: int
    summary: JobSummary
    job: JobSpec
    sha256: str
    result_sha256: str
    paths: Paths
    folder: str


class ListAttempts(Message, frozen=True):
    """Client: tell me which slots were given which of a job's chunks, from the attempt numbered `offset` on."""

    request: int
    job_id: str
    offset: int = 0

    def __post_init__(self) -> None:
        check_job_id(self.job_id)
        check(0 <= self.offset < 1 << 31, "an offset is not negative, and fits 31 bits")


class Attempts(Message, frozen=True):
    """Coordinator, to that: up to a page of them, those that have ended first, in the order in which they did. `total`
    is how many there are."""

    request: int
    attempts: tuple[Attempt, ...]
    total: int


class Rerun(Message, frozen=True):
    """Client: do this job again, as a new one that is answered for with `Accepted`; nothing is uploaded."""

    request: int
    job_id: str
    detached: bool = False

    def __post_init__(self) -> None:
        check_job_id(self.job_id)


class Remove(Message, frozen=True):
    """Client: forget that there was this job, which must have ended, and remove its result."""

    request: int
    job_id: str

    def __post_init__(self) -> None:
        check_job_id(self.job_id)


class Removed(Message, frozen=True):
    """Coordinator, to that."""

    request: int
    job_id: str
