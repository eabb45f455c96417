"""What is compared. Each does the same work on a clip and says how long it took."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks import floor
from benchmarks.clips import frames_in
from benchmarks.cluster import BIN, Cluster
from benchmarks.work import Work

FLOOR, WARM, COLD, FFMPEG = "floor", "vidproc", "vidproc-run", "ffmpeg"


@dataclass(frozen=True, slots=True)
class Run:
    """One subject, once over one clip.

    seconds: wall time, or for the floor what it would take on all cores. parts: seconds on one core by part, where
    the subject tells. cpu: seconds of processor time by program. metrics: the job's own figures.
    """

    subject: str
    crf: int
    seconds: float
    frames: int
    bytes_out: int
    parts: Mapping[str, float] = field(default_factory=dict)
    cpu: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        return self.frames / self.seconds


class Subject(Protocol):
    """`run` leaves its film at `out`, if it makes one. Raises `subprocess.CalledProcessError` when it fails."""

    name: str

    def run(self, clip: Path, crf: int, out: Path) -> Run: ...


class Floor:
    """The least that the work can cost on so many cores; see `benchmarks.floor`."""

    name = FLOOR

    def __init__(self, work: Work, cores: int) -> None:
        self._work, self._cores = work, cores

    def run(self, clip: Path, crf: int, out: Path) -> Run:
        (it,) = floor.measure_apart(clip, self._work, crf)
        parts = {"decode": it.decode, "filter": it.filter, "encode": it.encode}
        return Run(self.name, crf, it.seconds / self._cores, it.frames, it.bytes_out, parts)


class Warm:
    """`vidproc-send` to a cluster that runs already."""

    name = WARM

    def __init__(self, work: Work, cluster: Cluster) -> None:
        self._work, self._cluster = work, cluster

    def run(self, clip: Path, crf: int, out: Path) -> Run:
        figures = out.with_suffix(".json")
        command = [str(BIN / "vidproc-send"), *self._cluster.where, "--video", str(clip), "--out", str(out)]
        options = [*self._work.for_vidproc(crf), "--metrics-json", str(figures), "--overwrite", "--quiet"]
        before = self._cluster.cpu_seconds()
        seconds = _timed([*command, *options])
        after = self._cluster.cpu_seconds()
        cpu = {name: b - a for name, a, b in zip(("coordinator", "worker"), before, after, strict=True)}
        return _of_vidproc(self.name, crf, seconds, figures, out, cpu)


class Cold:
    """`vidproc-run`: everything is started for this job alone."""

    name = COLD

    def __init__(self, work: Work, processes: int) -> None:
        self._work, self._processes = work, processes

    def run(self, clip: Path, crf: int, out: Path) -> Run:
        figures = out.with_suffix(".json")
        command = [str(BIN / "vidproc-run"), str(clip), "-o", str(out), "--processes", str(self._processes)]
        options = [*self._work.for_vidproc(crf), "--metrics-json", str(figures), "--overwrite", "--quiet"]
        return _of_vidproc(self.name, crf, _timed([*command, *options]), figures, out, {})


class Ffmpeg:
    """The `ffmpeg` program with as many threads as it likes."""

    name = FFMPEG

    def __init__(self, work: Work, program: str) -> None:
        self._work, self._program = work, program

    def run(self, clip: Path, crf: int, out: Path) -> Run:
        seconds = _timed([self._program, "-nostdin", *self._work.for_ffmpeg(clip, crf, out)])
        return Run(self.name, crf, seconds, frames_in(out), out.stat().st_size)


def ffmpeg_program() -> str | None:
    """Where `ffmpeg` is, if there is one."""
    return shutil.which("ffmpeg")


def _timed(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began


def _of_vidproc(name: str, crf: int, seconds: float, figures: Path, out: Path, cpu: Mapping[str, float]) -> Run:
    metrics = json.loads(figures.read_text())
    return Run(name, crf, seconds, frames_in(out), out.stat().st_size, metrics["seconds"], cpu, metrics)
