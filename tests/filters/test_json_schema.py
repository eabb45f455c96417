"""The schemas say the same as the checks of the declarations that they are made from."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.filters.pictures import variants
from tests.filters.sample_files import SAMPLES, needed
from vidproc import filters
from vidproc.errors import BadParameterError
from vidproc.filters.contract import Filter, Param
from vidproc.filters.json_schema import schema

EVERY = [each for name in filters.names() for each in variants(name)]
ODD = Param("n", 3, "an odd number.", low=1, odd=True)
WORD = Param("w", "b", "a word.", choices=("a", "b"))
TRUTH = Param("yes", True, "or no.")
PARAMS = [*(param for each in EVERY for param in each.params if not param.file), ODD, WORD, TRUTH]
LIMITS = {param.allowed: param for param in PARAMS}.values()
"""One parameter of all those that take the same values."""


def validator(filter_: Filter) -> Draft202012Validator:
    made = schema(filters.get(filter_.name))
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(json.loads(json.dumps(made)))


def usual(filter_: Filter) -> dict[str, Any]:
    """All its parameters at their defaults; a sample where it wants a file."""
    params = {param.name: param.default for param in filter_.params}
    kind = {"kind": filter_.kind} if filter_.kind else {}
    return kind | params | {name: base64.b64encode(SAMPLES[filter_.name]).decode() for name in needed(filter_)}


def takes(filter_: Filter, params: dict[str, Any]) -> bool:
    """Whether the declaration does; hashes stand for files."""
    try:
        filters.get(filter_.name).choose(params | {name: "0" * 64 for name in needed(filter_) if name in params})
    except BadParameterError:
        return False
    return True


@pytest.mark.parametrize("filter_", EVERY, ids=lambda each: each.title)
def test_defaults_are_good_and_what_is_no_parameter_is_not(filter_: Filter) -> None:
    good = usual(filter_)
    assert validator(filter_).is_valid(good)
    assert takes(filter_, good)
    assert not validator(filter_).is_valid({**good, "another": 1})
    for params in ({}, {"kind": filter_.kind}, {"kind": "none"}, {name: good[name] for name in needed(filter_)}):
        assert validator(filter_).is_valid(params) == takes(filter_, params), params


@pytest.mark.parametrize("name", filters.names())
def test_a_parameter_of_another_kind_is_refused_by_both(name: str) -> None:
    for one in variants(name):
        for other in variants(name):
            params = usual(other) | ({"kind": one.kind} if one.kind else {})
            assert validator(one).is_valid(params) == takes(one, params)


def near(limit: float | None) -> list[st.SearchStrategy[Any]]:
    if limit is None:
        return []
    whole = st.integers(int(limit) - 2, int(limit) + 2)
    return [whole, whole.map(float), st.floats(limit - 1, limit + 1)]


def values(param: Param) -> st.SearchStrategy[Any]:
    """What JSON can say, and often what is nearly right. Texts only where one is meant, and no number for a truth."""
    texts = st.one_of(st.text(max_size=5), st.sampled_from(param.choices or ("",))) if param.kind is str else st.none()
    others = st.one_of(st.booleans(), st.none(), st.just([]), st.just({}), texts)
    if param.kind is bool:
        return others
    anywhere = st.floats(allow_nan=False, allow_infinity=False)
    return st.one_of(others, st.integers(), anywhere, *near(param.low), *near(param.high))


@pytest.mark.parametrize("param", LIMITS, ids=lambda param: f"{param.name}-{param.allowed[:40]}")
@given(data=st.data())
def test_a_value_is_good_for_both_or_for_neither(param: Param, data: st.DataObject) -> None:
    value = data.draw(values(param))
    alone = Filter("f", "f.", ("yuv",), apply=lambda: None, params=(param,))
    try:
        param.check(value)
    except BadParameterError:
        good = False
    else:
        good = True
    assert Draft202012Validator(schema(alone)).is_valid({param.name: value}) == good


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_file_is_its_content(name: str) -> None:
    said = schema(filters.get(name))["properties"]["file"]
    assert (said["type"], said["contentEncoding"]) == ("string", "base64")
    assert said["maxLength"] == len(base64.b64encode(bytes(16 * 2**20)))
    assert schema(filters.get(name))["required"] == ["file"]
