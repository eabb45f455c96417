"""Messages of clients that look at all that goes on, as `vidproc top` does."""

from __future__ import annotations

from vidproc.protocol.messages import Message
from vidproc.status import JobBrief, WorkerNow

MOST_ROWS = 50
"""Jobs, and daemons, in one answer at most, so that it fits a header."""


class GetStatus(Message, frozen=True):
    """Client: what goes on?"""

    request: int


class Status(Message, frozen=True):
    """Coordinator, to that. It has been up for `up_s` seconds. `slots`, `busy`, `fps` and `queued`, the chunks that no
    slot was given yet, are sums over all daemons and jobs, of which there are `workers_total` and `jobs_total`. Of
    `workers` these are the first by name, of `jobs` those nearest to their end by their state, the oldest first."""

    request: int
    up_s: float
    slots: int
    busy: int
    fps: float
    queued: int
    workers: tuple[WorkerNow, ...]
    workers_total: int
    jobs: tuple[JobBrief, ...]
    jobs_total: int
