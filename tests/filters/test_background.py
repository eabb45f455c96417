"""Background subtraction against OpenCV called plainly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.pipelines.stand_in import PlainConverter
from vidproc import filters
from vidproc.filters.contract import Array, Picture
from vidproc.filters.memory import Opaque
from vidproc.model import FilterSpec, ParamValue
from vidproc.pipelines.plan import plan

WIDTH, HEIGHT = 96, 64


def film(length: int) -> list[Array]:
    """A grainy scene in which a square goes to the right, with its shadow below."""
    dice = np.random.default_rng(5)
    scene = dice.integers(120, 180, (HEIGHT, WIDTH, 3))
    frames = []
    for number in range(length):
        frame = scene + dice.integers(-3, 4, scene.shape)
        frame[30:50, 10 + 3 * number : 30 + 3 * number] = frame[30:50, 10 + 3 * number : 30 + 3 * number] * 0.7
        frame[10:30, 10 + 3 * number : 30 + 3 * number] = (20, 20, 230)
        frames.append(frame.astype(np.uint8))
    return frames


def masks(frames: list[Array], first: int = 0, **params: ParamValue) -> list[Array]:
    chain = plan([FilterSpec("motion", {"kind": "mog2", **params})], "bgr24", "gray")
    pictures = ((rank, Picture("bgr24", (frame,))) for rank, frame in enumerate(frames, first))
    return [picture.array.copy() for _, picture in chain.run(pictures, first, first + len(frames), PlainConverter())]


def plainly(frames: list[Array], anew: set[int], *settings: float) -> list[Array]:
    """What OpenCV gives, a subtractor being made and shown its first frame once at each of these places."""
    results = []
    for number, frame in enumerate(frames):
        if number in anew:
            subtractor = cv2.createBackgroundSubtractorMOG2(*settings)  # type: ignore[call-overload]
            subtractor.apply(frame)
        results.append(subtractor.apply(frame))
    return results


def same(some: list[Array], others: list[Array]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


def test_it_is_opencvs_learnt_anew_at_multiples_and_at_the_first_frame() -> None:
    frames = film(14)
    assert same(masks(frames, every=5), plainly(frames, {0, 5, 10}, 500, 16, True))
    assert same(masks(frames[3:], first=3, every=5), plainly(frames[3:], {0, 2, 7}, 500, 16, True))


def test_it_may_be_learnt_once_for_all() -> None:
    frames = film(14)
    assert same(masks(frames, every=0), plainly(frames, {0}, 500, 16, True))
    found, params = filters.find(FilterSpec("motion", {"kind": "mog2", "every": 0}))
    assert isinstance(found.remembers(params), Opaque)


@pytest.mark.parametrize(
    ("params", "settings"),
    [
        ({"history": 3}, (3, 16, True)),
        ({"var_threshold": 0.5}, (500, 0.5, True)),
        ({"shadows": False}, (500, 16, False)),
    ],
)
def test_its_parameters_are_opencvs(params: dict[str, ParamValue], settings: tuple[float, ...]) -> None:
    frames = film(12)
    result = masks(frames, **params)
    assert same(result, plainly(frames, {0}, *settings))
    assert not same(result, masks(frames))


def test_frames_at_which_it_begins_are_black_and_later_ones_show_what_moves() -> None:
    result = masks(film(12), every=6)
    assert not result[0].any()
    assert not result[6].any()
    assert (result[11][10:30, 60:63] == 255).all()  # where the square has come to
    assert (result[11][30:50, 60:63] == 127).mean() > 0.9  # and its shadow
    assert not result[11][50:].any()


def test_on_a_smaller_copy_the_mask_is_enlarged() -> None:
    frames = film(8)
    small = [cv2.resize(frame, (48, 32), interpolation=cv2.INTER_AREA) for frame in frames]
    enlarged = [each.repeat(2, axis=0).repeat(2, axis=1) for each in plainly(small, {0}, 500, 16, True)]
    assert same(masks(frames, width=48), enlarged)
    assert same(masks(frames, width=WIDTH), masks(frames))
    assert same(masks(frames, width=2 * WIDTH), masks(frames))


def test_how_often_it_begins_is_a_parameter() -> None:
    found, params = filters.find(FilterSpec("motion", {"kind": "mog2", "every": "40"}))
    (step,) = found.reach(params)
    assert step.every == 40
    assert str(found.remembers(params)) == "Remembers what came before, and begins anew every 40 frames."
