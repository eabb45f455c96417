"""The figures of a job: what they say, and that they always fit into one message."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from vidproc.coordinator.job import Done, Job
from vidproc.coordinator.media import Muxed, Opened
from vidproc.coordinator.results import Surroundings, metrics
from vidproc.metrics.histogram import Histogram
from vidproc.model import Chunk, ChunkReport, EncoderSpec, Fallback, FilterSpec, JobSpec, JobState, StreamFormat
from vidproc.protocol.framing import Limits, pack
from vidproc.protocol.messages import Finished
from vidproc.protocol.shape import check_shape
from vidproc.storage.job_folder import JobFolder

pytestmark = pytest.mark.unit
ONE_VERSION = {"vidproc": "1.0"}


def job_of(*reports: ChunkReport, **changes: Any) -> Job:
    job = Job("j", JobSpec((FilterSpec("blur"),)), "in.mp4", 1000, "0" * 64, JobFolder(Path("/none")), time.monotonic())
    start = 0
    for index, report in enumerate(reports):
        stop = start + report.frames
        job.chunks.append(Chunk(index, start, stop, start, stop, 0, 0, 0))
        job.results[index] = Done(report, "w", 0, ONE_VERSION)
        start = stop
    job.frames_total, job.frame_rate, job.muxed = start, 25.0, Muxed(500, "f" * 64, (), 0.5, 100.0)
    for name, value in changes.items():
        setattr(job, name, value)
    return job


def report(frames: int = 10, **given: Any) -> ChunkReport:
    return ChunkReport(**{"frames": frames, "extradata": b"", "delay": 0, "seconds": {}, "latency": {}, **given})


def figures(job: Job, wall_s: float = 2.0, slots: int = 1) -> dict[str, Any]:
    return metrics(job, Surroundings(wall_s, slots, 0.1008, 180.06))


def test_counts_and_rates() -> None:
    told = figures(job_of(report(30), report(20)), wall_s=2.0)
    assert (told["frames_in"], told["frames_out"], told["chunks"]) == (50, 50, 2)
    assert (told["wall_s"], told["processing_fps"], told["fps_in"]) == (2.0, 25.0, 25.0)
    assert (told["bytes_in"], told["bytes_out"], told["sha256"]) == (1000, 500, "f" * 64)
    assert told["workers"] == {"w": {"frames": 50, "fps": 25.0}}


def test_processors_and_memory_by_process() -> None:
    """However short the job: what the slots themselves say of each chunk, and not what was seen from without."""
    job = job_of(report(cpu_s=0.06, memory_mb=200.0), report(cpu_s=0.03, memory_mb=300.0), report(), report())
    job.results[2] = Done(report(cpu_s=0.1, memory_mb=150.0), "w", 1, ONE_VERSION)
    job.results[3] = Done(report(cpu_s=0.02, memory_mb=90.06), "x", 0, ONE_VERSION)
    told = figures(job, wall_s=0.1)
    assert told["cpu_percent"] == {"coordinator": 100.8, "w": 190.0, "x": 20.0}
    assert told["memory_mb"] == {"coordinator": 180.1, "w": 450.0, "x": 90.1}


def test_percentiles_are_over_all_frames_and_parts_are_means() -> None:
    quick, slow = Histogram(), Histogram()
    for _ in range(98):
        quick.add(0.010)
    for _ in range(2):
        slow.add(1.0)
    seconds = {"decode": 0.4, "filter": 0.5}
    told = figures(job_of(report(98, latency=quick.counts, seconds=seconds), report(2, latency=slow.counts)))
    latency = told["latency_ms"]
    assert latency["p50"] == pytest.approx(10, rel=0.2)
    assert latency["p95"] == pytest.approx(10, rel=0.2)
    assert latency["p99"] == pytest.approx(1000, rel=0.2)
    assert (latency["parts"]["decode"], latency["parts"]["filter"], latency["parts"]["encode"]) == (4.0, 5.0, 0.0)


def test_retries_by_the_frames_of_their_chunk() -> None:
    told = figures(job_of(report(30), report(20), report(10), attempts={0: 1, 1: 3, 2: 2}))
    assert told["retries"] == {"total": 3, "by_frame": {"30-49": 2, "50-59": 1}}


def test_damaged_frames_are_named_in_runs() -> None:
    damaged = (
        report(concealed=((1, 4),), damaged=((0, 1), (6, 10))),
        report(concealed=((4, 5), (17, 18), (19, 20)), damaged=((10, 12),)),
    )
    told = figures(job_of(*damaged, losses=["no cover"]))
    assert told["losses"] == [
        "no cover",
        "6 damaged frames were filled from neighbours: 1-4, 17, 19",
        "7 damaged frames were decoded as well as could be: 0, 6-11",
    ]


def test_one_damaged_frame() -> None:
    told = figures(job_of(report(concealed=((3, 4),))))
    assert told["losses"] == ["1 damaged frame was filled from neighbours: 3"]


def test_what_a_daemon_says_of_a_fallback_is_made_fit_for_a_terminal() -> None:
    told = figures(job_of(report(30, fell_back=1, fallbacks=(Fallback(17, "it\n\x1b[2Jraised"),))))
    assert told["fallback_frames"]["by_frame"] == {"17": "it ?[2Jraised"}


def test_frames_that_fell_back_are_named_with_the_reasons_and_counted() -> None:
    some = report(30, fell_back=1, fallbacks=(Fallback(17, "it raised"),))
    many = report(70, fell_back=70, fallbacks=tuple(Fallback(30 + n, "x" * 900) for n in range(50)))
    told = figures(job_of(report(30), report(70)))
    assert told["fallback_frames"] == {"total": 0, "by_frame": {}}
    told = figures(job_of(some, report(70)))
    assert told["fallback_frames"] == {"total": 1, "by_frame": {"17": "it raised"}}
    assert told["reproducible"] is False
    assert told["losses"] == ["1 frame that a filter could not do is shown unfiltered (--on-error)"]
    told = figures(job_of(some, many, spec=JobSpec((), on_error="black")))
    assert told["fallback_frames"]["total"] == 71
    assert len(told["fallback_frames"]["by_frame"]) == 50
    assert told["losses"] == ["71 frames that filters could not do are black (--on-error)"]


def test_a_film_of_several_field_orders_is_said_to_have_become_one_of_one() -> None:
    stream = StreamFormat("h264", b"", 64, 48, "yuv420p")
    spec = EncoderSpec("h264", 64, 48, "yuv420p", field_order="bb")
    reports = [report(field_orders=("bb",)), report(field_orders=("bb",))]
    assert figures(job_of(*reports, opened=Opened(stream, spec, 20, ())))["losses"] == []
    mixed = [*reports, report(field_orders=("bb", "progressive"))]
    assert figures(job_of(*mixed, opened=Opened(stream, spec, 30, ())))["losses"] == [
        "some frames are progressive, some bottom field first; all are marked bottom field first"
    ]


def test_a_loss_that_many_chunks_tell_is_said_once() -> None:
    assert figures(job_of(*[report(losses=("dithered",))] * 3))["losses"] == ["dithered"]


def test_a_mixed_cluster_is_said_to_be_one() -> None:
    job = job_of(report(), report())
    assert figures(job)["reproducible"] is True
    job.results[1] = Done(report(), "x", 0, {"vidproc": "1.1"})
    told = figures(job)
    assert told["reproducible"] is False
    assert "different versions" in told["losses"][0]


@pytest.mark.parametrize(
    ("seconds", "part", "share"),
    [
        ({"decode": 1.0, "lead_in": 3.0, "filter": 2.0}, "decode", 2 / 3),
        ({"filter": 2.0, "convert": 3.0, "encode": 4.0}, "filter", 5 / 9),
        ({"encode": 4.0, "decode": 2.0}, "encode", 2 / 3),
        ({"encode": 3.0, "open": 1.0, "decode": 2.0}, "encode", 2 / 3),
        ({"encode": 4.0, "upload": 6.0}, "network", 3 / 4),
        ({"encode": 4.0, "pipe": 5.0, "network": 7.0}, "network", 3 / 4),
        ({"encode": 4.0, "finish": 3.0}, "disk", 3 / 5),
        ({"encode": 4.0, "disk": 6.0}, "disk", 3 / 5),
        ({"encode": 4.0, "index_alone": 3.0}, "coordinator", 3 / 5),
    ],
)
def test_the_bottleneck(seconds: dict[str, float], part: str, share: float) -> None:
    """What the slots do is done by two of them at a time."""
    told = figures(job_of(report(seconds=seconds)), slots=2)
    assert told["bottleneck"] == {"part": part, "share": round(share, 3)}


def test_no_time_at_all() -> None:
    told = figures(job_of(), wall_s=0.0)
    assert told["processing_fps"] == 0.0
    assert told["bottleneck"]["share"] == 0.0


def test_the_worst_of_jobs_fits_into_one_message() -> None:
    every_other = [tuple((rank, rank + 1) for rank in range(at, at + 40, 2)) for at in range(0, 80_000, 40)]
    fallen = {"fell_back": 40, "fallbacks": tuple(Fallback(rank, "字" * 2000) for rank in range(40))}
    damaged = [
        report(40, concealed=runs, damaged=runs, digest="d" * 64, losses=(f"字{n}" * 2000,), **fallen)
        for n, runs in enumerate(every_other)
    ]
    job = job_of(*damaged, attempts=dict.fromkeys(range(2000), 4), losses=[f"loss {n}" for n in range(5000)])
    for n in range(1024):
        job.results[n] = Done(damaged[n], f"{n}-{'w' * 60}", 0, {"vidproc": str(n)})
    told = figures(job)
    (header,) = pack(Finished("j", JobState.DONE, 1, "f" * 64, told).to_header())
    assert memoryview(header).nbytes < Limits().header
    check_shape(bytes(header)[8:], Limits())
    assert told["losses"][-1] == "and 6954 more"
    assert told["retries"]["total"] == 6000
    assert sum(told["retries"]["by_frame"].values()) == 6000
    assert len(told["frame_digests"]) == 1
