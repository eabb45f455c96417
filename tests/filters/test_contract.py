"""Parameters: what is taken, what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.errors import BadParameterError
from vidproc.filters.contract import Filter, Param, Picture
from vidproc.model import ParamValue

WHOLE = Param("size", 5, "a size", low=1, high=9, odd=True)
REAL = Param("gain", 1.0, "a gain", low=0)
TRUTH = Param("deep", False, "deep or not")
WORD = Param("kind", "soft", "a kind", choices=("soft", "hard"))
TEXT = Param("label", "", "any text")


@pytest.mark.parametrize(
    ("param", "given", "value"),
    [
        (WHOLE, "7", 7),
        (WHOLE, 7, 7),
        (WHOLE, 7.0, 7),
        (WHOLE, " 3 ", 3),
        (REAL, "2", 2.0),
        (REAL, 3, 3.0),
        (REAL, "1e-3", 0.001),
        (TRUTH, "yes", True),
        (TRUTH, "False", False),
        (TRUTH, True, True),
        (TRUTH, 0, False),
        (WORD, "hard", "hard"),
        (TEXT, "anything", "anything"),
    ],
)
def test_values_become_the_parameters_type(param: Param, given: Any, value: Any) -> None:
    checked = param.check(given)
    assert checked == value
    assert type(checked) is param.kind


@pytest.mark.parametrize("given", ["", "x", "4", 4, 0, 11, -1, "7.5", 7.5, True, None, [7], "nan", 10**400, "1e400"])
def test_what_is_no_odd_number_in_the_range_is_refused(given: Any) -> None:
    with pytest.raises(BadParameterError, match="size must be an odd whole number from 1 to 9, not"):
        WHOLE.check(given)


@pytest.mark.parametrize("given", ["nan", "inf", "-inf", float("nan"), float("inf"), -0.1, True, None, "1,5", 10**400])
def test_what_is_no_finite_number_is_refused(given: Any) -> None:
    with pytest.raises(BadParameterError, match="gain must be a number of at least 0, not"):
        REAL.check(given)


@pytest.mark.parametrize("given", ["maybe", 2, None, ""])
def test_what_is_neither_true_nor_false_is_refused(given: Any) -> None:
    with pytest.raises(BadParameterError, match="deep must be true or false, not"):
        TRUTH.check(given)


def test_a_misspelt_word_is_refused_with_what_was_meant() -> None:
    with pytest.raises(BadParameterError) as caught:
        WORD.check("sofd")
    assert str(caught.value) == "kind must be one of soft, hard, not 'sofd'; did you mean 'soft'?"


def test_a_long_value_is_not_repeated_in_full() -> None:
    with pytest.raises(BadParameterError) as caught:
        WORD.check("x" * 10_000)
    assert len(str(caught.value)) < 120


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_any_value_is_either_taken_or_refused_in_one_line(given: Any) -> None:
    for param in (WHOLE, REAL, TRUTH, WORD):
        checked = _checked(param, given)
        if isinstance(checked, BadParameterError):
            assert len(str(checked).splitlines()) == 1
        else:
            assert type(checked) is param.kind
            assert param.check(checked) == checked


def _checked(param: Param, given: Any) -> ParamValue | BadParameterError:
    try:
        return param.check(given)
    except BadParameterError as error:
        return error


def _filter(*params: Param) -> Filter:
    return Filter("soften", "Soften.", ("gray",), lambda window, out: out, params)


def test_given_values_overlay_the_defaults() -> None:
    assert _filter(WHOLE, REAL, WORD).resolve({"size": "9"}) == {"size": 9, "gain": 1.0, "kind": "soft"}


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadParameterError) as caught:
        _filter(WHOLE, REAL).resolve({"sise": 3})
    assert str(caught.value) == "soften has no parameter 'sise': it takes size, gain; did you mean 'size'?"
    with pytest.raises(BadParameterError, match="soften has no parameter 'size': it takes none"):
        _filter().resolve({"size": 3})


def test_a_refusal_names_filter_parameter_value_and_range() -> None:
    with pytest.raises(BadParameterError) as caught:
        _filter(WHOLE).resolve({"size": 4})
    assert str(caught.value) == "soften: size must be an odd whole number from 1 to 9, not '4'"


def test_a_picture_knows_its_size() -> None:
    picture = Picture("yuv420p", (np.zeros((3, 5)), np.zeros((2, 3)), np.zeros((2, 3))))
    assert (picture.width, picture.height) == (5, 3)
    with pytest.raises(ValueError, match="unpack"):
        _ = picture.array
