"""What every subject of a comparison does: the same blur, the same encoder settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np


@dataclass(frozen=True, slots=True)
class Work:
    """A Gaussian blur and an H.264 encode. `ksize` is the width of the kernel in pixels, odd and above 7."""

    ksize: int = 15
    preset: str = "veryfast"

    @property
    def sigma(self) -> float:
        """The standard deviation that OpenCV derives from the kernel's size."""
        return 0.15 * self.ksize + 0.35

    @property
    def half(self) -> tuple[int, float]:
        """(ksize, sigma) of the same blur for a plane with one sample in two pixels."""
        return 2 * -(-(self.ksize // 2) // 2) + 1, self._spread() / 2

    def _spread(self) -> float:
        """The standard deviation of the kernel as it is, cut off at `ksize`."""
        weights = cv2.getGaussianKernel(self.ksize, 0.0)[:, 0]
        offsets = np.arange(self.ksize) - self.ksize // 2
        return float(np.sqrt((weights * offsets**2).sum()))

    def for_vidproc(self, crf: int) -> list[str]:
        return [
            *("--processing", "blur", "--param", f"ksize={self.ksize}"),
            *("--crf", str(crf), "--encoder-preset", self.preset),
        ]

    def for_ffmpeg(self, video: Path, crf: int, out: Path) -> list[str]:
        return [
            *("-v", "error", "-y", "-i", str(video), "-vf", f"gblur=sigma={self.sigma:g}"),
            *("-c:v", "libx264", "-preset", self.preset, "-crf", str(crf), "-c:a", "copy", str(out)),
        ]
