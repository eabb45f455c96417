"""Runs of several subjects over one clip, and the ratios between them.

A machine's speed changes from minute to minute, so nothing is compared across runs of this program, and a ratio is
always between neighbours: the subjects take turns, round after round, a ratio is formed in each round, and the median
of the ratios counts. Each round has a CRF of its own, so that no one can give back what it made before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from benchmarks import quality
from benchmarks.subjects import Run, Subject
from benchmarks.tasks import Array
from benchmarks.usage import MemoryWatch

FIRST_CRF = 21

Tell = Callable[[str], None]
Round = dict[str, Run]

_IN_SLOTS = ("decode", "lead_in", "filter", "convert", "encode", "open", "pipe", "network", "disk")
_ALONE = {"upload": "upload", "index": "index_alone", "finish": "finish"}


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of each round: its median, and the least and the most."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread | None:
        return Spread(median(values), min(values), max(values)) if values else None


@dataclass(slots=True)
class Comparison:
    """All rounds over one clip with one filter. `first` is vidproc's run before them, with the upload, if it was made.

    crowded: the speed of one core while all of them do the floor's work, of its speed when it is alone.
    """

    clip: str
    filter: str
    slots: int
    rounds: list[Round] = field(default_factory=list)
    first: Run | None = None
    crowded: float | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.rounds for name in one))

    def runs(self, subject: str) -> list[Run]:
        return [one[subject] for one in self.rounds if subject in one]

    def fps(self, subject: str) -> Spread | None:
        """Frames a second."""
        return self.figure(subject, lambda run: run.fps)

    def figure(self, subject: str, of: Callable[[Run], float]) -> Spread | None:
        return Spread.of([of(run) for run in self.runs(subject)])

    def speed(self, subject: str, of: str) -> Spread | None:
        """How many times as fast as the other, both over all frames."""
        return self.ratio(subject, of, lambda mine, other: other.seconds / mine.seconds)

    def size(self, subject: str, of: str) -> Spread | None:
        """How many times as large its film is as the other's."""
        return self.ratio(subject, of, lambda mine, other: mine.bytes_out / other.bytes_out)

    def ratio(self, subject: str, of: str, form: Callable[[Run, Run], float]) -> Spread | None:
        return Spread.of([form(one[subject], one[of]) for one in self.rounds if {subject, of} <= one.keys()])

    def typical(self, subject: str) -> Run | None:
        """The run of median length."""
        runs = sorted(self.runs(subject), key=lambda run: run.seconds)
        return runs[len(runs) // 2] if runs else None

    def looked_at(self, subject: str) -> Run | None:
        """The run whose memory and film were looked at."""
        return next((run for run in self.runs(subject) if run.quality is not None), None)

    def uneven(self) -> set[int]:
        """The numbers of frames that came out, when not all subjects agree."""
        counts = {run.frames for one in self.rounds for run in one.values()}
        return counts if len(counts) > 1 else set()


def shares(run: Run, slots: int) -> dict[str, float]:
    """Where the slots' time went between the start of `vidproc-send` and its end, as shares of slots x seconds.

    decode to open: at work. pipe, network, disk: packets and results are on their way, and their slot has nothing else
    to do. upload, index, finish: the coordinator's own, while no slot can have work of this job. client: the program's
    start, the hash of its film, the way back of the result. waiting: what is left, so the time from a result to the
    next lease, and slots without a chunk while others do the last ones.
    """
    seconds = run.metrics["seconds"]
    found = {part: seconds.get(part, 0.0) / slots / run.seconds for part in _IN_SLOTS}
    found |= {name: seconds.get(part, 0.0) / run.seconds for name, part in _ALONE.items()}
    found["client"] = 1 - run.metrics["wall_s"] / run.seconds
    return found | {"waiting": 1 - sum(found.values())}


@dataclass(frozen=True, slots=True)
class Course:
    """How subjects are compared: in so many rounds, with their films in `folder` for as long as they are needed."""

    rounds: int
    folder: Path
    tell: Tell


def compare(
    it: Comparison, clip: Path, subjects: Sequence[Subject], course: Course, expected: Sequence[Array] = ()
) -> None:
    """Add all rounds of these subjects, taking turns.

    With `expected`, which is what `quality.reference` gives of the clip, the first round's memory and films are looked
    at.
    """
    for number in range(course.rounds):
        course.tell(f"{it.clip}, {it.filter}: round {number + 1} of {course.rounds}")
        crf, look = FIRST_CRF + 1 + number, expected if number == 0 else ()
        it.rounds.append({each.name: run_once(each, clip, crf, course.folder, look) for each in subjects})


def run_once(subject: Subject, clip: Path, crf: int, folder: Path, expected: Sequence[Array] = ()) -> Run:
    """One run, whose film is deleted afterwards; with `expected`, its memory and its film are looked at."""
    out = folder / f"{subject.name.replace(' ', '-')}.mp4"
    try:
        return _looked_at(subject, clip, crf, out, expected) if expected else subject.run(clip, crf, out)
    finally:
        for left in (out, out.with_suffix(".json")):
            left.unlink(missing_ok=True)


def _looked_at(subject: Subject, clip: Path, crf: int, out: Path, expected: Sequence[Array]) -> Run:
    with MemoryWatch() as watch:
        for pid in subject.pids:
            watch.add(pid)
        run = subject.run(clip, crf, out, watch)
    return replace(run, memory_mb=watch.highest_mb, quality=quality.measure(out, expected))
