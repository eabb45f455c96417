"""What a filter is: a pure function on pictures and a declaration of what it needs.

The declaration is all that the planner, the command line's help, the checks of parameters and the documentation know
of a filter. The filter itself sees arrays and parameters, never a file, a clock or its place in a chunk.
"""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from vidproc.errors import BadParameterError
from vidproc.filters.file_type import FileType, Load
from vidproc.filters.memory import Memory
from vidproc.model import ParamValue, is_sha256
from vidproc.reach import ReachStep

Array = NDArray[Any]

PROGRESSIVE = "progressive"
FIELDS = ("together", "apart")
OTHER_ORDER = {PROGRESSIVE: PROGRESSIVE, "tt": "bb", "bb": "tt"}
"""The order of the fields of a picture whose rows have all moved up or down by one."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame's pixels. `format` is FFmpeg's name for them.

    Planar YUV (`yuv420p`, `yuvj420p`, `yuv422p10le` ...): planes (Y, U, V), each height x width of its own, uint8, or
    uint16 with the low bits used. `gray`: one plane, uint8, always full range. `bgr24`: one array, height x width x 3,
    uint8. Planes may be views with a stride; a filter must not write into the planes of its input.

    `field_order` is "progressive", or says which field of an interlaced frame was taken first: "tt" (the top one, in
    the rows 0, 2, 4 ...) or "bb". A filter need not say it of its result: the runner does.
    """

    format: str
    planes: tuple[Array, ...]
    field_order: str = field(default=PROGRESSIVE, kw_only=True)

    @property
    def array(self) -> Array:
        """The only plane of a gray or BGR picture."""
        (plane,) = self.planes
        return plane

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])


@dataclass(frozen=True, slots=True)
class Shape:
    """What is the same for all pictures of a film: their size in pixels, how wide one of these is when it is 1 high (0
    where that is not said), and the order of their fields, as in `Picture`."""

    width: int
    height: int
    sar: Fraction = Fraction(0)
    field_order: str = PROGRESSIVE


_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _as_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    return _WORDS[str(value).strip().lower()]


def _as_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _as_int(value: object) -> int:
    if isinstance(value, str):
        value = value.strip()
        if value.lstrip("+-").isdecimal():
            return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _as_float(value)
    if not number.is_integer():
        raise ValueError
    return int(number)


def _as_str(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


_READERS: Mapping[type, Callable[[object], ParamValue]] = {
    bool: _as_bool,
    int: _as_int,
    float: _as_float,
    str: _as_str,
}

_NOUNS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True, slots=True)
class Param:
    """One typed parameter. `low` and `high` are inclusive; `odd` wants an odd number; `choices` a word from a list.

    Its type is that of its default. Numbers and truth values may be given as text, as a command line does. With `file`
    its value is the SHA-256 of a file that goes with the job, and it must be given: no file is usual.
    """

    name: str
    default: ParamValue
    help: str
    low: float | None = None
    high: float | None = None
    odd: bool = False
    choices: tuple[str, ...] = ()
    file: FileType | None = None

    @property
    def kind(self) -> type:
        return type(self.default)

    @property
    def allowed(self) -> str:
        """What values are right, in words that follow "must be": "an odd whole number from 1 to 255"."""
        if self.file is not None:
            return self.file.noun
        if self.choices:
            return "one of " + ", ".join(self.choices) if len(self.choices) > 1 else self.choices[0]
        noun = "an odd whole number" if self.odd else _NOUNS[self.kind]
        if self.low is not None and self.high is not None:
            return f"{noun} from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{noun} of at least {self.low:g}"
        return f"{noun} of at most {self.high:g}" if self.high is not None else noun

    def check(self, value: ParamValue) -> ParamValue:
        """The value as this parameter's type. Raises `BadParameterError` naming parameter, value and range."""
        try:
            typed = _READERS[self.kind](value)
        except (ValueError, KeyError, OverflowError):
            raise self._refusal(value) from None
        if not self._holds(typed):
            raise self._refusal(value)
        return typed

    def _holds(self, typed: ParamValue) -> bool:
        if isinstance(typed, str):
            return is_sha256(typed) if self.file else not self.choices or typed in self.choices
        above = self.low is None or typed >= self.low
        below = self.high is None or typed <= self.high
        return above and below and not (self.odd and typed % 2 != 1)

    def value(self, given: Mapping[str, ParamValue]) -> ParamValue:
        """What is given for it, checked, or else its default. Raises `BadParameterError`, also where there is none."""
        if self.name in given:
            return self.check(given[self.name])
        if self.file is not None:
            raise BadParameterError(f"{self.name} is missing: {self.file.noun}")
        return self.default

    def _refusal(self, value: object) -> BadParameterError:
        shown = str(value) if len(str(value)) <= 40 else str(value)[:37] + "..."
        return BadParameterError(f"{self.name} must be {self.allowed}, not {shown!r}{suggest(shown, self.choices)}")


def suggest(word: str, known: Iterable[str]) -> str:
    """`"; did you mean 'ksize'?"` when one of the known words is close to this one, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


Window = tuple[Picture | None, ...]
"""A frame among its neighbours, as `Filter.window` says; None where there is none."""

Apply = Callable[..., Any]
"""`apply(window, out, **params)`: see `Filter`."""

Reshape = Callable[..., Shape]
"""`reshape(shape, **params)`: see `Filter`."""

Check = Callable[..., None]
"""`check(**params)`: see `Filter`."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter's declaration and function.

    formats: what it works on, best first: `"yuv"` stands for any planar YUV of 8 to 16 bits, else `"gray"`, `"bgr24"`.
        A filter that works on several does the same thing in each, so the planner is free to choose.
    window: offsets (before, after) of the neighbours it sees, before <= 0 <= after.
    apply: `apply(window, out, **params) -> Picture`. `window` is a tuple of Pictures, one an offset from before to
        after, `None` where the film (or its continuity segment) has no such frame. `out` is a Picture of the
        result's format and size with memory that may be written into and returned, which saves a copy; a filter may
        ignore it and return a picture of its own, of that size and of any format named in `formats`, or gray.
    gives: the format of its result, `"gray"` or `"bgr24"`, where that is not the one it works in.
    kind: its own word, where several filters share the name; see `vidproc.filters.kinds`.
    reshape: `reshape(shape, **params) -> Shape` of the results, for a filter that changes it. It raises
        `BadParameterError` for parameters that such a picture can't have.
    check: `check(**params)` raises `BadParameterError` for what no single parameter's limits can say.
    wants: what `apply` gets by keyword beside the parameters: `rank`, the frame's number in the film, from 0;
        `full_range`, whether the picture's codes are of the full range; `interlaced`, whether it has two fields;
        `from_bgr`, how colours are written in the picture's codes: for each plane or channel the factors of blue, green
        and red (0 to 255) and what is added, as tuples of floats; `time`, when the frame is shown in the result, in
        seconds as a `Fraction`. Where that depends on the parameters, `wants(**params)` gives it.
    fields: how it sees an interlaced frame, whose fields are of two moments: `"apart"`, each as a picture of half the
        height, where a pixel's result depends on others around it; `"together"` where each pixel is its own matter, and
        for what draws on the picture or moves its rows.
    scratch: bytes a pixel that it takes at most beside the pictures it sees and gives: what lies between its steps, and
        its state.
    memory: what it remembers beside its window, a kind of `vidproc.filters.memory`, or `memory(**params)` which gives
        one where that depends on the parameters. `apply` gets what is remembered by keyword, as the kind says. Only a
        filter that sees whole frames can have one.
    """

    name: str
    help: str
    formats: tuple[str, ...]
    apply: Apply
    params: tuple[Param, ...] = ()
    window: tuple[int, int] = (0, 0)
    gives: str = ""
    kind: str = ""
    reshape: Reshape | None = None
    check: Check | None = None
    wants: tuple[str, ...] | Callable[..., tuple[str, ...]] = ()
    fields: str = "together"
    scratch: float = 16.0
    memory: Memory | Callable[..., Memory] | None = None

    def __post_init__(self) -> None:
        if self.memory is not None and self.fields != "together":
            raise ValueError(f"{self.title}: what two fields remember would be mixed up")

    @property
    def title(self) -> str:
        """What messages call it: `blur kind=median`."""
        return f"{self.name} kind={self.kind}" if self.kind else self.name

    def choose(self, given: Mapping[str, ParamValue]) -> Chosen:
        """Itself, with its parameters; `Kinds` has the same method. Raises `BadParameterError`."""
        return self, self.resolve(given)

    def resolve(self, given: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Defaults overlaid with the given values, each checked. Raises `BadParameterError`."""
        declared = {param.name: param for param in self.params}
        for name in given:
            if name not in declared:
                raise BadParameterError(self._no_such(name, tuple(declared)))
        with self._named():
            resolved = {name: param.value(given) for name, param in declared.items()}
            if self.check is not None:
                self.check(**resolved)
        return resolved

    def files(self, params: Mapping[str, ParamValue]) -> dict[str, FileType]:
        """The files that these checked parameters name: their types by SHA-256."""
        return {str(params[param.name]): param.file for param in self.params if param.file is not None}

    def with_files(self, params: Mapping[str, ParamValue], load: Load) -> dict[str, Any]:
        """Checked parameters, with what each file holds in place of its hash. Raises `BadParameterError` saying what is
        wrong with a file."""
        loaded: dict[str, Any] = dict(params)
        for param in self.params:
            if param.file is not None:
                loaded[param.name] = self._loaded(param.name, param.file, str(params[param.name]), load)
        return loaded

    def _loaded(self, name: str, type: FileType, sha256: str, load: Load) -> Any:
        try:
            return load(type, sha256)
        except ValueError as error:
            raise BadParameterError(f"{self.title}: {name}: {error}") from None

    def shape_after(self, shape: Shape, params: Mapping[str, ParamValue]) -> Shape:
        """The shape of its results, with checked parameters. Raises `BadParameterError` if they don't fit together."""
        if self.reshape is None:
            return shape
        with self._named():
            return self.reshape(shape, **params)

    def wanted(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """What `apply` gets beside these checked parameters."""
        return self.wants(**params) if callable(self.wants) else self.wants

    def remembers(self, params: Mapping[str, ParamValue]) -> Memory | None:
        """What it remembers with these checked parameters."""
        return self.memory(**params) if callable(self.memory) else self.memory

    def reach(self, params: Mapping[str, ParamValue]) -> tuple[ReachStep, ...]:
        """The frames that its window and memory need, with these checked parameters."""
        memory = self.remembers(params)
        return (ReachStep(*self.window),) if memory is None else memory.steps(self.window)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """A refusal in here says which filter it is about."""
        try:
            yield
        except BadParameterError as error:
            raise BadParameterError(f"{self.title}: {error}") from None

    def _no_such(self, name: str, known: Sequence[str]) -> str:
        takes = "it takes " + ", ".join(known) if known else "it takes none"
        return f"{self.title} has no parameter {name!r}: {takes}{suggest(name, known)}"


Chosen = tuple[Filter, Mapping[str, ParamValue]]
"""A filter that can be run: with a checked value for each of its parameters."""
