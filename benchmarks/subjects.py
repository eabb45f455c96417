"""What is compared. Each does the same work on a clip and says what it took."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.clips import picture_of
from benchmarks.cluster import BIN, Cluster
from benchmarks.quality import Quality
from benchmarks.usage import MemoryWatch, Usage, run
from benchmarks.work import Work

FLOOR, WARM, COLD, FFMPEG, PYAV, OPENCV = "floor", "vidproc", "vidproc-run", "ffmpeg", "PyAV loop", "cv2 script"
PEERS = (FFMPEG, PYAV, OPENCV)
_MODULES = {PYAV: "pyav", OPENCV: "opencv"}


@dataclass(frozen=True, slots=True)
class Run:
    """One subject, once over one clip.

    seconds: wall time, or for the floor what it would take on all cores. bytes_out: of the picture alone, since not all
    keep the sound. parts: seconds on one core by part, where the subject tells. cpu: seconds of processor time by
    program. metrics: the job's own figures. memory_mb: of all its processes at their highest; quality: of its film;
    both where they were looked at.
    """

    subject: str
    crf: int
    seconds: float
    frames: int
    bytes_out: int
    parts: Mapping[str, float] = field(default_factory=dict)
    cpu: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    memory_mb: float | None = None
    quality: Quality | None = None

    @property
    def fps(self) -> float:
        return self.frames / self.seconds

    @property
    def cpu_s(self) -> float:
        return sum(self.cpu.values())


class Subject(Protocol):
    """`run` leaves its film at `out`. It adds its programs to `watch`; those that run already it names in `pids`.

    Raises `subprocess.CalledProcessError` when it fails.
    """

    @property
    def name(self) -> str: ...

    @property
    def pids(self) -> tuple[int, ...]: ...

    def run(self, clip: Path, crf: int, out: Path, watch: MemoryWatch | None = None) -> Run: ...


class Floor:
    """The least that the work can cost on so many cores; see `benchmarks.floor`."""

    name, pids = FLOOR, ()

    def __init__(self, work: Work, cores: int) -> None:
        self._work, self._cores = work, cores

    def run(self, clip: Path, crf: int, out: Path, watch: MemoryWatch | None = None) -> Run:
        command = [sys.executable, "-m", "benchmarks.floor", *self._work.for_script(clip, crf, out)]
        it = json.loads(run(command, watch).said)
        parts = {part: it[part] for part in ("decode", "filter", "encode")}
        seconds = sum(parts.values())
        return Run(self.name, crf, seconds / self._cores, it["frames"], it["bytes_out"], parts, {self.name: seconds})


class Warm:
    """`vidproc-send` to a cluster that runs already."""

    def __init__(self, work: Work, cluster: Cluster, name: str = WARM) -> None:
        self._work, self._cluster = work, cluster
        self.name, self.pids = name, tuple(cluster.pids)

    def run(self, clip: Path, crf: int, out: Path, watch: MemoryWatch | None = None) -> Run:
        command = [str(BIN / "vidproc-send"), *self._cluster.where, "--video", str(clip), "--out", str(out)]
        before = self._cluster.cpu_seconds()
        used = run([*command, *_options(self._work, crf, out)], watch)
        after = self._cluster.cpu_seconds()
        cpu = {name: b - a for name, a, b in zip(("coordinator", "worker"), before, after, strict=True)}
        return _of_vidproc(self.name, crf, used, out, {**cpu, "client": used.cpu_s})


class Cold:
    """`vidproc-run`: everything is started for this job alone."""

    name, pids = COLD, ()

    def __init__(self, work: Work, processes: int) -> None:
        self._work, self._processes = work, processes

    def run(self, clip: Path, crf: int, out: Path, watch: MemoryWatch | None = None) -> Run:
        command = [str(BIN / "vidproc-run"), str(clip), "-o", str(out), "--processes", str(self._processes)]
        used = run([*command, *_options(self._work, crf, out)], watch)
        return _of_vidproc(self.name, crf, used, out, {self.name: used.cpu_s})


class Ffmpeg:
    """The `ffmpeg` program with as many threads as it likes."""

    name, pids = FFMPEG, ()

    def __init__(self, work: Work, program: str) -> None:
        self._work, self._program = work, program

    def run(self, clip: Path, crf: int, out: Path, watch: MemoryWatch | None = None) -> Run:
        command = [self._program, "-nostdin", *self._work.for_ffmpeg(clip, crf, out)]
        return _of_another(self.name, crf, run(command, watch), out)


class Script:
    """A program of `benchmarks.users`."""

    pids = ()

    def __init__(self, name: str, work: Work, module: str) -> None:
        self.name, self._work, self._module = name, work, module

    def run(self, clip: Path, crf: int, out: Path, watch: MemoryWatch | None = None) -> Run:
        command = [sys.executable, "-m", f"benchmarks.users.{self._module}", *self._work.for_script(clip, crf, out)]
        return _of_another(self.name, crf, run(command, watch), out)


def peers(names: Iterable[str], work: Work) -> Iterator[Subject]:
    """Those of `PEERS`, without an ffmpeg that isn't there or has no such filter."""
    program = ffmpeg_program()
    for name in names:
        if name != FFMPEG:
            yield Script(name, work, _MODULES[name])
        elif program and work.task.ffmpeg:
            yield Ffmpeg(work, program)


def ffmpeg_program() -> str | None:
    """Where `ffmpeg` is, if there is one."""
    return shutil.which("ffmpeg")


def _options(work: Work, crf: int, out: Path) -> list[str]:
    return [*work.for_vidproc(crf), "--metrics-json", str(out.with_suffix(".json")), "--overwrite", "--quiet"]


def _of_vidproc(name: str, crf: int, used: Usage, out: Path, cpu: Mapping[str, float]) -> Run:
    metrics = json.loads(out.with_suffix(".json").read_text())
    return Run(name, crf, used.seconds, *picture_of(out), metrics["seconds"], cpu, metrics)


def _of_another(name: str, crf: int, used: Usage, out: Path) -> Run:
    return Run(name, crf, used.seconds, *picture_of(out), cpu={name: used.cpu_s})
