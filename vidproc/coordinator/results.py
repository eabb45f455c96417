"""The result's JSON: what a job did, what it cost, and where its time went.

It travels in one message, so nothing in it may grow with the film: of what could be a long list the first fifty are
named, and the rest is counted.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice
from typing import Any

from vidproc.coordinator.job import Done, Job
from vidproc.errors import one_line
from vidproc.media import field_order
from vidproc.media.encoder_memory import MiB
from vidproc.media.slot_memory import LargestChunk, slot_bytes
from vidproc.metrics.histogram import Histogram
from vidproc.metrics.runs import Run, joined
from vidproc.model import ChunkReport
from vidproc.quantities import counted

_MOST = 50
_LONGEST = 800
"""Characters of a sentence."""

_SHOWN = {
    "original": "shown unfiltered",
    "previous": "replaced by the one before, or black where their chunk has none",
    "black": "black",
}

_FILTERING = ("filter", "convert", "hand_on")

_Workers = Mapping[str, Sequence[Done]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a job's figures need that the job does not hold. `cpu_s` and `memory_mb` are the coordinator's own."""

    wall_s: float
    slots: int
    cpu_s: float
    memory_mb: float


def metrics(job: Job, around: Surroundings) -> dict[str, Any]:
    """The figures of a finished job, ready for JSON."""
    reports = [job.results[index].report for index in sorted(job.results)]
    stage = [done.report for done in job.stage_done]
    frames = sum(report.frames for report in reports)
    seconds = _seconds(job, reports, stage)
    mixed = len({tuple(sorted(done.versions.items())) for done in _done(job)}) > 1
    workers = _by_worker(job)
    return {
        "job_id": job.id,
        "frames_in": job.frames_total,
        "frames_out": frames,
        "fps_in": round(job.frame_rate, 3),
        "fps_out": round(job.frame_rate, 3),
        "wall_s": round(around.wall_s, 3),
        "processing_fps": round(_rate(frames, around), 2),
        "retries": _retries(job),
        "second_runs": {"total": job.second_runs, "won": job.second_runs_won},
        "restarts": {"total": job.restarts, "chunks_kept": job.taken_over, "chunks_damaged": job.damaged},
        "fallback_frames": _fallback_frames(reports),
        "latency_ms": _latency(reports, seconds, frames),
        "seconds": {part: round(value, 3) for part, value in seconds.items()},
        "cpu_percent": _cpu_percent(around, workers),
        "memory_mb": _memory_mb(around, workers),
        "slot_memory_mb": _slot_memory_mb(job, reports),
        "queue": {"highest": job.queue_highest, "mean": round(job.queue_mean, 2)},
        "workers": _frames(around, workers),
        "chunks": len(reports),
        "lead_in_frames": sum(report.lead_in for report in (*reports, *stage)),
        "bytes_in": job.size,
        "bytes_out": job.muxed.size if job.muxed else 0,
        "sha256": job.muxed.sha256 if job.muxed else "",
        "frame_digests": _digests(reports),
        "losses": _losses(job, [*reports, *stage], mixed),
        "reproducible": not mixed and not any(report.fell_back for report in reports),
        "bottleneck": bottleneck(seconds, max(1, around.slots)),
    }


def _done(job: Job) -> list[Done]:
    """All that slots did for it."""
    return [*job.results.values(), *job.stage_done]


def _seconds(job: Job, reports: Sequence[ChunkReport], stage: Sequence[ChunkReport]) -> dict[str, float]:
    """Seconds by part: the slots' parts added up over all slots, and the coordinator's own. `stage` is what of the
    slots' went in the order of the film."""
    seconds: dict[str, float] = defaultdict(float)
    if stage:
        seconds["stage"] = sum(sum(report.seconds.values()) for report in stage)
    for report in (*reports, *stage):
        for part, value in report.seconds.items():
            seconds[part] += value
    for part, value in job.seconds.items():
        seconds[part] += value
    return dict(seconds)


def _latency(reports: Sequence[ChunkReport], seconds: Mapping[str, float], frames: int) -> dict[str, Any]:
    """Percentiles of the time that a frame takes in a slot, and the mean of its parts."""
    histogram = Histogram()
    for report in reports:
        histogram.merge(report.latency)
    parts = {p: round(1e3 * seconds.get(p, 0.0) / max(1, frames), 3) for p in ("decode", "filter", "convert", "encode")}
    return {f"p{p}": round(1e3 * histogram.percentile(p), 3) for p in (50, 95, 99)} | {"parts": parts}


def _retries(job: Job) -> dict[str, Any]:
    """A chunk is retried whole, so its frames share its count. A stage that is replayed retries what it has done."""
    extra = Counter({n: attempts - 1 for n, attempts in job.attempts.items()})
    extra += job.staging.retries if job.staging else Counter()
    again = {job.chunks[n]: count for n, count in sorted(extra.items())}
    by_frame = {f"{chunk.start}-{chunk.stop - 1}": count for chunk, count in islice(again.items(), _MOST)}
    if len(again) > _MOST:
        by_frame["more"] = sum(again.values()) - sum(by_frame.values())
    return {"total": sum(again.values()), "by_frame": by_frame}


def _fallback_frames(reports: Sequence[ChunkReport]) -> dict[str, Any]:
    """Those that filters could not do, with the reasons."""
    named = [fallback for report in reports for fallback in report.fallbacks][:_MOST]
    reasons = {str(fallback.rank): one_line(fallback.reason) for fallback in named}
    return {"total": sum(report.fell_back for report in reports), "by_frame": reasons}


def _fallen_back(job: Job, reports: Sequence[ChunkReport]) -> list[str]:
    count = sum(report.fell_back for report in reports)
    frames = "1 frame that a filter could not do is" if count == 1 else f"{count} frames that filters could not do are"
    return [f"{frames} {_SHOWN[job.spec.on_error]} (--on-error)"] if count else []


def _digests(reports: Sequence[ChunkReport]) -> list[str]:
    """Of the frames of each chunk; of very many chunks, one digest over theirs."""
    digests = [report.digest for report in reports if report.digest]
    return digests if len(digests) <= 10 * _MOST else [hashlib.sha256("".join(digests).encode()).hexdigest()]


def _by_worker(job: Job) -> dict[str, list[Done]]:
    """The chunks of each of the workers that did most, by the workers' names."""
    chunks: dict[str, list[Done]] = defaultdict(list)
    for done in _done(job):
        chunks[done.worker].append(done)
    busiest = nlargest(_MOST, chunks.items(), key=lambda it: sum(done.report.frames for done in it[1]))
    return dict(sorted(busiest))


def _frames(around: Surroundings, workers: _Workers) -> dict[str, Any]:
    frames = {name: sum(done.report.frames for done in chunks) for name, chunks in workers.items()}
    return {name: {"frames": count, "fps": round(_rate(count, around), 2)} for name, count in frames.items()}


def _cpu_percent(around: Surroundings, workers: _Workers) -> dict[str, float]:
    """Of one core, over the whole job. A worker's is what its slots spent on the chunks that are in the film."""
    spent = {name: sum(done.report.cpu_s for done in chunks) for name, chunks in workers.items()}
    everyone = {"coordinator": around.cpu_s, **spent}
    return {name: round(100 * _rate(cpu_s, around), 1) for name, cpu_s in everyone.items()}


def _memory_mb(around: Surroundings, workers: _Workers) -> dict[str, float]:
    """A worker's is what its slots held at their highest, added up."""
    highest = {name: sum(_highest(chunks).values()) for name, chunks in workers.items()}
    return {name: round(mb, 1) for name, mb in {"coordinator": around.memory_mb, **highest}.items()}


def _slot_memory_mb(job: Job, reports: Sequence[ChunkReport]) -> dict[str, float]:
    """What one slot held at its highest, and the most that was to be expected of this job."""
    highest, largest, most = max((report.memory_mb for report in reports), default=0.0), LargestChunk.of(job.chunks), 0
    if job.opened is not None:
        streams = [job.opened.stream, *job.streams.values()]
        most = slot_bytes(streams, job.opened.encoder, job.spec.filters, largest)
    return {"highest": round(highest, 1), "at_most": round(most / MiB, 1)}


def _highest(chunks: Sequence[Done]) -> dict[int, float]:
    by_slot: dict[int, float] = defaultdict(float)
    for done in chunks:
        by_slot[done.slot] = max(by_slot[done.slot], done.report.memory_mb)
    return by_slot


def _rate(amount: float, around: Surroundings) -> float:
    return amount / around.wall_s if around.wall_s > 0 else 0.0


def _losses(job: Job, reports: Sequence[ChunkReport], mixed: bool) -> list[str]:
    said = [*job.losses, *(loss for report in reports for loss in report.losses)]
    said += _fallen_back(job, reports)
    said += _mixed_fields(job, reports)
    said += _damage("filled from neighbours", (run for report in reports for run in report.concealed))
    said += _damage("decoded as well as could be", (run for report in reports for run in report.damaged))
    if mixed:
        said.append("the workers run different versions or processors: another run may give other bytes")
    return _first([sentence[:_LONGEST] for sentence in dict.fromkeys(said)])


def _mixed_fields(job: Job, reports: Sequence[ChunkReport]) -> list[str]:
    """A film is encoded in one way, that of its first frame."""
    orders = {order for report in reports for order in report.field_orders}
    if len(orders) < 2 or job.opened is None:
        return []
    kinds = ", some ".join(said for order, said in field_order.SAID.items() if order in orders)
    return [f"some frames are {kinds}; all are marked {field_order.SAID[job.opened.encoder.field_order]}"]


def _damage(fate: str, runs: Iterable[Run]) -> list[str]:
    """A sentence about damaged frames, if there are any."""
    damaged = joined(runs)
    count = sum(stop - start for start, stop in damaged)
    verb = "was" if count == 1 else "were"
    return [f"{counted(count, 'damaged frame')} {verb} {fate}: {_named(damaged)}"] if damaged else []


def _named(runs: Sequence[Run]) -> str:
    """[1, 4) and [7, 8) as "1-3, 7"."""
    return ", ".join(_first([f"{start}-{stop - 1}" if stop - start > 1 else str(start) for start, stop in runs]))


def _first(said: Sequence[str]) -> list[str]:
    return [*said[:_MOST], *([f"and {len(said) - _MOST} more"] if len(said) > _MOST else [])]


def bottleneck(seconds: Mapping[str, float], slots: int) -> dict[str, Any]:
    """The part that most of the wall time went to: the slots' parts run side by side, the coordinator's alone."""
    parts = {
        "decode": (seconds.get("decode", 0.0) + seconds.get("lead_in", 0.0)) / slots,
        "filter": max(sum(seconds.get(it, 0.0) for it in _FILTERING) / slots, seconds.get("stage", 0.0)),
        "encode": (seconds.get("encode", 0.0) + seconds.get("open", 0.0)) / slots,
        "network": seconds.get("upload", 0.0) + (seconds.get("network", 0.0) + seconds.get("pipe", 0.0)) / slots,
        "disk": seconds.get("finish", 0.0) + seconds.get("disk", 0.0) / slots,
        "coordinator": seconds.get("index_alone", 0.0),
    }
    total = sum(parts.values()) or 1.0
    part = max(parts, key=lambda name: parts[name])
    return {"part": part, "share": round(parts[part] / total, 3)}
