"""Interlaced frames: what a filter makes of one is what it makes of its fields, or is said not to be."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from tests.filters.pictures import noise, variants
from tests.filters.sample_files import ready
from tests.pipelines.stand_in import PlainConverter
from vidproc import filters
from vidproc.errors import BadParameterError
from vidproc.filters.contract import Filter, Picture, Shape
from vidproc.filters.formats import works_on
from vidproc.filters.memory import Reset
from vidproc.model import FilterSpec, ParamValue
from vidproc.pipelines.plan import arrange, shapes

OF_WHOLE_FRAMES = {"crop", "deinterlace", "flip", "overlay", "rotate", "text"}
"""Filters that draw on the frame, or move its rows."""


def run(chosen: Filter, params: dict[str, ParamValue], frames: list[Picture]) -> list[Picture]:
    form = frames[0].format
    pipeline = arrange([ready(chosen, params)], form, chosen.gives or form)
    made = pipeline.run(iter(list(enumerate(frames))), 0, len(frames), PlainConverter())
    return [picture for _, picture in made]


def interlaced(picture: Picture, order: str = "tt") -> Picture:
    return Picture(picture.format, picture.planes, field_order=order)


def field(picture: Picture, parity: int) -> Picture:
    return Picture(picture.format, tuple(plane[parity::2].copy() for plane in picture.planes))


def _cases() -> Iterator[tuple[Filter, dict[str, ParamValue], str]]:
    for each in (each for name in filters.names() for each in variants(name) if name not in OF_WHOLE_FRAMES):
        words = [{param.name: word} for param in each.params for word in param.choices]
        for form in ("yuv420p", "yuv422p10le", "gray", "bgr24"):
            if works_on(each.formats, form):
                yield from ((each, params, form) for params in [{}, *words])


def _name(value: object) -> str:
    return value.title if isinstance(value, Filter) else str(value)


@pytest.mark.parametrize(("chosen", "params", "form"), list(_cases()), ids=_name)
def test_an_interlaced_frame_is_filtered_as_its_fields_would_be(
    chosen: Filter, params: dict[str, ParamValue], form: str
) -> None:
    if chosen.name == "resize":
        params = {**params, "width": 50, "height": 40}
    frames = [noise(form, 64, 48, seed) for seed in range(3)]
    made = run(chosen, params, [interlaced(frame) for frame in frames])
    for parity in (0, 1):
        alone = {**params, "height": 20} if chosen.name == "resize" else params
        fields = run(chosen, alone, [field(frame, parity) for frame in frames])
        for whole, part in zip(made, fields, strict=True):
            assert all(np.array_equal(a[parity::2], b) for a, b in zip(whole.planes, part.planes, strict=True))
    assert {picture.field_order for picture in made} == {"tt"}


def test_a_progressive_frame_between_interlaced_ones_is_filtered_whole() -> None:
    blur, frame = filters.find(FilterSpec("blur"))[0], noise("yuv420p", 64, 48)
    mixed = run(blur, {}, [interlaced(frame), frame, interlaced(frame, "bb")])
    (alone,) = run(blur, {}, [frame])
    assert all(np.array_equal(a, b) for a, b in zip(mixed[1].planes, alone.planes, strict=True))
    assert not np.array_equal(mixed[0].planes[0], alone.planes[0])
    assert [picture.field_order for picture in mixed] == ["tt", "progressive", "bb"]


@pytest.mark.parametrize("height", [1, 2, 3, 5, 6, 46, 47])
@pytest.mark.parametrize("form", ["yuv420p", "yuv410p", "yuv444p"])
def test_frames_of_any_height_have_fields(form: str, height: int) -> None:
    frame = interlaced(noise(form, 20, height))
    (made,) = run(filters.find(FilterSpec("blur"))[0], {}, [frame])
    assert [plane.shape for plane in made.planes] == [plane.shape for plane in frame.planes]
    (luma,) = run(filters.find(FilterSpec("blur"))[0], {}, [Picture("gray", (frame.planes[0][0::2].copy(),))])
    assert np.array_equal(made.planes[0][0::2], luma.array)


@pytest.mark.parametrize(
    ("name", "params", "height", "becomes"),
    [
        ("flip", {"direction": "vertical"}, 48, "bb"),
        ("flip", {"direction": "both"}, 48, "bb"),
        ("flip", {"direction": "vertical"}, 47, "tt"),
        ("flip", {"direction": "horizontal"}, 48, "tt"),
        ("rotate", {"angle": 180}, 48, "bb"),
        ("rotate", {"angle": 180}, 47, "tt"),
        ("rotate", {"angle": 360}, 48, "tt"),
        ("crop", {"y": 3, "height": 20}, 48, "tt"),
        ("resize", {"height": 24}, 48, "tt"),
        ("deinterlace", {}, 48, "progressive"),
    ],
)
def test_filters_say_what_becomes_of_the_order_of_fields(
    name: str, params: dict[str, ParamValue], height: int, becomes: str
) -> None:
    """By the declaration, and of each frame."""
    chosen, _ = filters.find(FilterSpec(name, params))
    assert shapes([FilterSpec(name, params)], Shape(64, height, Fraction(1), "tt"))[-1].field_order == becomes
    (made,) = run(chosen, params, [interlaced(noise("yuv420p", 64, height))])
    assert made.field_order == becomes


def test_a_flip_lays_the_first_field_where_its_order_says() -> None:
    frame = interlaced(noise("yuv420p", 64, 48))
    (made,) = run(filters.find(FilterSpec("flip"))[0], {"direction": "vertical"}, [frame])
    first, before = field(made, 1), field(frame, 0)  # the bottom field of what is "bb", the top field of what is "tt"
    assert all(np.array_equal(a, b[::-1]) for a, b in zip(first.planes, before.planes, strict=True))


@pytest.mark.parametrize("y", [0, 1, 2, 3, 4, 6, -1])
def test_a_crop_leaves_each_row_in_its_field(y: int) -> None:
    frame = interlaced(noise("yuv420p", 64, 48))
    (made,) = run(filters.find(FilterSpec("crop"))[0], {"y": y, "height": 22}, [frame])
    for plane, source in zip(made.planes, frame.planes, strict=True):
        (row,) = (n for n, each in enumerate(source) if np.array_equal(each, plane[0]))
        assert row % 2 == 0


@pytest.mark.parametrize("angle", [90, 270, -90, 7.5])
def test_turning_rows_into_columns_is_refused_with_the_way_out(angle: float) -> None:
    turned = [FilterSpec("rotate", {"angle": angle})]
    with pytest.raises(BadParameterError, match="--filter deinterlace --filter rotate"):
        shapes(turned, Shape(64, 48, field_order="tt"))
    assert shapes([FilterSpec("deinterlace"), *turned], Shape(64, 48, field_order="tt"))[-1].field_order == (
        "progressive"
    )
    with pytest.raises(BadParameterError, match=r"frame 0: rotate: .* deinterlace first"):
        run(filters.find(FilterSpec("rotate"))[0], {"angle": angle}, [interlaced(noise("yuv420p", 64, 48))])


@pytest.mark.parametrize(("said", "heights"), [("", [48]), ("fields='apart'", [24, 24])])
def test_a_custom_filter_sees_whole_frames_or_fields_as_it_says(said: str, heights: list[int]) -> None:
    text = f"import vidproc\n@vidproc.filter({said})\ndef f(frame):\n    frame[:] = len(frame)\n    return frame\n"
    chosen, _ = filters.find(FilterSpec("custom", code=text))
    (made,) = run(chosen, {}, [interlaced(noise("bgr24", 64, 48))])
    assert [int(field(made, parity).array.max()) for parity in range(len(heights))] == heights


def test_a_filter_of_fields_remembers_nothing() -> None:
    with pytest.raises(ValueError, match="what two fields remember"):
        Filter("f", "", ("gray",), run, memory=Reset(dict, 8), fields="apart")
