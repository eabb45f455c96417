"""The figures as tables, for a terminal and for docs/benchmarks.md, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, shares
from benchmarks.starting import Start
from benchmarks.subjects import COLD, FFMPEG, FLOOR, WARM, Run

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin: results -->", "<!-- end: results -->"

_ABSENT = "-"
_PARTS = {"floor": FLOOR, "vidproc": WARM}


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the benchmarks. `settings` is how it was run."""

    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    comparisons: Sequence[Comparison]
    starts: Sequence[Start]


@dataclass(frozen=True, slots=True)
class Table:
    """A heading and rows of equal length, of which the first names the columns."""

    heading: str
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in self.rows
        ]
        return "\n".join([self.heading, *(f"  {line}" for line in lines)])

    def markdown(self) -> str:
        head, *body = self.rows
        ruler = ["---", *["---:"] * (len(head) - 1)]
        return f"**{self.heading}**\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in (head, ruler, *body))


def tables(results: Results) -> list[Table]:
    made = [_speed(results), *_costs(results), *_where(results), _starting(results)]
    return [table for table in made if len(table.rows) > 1]


def remarks(results: Results) -> list[str]:
    """What a reader must know to trust the figures, or not to."""
    machine, settings = results.machine, results.settings
    versions = ", ".join(f"{name} {said}" for name, said in machine["versions"].items() if said)
    said = [
        f"{machine['processor']}, {machine['cores']} cores used of {machine['cores_of_machine']}, "
        f"{machine['memory_gib']} GiB, {machine['system']}; {versions}.",
        f"Gaussian blur of {settings['ksize']} pixels to H.264 {settings['preset']}, {settings['slots']} slots, "
        f"{settings['transport']}, {settings['rounds']} rounds.",
    ]
    if machine["load_before"] > 0.2:
        said.append(f"The machine was not idle before: its load was {machine['load_before']}.")
    if not any(comparison.runs(FFMPEG) for comparison in results.comparisons):
        said.append("There was no ffmpeg to compare with.")
    for comparison in results.comparisons:
        if counts := comparison.uneven():
            said.append(f"{comparison.clip}: not all made the same number of frames: {sorted(counts)}.")
    return said


def text(results: Results) -> str:
    return "\n\n".join(["\n".join(remarks(results)), *(table.text() for table in tables(results))])


def markdown(results: Results) -> str:
    return "\n\n".join([*remarks(results), *(table.markdown() for table in tables(results))])


def plain(results: Results) -> dict[str, Any]:
    """All of it, the single runs too, ready for JSON."""
    figures = {
        comparison.clip: {
            "fps": {name: comparison.fps(name) for name in (FLOOR, WARM, COLD, FFMPEG)},
            "speed_of_floor": comparison.speed(WARM, FLOOR),
            "speed_of_ffmpeg": comparison.speed(WARM, FFMPEG),
            "size_of_ffmpeg": comparison.size(WARM, FFMPEG),
            "shares": shares(run, comparison.slots) if (run := comparison.typical(WARM)) else {},
        }
        for comparison in results.comparisons
    }
    return {"figures": figures, **asdict(results)}


def write_docs(results: Results, page: Path = PAGE) -> None:
    """Put the tables into the page, in place of what lies between its marks. Raises `ValueError` if it has none."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for results between {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}", encoding="utf-8")


def _speed(results: Results) -> Table:
    rows = [
        ["clip", "floor fps", "all cores busy", "vidproc fps", "of floor", "run fps", "ffmpeg fps", "of ffmpeg", "size"]
    ]
    for it in results.comparisons:
        crowded, floor = it.crowded, it.fps(FLOOR)
        rows.append(
            [
                it.clip,
                _number(floor, 1),
                _number(floor * crowded if floor and crowded else None, 1),
                _number(it.fps(WARM), 1),
                _number(it.speed(WARM, FLOOR), 2),
                _number(it.fps(COLD), 1),
                _number(it.fps(FFMPEG), 1),
                _number(it.speed(WARM, FFMPEG), 2),
                _number(it.size(WARM, FFMPEG), 2),
            ]
        )
    return Table("Speed", rows)


def _costs(results: Results) -> list[Table]:
    frame = [["clip", "subject", "decode", "filter", "convert", "encode", "worker in all", "coordinator"]]
    job = [["clip", "chunks", "lead-in frames", "send", "its job", "with upload", "upload", "index"]]
    for it in results.comparisons:
        for name, subject in _PARTS.items():
            if run := it.typical(subject):
                frame.append([it.clip, name, *_per_frame(run)])
        if run := it.typical(WARM):
            job.append([it.clip, *_of_job(run, it.first)])
    return [Table("Cost of a frame, in milliseconds on one core", frame), Table("A job, in seconds", job)]


def _per_frame(run: Run) -> list[str]:
    spent = [run.parts.get("decode", 0.0) + run.parts.get("lead_in", 0.0)]
    spent += [run.parts.get(part, 0.0) for part in ("filter", "convert", "encode")]
    cpu = [run.cpu.get("worker"), run.cpu.get("coordinator")]
    return [_number(None if seconds is None else 1e3 * seconds / run.frames, 3) for seconds in (*spent, *cpu)]


def _of_job(run: Run, first: Run | None) -> list[str]:
    counts = [str(run.metrics["chunks"]), str(run.metrics["lead_in_frames"])]
    upload = first.metrics["seconds"].get("upload") if first else None
    seconds = (run.seconds, run.metrics["wall_s"], first.seconds if first else None, upload, run.parts.get("index"))
    return [*counts, *(_number(value, 2) for value in seconds)]


def _where(results: Results) -> list[Table]:
    rows: list[list[str]] = []
    for it in results.comparisons:
        if run := it.typical(WARM):
            found = shares(run, it.slots)
            rows = rows or [["clip", *(name.replace("_", "-") for name in found)]]
            rows.append([it.clip, *(f"{share:.1%}" for share in found.values())])
    return [Table("Where the slots' time went", rows)]


def _starting(results: Results) -> Table:
    rows = [["program", "least", "median"]]
    rows += [[f"{it.program} --help", f"{it.least:.3f}", f"{it.median:.3f}"] for it in results.starts]
    return Table("Seconds to start", rows)


def _number(value: float | None, digits: int) -> str:
    return _ABSENT if value is None else f"{value:.{digits}f}"
