"""Running a chain of filters over frames as they come.

Each filter is a step that pulls from the one before. A step with a window (before, after) holds just the frames that
a later frame may still look at, and gives out a frame once the `after`-th frame behind it has come, or the frames have
ended. One that remembers (`recall.py`) begins earlier. Its windows are over the results of the step before it, so an
early step has to work on more than the ranks [start, stop): on as many more, to both sides, as the steps behind it
reach.

The caller gives the frames [first(start), last(stop)) of the whole chain's `Reach`, as far as they exist. A neighbour
that is missing therefore does not exist: it lies beyond an end of the film or of its continuity segment, and the filter
sees None, the same in a chunk as in the whole film.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from vidproc.errors import FilterError, VidprocError
from vidproc.filters import fields
from vidproc.filters.contract import Filter, Picture, Shape, Window
from vidproc.filters.formats import steps_of
from vidproc.model import FilterCall
from vidproc.pipelines.fallbacks import Guard, Substitutes
from vidproc.pipelines.recall import NO_SEAM, Nothing, Seam, recall
from vidproc.pipelines.windows import Frames, complete, only, widened, windows
from vidproc.reach import Reach


class Converter(Protocol):
    """What the pipeline is given to change pixel formats with. `vidproc.media.convert` has the real one."""

    def convert(self, picture: Picture, to: str, out: Picture | None = None) -> Picture:
        """The picture in format `to`: itself, views of it, memory of its own, or `out` if that could be filled.

        `out`, if given, has format `to`, the picture's size and memory that may be written into.
        """

    def allocate(self, format: str, width: int, height: int) -> Picture:
        """A picture with undefined pixels that may be written into."""

    def resize(self, picture: Picture, width: int, height: int) -> Picture:
        """The picture at another size: itself if it has that."""

    def is_full(self, format: str) -> bool:
        """Whether pictures of this format have codes of the full range."""

    def from_bgr(self, format: str) -> tuple[tuple[float, ...], ...]:
        """How pictures of this format write colours: see `wants` of `vidproc.filters.contract.Filter`."""


class Handover(Protocol):
    """What steps go on from, and leave for the run that comes after."""

    def seam(self, number: int, at: int) -> Seam:
        """For the step of this number, whose next run begins with rank `at`."""


@dataclass(frozen=True, slots=True)
class Step:
    """A filter, its checked parameters with the files that they name read, and the pixel format it works in."""

    filter: Filter
    params: Mapping[str, Any]
    format: str

    @property
    def gives(self) -> str:
        """The format of its result."""
        return self.filter.gives or self.format


@dataclass(slots=True)
class Spent:
    """Seconds spent so far in filters and in conversions, by the caller's clock."""

    filters: float = 0.0
    conversions: float = 0.0


def no_clock() -> float:
    """For callers that don't measure."""
    return 0.0


def no_times(rank: int) -> Fraction:
    """For callers whose filters want none. Raises `LookupError`."""
    raise LookupError(f"nobody knows when frame {rank} is shown")


@dataclass(frozen=True, slots=True)
class Runner:
    """What the steps of one run share, and the steps themselves."""

    converter: Converter
    clock: Callable[[], float] = no_clock
    spent: Spent = field(default_factory=Spent)
    out: Callable[[], Picture] | None = None
    time_of: Callable[[int], Fraction] = no_times
    handover: Handover | None = None
    guard: Guard = field(default_factory=Guard)

    def run(self, steps: Sequence[Step], target: str, frames: Frames, wanted: range) -> Frames:
        """(rank, picture in format `target`) for each rank of `wanted`, in order.

        `frames` gives pictures of one size in order of rank, and is not asked for more than is needed. `out` gives
        writable pictures in format `target` and of the result's size; the last filter or conversion of a frame writes
        into the one it is given, if it can, and that one is yielded. Else what is yielded must not be written into: it
        may be a decoded frame. `out` may give the same picture until that has been yielded. `wanted` may have no end:
        then it is gone on with for as long as there are frames. Raises `FilterError` naming the frame, and `MediaError`
        if a frame is missing.
        """
        substitutes = Substitutes(self.guard, self.converter, wanted)
        frames = substitutes.note(frames)
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            direct = self.out if last and step.gives == target else None
            later = steps[number + 1 :]
            at = _needed(range(wanted.stop, wanted.stop), later).start  # where the run after this one begins here
            seam = self.handover.seam(number, at) if self.handover else NO_SEAM
            frames = self._results(number, step, frames, _needed(wanted, later), direct, seam)
        for rank, picture in complete(frames, wanted):
            shown = self._converted(substitutes.shown(rank, picture), target, self.out)
            substitutes.note_shown(rank, shown)
            yield rank, shown

    def _results(
        self, number: int, step: Step, frames: Frames, wanted: range, out: Callable[[], Picture] | None, seam: Seam
    ) -> Frames:
        filter_ = step.filter
        memory = recall(filter_.remembers(step.params), functools.partial(self._call, step), wanted, seam)
        applied = memory.applied(wanted)
        needed, shown = _needed(wanted, [step]), widened(applied, filter_.window)
        ready = self._ready(number, step, memory, only(frames, needed), shown)
        for rank, window in windows(ready, filter_.window, applied, max(filter_.window[1], memory.ahead)):
            doing = functools.partial(self._applied, step, memory, rank, window, out)
            result = self.guard.made(FilterCall(number, rank), doing)
            if result is None:
                memory.spoil()
                result = self._handed_on(step, rank, window)
            if rank in wanted:
                yield rank, result

    def _applied(
        self, step: Step, memory: Nothing, rank: int, window: Window, out: Callable[[], Picture] | None
    ) -> Picture:
        result = self._filtered(step, rank, window, memory.of(rank), out)
        memory.applied_to(rank)
        return result

    def _handed_on(self, step: Step, rank: int, window: Window) -> Picture:
        """What the filter was given, in the shape of its results."""
        here = window[-step.filter.window[0]]
        assert here is not None
        shape = self._call(step, rank, functools.partial(_shape_after, step.filter, here))
        return fields.ordered(self.converter.resize(here, shape.width, shape.height), shape.field_order)

    def _ready(self, number: int, step: Step, memory: Nothing, frames: Frames, shown: range) -> Frames:
        """The frames in the filter's format, those at least that it is shown or looks at; it looks as they pass."""
        for rank, picture in frames:
            looked_at = memory.looks_at(rank)
            if looked_at or rank in shown:
                picture = self._converted(picture, step.format)
            if looked_at:
                self.guard.made(FilterCall(number, rank, looks=True), functools.partial(memory.note, rank, picture))
            yield rank, picture

    def _converted(self, picture: Picture, to: str, out: Callable[[], Picture] | None = None) -> Picture:
        if picture.format == to:
            return picture
        room = out() if out else None
        began = self.clock()
        if fields.is_interlaced(picture) and _rows_of_chroma(picture.format) != _rows_of_chroma(to):
            result = self._converted_by_field(picture, to, room)
        else:
            result = self.converter.convert(picture, to, room)
        self.spent.conversions += self.clock() - began
        return fields.ordered(result, picture.field_order)

    def _converted_by_field(self, picture: Picture, to: str, room: Picture | None) -> Picture:
        room = room or self.converter.allocate(to, picture.width, picture.height)
        return fields.each_field(lambda field, out: self.converter.convert(field, to, out), picture, room)

    def _filtered(
        self, step: Step, rank: int, window: Window, memory: Mapping[str, Any], out: Callable[[], Picture] | None
    ) -> Picture:
        here = window[-step.filter.window[0]]
        assert here is not None
        interlaced = fields.is_interlaced(here)
        apply = functools.partial(step.filter.apply, **memory, **self._wanted(step, rank, interlaced))

        def applied(seen: Window, place: Picture) -> Picture:
            return _checked(self._call(step, rank, apply, seen, place), step, rank, place)

        shape = self._call(step, rank, functools.partial(_shape_after, step.filter, here))
        room = out() if out else self.converter.allocate(step.gives, shape.width, shape.height)
        apart = interlaced and step.filter.fields == "apart"
        result = fields.by_field(applied, window, room) if apart else applied(window, room)
        return fields.ordered(result, shape.field_order)

    def _call(self, step: Step, rank: int, function: Callable[..., Any], *given: Any) -> Any:
        """A function of the filter's, with its parameters; timed, and what it raises says where."""
        began = self.clock()
        try:
            result = function(*given, **step.params)
        except VidprocError as error:
            raise type(error)(f"frame {rank}: {error}") from error
        except Exception as error:
            raise FilterError(f"frame {rank}: {step.filter.title} failed: {error}") from error
        self.spent.filters += self.clock() - began
        return result

    def _wanted(self, step: Step, rank: int, interlaced: bool) -> dict[str, Any]:
        """What the filter asks for beside its parameters."""
        known: dict[str, Callable[[], Any]] = {
            "rank": lambda: rank,
            "full_range": lambda: self.converter.is_full(step.format),
            "interlaced": lambda: interlaced,
            "from_bgr": lambda: self.converter.from_bgr(step.format),
            "time": lambda: self.time_of(rank),
        }
        return {name: known[name]() for name in step.filter.wanted(step.params)}


def _needed(wanted: range, steps: Iterable[Step]) -> range:
    """The ranks that must go into these steps for these to come out, as far as they exist."""
    reach = Reach(tuple(each for step in steps for each in step.filter.reach(step.params)))
    return range(reach.first(wanted.start), reach.last(wanted.stop))


def _shape_after(filter_: Filter, here: Picture, **params: Any) -> Shape:
    return filter_.shape_after(Shape(here.width, here.height, field_order=here.field_order), params)


def _rows_of_chroma(format: str) -> int:
    """One in how many; a sample stands for rows of its own field."""
    return steps_of(format)[-1][1]


def _checked(result: object, step: Step, rank: int, like: Picture) -> Picture:
    """What a filter gave, if it is a picture of the right size."""
    if not isinstance(result, Picture):
        raise FilterError(f"frame {rank}: {step.filter.title} returned {type(result).__name__}, not a picture")
    if (result.height, result.width) != (like.height, like.width):
        sizes = f"{result.width}x{result.height}, not {like.width}x{like.height}"
        raise FilterError(f"frame {rank}: {step.filter.title} returned a picture of {sizes}")
    return result
