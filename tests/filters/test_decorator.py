"""`@filter`: what it leaves alone and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from vidproc.errors import ClientError
from vidproc.filters.contract import Param
from vidproc.filters.decorator import MARK, MAX_REACH, Declaration, declare, filter
from vidproc.filters.memory import Reset


def test_the_function_stays_what_it_is() -> None:
    def plain(frame: Any) -> Any:
        return frame

    assert filter(plain) is plain
    assert getattr(plain, MARK) == Declaration(("bgr24",), (0, 0))


def test_a_declaration_is_carried_by_the_function() -> None:
    @filter(formats="gray", window=[-1, 0])
    def change(frames: Any) -> Any:
        return frames[1]

    assert getattr(change, MARK) == Declaration(("gray",), (-1, 0))


@pytest.mark.parametrize("formats", ["rgb24", (), ("gray", "yuv420p"), 3])
def test_formats_that_filters_cant_have_are_refused(formats: Any) -> None:
    with pytest.raises(ClientError):
        filter(formats=formats)


@pytest.mark.parametrize("window", [(1, 0), (0, -1), (-1,), (-1, 0, 1), (-0.5, 0), "ab", 3, (-MAX_REACH - 1, 0)])
def test_windows_that_dont_hold_the_frame_itself_or_reach_too_far_are_refused(window: Any) -> None:
    with pytest.raises(ClientError):
        filter(window=window)


def test_what_a_function_remembers_is_declared_by_a_word_and_a_number() -> None:
    made = declare(memory="reset", every=7).filter("f", "", {}, lambda window, out: out)
    memory = made.remembers({})
    assert isinstance(memory, Reset)
    assert (memory.every, memory.begin()) == (7, {})
    assert declare().filter("f", "", {}, lambda window, out: out).remembers({}) is None


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"memory": "rest", "every": 5}, "a filter's memory must be one of reset, snapshot, opaque, not 'rest'"),
        ({"memory": 5}, "a filter's memory must be one of reset, snapshot, opaque, not 5"),
        ({"memory": ["reset"]}, "a filter's declaration is wrong"),
        ({"memory": "reset"}, "a filter that begins anew must say every=, a whole number from 1 to 3000"),
        ({"memory": "reset", "every": 3001}, "a filter that begins anew must say every="),
        ({"memory": "reset", "every": "5"}, "a filter that begins anew must say every="),
        ({"every": 5}, 'every= belongs to memory="reset"'),
    ],
)
def test_memory_that_makes_no_sense_is_refused(declared: Any, said: str) -> None:
    with pytest.raises(ClientError) as caught:
        filter(**declared)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("params", [{"gain": {"lowest": 0}}, {"gain": 3}])
def test_limits_must_be_known_ones(params: Any) -> None:
    with pytest.raises(ClientError, match="parameter 'gain' must be declared by a dict of low, high"):
        filter(params=params)


def test_parameters_are_made_of_defaults_and_limits() -> None:
    declared = declare(
        params={"size": {"low": 1, "odd": True, "help": "a size"}, "kind": {"choices": ["soft", "hard"]}}
    )
    made = declared.filter("f", "", {"size": 3, "kind": "soft", "mask": None}, lambda window, out: out)
    assert made.params == (
        Param("size", 3, "a size", low=1, odd=True),
        Param("kind", "soft", "", choices=("soft", "hard")),
    )


@pytest.mark.parametrize(
    ("limits", "defaults", "said"),
    [
        ({"gain": {"low": 2}}, {"gain": 1.0}, "f: the default of gain must be a number of at least 2, not '1.0'"),
        ({"gian": {"low": 2}}, {"gain": 1.0}, "f declares limits for 'gian', which is no parameter"),
        ({"mask": {"low": 2}}, {"mask": None}, "f declares limits for 'mask', which is no parameter"),
        ({"gain": {"low": "x"}}, {"gain": 1.0}, "f: the default of"),
        ({"gain": {"choices": [1.0, 2.0]}}, {"gain": 1.0}, "f: the choices of gain must be words"),
        ({"kind": {"choices": "abc"}}, {"kind": "a"}, "f: the choices of kind must be words"),
        ({"kind": {"choices": 3}}, {"kind": "a"}, "f: the choices of kind must be words"),
        ({"kind": {"choices": ["soft"]}}, {"kind": "hard"}, "f: the default of kind must be soft, not 'hard'"),
    ],
)
def test_limits_must_fit_the_function(limits: Any, defaults: dict[str, object], said: str) -> None:
    with pytest.raises(ClientError) as caught:
        declare(params=limits).filter("f", "", defaults, lambda window, out: out)
    assert str(caught.value).startswith(said)
