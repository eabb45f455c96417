"""Filters of vidproc beside the calls of OpenCV that have the same result.

The calls are what a person would write who knows what the filter does, and has somewhere to put the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from benchmarks.tasks import Array, blur_planes
from vidproc.model import ParamValue

Planes = Sequence[Array]
OnFrames = Callable[[Planes, Planes, Planes], None]
"""(the frame before, this frame, room for the result), by planes."""
Begin = Callable[[], OnFrames]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """`plain` gives an `OnFrames` that does on pictures of this format what the filter does, and has seen none yet."""

    filter: str
    format: str
    plain: Begin
    params: Mapping[str, ParamValue] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return " ".join([self.filter, *(f"{name}={value}" for name, value in self.params.items())])


def _each(call: Callable[[Array, Array], object]) -> Begin:
    """The same for every plane."""

    def on_frames(before: Planes, now: Planes, out: Planes) -> None:
        for source, target in zip(now, out, strict=True):
            call(source, target)

    return lambda: on_frames


def _one(call: Callable[[Array, Array], object]) -> Begin:
    """For pictures of one array."""

    def on_frames(before: Planes, now: Planes, out: Planes) -> None:
        call(now[0], out[0])

    return lambda: on_frames


def _blur(before: Planes, now: Planes, out: Planes) -> None:
    blur_planes(now, out)


def _median(before: Planes, now: Planes, out: Planes) -> None:
    for source, target, ksize in zip(now, out, (5, 3, 3), strict=True):
        cv2.medianBlur(source, ksize, dst=target)


def _sobel(gray: Array, target: Array) -> Array:
    across = cv2.Sobel(gray, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    return cv2.convertScaleAbs(cv2.magnitude(across, down), dst=target)


def _sharpen(before: Planes, now: Planes, out: Planes) -> None:
    cv2.addWeighted(now[0], 2, cv2.GaussianBlur(now[0], (5, 5), 0), -1, 0, dst=out[0])
    for source, target in zip(now[1:], out[1:], strict=True):
        np.copyto(target, source)


def _tables(luma: Callable[[Array], Array], chroma: Callable[[Array], Array]) -> Begin:
    codes = np.arange(256.0)
    tables = [np.rint(codes_of(codes)).clip(0, 255).astype(np.uint8) for codes_of in (luma, chroma, chroma)]

    def on_frames(before: Planes, now: Planes, out: Planes) -> None:
        for source, table, target in zip(now, tables, out, strict=True):
            cv2.LUT(source, table, dst=target)

    return lambda: on_frames


def _gamma(codes: Array) -> Array:
    """Of 2, on Y of limited range; what is beyond black and white becomes that."""
    brightness: Array = np.clip((codes - 16) / 219, 0, 1)
    return brightness**0.5 * 219 + 16


def _clahe() -> OnFrames:
    codes, clahe = np.arange(256), cv2.createCLAHE(2.0, (8, 8))
    there = np.rint(np.clip((codes - 16) / 219, 0, 1) * 255).astype(np.uint8)
    back = np.rint(codes / 255 * 219 + 16).astype(np.uint8)

    def on_frames(before: Planes, now: Planes, out: Planes) -> None:
        cv2.LUT(clahe.apply(cv2.LUT(now[0], there)), back, dst=out[0])
        for source, target in zip(now[1:], out[1:], strict=True):
            np.copyto(target, source)

    return on_frames


def _difference(before: Planes, now: Planes, out: Planes) -> None:
    cv2.absdiff(before[0], now[0], dst=out[0])


def _flow(before: Planes, now: Planes, out: Planes) -> None:
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    _coloured(method.calc(before[0], now[0], None), out[0])  # type: ignore[call-overload]


def _farneback(before: Planes, now: Planes, out: Planes) -> None:
    how = 0.5, 3, 15, 3, 5, 1.1, 0
    _coloured(cv2.calcOpticalFlowFarneback(before[0], now[0], None, *how), out[0])  # type: ignore[call-overload]


def _background() -> OnFrames:
    """The first frame is learnt before it is judged, so that it isn't all foreground."""
    model = cv2.createBackgroundSubtractorMOG2()
    begun = False

    def on_frames(before: Planes, now: Planes, out: Planes) -> None:
        nonlocal begun
        if not begun:
            model.apply(now[0])
            begun = True
        model.apply(now[0], out[0])

    return on_frames


def _coloured(flow: Array, bgr: Array) -> None:
    across, down = cv2.split(flow)
    length, degrees = cv2.cartToPolar(across, down, angleInDegrees=True)
    hue = cv2.convertScaleAbs(degrees, alpha=0.5)
    hsv = cv2.merge((hue, np.full_like(hue, 255), cv2.convertScaleAbs(length, alpha=32)))
    cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, dst=bgr)


def _smaller(source: Array, target: Array) -> None:
    cv2.resize(source, (target.shape[1], target.shape[0]), dst=target, interpolation=cv2.INTER_AREA)


COUNTERPARTS = (
    Counterpart("adjust", "yuv420p", _tables(_gamma, lambda codes: (codes - 128) * 1.5 + 128),
                {"gamma": 2.0, "saturation": 1.5}),
    Counterpart("blur", "yuv420p", lambda: _blur),
    Counterpart("blur", "bgr24", _one(lambda it, to: cv2.bilateralFilter(it, 9, 75, 75, dst=to)),
                {"kind": "bilateral"}),
    Counterpart("blur", "yuv420p", lambda: _median, {"kind": "median"}),
    Counterpart("edges", "gray", _one(lambda it, to: cv2.Canny(it, 100, 200, edges=to))),
    Counterpart("edges", "gray", _one(_sobel), {"kind": "sobel"}),
    Counterpart("edges", "gray", _one(lambda it, to: cv2.convertScaleAbs(cv2.Laplacian(it, cv2.CV_32F), dst=to)),
                {"kind": "laplacian"}),
    Counterpart("equalize", "yuv420p", _clahe),
    Counterpart("flip", "yuv420p", _each(lambda it, to: cv2.flip(it, 1, dst=to))),
    Counterpart("invert", "yuv420p", _tables(lambda codes: 251 - codes, lambda codes: 256 - codes)),
    Counterpart("motion", "gray", lambda: _difference),
    Counterpart("motion", "gray", lambda: _flow, {"kind": "flow"}),
    Counterpart("motion", "gray", lambda: _farneback, {"kind": "farneback"}),
    Counterpart("motion", "bgr24", _background, {"kind": "mog2"}),
    Counterpart("resize", "yuv420p", _each(_smaller), {"width": 960, "height": 540, "interpolation": "area"}),
    Counterpart("rotate", "yuv420p", _each(lambda it, to: cv2.rotate(it, cv2.ROTATE_90_CLOCKWISE, dst=to))),
    Counterpart("sharpen", "yuv420p", lambda: _sharpen),
    Counterpart("threshold", "gray", _one(lambda it, to: cv2.threshold(it, 127, 255, cv2.THRESH_BINARY, dst=to))),
)  # fmt: skip
"""Without the filters that OpenCV has nothing like: crop, deinterlace, denoise, faces, grayscale, text. (It has
`fastNlMeansDenoising`, which is denoise's slow kind and takes seconds a frame; and Haar cascades, but nothing that
follows faces from frame to frame.)"""
