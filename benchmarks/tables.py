"""Comparisons as tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.comparison import Comparison, Spread, shares
from benchmarks.page import ABSENT, Bar, Table, number, spread
from benchmarks.subjects import FLOOR, WARM, Run

_TOLD_PARTS = (FLOOR, WARM)

Found = Sequence[Comparison]


def speed(found: Found) -> Table:
    """Each subject's speed and what it takes, beside vidproc's."""
    rows = [["clip", "filter", "subject", "frames/s", "vidproc is", "CPU ms a frame"]]
    for it in found:
        for name in it.subjects:
            cpu = it.figure(name, lambda run: 1e3 * run.cpu_s / run.frames)
            times = ABSENT if name == WARM else spread(it.speed(WARM, name), 2)
            rows.append([it.clip, it.filter, name, spread(it.fps(name), 1), times, spread(cpu, 1)])
    return Table("Speed: frames by wall time, and how many times as fast vidproc is", rows)


def result(found: Found) -> Table:
    """What comes out and the memory it took, where that was looked at."""
    rows = [["clip", "filter", "subject", "MB of picture", "PSNR, dB", "SSIM", "memory, MB"]]
    for it in found:
        for name in it.subjects:
            if run := it.looked_at(name):
                rows.append([it.clip, it.filter, name, *_of_result(run)])
    return Table("What comes out, at the same CRF, and the most memory it took", rows)


def _of_result(run: Run) -> list[str]:
    assert run.quality is not None
    return [
        number(run.bytes_out / 1e6, 2),
        number(run.quality.psnr, 2),
        number(run.quality.ssim, 4),
        number(run.memory_mb, 0),
    ]


def frame(found: Found) -> Table:
    rows = [["clip", "filter", "subject", "decode", "filter", "convert", "encode", "worker in all", "coordinator"]]
    for it in found:
        for name in _TOLD_PARTS:
            if run := it.typical(name):
                rows.append([it.clip, it.filter, name, *_per_frame(run)])
    return Table("Cost of a frame, in milliseconds on one core", rows)


def _per_frame(run: Run) -> list[str]:
    spent = [run.parts.get("decode", 0.0) + run.parts.get("lead_in", 0.0)]
    spent += [run.parts.get(part, 0.0) for part in ("filter", "convert", "encode")]
    cpu = [run.cpu.get("worker"), run.cpu.get("coordinator")]
    return [number(None if seconds is None else 1e3 * seconds / run.frames, 3) for seconds in (*spent, *cpu)]


def job(found: Found) -> Table:
    head = ["clip", "filter", "chunks", "lead-in frames", "send", "its job", "with upload", "upload", "index"]
    runs = [(it, run) for it in found if (run := it.typical(WARM))]
    return Table("A job, in seconds", [head, *([it.clip, it.filter, *_of_job(run, it.first)] for it, run in runs)])


def _of_job(run: Run, first: Run | None) -> list[str]:
    counts = [str(run.metrics["chunks"]), str(run.metrics["lead_in_frames"])]
    upload = first.metrics["seconds"].get("upload") if first else None
    seconds = (run.seconds, run.metrics["wall_s"], first.seconds if first else None, upload, run.parts.get("index"))
    return [*counts, *(number(value, 2) for value in seconds)]


def where(found: Found) -> Table:
    rows: list[list[str]] = [["clip", "filter"]]
    for it in found:
        if run := it.typical(WARM):
            parts = shares(run, it.slots)
            rows[0] = ["clip", "filter", *(name.replace("_", "-") for name in parts)]
            rows.append([it.clip, it.filter, *(f"{share:.1%}" for share in parts.values())])
    return Table("Where the slots' time went", rows)


def side_by_side(heading: str, *found: Comparison) -> Table:
    """Subjects that are all vidproc, each against the first."""
    rows = [["clip", "filter", "", "frames/s", "of the first", "CPU ms a frame"]]
    for it in found:
        for name in it.subjects:
            cpu = it.figure(name, lambda run: 1e3 * run.cpu_s / run.frames)
            faster = spread(it.speed(name, it.subjects[0]), 2)
            rows.append([it.clip, it.filter, name, spread(it.fps(name), 1), faster, spread(cpu, 1)])
    return Table(heading, rows)


def bars(it: Comparison, group: str, of_a_frame: float = 1) -> list[Bar]:
    """The speeds of all subjects: so much of each frame, a second."""
    return [_bar(group, name, found, of_a_frame) for name in it.subjects if (found := it.fps(name))]


def _bar(group: str, subject: str, found: Spread, scale: float) -> Bar:
    return Bar(group, subject, scale * found.median, scale * found.least, scale * found.most)


def uneven(found: Found) -> list[str]:
    """A sentence for each comparison in which not all made the same number of frames."""
    said = ((f"{it.clip}, {it.filter}", it.uneven()) for it in found)
    return [f"{where}: not all made the same number of frames: {sorted(counts)}." for where, counts in said if counts]
