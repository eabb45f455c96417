"""What every subject of a comparison does: the same filter, the same encoder settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.tasks import TASKS, Task


@dataclass(frozen=True, slots=True)
class Work:
    """A filter, by its name in `TASKS`, and an H.264 encode."""

    filter: str = "blur"
    preset: str = "veryfast"

    @property
    def task(self) -> Task:
        return TASKS[self.filter]

    def for_vidproc(self, crf: int) -> list[str]:
        return [*self.task.vidproc, "--crf", str(crf), "--encoder-preset", self.preset]

    def for_script(self, video: Path, crf: int, out: Path) -> list[str]:
        """For `floor` and the scripts in `benchmarks.users`."""
        options = ["--out", str(out), "--filter", self.filter]
        return [str(video.absolute()), *options, "--crf", str(crf), "--preset", self.preset]

    def for_ffmpeg(self, video: Path, crf: int, out: Path) -> list[str]:
        return [
            *("-v", "error", "-y", "-i", str(video), "-vf", self.task.ffmpeg, "-pix_fmt", "yuv420p"),
            *("-c:v", "libx264", "-preset", self.preset, "-crf", str(crf), "-c:a", "copy", str(out)),
        ]
