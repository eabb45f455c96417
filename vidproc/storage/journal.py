"""What a coordinator writes down of its jobs, so that another one can go on with them: the words, and who keeps none.

`sql_journal.py` keeps them in a database. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vidproc.errors import VidprocError
from vidproc.model import NO_PATHS, Attempt, ChunkReport, JobSpec, JobState, Paths
from vidproc.storage.history import History, NoHistory

Then = Callable[[VidprocError | None], None]
"""Called when something is kept, or can't be."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it was accepted. `version` is that of the vidproc which plans its chunks; `restarts` is how often a
    coordinator has gone on with it. A `detached` job has no client that waits."""

    id: str
    spec: JobSpec
    name: str
    size: int
    sha256: str
    submitted_at: float
    version: str
    detached: bool = False
    restarts: int = 0
    paths: Paths = NO_PATHS


@dataclass(frozen=True, slots=True)
class KeptChunk:
    """A chunk's result that is on disk: its file's size and SHA-256, what its slot said, and whose it was."""

    index: int
    size: int
    sha256: str
    report: ChunkReport
    worker: str
    slot: int
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended. `size` and `sha256` are its result's; `frames_done` of `frames_total` (0: not known) were done
    by then."""

    state: JobState
    at: float
    code: str = ""
    message: str = ""
    size: int = 0
    sha256: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    frames_done: int = 0
    frames_total: int = 0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A job that has not ended, and what there should be of it."""

    record: JobRecord
    chunks: Sequence[KeptChunk]


@dataclass(frozen=True, slots=True)
class Left:
    """What earlier coordinators have left in this folder: jobs to go on with, and the ids of those whose result is
    kept."""

    unfinished: Sequence[Unfinished] = ()
    results: Collection[str] = ()


class Journal(Protocol):
    """All raise `StorageError`. `durable`: what it was told outlives the coordinator."""

    durable: bool

    async def open(self, spool: str) -> None:
        """For the folder that calls itself so. Raises `ClientError` for a database that is none of ours."""

    async def close(self) -> None:
        """What was to be written is, before."""

    async def recall(self) -> Left:
        """What is to be gone on with. A job that cannot be read any more is one that has failed."""

    async def accept(self, job: JobRecord) -> None:
        """From here on the job is not lost."""

    async def resume(self, job_id: str) -> None:
        """A coordinator goes on with it."""

    def keep_chunk(self, job_id: str, chunk: KeptChunk, then: Then) -> None:
        """A chunk's result is on disk; one that was there before is replaced. `then` is called when that is written
        down, at once where nothing is."""

    def note_attempt(self, job_id: str, attempt: Attempt) -> None:
        """For the history: it is written with what comes next, or when many wait, or when it is asked for."""

    async def end(self, job_id: str, ending: Ending) -> None:
        """The job has ended, and nothing of this will change."""

    def history(self) -> History:
        """What there is to tell of its jobs, once it is open."""

    async def find(self, job_id: str) -> tuple[JobRecord, Ending] | None:
        """A job that has ended, if there is one of that id."""

    async def fetched(self, job_id: str) -> None:
        """Somebody has its result."""

    async def outdated(self, before: float, most: int, spared: Collection[str]) -> Sequence[str]:
        """Forget the jobs that ended before, and the oldest of more than `most` that ended (0: any number), but for
        those `spared`; their ids."""

    async def make_room(self, size: int) -> Sequence[str]:
        """Jobs whose results are to go because somebody has them, the oldest first, so that `size` bytes are freed."""

    async def room_to_make(self) -> int:
        """Bytes that those results take."""

    async def surplus(self, limit: int, spared: Collection[str]) -> Sequence[str]:
        """Jobs whose results are to go so that those of all have at most `limit` bytes: first what was fetched, and
        what ended longest ago first. `spared` stay."""


class NoJournal:
    """Of a coordinator whose folder vanishes with it: nothing is kept, and what was fetched has had its time."""

    durable = False

    def __init__(self) -> None:
        self._fetched: list[str] = []

    async def open(self, spool: str) -> None: ...

    async def close(self) -> None: ...

    async def recall(self) -> Left:
        return Left()

    async def accept(self, job: JobRecord) -> None: ...

    async def resume(self, job_id: str) -> None: ...

    def keep_chunk(self, job_id: str, chunk: KeptChunk, then: Then) -> None:
        then(None)

    def note_attempt(self, job_id: str, attempt: Attempt) -> None: ...

    async def end(self, job_id: str, ending: Ending) -> None: ...

    def history(self) -> History:
        return NoHistory()

    async def find(self, job_id: str) -> tuple[JobRecord, Ending] | None:
        return None

    async def fetched(self, job_id: str) -> None:
        self._fetched.append(job_id)

    async def outdated(self, before: float, most: int, spared: Collection[str]) -> Sequence[str]:
        gone, self._fetched = self._fetched, []
        return gone

    async def make_room(self, size: int) -> Sequence[str]:
        return ()

    async def room_to_make(self) -> int:
        return 0

    async def surplus(self, limit: int, spared: Collection[str]) -> Sequence[str]:
        return ()
