"""What has happened since the coordinator began, added up: it outlives the jobs, the daemons and the leases that it
happened to. Plain counts; whoever shows them gives them names.

What others name is bounded here: daemons beyond the first so many, parts and reasons that are not known, each count as
one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from vidproc.errors import from_code
from vidproc.metrics.histogram import Histogram
from vidproc.model import ChunkReport, JobState, Outcome

MOST_WORKERS = 200
OTHERS = "others"

PARTS = (
    "decode", "lead_in", "filter", "convert", "encode", "open", "hand_on", "pipe", "network", "disk",
)  # fmt: skip
"""What the time of slots goes to; see docs/metrics.md."""
_OTHER_PART = "other"

WORKER_LOST = "worker-lost"
"""The reason of what was lost with its daemon. The others are the codes of errors."""
UNKNOWN = "unknown"


@dataclass(slots=True)
class Tally:
    """`frames` are those of committed chunks, `frame_seconds` how long each took in its slot. `fallback_frames` are by
    what is shown in their place (`--on-error`), `worker_frames` by daemon, of those that are connected. `failures` are
    leases that failed or were lost and `retries` chunks that were leased once more, both by reason. Of the films that
    came, and those that were made, the bytes. `loop_lag`: by how much the event loop was late."""

    frames: int = 0
    lead_in_frames: int = 0
    frame_seconds: Histogram = field(default_factory=Histogram)
    slot_seconds: dict[str, float] = field(default_factory=dict)
    fallback_frames: Counter[str] = field(default_factory=Counter)
    worker_frames: dict[str, int] = field(default_factory=dict)
    leases: Counter[Outcome] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    second_runs: int = 0
    second_runs_won: int = 0
    jobs: Counter[JobState] = field(default_factory=Counter)
    upload_bytes: int = 0
    result_bytes: int = 0
    loop_lag: Histogram = field(default_factory=Histogram)

    def worker_joined(self, name: str) -> None:
        if len(self.worker_frames) < MOST_WORKERS:
            self.worker_frames.setdefault(name, 0)

    def worker_left(self, name: str) -> None:
        """What it did stays in the sums, but is no longer told under its name."""
        self.worker_frames.pop(name, None)

    def shown_as(self, worker: str) -> str:
        """The name that a daemon is counted under."""
        return worker if worker in self.worker_frames else OTHERS

    def chunk_done(self, report: ChunkReport, worker: str, on_error: str) -> None:
        """Its result is in its job."""
        self.frames += report.frames
        self.lead_in_frames += report.lead_in
        self.frame_seconds.merge(report.latency)
        self.fallback_frames[on_error] += report.fell_back
        name = self.shown_as(worker)
        self.worker_frames[name] = self.worker_frames.get(name, 0) + report.frames
        self.slots_spent(report)

    def slots_spent(self, report: ChunkReport) -> None:
        for part, seconds in report.seconds.items():
            self.spend(part, seconds)

    def spend(self, part: str, seconds: float) -> None:
        known = part if part in PARTS else _OTHER_PART
        self.slot_seconds[known] = self.slot_seconds.get(known, 0.0) + seconds

    def lease_ended(self, outcome: Outcome, code: str) -> None:
        self.leases[outcome] += 1
        if outcome in (Outcome.FAILED, Outcome.LOST):
            self.failures[reason_of(outcome, code)] += 1

    def job_ended(self, state: JobState, size: int) -> None:
        """`size` is its film's, 0 if there is none."""
        self.jobs[state] += 1
        self.result_bytes += size


def reason_of(outcome: Outcome, code: str) -> str:
    """Why a lease came to nothing, in one of few words: a daemon may give any code."""
    return WORKER_LOST if outcome is Outcome.LOST else from_code(code, "").code
