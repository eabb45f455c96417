"""Python functions as text: to this process's own children, and to other hosts."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import vidproc
from tests.filters.pictures import noise, room_like
from tests.user_filters import Darken, invert, trails
from vidproc.errors import ClientError, FilterError
from vidproc.filters import custom
from vidproc.filters.contract import Filter
from vidproc.functions import as_spec
from vidproc.model import FilterSpec
from vidproc.reach import ReachStep

PICTURE = noise("bgr24", 16, 8)
BIG = np.full((1080, 1920, 3), 7, np.uint8)
"""Far more than fits into a message."""


def _darker(frame: Any, by: int = 2) -> Any:
    return frame // by


def _closure(by: int) -> Callable[[Any], Any]:
    def function(frame: Any) -> Any:
        return frame // by + BIG[: frame.shape[0], : frame.shape[1]]

    return function


def loaded(spec: FilterSpec) -> Filter:
    """As a slot does: read, and then run."""
    read, found = custom.read(spec.code, spec.function), custom.load(spec.code, spec.function)
    assert (read.formats, read.window) == (found.formats, found.window)
    return found


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (invert, 255 - PICTURE.array),
        (lambda frame: frame ^ 1, PICTURE.array ^ 1),
        (_closure(2), PICTURE.array // 2 + 7),
        (_darker, PICTURE.array // 2),
        (functools.partial(_darker, by=4), PICTURE.array // 4),
        (Darken(3), PICTURE.array // 3),
        (Darken(3).method, PICTURE.array // 3),
    ],
    ids=["function", "lambda", "closure", "default", "partial", "object", "method"],
)
def test_anything_that_takes_a_frame_goes_to_children_of_ours(
    tmp_path: Path, function: Callable[..., Any], expected: Any
) -> None:
    spec = as_spec(function, tmp_path)
    assert len(spec.code) < 1000
    result = loaded(spec).apply((PICTURE,), room_like(PICTURE))
    assert np.array_equal(result.array, expected)


def test_what_it_declares_goes_with_it(tmp_path: Path) -> None:
    found = loaded(as_spec(trails, tmp_path))
    assert (found.formats, found.window) == (("gray",), (-1, 0))
    remembering = vidproc.filter(memory="reset", every=9)(lambda frame, state: frame + state["by"])
    found = loaded(as_spec(remembering, tmp_path))
    assert found.reach({}) == (ReachStep(every=9),)
    result = found.apply((PICTURE,), room_like(PICTURE), state={"by": 3})
    assert np.array_equal(result.array, PICTURE.array + 3)
    assert loaded(as_spec(vidproc.filter(fields="apart")(lambda frame: frame), tmp_path)).fields == "apart"


def test_several_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    specs = [as_spec(functools.partial(_darker, by=by), tmp_path) for by in (2, 3, 4)]
    for by, spec in zip((2, 3, 4), specs, strict=True):
        result = loaded(spec).apply((PICTURE,), room_like(PICTURE))
        assert np.array_equal(result.array, PICTURE.array // by)


def test_where_it_fails_is_told_by_the_line_of_its_own_file(tmp_path: Path) -> None:
    def broken(frame: Any) -> Any:
        return 1 // int(frame.sum() * 0)

    found = loaded(as_spec(broken, tmp_path))
    line = broken.__code__.co_firstlineno + 1
    with pytest.raises(FilterError, match=rf"ZeroDivisionError: .* \(line {line}\)"):
        found.apply((PICTURE,), room_like(PICTURE))


def test_what_cannot_be_a_filter_is_refused(tmp_path: Path) -> None:
    def needy(frame: Any, more: int) -> Any:
        return frame

    lock = threading.Lock()
    for wrong, why in (
        (needy, "parameters need defaults: more"),
        (lambda frame: (lock, frame)[1], "cannot go to the processes that would run it: .*lock"),
        (cv2.flip, "must be a function that takes the frame"),
        (5, "5 is no filter: give its name, a function, or the path of its file"),
    ):
        with pytest.raises(ClientError, match=why):
            as_spec(wrong, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("pickles", [None, Path()], ids=["elsewhere", "here"])
def test_names_specs_and_files_stay_what_they_are(tmp_path: Path, pickles: Path | None) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def mine(frame): return frame\n")
    assert as_spec("blur:ksize=9", pickles) == FilterSpec("blur", {"ksize": "9"})
    assert as_spec(FilterSpec("edges"), pickles) == FilterSpec("edges")
    assert as_spec(file, pickles) == FilterSpec("custom", code=file.read_text())
    with pytest.raises(ClientError, match="cannot read the filter"):
        as_spec(tmp_path / "nobodys.py", pickles)


def test_to_other_hosts_goes_the_file_that_a_function_is_written_in() -> None:
    spec = as_spec(trails, None)
    assert spec.function == "trails"
    assert 'return now if before is None' in spec.code
    assert loaded(spec).window == (-1, 0)


def test_what_has_no_file_or_no_name_in_it_cannot_go_to_other_hosts() -> None:
    typed: dict[str, Any] = {}
    exec("def typed(frame): return frame", typed)
    for function in (lambda frame: frame, _closure(2), Darken(2), Darken(2).method, typed["typed"], len):
        with pytest.raises(ClientError, match="only a function at the top level of a file can go to other hosts"):
            as_spec(function, None)


def test_the_text_of_a_function_and_the_path_of_its_file_are_told_from_a_name(tmp_path: Path) -> None:
    text = "def negative(frame):\n    return 255 - frame\n"
    file = tmp_path / "negative.py"
    file.write_text(text)
    assert as_spec(text, None) == as_spec(str(file), None) == as_spec(file, None)
    assert as_spec(f"{file}:function=negative", None) == FilterSpec("custom", code=text, function="negative")
    assert as_spec("blur:ksize=5", None).name == "blur"
