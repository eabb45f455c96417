"""Runs of several subjects over one clip, and the ratios between them.

A machine's speed changes from minute to minute, so nothing is compared across runs of this program, and a ratio is
always between neighbours: the subjects take turns, round after round, a ratio is formed in each round, and the median
of the ratios counts. Each round has a CRF of its own, so that no one can give back what it made before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.subjects import Run, Subject

FIRST_CRF = 21

Tell = Callable[[str], None]
Round = dict[str, Run]

_IN_SLOTS = ("decode", "lead_in", "filter", "convert", "encode", "open", "pipe", "network", "disk")
_ALONE = {"upload": "upload", "index": "index_alone", "finish": "finish"}


@dataclass(slots=True)
class Comparison:
    """All rounds over one clip. `first` is vidproc's run before them, for which the film had to be uploaded.

    crowded: the speed of one core while all of them do the floor's work, of its speed when it is alone.
    """

    clip: str
    slots: int
    rounds: list[Round] = field(default_factory=list)
    first: Run | None = None
    crowded: float | None = None

    def runs(self, subject: str) -> list[Run]:
        return [one[subject] for one in self.rounds if subject in one]

    def fps(self, subject: str) -> float | None:
        """Frames a second, the median of the rounds."""
        return _median([run.fps for run in self.runs(subject)])

    def speed(self, subject: str, of: str) -> float | None:
        """How many times as fast as the other, both over all frames."""
        return self._ratio(subject, of, lambda mine, other: other.seconds / mine.seconds)

    def size(self, subject: str, of: str) -> float | None:
        """How many times as large its film is as the other's."""
        return self._ratio(subject, of, lambda mine, other: mine.bytes_out / other.bytes_out)

    def typical(self, subject: str) -> Run | None:
        """The run of median length."""
        runs = sorted(self.runs(subject), key=lambda run: run.seconds)
        return runs[len(runs) // 2] if runs else None

    def uneven(self) -> set[int]:
        """The numbers of frames that came out, when not all subjects agree."""
        counts = {run.frames for one in self.rounds for run in one.values()}
        return counts if len(counts) > 1 else set()

    def _ratio(self, subject: str, of: str, ratio: Callable[[Run, Run], float]) -> float | None:
        return _median([ratio(one[subject], one[of]) for one in self.rounds if {subject, of} <= one.keys()])


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


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


def compare(clip: Path, subjects: Sequence[Subject], slots: int, rounds: int, folder: Path, tell: Tell) -> Comparison:
    """So many rounds of all subjects, taking turns. Each run's film is deleted when it has been looked at."""
    result = Comparison(clip.stem, slots)
    for number in range(rounds):
        tell(f"{clip.stem}: round {number + 1} of {rounds}")
        crf = FIRST_CRF + 1 + number
        result.rounds.append({subject.name: run_once(subject, clip, crf, folder) for subject in subjects})
    return result


def run_once(subject: Subject, clip: Path, crf: int, folder: Path) -> Run:
    out = folder / f"{subject.name}.mp4"
    try:
        return subject.run(clip, crf, out)
    finally:
        out.unlink(missing_ok=True)
