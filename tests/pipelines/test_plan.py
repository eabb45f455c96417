"""From a job's filters to a pipeline: what it says of itself, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.pipelines.stand_in import looking, summing, weighted
from vidproc.errors import BadParameterError, ClientError, FilterError, UnknownFilterError
from vidproc.filters.contract import Chosen, Param, Shape
from vidproc.filters.memory import Reset
from vidproc.model import FilterSpec, ParamValue
from vidproc.pipelines.plan import arrange, check, plan, reach_of, shapes
from vidproc.reach import Reach, ReachStep

FORM = "yuv420p"


def spec(name: str, **params: ParamValue) -> FilterSpec:
    return FilterSpec(name, params)


def own(code: str, **params: ParamValue) -> FilterSpec:
    return FilterSpec("custom", params, code)


PLAIN = "def f(frame, gain=1.0): return frame"
WINDOWED = "import vidproc.filters.decorator as v\n@v.filter(window=(-2, 1))\ndef f(frames): return frames[2]"
FAILING = "raise ValueError('no')\n" + PLAIN


@pytest.mark.parametrize(
    ("specs", "source", "line"),
    [
        ([], FORM, "yuv420p -> yuv420p"),
        ([spec("blur")], FORM, "yuv420p -> blur(yuv420p)"),
        ([spec("blur")], "yuv422p10le", "yuv422p10le -> blur(yuv422p10le) -> yuv420p"),
        ([spec("edges")], FORM, "yuv420p -> gray -> edges(gray) -> yuv420p"),
        ([spec("motion", kind="flow")], FORM, "yuv420p -> gray -> motion(gray to bgr24) -> yuv420p"),
        ([spec("blur"), own(PLAIN)], FORM, "yuv420p -> blur(yuv420p) -> bgr24 -> custom(bgr24) -> yuv420p"),
    ],
)
def test_a_pipeline_explains_itself(specs: list[FilterSpec], source: str, line: str) -> None:
    assert plan(specs, source, FORM).explain() == line


def test_parameters_are_checked_and_filled_in() -> None:
    (step,) = plan([spec("blur", ksize="5")], FORM, FORM).steps
    assert step.params == {"ksize": 5, "sigma": 0.0}


def test_what_a_chain_reaches_is_what_its_filters_do() -> None:
    assert plan([], FORM, FORM).reach == Reach()
    assert plan([spec("motion"), spec("blur"), spec("motion")], FORM, FORM).reach == Reach(
        (ReachStep(-1), ReachStep(-1))
    )
    chain: list[Chosen] = [(weighted(-2, 1), {}), (summing(50, -1), {}), (looking(4, -8, 12), {})]
    steps = (ReachStep(-2, 1), ReachStep(-1, 0, 50), ReachStep(every=4), ReachStep(-8, 12))
    assert arrange(chain, FORM, FORM).reach == Reach(steps)


def test_memory_may_depend_on_parameters() -> None:
    remembering = replace(summing(1), memory=lambda size: Reset(list, every=size), params=(Param("size", 5, ""),))
    assert remembering.reach({"size": 9}) == (ReachStep(every=9),)
    assert reach_of([remembering.choose({})]).period == 5


@pytest.mark.parametrize(
    "specs",
    [[], [spec("blur")], [spec("motion"), own(WINDOWED), spec("edges")], [own(PLAIN, gain="2"), spec("motion")]],
)
def test_checking_gives_the_reach_that_planning_finds(specs: list[FilterSpec]) -> None:
    assert check(specs) == plan(specs, FORM, FORM).reach


@pytest.mark.parametrize(
    ("refused", "error", "said"),
    [
        (spec("blurr"), UnknownFilterError, "there is no filter 'blurr'"),
        (spec("blur", ksize=4), BadParameterError, "blur kind=gaussian: ksize must be an odd whole number"),
        (spec("blur", kind="median", sigma=2), BadParameterError, "blur kind=median has no parameter 'sigma'"),
        (spec("motion", ksize=5), BadParameterError, "motion kind=difference has no parameter 'ksize'"),
        (own(PLAIN, gian=1), BadParameterError, "custom has no parameter 'gian'"),
        (own("def f(frame"), ClientError, "the custom filter does not compile: line 1"),
    ],
)
def test_what_is_wrong_is_refused_before_and_while_planning(
    refused: FilterSpec, error: type[ClientError], said: str
) -> None:
    for ask in (check, lambda specs: plan(specs, FORM, FORM)):
        with pytest.raises(error) as caught:
            ask([spec("blur"), refused])
        assert str(caught.value).startswith(said)


def test_a_chain_has_an_end() -> None:
    assert check([FilterSpec("edges")] * 64) == Reach()
    with pytest.raises(ClientError, match="a job may have 64 filters, not 65"):
        check([FilterSpec("edges")] * 65)


def test_a_built_in_filter_brings_no_text() -> None:
    with pytest.raises(ClientError, match="filter 2, blur, is built in: it takes no code"):
        check([spec("edges"), FilterSpec("blur", code=PLAIN)])


def test_checking_executes_nothing_and_planning_does() -> None:
    assert check([own(FAILING)]) == Reach()
    with pytest.raises(FilterError, match="ValueError: no"):
        plan([own(FAILING)], FORM, FORM)


def test_the_shape_of_the_pictures_after_each_filter() -> None:
    film = Shape(720, 576, Fraction(16, 15))
    chain = [spec("crop", width=700), spec("blur"), spec("rotate"), own(FAILING), spec("resize", width="144")]
    assert shapes(chain, film) == (
        film,
        Shape(700, 576, Fraction(16, 15)),
        Shape(700, 576, Fraction(16, 15)),
        Shape(576, 700, Fraction(15, 16)),
        Shape(576, 700, Fraction(15, 16)),
        Shape(144, 176, Fraction(15, 16) * Fraction(176 * 576, 144 * 700)),
    )
    assert shapes([], film) == (film,)


def test_a_filter_that_does_not_fit_to_the_film_is_named() -> None:
    chain = [spec("resize", width=100), spec("crop", width=200)]
    assert check(chain) == Reach()
    with pytest.raises(BadParameterError, match=r"^crop: width 200, .* does not lie within the picture of 100x80"):
        shapes(chain, Shape(720, 576))
