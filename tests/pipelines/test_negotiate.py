"""Format negotiation: the fewest conversions, and nothing lost before it must be."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipelines.stand_in import colouring, passing
from vidproc.filters.contract import Filter
from vidproc.filters.formats import works_on
from vidproc.pipelines.negotiate import conversion_cost, negotiate

ANY, PLANES, GRAY, BGR = ("yuv", "gray", "bgr24"), ("yuv",), ("gray",), ("bgr24",)


def chosen(source: str, target: str, *declared: tuple[str, ...]) -> list[str]:
    return list(negotiate([passing(formats) for formats in declared], source, target))


@pytest.mark.parametrize(
    ("source", "target", "declared", "formats"),
    [
        ("yuv420p", "yuv420p", [], []),
        ("yuv420p", "yuv420p", [ANY], ["yuv420p"]),
        ("yuv420p", "yuv420p", [BGR], ["bgr24"]),
        ("yuv420p", "yuv420p", [("bgr24", "yuv")], ["yuv420p"]),
        # Colour is lost only for a filter that knows no colour; beyond it there is none to keep.
        ("yuv420p", "yuv420p", [("gray", "bgr24")], ["bgr24"]),
        ("yuv420p", "yuv420p", [ANY, BGR], ["yuv420p", "bgr24"]),
        ("yuv420p", "yuv420p", [GRAY, ANY], ["gray", "gray"]),
        ("yuv420p", "yuv420p", [ANY, GRAY], ["gray", "gray"]),
        ("yuv420p", "yuv420p", [PLANES, GRAY], ["yuv420p", "gray"]),
        # One way there and back, not two.
        ("yuv420p", "yuv420p", [BGR, ANY, BGR], ["bgr24", "bgr24", "bgr24"]),
        ("yuv420p", "yuv420p", [BGR, PLANES, BGR], ["bgr24", "yuv420p", "bgr24"]),
        # Depth and chroma stay as long as they can.
        ("yuv422p10le", "yuv420p", [ANY, ANY], ["yuv422p10le", "yuv422p10le"]),
        ("yuv444p", "yuv420p", [PLANES], ["yuv444p"]),
        ("yuv420p", "yuv420p10le", [ANY], ["yuv420p"]),
        # Two names for the same planes: the encoder's own memory has the target's.
        ("yuvj420p", "yuv420p", [ANY], ["yuv420p"]),
        # Films of RGB.
        ("bgr24", "yuv420p", [BGR], ["bgr24"]),
        ("bgr24", "yuv420p", [ANY], ["yuv420p"]),
        ("bgr24", "bgr24", [PLANES], ["yuv444p"]),
    ],
)
def test_each_filter_gets_the_format_that_suits_the_whole(
    source: str, target: str, declared: list[tuple[str, ...]], formats: list[str]
) -> None:
    assert chosen(source, target, *declared) == formats


@pytest.mark.parametrize(
    ("declared", "formats"),
    [
        ([ANY], ["gray", "yuv420p"]),
        ([BGR], ["gray", "bgr24"]),
        ([GRAY, ANY], ["gray", "gray", "gray"]),
    ],
)
def test_behind_a_filter_that_gives_colour_for_gray_there_is_colour(
    declared: list[tuple[str, ...]], formats: list[str]
) -> None:
    chain = [colouring(), *(passing(each) for each in declared)]
    assert list(negotiate(chain, "yuv420p", "yuv420p")) == formats


def test_formats_that_pictures_cant_have_are_a_mistake_in_the_filter() -> None:
    with pytest.raises(ValueError, match="passing declares formats"):
        chosen("yuv420p", "yuv420p", ("rgb48",))


def test_converting_costs_something_unless_the_planes_are_the_same() -> None:
    names = ["yuv420p", "yuv422p10le", "gray", "bgr24"]
    assert all(conversion_cost(one, other) > 0 for one, other in itertools.permutations(names, 2))
    assert all(conversion_cost(name, name) == 0 for name in names)
    assert conversion_cost("yuvj444p", "yuv444p") == 0


FORMATS = st.sampled_from(["yuv420p", "yuvj420p", "yuv422p", "yuv420p10le", "yuv444p12le", "bgr24"])
DECLARED = st.lists(st.sampled_from(ANY), min_size=1, max_size=3, unique=True).map(tuple)


@given(FORMATS, FORMATS, st.lists(DECLARED, max_size=4))
def test_no_other_choice_is_cheaper_in_conversions_that_lose(
    source: str, target: str, declared: list[tuple[str, ...]]
) -> None:
    """Against every combination there is: no other chain gives up colour where this one does not have to."""
    filters = [passing(formats) for formats in declared]
    formats = negotiate(filters, source, target)
    assert all(works_on(each.formats, name) for each, name in zip(filters, formats, strict=True))
    names = {source, target, "gray", "bgr24"} | ({"yuv444p"} if source == target == "bgr24" else set())
    others = itertools.product(*(_usable(each, names) for each in filters))
    least = min(_colour_losses(source, other, target) for other in others)
    assert _colour_losses(source, formats, target) == least


def _usable(filter_: Filter, names: set[str]) -> list[str]:
    return [name for name in sorted(names) if works_on(filter_.formats, name)] or ["yuv444p"]


def _colour_losses(source: str, formats: tuple[str, ...], target: str) -> int:
    way = (source, *formats, target)
    return sum(one != "gray" and other == "gray" for one, other in itertools.pairwise(way))
