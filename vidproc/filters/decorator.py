"""`@vidproc.filter`: how a user's function says more than "from BGR frame to BGR frame".

    @vidproc.filter(formats="gray", window=(-1, 0), params={"gain": {"low": 0, "high": 10}})
    def trails(frames, gain=2.0):
        before, now = frames
        ...

A function that remembers gets a dict beside the frame, empty at each beginning:

    @vidproc.filter(memory="reset", every=100)
    def brightest(frame, state):
        state["frame"] = np.maximum(frame, state.get("frame", 0))
        return state["frame"]

A declaration is plain literals, so that it can be read from a file's text without executing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from vidproc.errors import ClientError
from vidproc.filters.contract import FIELDS, Apply, Filter, Param, suggest
from vidproc.filters.memory import MOST_EVERY, Memory, Opaque, Reset, Snapshot
from vidproc.model import ParamValue

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("yuv", "gray", "bgr24")
MAX_REACH = 64
"""How many frames to either side a window may reach; a slot holds all of them at once."""

_SCRATCH = 48
"""Bytes a pixel that a user's function is presumed to take: two pictures of three doubles."""

MARK = "__vidproc_filter__"
"""The attribute under which a decorated function carries its `Declaration`."""

_LIMITS = ("low", "high", "odd", "choices", "help")


def _empty(**params: ParamValue) -> dict[str, Any]:
    """The state of a function that remembers, at a beginning."""
    return {}


MEMORIES: Mapping[str, Callable[[int], Memory]] = {
    "reset": lambda every: Reset(_empty, every),
    "snapshot": lambda _: Snapshot(_empty),
    "opaque": lambda _: Opaque(_empty),
}
"""What a user's function may remember, by the declaration's word for it, made of `every`."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What `@filter(...)` says. Raises `ClientError` when made of anything wrong.

    formats: the pixel formats the function takes, best first.
    window: offsets (before, after) of the frames it sees.
    params: low, high, odd, choices and help of the function's keyword parameters, by name.
    memory, every: a word of `MEMORIES`, if the function takes a state, and how often that begins.
    fields: whether it sees the fields of an interlaced frame "together" or "apart".
    """

    formats: tuple[str, ...] = ("bgr24",)
    window: tuple[int, int] = (0, 0)
    params: Mapping[str, Mapping[str, Any]] | None = None
    memory: str = ""
    every: int = 0
    fields: str = "together"

    def __post_init__(self) -> None:
        _check_formats(self.formats)
        _check_window(self.window)
        _check_limits(self.params or {})
        _check_memory(self.memory, self.every)
        if self.fields not in FIELDS:
            raise ClientError(f"a filter's fields must be {' or '.join(FIELDS)}, not {self.fields!r}")

    @property
    def gets(self) -> tuple[str, ...]:
        """What the function is called with, before its parameters."""
        return ("frame", "state") if self.memory else ("frame",)

    def filter(self, name: str, help: str, defaults: Mapping[str, object], apply: Apply) -> Filter:
        """The filter of a function with these keyword defaults; those that are no plain value are left alone."""
        limits = self.params or {}
        plain = {key: value for key, value in defaults.items() if isinstance(value, bool | int | float | str)}
        for key in limits:
            if key not in plain:
                raise ClientError(f"{name} declares limits for {key!r}, which is no parameter with a plain default")
        params = tuple(_param(name, key, value, limits.get(key, {})) for key, value in plain.items())
        memory = MEMORIES[self.memory](self.every) if self.memory else None
        return Filter(
            name, help, self.formats, apply, params, self.window, memory=memory, fields=self.fields, scratch=_SCRATCH
        )


def declare(
    formats: str | Sequence[str] = ("bgr24",),
    window: Sequence[int] = (0, 0),
    params: Mapping[str, Mapping[str, Any]] | None = None,
    memory: str = "",
    every: int = 0,
    fields: str = "together",
) -> Declaration:
    """A declaration as people write it: one format may stand without a tuple. Raises `ClientError`."""
    several = (formats,) if isinstance(formats, str) else formats
    try:
        return Declaration(tuple(several), tuple(window), params, memory, every, fields)  # type: ignore[arg-type]
    except TypeError as error:
        raise ClientError(f"a filter's declaration is wrong: {error}") from None


@overload
def filter(function: F, /) -> F: ...


@overload
def filter(
    *,
    formats: str | Sequence[str] = ("bgr24",),
    window: Sequence[int] = (0, 0),
    params: Mapping[str, Mapping[str, Any]] | None = None,
    memory: str = "",
    every: int = 0,
    fields: str = "together",
) -> Callable[[F], F]: ...


def filter(
    function: F | None = None,
    /,
    *,
    formats: str | Sequence[str] = ("bgr24",),
    window: Sequence[int] = (0, 0),
    params: Mapping[str, Mapping[str, Any]] | None = None,
    memory: str = "",
    every: int = 0,
    fields: str = "together",
) -> F | Callable[[F], F]:
    """Declare a function as a filter; it stays the function that it is.

    formats: `"bgr24"` and `"gray"` (full range) give it uint8 arrays, height x width (x 3); `"yuv"` gives `Picture`s.
        The best first, if it can do with several.
    window: (before, after) as offsets, such as (-1, 0) for the frame before and this one. With a window the function
        is called with the list of frames, None for those beyond the film's ends.
    params: limits of the function's keyword parameters: `{"gain": {"low": 0, "high": 10, "help": "..."}}`, and `odd`,
        `choices`. Types and defaults are those of the function's own signature.
    memory: for a function that remembers: it is called with a dict as second argument, the same from frame to frame, in
        order, which is empty at the film's beginning, and where a film that was joined goes over into the next.
        `"reset"`: a new and empty one at each frame whose number `every` divides, too, so that films can be worked on
        in chunks and come out the same; some frames are filtered twice for it. `"snapshot"`: nowhere else, and it may
        hold plain values and arrays only, which go with it from chunk to chunk; all frames are filtered twice, once of
        these in order. `"opaque"`: nowhere else, and it may hold anything; the function then runs in one process, over
        the whole film in order.
    fields: `"apart"` calls it for each field of an interlaced frame, as a picture of half the height: right for what
        looks at neighbouring pixels, and wrong for what draws.

    The function returns the new frame, an array of the same height and width, uint8, BGR or gray. It gets memory of its
    own and may draw in it. Raises `ClientError` for a declaration that makes no sense.
    """
    declared = declare(formats, window, params, memory, every, fields)

    def mark(marked: F) -> F:
        setattr(marked, MARK, declared)
        return marked

    return mark if function is None else mark(function)


def _check_formats(formats: tuple[str, ...]) -> None:
    if not formats or any(each not in FORMATS for each in formats):
        raise ClientError(f"a filter's formats must be among {', '.join(FORMATS)}, not {formats!r}")


def _check_window(window: tuple[int, ...]) -> None:
    numbers = len(window) == 2 and all(isinstance(each, int) for each in window)
    if not numbers or not -MAX_REACH <= window[0] <= 0 <= window[1] <= MAX_REACH:
        raise ClientError(
            f"a filter's window must be (before, after) with -{MAX_REACH} <= before <= 0 <= after <= {MAX_REACH}, "
            f"not {window!r}"
        )


def _check_memory(memory: str, every: int) -> None:
    if memory and memory not in MEMORIES:
        known = ", ".join(MEMORIES)
        raise ClientError(f"a filter's memory must be one of {known}, not {memory!r}{suggest(str(memory), MEMORIES)}")
    if memory == "reset" and not (isinstance(every, int) and 1 <= every <= MOST_EVERY):
        raise ClientError(f"a filter that begins anew must say every=, a whole number from 1 to {MOST_EVERY}")
    if every and memory != "reset":
        raise ClientError('every= belongs to memory="reset"')


def _check_limits(params: Mapping[str, Mapping[str, Any]]) -> None:
    if not isinstance(params, Mapping):
        raise ClientError(f"a filter's params must be a dict, not {params!r}")
    for name, limits in params.items():
        if not isinstance(limits, Mapping) or any(key not in _LIMITS for key in limits):
            raise ClientError(f"parameter {name!r} must be declared by a dict of {', '.join(_LIMITS)}, not {limits!r}")


def _param(filter_name: str, name: str, default: ParamValue, limits: Mapping[str, Any]) -> Param:
    choices = limits.get("choices", ())
    if choices and not (isinstance(default, str) and _are_words(choices)):
        raise ClientError(f"{filter_name}: the choices of {name} must be words, and its default one of them")
    param = Param(name, default, **{"help": "", **limits, "choices": tuple(choices)})
    try:
        param.check(default)
    except (ClientError, TypeError) as error:
        raise ClientError(f"{filter_name}: the default of {error}") from None
    return param


def _are_words(choices: object) -> bool:
    return isinstance(choices, list | tuple) and all(isinstance(each, str) for each in choices)
