"""Kinds: one name, filters with needs of their own, and a parameter that chooses among them."""

from __future__ import annotations

import pytest

from vidproc.errors import BadParameterError
from vidproc.filters.contract import Filter, Param, Picture
from vidproc.filters.kinds import Kinds
from vidproc.model import ParamValue

SIZE, GAIN, DEEP = (Param("size", 5, "a size", low=1, high=9), Param("gain", 1.0, "a gain"), Param("deep", False, "?"))


def _kind(kind: str, *params: Param, window: tuple[int, int] = (0, 0)) -> Filter:
    def apply(window: tuple[Picture, ...], out: Picture) -> Picture:
        return out

    return Filter("soften", f"In the {kind} way.", ("gray",), apply, params, window, kind=kind)


SOFT, HARD, LATE = _kind("soft", SIZE), _kind("hard", SIZE, GAIN), _kind("late", GAIN, DEEP, window=(-2, 0))
SOFTEN = Kinds("Soften.", "how to soften", (SOFT, HARD, LATE))


@pytest.mark.parametrize(
    ("given", "chosen", "params"),
    [
        ({}, SOFT, {"size": 5}),
        ({"kind": "soft", "size": "3"}, SOFT, {"size": 3}),
        ({"gain": 2, "kind": "hard"}, HARD, {"size": 5, "gain": 2.0}),
        ({"kind": "late"}, LATE, {"gain": 1.0, "deep": False}),
    ],
)
def test_the_kind_chooses_and_only_its_own_parameters_are_there(
    given: dict[str, ParamValue], chosen: Filter, params: dict[str, ParamValue]
) -> None:
    assert SOFTEN.choose(given) == (chosen, params)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "sofd"}, "soften: kind must be one of soft, hard, late, not 'sofd'; did you mean 'soft'?"),
        ({"kind": 7}, "soften: kind must be one of soft, hard, late, not '7'"),
        ({"kind": "hard", "size": 10}, "soften kind=hard: size must be a whole number from 1 to 9, not '10'"),
        ({"kind": "soft", "deep": True}, "soften kind=soft has no parameter 'deep': that is one of kind=late"),
        ({"gain": 2}, "soften kind=soft has no parameter 'gain': that is one of kind=hard and kind=late"),
        ({"sise": 2}, "soften kind=soft has no parameter 'sise': it takes size; did you mean 'size'?"),
    ],
)
def test_what_does_not_belong_to_the_kind_is_refused_by_its_name(given: dict[str, ParamValue], said: str) -> None:
    with pytest.raises(BadParameterError) as caught:
        SOFTEN.choose(given)
    assert str(caught.value) == said


def test_the_parameter_that_chooses() -> None:
    assert SOFTEN.name == "soften"
    assert (SOFTEN.kind.default, SOFTEN.kind.allowed) == ("soft", "one of soft, hard, late")


def test_a_filter_without_kinds_chooses_itself() -> None:
    alone = Filter("alone", "Alone.", ("gray",), SOFT.apply, (Param("kind", "", "a parameter like any other"),))
    assert alone.choose({"kind": "x"}) == (alone, {"kind": "x"})
