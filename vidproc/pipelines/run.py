"""Running a chain of filters over frames as they come.

Each filter is a stage that pulls from the one before. A stage with a window (before, after) holds just the frames that
a later frame may still look at, and gives out a frame once the `after`-th frame behind it has come, or the frames have
ended. Its windows are over the results of the stage before it, so an early stage has to work on more than the ranks
[start, stop): on as many more, to both sides, as the windows of the stages behind it reach.

The caller gives the frames [start + before, stop + after) as far as they exist, where (before, after) is the whole
chain's window. A neighbour that is missing therefore does not exist: it lies beyond an end of the film or of its
continuity segment, and the filter sees None, the same in a chunk as in the whole film.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vidproc.errors import FilterError, MediaError, VidprocError
from vidproc.filters.contract import Filter, Picture, Shape

Frames = Iterator[tuple[int, Picture]]
Window = tuple[Picture | None, ...]


class Converter(Protocol):
    """What the pipeline is given to change pixel formats with. `vidproc.media.convert` has the real one."""

    def convert(self, picture: Picture, to: str, out: Picture | None = None) -> Picture:
        """The picture in format `to`: itself, views of it, memory of its own, or `out` if that could be filled.

        `out`, if given, has format `to`, the picture's size and memory that may be written into.
        """

    def allocate(self, format: str, width: int, height: int) -> Picture:
        """A picture with undefined pixels that may be written into."""

    def is_full(self, format: str) -> bool:
        """Whether pictures of this format have codes of the full range."""

    def from_bgr(self, format: str) -> tuple[tuple[float, ...], ...]:
        """How pictures of this format write colours: see `wants` of `vidproc.filters.contract.Filter`."""


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


@dataclass(frozen=True, slots=True)
class Runner:
    """What the stages of one run share, and the stages themselves."""

    converter: Converter
    clock: Callable[[], float] = no_clock
    spent: Spent = field(default_factory=Spent)
    out: Callable[[], Picture] | None = None

    def run(self, steps: Sequence[Step], target: str, frames: Frames, wanted: range) -> Frames:
        """(rank, picture in format `target`) for each rank of `wanted`, in order.

        `frames` gives pictures of one size in order of rank, and is not asked for more than is needed. `out` gives
        writable pictures in format `target` and of the result's size; the last filter or conversion of a frame writes
        into the one it is given, if it can, and that one is yielded. Else what is yielded must not be written into: it
        may be a decoded frame. `out` may give the same picture until that has been yielded. Raises `FilterError`
        naming the frame, and `MediaError` if a frame is missing.
        """
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            direct = self.out if last and step.gives == target else None
            frames = self._stage(step, frames, _reach(wanted, steps[number + 1 :]), direct)
        for rank, picture in _complete(frames, wanted):
            yield rank, self._converted(picture, target, self.out)

    def _stage(self, step: Step, frames: Frames, wanted: range, out: Callable[[], Picture] | None) -> Frames:
        before, after = step.filter.window
        needed = range(wanted.start + before, wanted.stop + after)
        ready = ((rank, self._converted(picture, step.format)) for rank, picture in _only(frames, needed))
        for rank, window in _windows(ready, before, after, wanted):
            here = window[-before]
            assert here is not None
            room = out() if out else self._allocate(step, here)
            yield rank, self._filtered(step, rank, window, room)

    def _allocate(self, step: Step, here: Picture) -> Picture:
        shape = step.filter.shape_after(Shape(here.width, here.height), step.params)
        return self.converter.allocate(step.gives, shape.width, shape.height)

    def _converted(self, picture: Picture, to: str, out: Callable[[], Picture] | None = None) -> Picture:
        if picture.format == to:
            return picture
        room = out() if out else None
        began = self.clock()
        result = self.converter.convert(picture, to, room)
        self.spent.conversions += self.clock() - began
        return result

    def _filtered(self, step: Step, rank: int, window: Window, room: Picture) -> Picture:
        began = self.clock()
        try:
            result = step.filter.apply(window, room, **step.params, **self._wanted(step, rank))
        except VidprocError as error:
            raise type(error)(f"frame {rank}: {error}") from error
        except Exception as error:
            raise FilterError(f"frame {rank}: {step.filter.title} failed: {error}") from error
        self.spent.filters += self.clock() - began
        return _checked(result, step, rank, room)

    def _wanted(self, step: Step, rank: int) -> dict[str, Any]:
        """What the filter asks for beside its parameters."""
        known: dict[str, Callable[[], Any]] = {
            "rank": lambda: rank,
            "full_range": lambda: self.converter.is_full(step.format),
            "from_bgr": lambda: self.converter.from_bgr(step.format),
        }
        return {name: known[name]() for name in step.filter.wants}


def _reach(wanted: range, later: Sequence[Step]) -> range:
    """The ranks that a stage must give for the stages behind it to have all they look at."""
    before = sum(step.filter.window[0] for step in later)
    after = sum(step.filter.window[1] for step in later)
    return range(wanted.start + before, wanted.stop + after)


def _only(frames: Frames, needed: range) -> Frames:
    """The frames of these ranks, which must follow one another; stops asking after the last."""
    expected: int | None = None
    for rank, picture in frames:
        if rank < needed.start:
            continue
        if expected is not None and rank != expected:
            raise MediaError(f"frame {expected} is missing: frame {rank} came after frame {expected - 1}")
        expected = rank + 1
        yield rank, picture
        if expected >= needed.stop:
            return


def _windows(frames: Frames, before: int, after: int, wanted: range) -> Iterator[tuple[int, Window]]:
    """Each wanted rank that there is, with its neighbours from `before` to `after`; None for those there aren't."""
    held: dict[int, Picture] = {}
    offsets = range(before, after + 1)
    newest = wanted.start
    for newest, picture in frames:
        held[newest] = picture
        due = newest - after
        if due in wanted and due in held:
            yield due, tuple(held.get(due + offset) for offset in offsets)
        held.pop(due + before, None)
    for due in range(newest - after + 1, newest + 1):
        if due in wanted and due in held:
            yield due, tuple(held.get(due + offset) for offset in offsets)


def _complete(frames: Frames, wanted: range) -> Frames:
    expected = wanted.start
    for rank, picture in _only(frames, wanted) if wanted else ():
        if rank != expected:
            raise MediaError(f"frame {expected} is missing: the frames begin with {rank}")
        expected += 1
        yield rank, picture
    if expected != wanted.stop:
        raise MediaError(f"frame {expected} is missing: the frames ended before it")


def _checked(result: object, step: Step, rank: int, like: Picture) -> Picture:
    """What a filter gave, if it is a picture of the right size."""
    if not isinstance(result, Picture):
        raise FilterError(f"frame {rank}: {step.filter.title} returned {type(result).__name__}, not a picture")
    if (result.height, result.width) != (like.height, like.width):
        sizes = f"{result.width}x{result.height}, not {like.width}x{like.height}"
        raise FilterError(f"frame {rank}: {step.filter.title} returned a picture of {sizes}")
    return result
