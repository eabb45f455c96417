"""The built-in filters in a chain, with the real conversions, against OpenCV called plainly on the same frames."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tests.filters.pictures import bits_of, smooth_bgr
from tests.filters.test_flow import coloured
from tests.pipelines.stand_in import decoded, same
from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import yuv_layout
from vidproc.media.convert import Converter
from vidproc.model import Colour, FilterSpec, ParamValue
from vidproc.pipelines.plan import plan

FORMATS = ["yuv420p", "yuvj420p", "yuv422p10le", "yuv440p", "gray", "bgr24"]
SIZES = [(61, 47), (64, 48), (33, 1)]


def film(name: str, width: int, height: int, length: int = 1) -> tuple[list[Picture], Converter]:
    """Waves with an edged surface, a little grain, moving two pixels a frame to the right and one down."""
    convert = Converter(Colour(matrix=1, range=1), width, height)
    bgr = smooth_bgr(width + 40, height + 40)
    grain = np.random.default_rng(9).integers(0, 9, bgr.shape).astype(np.uint8)
    scene = cv2.add(bgr, grain)
    cuts = [scene[20 - n : 20 - n + height, 20 - 2 * n : 20 - 2 * n + width] for n in range(length)]
    pictures = [Picture("bgr24", (np.ascontiguousarray(cut),)) for cut in cuts]
    return [convert.convert(picture, name) for picture in pictures], convert


def run(spec: FilterSpec, frames: list[Picture], target: str, convert: Converter) -> list[tuple[Array, ...]]:
    """The planes of each frame that comes out of a chain of this filter alone."""
    pipeline = plan([spec], frames[0].format, target)
    results = pipeline.run(iter(enumerate(frames)), 0, len(frames), convert)
    return [tuple(plane.copy() for plane in picture.planes) for _, picture in results]


def _sobel(gray: Array) -> Array:
    across, down = (cv2.Sobel(gray, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0))
    return cv2.convertScaleAbs(cv2.magnitude(across, down))


ON_ONE_ARRAY: list[tuple[str, dict[str, ParamValue], str, Callable[[Array], Array]]] = [
    ("edges", {}, "gray", lambda gray: cv2.Canny(gray, 100, 200)),
    ("edges", {"kind": "sobel"}, "gray", _sobel),
    ("edges", {"kind": "laplacian"}, "gray", lambda gray: cv2.convertScaleAbs(cv2.Laplacian(gray, cv2.CV_32F))),
    ("blur", {"kind": "bilateral"}, "bgr24", lambda bgr: cv2.bilateralFilter(bgr, 9, 75, 75)),
]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("filter_", "params", "form", "like_opencv"), ON_ONE_ARRAY)
def test_filters_of_gray_or_bgr_frames(
    name: str,
    width: int,
    height: int,
    filter_: str,
    params: dict[str, ParamValue],
    form: str,
    like_opencv: Callable[[Array], Array],
) -> None:
    (frame,), convert = film(name, width, height)
    ((result,),) = run(FilterSpec(filter_, params), [frame], form, convert)
    assert np.array_equal(result, like_opencv(convert.convert(frame, form).array))


def _dis(before: Array, now: Array) -> Array:
    flow: Array = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(before, now, None)  # type: ignore[call-overload]
    return flow


def _farneback(before: Array, now: Array) -> Array:
    flow: Array = cv2.calcOpticalFlowFarneback(before, now, None, 0.5, 3, 15, 3, 5, 1.1, 0)  # type: ignore[call-overload]
    return flow


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(61, 47), (64, 48)])
@pytest.mark.parametrize(("kind", "like_opencv"), [("flow", _dis), ("farneback", _farneback)])
def test_optical_flow_between_frames(
    name: str, width: int, height: int, kind: str, like_opencv: Callable[[Array, Array], Array]
) -> None:
    frames, convert = film(name, width, height, 3)
    (first,), *later = run(FilterSpec("motion", {"kind": kind}), frames, "bgr24", convert)
    assert not first.any()
    gray = [np.ascontiguousarray(convert.convert(frame, "gray").array) for frame in frames]
    for (result,), (before, now) in zip(later, itertools.pairwise(gray), strict=True):
        assert np.array_equal(result, coloured(like_opencv(before, now), 32))


@pytest.mark.parametrize("name", FORMATS)
def test_background_subtraction_learnt_anew_at_the_same_frames(name: str) -> None:
    frames, convert = film(name, 61, 47, 7)
    results = run(FilterSpec("motion", {"kind": "mog2", "every": 3}), frames, "gray", convert)
    for number, (frame, (result,)) in enumerate(zip(frames, results, strict=True)):
        bgr = convert.convert(frame, "bgr24").array
        if number % 3 == 0:
            plain = cv2.createBackgroundSubtractorMOG2(500, 16, True)
            plain.apply(bgr)
        assert np.array_equal(result, plain.apply(bgr))
        assert result.any() == (number % 3 > 0)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["difference", "flow", "farneback"])
def test_motion_is_the_same_however_a_film_is_cut(name: str, kind: str) -> None:
    frames, convert = film(name, 61, 47, 6)
    pipeline = plan([FilterSpec("motion", {"kind": kind}), FilterSpec("motion")], name, name)
    whole = [picture for _, picture in pipeline.run(iter(enumerate(frames)), 0, 6, convert)]
    for start, stop in ((0, 1), (1, 4), (3, 4), (4, 6)):
        seen = decoded(frames, pipeline.reach.first(start), stop)
        assert same(pipeline.run(seen, start, stop, convert), enumerate(whole[start:stop], start))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_median_of_the_planes_as_they_were_decoded(name: str, width: int, height: int) -> None:
    """Of 5 pixels, which OpenCV has for 16 bits too: 3 samples of chroma at a quarter of the size, 5 at half."""
    (frame,), convert = film(name, width, height)
    (planes,) = run(FilterSpec("blur", {"kind": "median"}), [frame], name, convert)
    layout = yuv_layout(name)
    chroma = 5 if layout and layout.across * layout.down == 2 else 3
    for before, after, ksize in zip(frame.planes, planes, (5, chroma, chroma), strict=False):
        assert np.array_equal(after, cv2.medianBlur(before, ksize))
    assert max(int(plane.max()) for plane in planes) >> bits_of(name) == 0


def test_a_film_of_10_bits_keeps_them_through_a_median_but_not_through_a_bilateral_blur() -> None:
    def way(kind: str) -> str:
        return plan([FilterSpec("blur", {"kind": kind})], "yuv422p10le", "yuv422p10le").explain()

    assert way("median") == "yuv422p10le -> blur(yuv422p10le)"
    assert way("bilateral") == "yuv422p10le -> bgr24 -> blur(bgr24) -> yuv422p10le"
