"""Reading a custom filter's text: which function it is, and what it declares, without running it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.errors import ClientError
from vidproc.filters.custom_source import read
from vidproc.filters.decorator import Declaration

STATE = "import vidproc\n@vidproc.filter(memory='reset', every=9)\n"


def test_the_only_public_function_is_the_filter() -> None:
    source = read("import os\ndef _helper(): pass\ndef grey(frame):\n    'Drop colour.\\n\\nMore.'\n    return frame\n")
    assert (source.function, source.help, source.declaration) == ("grey", "Drop colour.", Declaration())


def test_the_function_of_the_name_that_is_asked_for_is_the_filter() -> None:
    text = "def one(frame): return frame\ndef _two(frame, gain=2): return frame\n"
    assert read(text, "_two").defaults == {"gain": 2}


@pytest.mark.parametrize(
    "head",
    [
        "import vidproc\n@vidproc.filter",
        "import vidproc as v\n@v.filter(window=(0, 0))",
        "import vidproc.filters.decorator\n@vidproc.filters.decorator.filter",
        "from vidproc import filter\n@filter",
        "from vidproc import filter as declared\n@declared(formats=('bgr24',))",
    ],
)
def test_the_decorated_function_is_the_filter_whatever_the_decorator_is_called(head: str) -> None:
    source = read(f"def other(frame): return frame\n{head}\ndef mine(frame): return frame\n")
    assert (source.function, source.declaration) == ("mine", Declaration())


def test_other_decorators_say_nothing() -> None:
    text = "import functools, tools\n@tools.filter(window=(-1, 0))\n@functools.cache\ndef mine(frame): return frame\n"
    assert read(text).declaration == Declaration()


def test_what_the_decorator_is_given_is_read() -> None:
    text = (
        "import vidproc\n"
        "@vidproc.filter(formats=['gray', 'bgr24'], window=(-2, +1), params={'gain': {'low': 0, 'high': 4}})\n"
        "def mine(frames, gain=1.5, *, deep=False, table=None, other=len): ...\n"
    )
    source = read(text)
    assert source.declaration == Declaration(("gray", "bgr24"), (-2, 1), {"gain": {"low": 0, "high": 4}})
    assert source.defaults == {"gain": 1.5, "deep": False}


@pytest.mark.parametrize(
    ("text", "function", "said"),
    [
        ("def f(frame:\n  return frame", "", "does not compile: line 1: "),
        ("x = 1\nreturn x", "", "does not compile: line 2: 'return' outside function"),
        ("x = '\0'", "", "does not compile"),
        ("x = 1", "", "defines no function"),
        ("async def f(frame): return frame", "", "defines no function"),
        ("def f(frame): ...\ndef g(frame): ...", "", "defines several functions: say which of f, g to use"),
        ("def frob(frame): ...", "forb", "no function 'forb': it defines frob; did you mean 'frob'?"),
        ("x = 1", "f", "no function 'f': it defines none"),
        ("def f(): ...", "", "line 1: f must take the frame"),
        ("\ndef f(frame, other): ...", "", "line 2: f's parameters need names and defaults: other"),
        ("def f(frame, *, other): ...", "", "line 1: f's parameters need names and defaults: other"),
        (STATE + "def f(frame): ...", "", "line 3: f must take the frame and the state"),
        (STATE + "def f(frame, state, gain): ...", "", "line 3: f's parameters need names and defaults: gain"),
        ("def f(frame, other=1, /): ...", "", "line 1: f's parameters need names and defaults: other"),
    ],
)
def test_text_that_is_no_filter_is_refused_in_one_line(text: str, function: str, said: str) -> None:
    with pytest.raises(ClientError) as caught:
        read(text, function)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ("window=reach()", "line 2: @filter's window must be written out"),
        ("window=(1, 2)", "line 2: a filter's window must be"),
        ("windows=(0, 0)", "line 2: @filter takes formats, window, params, memory, every and fields only"),
        ("**settings", "line 2: @filter takes formats, window, params, memory, every and fields only"),
        ("'gray'", "line 2: @filter takes formats, window, params, memory, every and fields by name only"),
        ("formats={'gray': {}, (): []}", "line 2: a filter's formats must be among"),
        ("params=[1]", "line 2: "),
        ("fields='both'", "line 2: a filter's fields must be together or apart, not 'both'"),
    ],
)
def test_declarations_that_cant_be_read_are_refused_with_the_line(given_: str, said: str) -> None:
    with pytest.raises(ClientError) as caught:
        read(f"import vidproc\n@vidproc.filter({given_})\ndef f(frame): return frame\n")
    assert str(caught.value).startswith(said)


def test_a_function_that_remembers_takes_a_state_before_its_parameters() -> None:
    for takes in ("frame, state, gain=2", "frame, state={}, gain=2", "frame, state, /, *, gain=2", "*both, gain=2"):
        found = read(f"{STATE}def f({takes}): ...")
        assert found.defaults == {"gain": 2}
        assert (found.declaration.memory, found.declaration.every) == ("reset", 9)


def test_nothing_is_executed() -> None:
    assert read("raise RuntimeError\n@print\ndef f(frame, x=print('executed')): ...").defaults == {}


def test_hostile_nesting_is_refused() -> None:
    with pytest.raises(ClientError, match="does not compile"):
        read("x = " + "(" * 100_000)


def test_a_doubtful_escape_is_no_error() -> None:
    assert read("def f(frame, pattern='\\d'): return frame").defaults == {"pattern": "\\d"}


@given(st.text(alphabet="def f(rame):\n\t@vidproc.filter=,'\"1[]{}*/ ", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ClientError):
        assert read(text).function in text
