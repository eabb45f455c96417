"""Users' own functions: what they get, what may come back, and what they can't break."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.filters.pictures import noise, room_like
from vidproc.errors import ClientError, FilterError
from vidproc.filters import custom
from vidproc.filters.contract import Filter, Picture
from vidproc.filters.decorator import filter


def applied(made: Filter, *window: Picture | None, **params: Any) -> Picture:
    here = window[-made.window[0]]
    assert here is not None
    result = made.apply(window, room_like(here), **made.resolve(params))
    assert isinstance(result, Picture)
    return result


def frozen(name: str, seed: int = 0) -> Picture:
    """A picture whose planes may not be written into, as a decoder's frames may not."""
    picture = noise(name, 13, 9, seed)
    for plane in picture.planes:
        plane.flags.writeable = False
    return picture


BGR, GRAY, YUV = frozen("bgr24"), frozen("gray"), frozen("yuv420p")


def test_a_function_from_frame_to_frame() -> None:
    result = applied(custom.load("def invert(frame):\n    return 255 - frame"), BGR)
    assert result.format == "bgr24"
    assert np.array_equal(result.array, 255 - BGR.array)


def test_a_function_that_draws_in_what_it_gets() -> None:
    drawn = applied(custom.load("def draw(frame):\n    frame[2:4] = 7\n    return frame"), BGR).array
    assert (drawn[2:4] == 7).all()
    assert np.array_equal(drawn[4:], BGR.array[4:])


def test_parameters_are_the_functions_keywords() -> None:
    made = custom.load("def dim(frame, by=2, *, floor=0):\n    return frame // by + floor")
    assert np.array_equal(applied(made, BGR, by="4", floor=3).array, BGR.array // 4 + np.uint8(3))


def test_a_view_of_the_frame_that_overlaps_it_comes_out_right() -> None:
    result = applied(custom.load("def flip(frame):\n    return frame[::-1, ::-1]"), BGR)
    assert np.array_equal(result.array, BGR.array[::-1, ::-1])


def test_a_gray_result_of_a_colour_frame_is_a_gray_picture() -> None:
    result = applied(custom.load("def f(frame):\n    return frame[..., 1]"), BGR)
    assert result.format == "gray"
    assert np.array_equal(result.array, BGR.array[..., 1])


WINDOWED = """
import vidproc.filters.decorator as v
@v.filter(formats="gray", window=(-1, 0))
def change(frames):
    before, now = frames
    if before is None:
        return now
    before -= now
    now[:] = 1
    return before
"""


def test_a_windowed_function_gets_a_list_with_none_where_there_is_no_frame() -> None:
    made = custom.load(
        WINDOWED.replace(
            "import vidproc.filters.decorator as v", "from vidproc.filters import decorator as vidproc"
        ).replace("@v.", "@vidproc.")
    )
    assert made.window == (0, 0)  # called something that can't be recognised, it says nothing
    made = custom.load(WINDOWED)
    assert (made.window, made.formats) == ((-1, 0), ("gray",))
    assert np.array_equal(applied(made, None, GRAY).array, GRAY.array)


def test_what_a_function_does_to_its_window_is_not_seen_outside() -> None:
    before, now = frozen("gray", 1), frozen("gray", 2)
    copies = before.array.copy(), now.array.copy()
    result = applied(custom.load(WINDOWED), before, now)
    assert np.array_equal(result.array, copies[0] - copies[1])
    assert np.array_equal(before.array, copies[0])
    assert np.array_equal(now.array, copies[1])


def test_a_result_that_the_function_keeps_and_changes_later_is_not_seen_outside() -> None:
    made = custom.load(
        "import numpy\nkept = numpy.zeros((9, 13), 'u1')\ndef f(frame):\n    kept[:] += 1\n    return kept"
    )
    first = applied(made, BGR)
    applied(made, BGR)
    assert (first.array == 1).all()


def test_a_function_on_planes() -> None:
    @filter(formats="yuv")
    def colourless(picture: Picture) -> Picture:
        for plane in picture.planes[1:]:
            plane[:] = 128
        return Picture(picture.format, tuple(plane.copy() for plane in picture.planes))

    result = applied(custom.from_function(colourless), YUV)
    assert result.format == "yuv420p"
    assert np.array_equal(result.planes[0], YUV.planes[0])
    assert all((plane == 128).all() for plane in result.planes[1:])


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        ("None", "returned None: it must return the frame"),
        ("frame.tolist()", "returned list; it must return an array of uint8, 9 x 13 x 3 (BGR) or 9 x 13 (gray)"),
        ("frame / 2", "returned an array of float64, 9 x 13 x 3; it must"),
        ("frame > 3", "returned an array of bool"),
        ("frame[1:]", "returned an array of uint8, 8 x 13 x 3; it must"),
        ("frame[..., :2]", "returned an array of uint8, 9 x 13 x 2; it must"),
        ("frame.sum()", "returned uint64"),
    ],
)
def test_what_is_no_frame_is_refused(returns: str, said: str) -> None:
    with pytest.raises(FilterError) as caught:
        applied(custom.load(f"def f(frame):\n    return {returns}"), BGR)
    assert said in str(caught.value)


def test_a_picture_unlike_the_one_given_is_refused() -> None:
    @filter(formats="yuv")
    def halved(picture: Picture) -> Picture:
        return Picture(picture.format, tuple(plane[::2] for plane in picture.planes))

    with pytest.raises(FilterError, match="returned a yuv420p picture unlike the yuv420p it was given"):
        applied(custom.from_function(halved), YUV)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero (line 4)"),
        ("raise SystemExit(3)", "SystemExit: 3 (line 4)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt (line 4)"),
        ("raise KeyError('a\\nb')", "(line 4)"),
        ("import numpy; numpy.linalg.inv(frame)", "(line 4)"),
    ],
)
def test_an_exception_says_where_in_the_users_file(line: str, said: str) -> None:
    made = custom.load(
        f"def _inner(frame):\n    # as told\n    pass\n    {line}\n\ndef f(frame):\n    return _inner(frame)"
    )
    with pytest.raises(FilterError) as caught:
        applied(made, BGR)
    assert str(caught.value).startswith("the custom filter failed: ")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_fails_says_where() -> None:
    with pytest.raises(FilterError) as caught:
        custom.load("x = 1\nfrom nowhere import much\ndef f(frame): return frame")
    assert (
        str(caught.value) == "the custom filter's file failed: ModuleNotFoundError: No module named 'nowhere' (line 2)"
    )


def test_a_file_that_ends_the_program_fails_as_any_other() -> None:
    with pytest.raises(FilterError, match=r"file failed: KeyboardInterrupt \(line 1\)"):
        custom.load("raise KeyboardInterrupt\ndef f(frame): return frame")


def test_a_file_may_hold_what_looks_up_its_module() -> None:
    code = (
        "from __future__ import annotations\nimport dataclasses, typing\n"
        "@dataclasses.dataclass\nclass Gain:\n    by: typing.ClassVar[int] = 2\n"
        "def f(frame): return frame * Gain.by\n"
    )
    assert np.array_equal(applied(custom.load(code), BGR).array, BGR.array * 2)


def test_reading_and_loading_declare_the_same() -> None:
    text = WINDOWED + "\ndef other(frame, gain=1.0):\n    'Does.'\n    return frame\n"
    for function in ("", "other"):
        read, loaded = custom.read(text, function), custom.load(text, function)
        assert (read.formats, read.window, read.params, read.help) == (
            loaded.formats,
            loaded.window,
            loaded.params,
            loaded.help,
        )


def test_a_filter_that_was_only_read_does_not_run() -> None:
    with pytest.raises(FilterError, match="was read, not loaded"):
        applied(custom.read("def f(frame): return frame"), BGR)


def test_a_function_at_hand_says_where_it_failed() -> None:
    def broken(frame: Any) -> Any:
        raise ValueError("no")

    with pytest.raises(FilterError, match=rf"ValueError: no \(line {broken.__code__.co_firstlineno + 1}\)"):
        applied(custom.from_function(broken), BGR)


@pytest.mark.parametrize("function", [lambda: None, lambda frame, other: None, lambda *, frame: None, 3, None])
def test_what_cant_be_called_with_a_frame_is_no_filter(function: Any) -> None:
    with pytest.raises(ClientError):
        custom.from_function(function)


SLOW = """
import vidproc

@vidproc.filter(memory="reset", every=3, window=(-1, 0))
def slow(frames, state, step=2):
    frames[1][:] += state.get("kept", 0)
    state["kept"] = frames[1]
    state["times"] = state.get("times", 0) + step
    return frames[1] + state["times"]
"""


def test_a_function_that_remembers_may_keep_what_it_gets() -> None:
    made = custom.load(SLOW)
    state, room = {}, room_like(BGR)
    first = made.apply((None, BGR), room, state=state, step=2).array.copy()
    assert np.array_equal(first, BGR.array + 2)
    room.array[:] = 77  # an encoder's frame is used again
    second = made.apply((BGR, BGR), room, state=state, step=2).array
    assert np.array_equal(second, BGR.array * 2 + 4)


def test_a_function_at_hand_that_remembers() -> None:
    @filter(memory="reset", every=5)
    def count(frame: Any, state: dict[str, int], step: int = 1) -> Any:
        state["seen"] = state.get("seen", 0) + step
        return frame + state["seen"]

    made, state = custom.from_function(count), {"seen": 4}
    assert [param.name for param in made.params] == ["step"]
    result = made.apply((BGR,), room_like(BGR), state=state, step=3)
    assert np.array_equal(result.array, BGR.array + 7)
    assert state == {"seen": 7}

    with pytest.raises(ClientError, match="must be a function that takes the frame and the state"):
        custom.from_function(filter(memory="reset", every=5)(lambda frame: frame))
