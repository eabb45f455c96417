"""What goes on at a moment, in a line for each job and daemon: what the coordinator tells pages and clients alike."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from vidproc.model import JobState


class JobBrief(Struct, frozen=True):
    """A job that has not ended; `slots` work on it. `frames_total` is 0 while unknown; `waiting` says why nothing of
    it moves."""

    id: str
    state: JobState
    name: str
    frames_done: int
    frames_total: int
    fps: float
    seconds_left: float | None
    waiting: str
    slots: int


class WorkerNow(Struct, frozen=True):
    """A daemon that is connected. `busy` are its slots with a lease; `frames` are those it has done since it joined,
    at `joined_at` seconds since 1970 (UTC); `cpu_percent` is of one core, `rate_limit` frames a second, 0 for none."""

    name: str
    slots: int
    busy: int
    draining: bool
    fps: float
    frames: int
    cpu_percent: float | None
    memory_mb: float | None
    rate_limit: float
    versions: Mapping[str, str]
    joined_at: float
