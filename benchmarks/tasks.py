"""The filters that subjects are compared on, each told in every subject's own words.

This knows OpenCV alone and nothing of vidproc, because what is compared with it must not be made by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from cv2.data import haarcascades
from numpy.typing import NDArray

Array = NDArray[Any]
Planes = Sequence[Array]

OnPlanes = Callable[[Planes, Planes], None]
"""Y, U and V of 8-bit 4:2:0 from one frame's memory into another's; called with the frames of a film in order."""

Plain = Callable[[Array], Array]
"""What a user's loop does with each frame, called with the frames of a film in order."""

KSIZE = 15
"""Of the blur's kernel, in pixels: odd and above 7."""


@dataclass(frozen=True, slots=True)
class Task:
    """One filter.

    vidproc: its options. plain: a new `Plain` for frames of the format that `reads` names, `bgr24` or `gray`. planes:
    a new `OnPlanes` for a film of full range or not, . ffmpeg: what
    goes to its `-vf`, "" where it has nothing of the kind; alike: whether that is the same work. exact: whether
    vidproc's filter has the result of `planes`, sample for sample.
    """

    vidproc: Sequence[str]
    reads: str
    plain: Callable[[], Plain]
    planes: Callable[[bool], OnPlanes]
    ffmpeg: str
    alike: bool
    exact: bool = True


def blur(picture: Array) -> Array:
    return cv2.GaussianBlur(picture, (KSIZE, KSIZE), 0)


def canny(gray: Array) -> Array:
    return cv2.Canny(gray, 100, 200)


class Difference:
    """The difference to the frame before; black at first."""

    def __init__(self) -> None:
        self._before: Array | None = None

    def __call__(self, gray: Array) -> Array:
        before, self._before = self._before, gray
        return np.zeros_like(gray) if before is None else cv2.absdiff(before, gray)


class Faces:
    """A box around each face in each frame, which is looked for on a copy of at most 640 pixels in width."""

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(f"{haarcascades}haarcascade_frontalface_alt2.xml")

    def __call__(self, picture: Array) -> Array:
        drawn = picture.copy()
        for box in self.found(picture):
            cv2.rectangle(drawn, box, (0, 255, 0), 5)
        return drawn

    def planes(self, source: Planes, target: Planes) -> None:
        for plane, out in zip(source, target, strict=True):
            np.copyto(out, plane)
        for x, y, width, height in self.found(source[0]):
            cv2.rectangle(target[0], (x, y, width, height), (145,), 5)
            for out, code in zip(target[1:], (54, 34), strict=True):
                cv2.rectangle(out, (x // 2, y // 2, width // 2, height // 2), (code,), 3)

    def found(self, picture: Array) -> list[tuple[int, int, int, int]]:
        """(x, y, width, height) of each."""
        shrunk = min(1.0, 640 / picture.shape[1])
        small = cv2.resize(picture, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
        gray = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        least = max(20, min(gray.shape) // 16)
        boxes = self._cascade.detectMultiScale(gray, 1.2, 4, minSize=(least, least))
        return [(round(x / shrunk), round(y / shrunk), round(w / shrunk), round(h / shrunk)) for x, y, w, h in boxes]


def blur_planes(source: Planes, target: Planes) -> None:
    """A plane with one sample in two pixels gets half the standard deviation."""
    cv2.GaussianBlur(source[0], (KSIZE, KSIZE), 0, dst=target[0])
    half = 2 * -(-(KSIZE // 2) // 2) + 1
    for plane, out in zip(source[1:], target[1:], strict=True):
        cv2.GaussianBlur(plane, (half, half), spread() / 2, dst=out)


def spread() -> float:
    """The standard deviation of OpenCV's kernel as it is, cut off at its size."""
    weights = cv2.getGaussianKernel(KSIZE, 0.0)[:, 0]
    offsets = np.arange(KSIZE) - KSIZE // 2
    return float(np.sqrt((weights * offsets**2).sum()))


def _on_gray(plain: Plain, full: bool) -> OnPlanes:
    """On Y as gray of full range, and back to the film's own range; without colour."""
    codes = np.arange(256)
    to_gray = np.rint(np.clip((codes - 16) / 219, 0, 1) * 255).astype(np.uint8)
    to_luma = np.rint(codes / 255 * 219 + 16).astype(np.uint8)

    def apply(source: Planes, target: Planes) -> None:
        if full:
            target[0][:] = plain(source[0])
        else:
            cv2.LUT(plain(cv2.LUT(source[0], to_gray)), to_luma, dst=target[0])
        for plane in target[1:]:
            plane.fill(128)

    return apply


SIGMA = 0.15 * KSIZE + 0.35
"""The standard deviation that OpenCV derives from the kernel's size."""

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "blur": Task(
            vidproc=("--processing", "blur", "--param", f"ksize={KSIZE}"),
            reads="bgr24",
            plain=lambda: blur,
            planes=lambda full: blur_planes,
            ffmpeg=f"gblur=sigma={SIGMA:g}",
            alike=True,
        ),
        "edges": Task(
            vidproc=("--processing", "edges"),
            reads="gray",
            plain=lambda: canny,
            planes=lambda full: _on_gray(canny, full),
            ffmpeg=f"edgedetect=low={100 / 255:.4f}:high={200 / 255:.4f}",
            alike=False,  # it blurs first
        ),
        "motion": Task(
            vidproc=("--processing", "motion"),
            reads="gray",
            plain=Difference,
            planes=lambda full: _on_gray(Difference(), full),
            ffmpeg="tblend=all_mode=difference",
            alike=False,  # it subtracts the planes of colour too
        ),
        "faces": Task(
            vidproc=("--processing", "faces"),
            reads="bgr24",
            plain=Faces,
            planes=lambda full: Faces().planes,
            ffmpeg="",
            alike=False,
            exact=False,  # vidproc looks at each fourth frame and follows faces in between
        ),
    }
)
