"""From what a job asks for to a chain of filters that is ready to run.

A pipeline is a chain today. What the rest of the program relies on (its window, `explain`, `run`) says nothing of that,
so that a graph with joins can stand behind the same face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from vidproc import filters
from vidproc.errors import ClientError
from vidproc.filters.contract import Chosen, Filter, Picture, Shape
from vidproc.filters.file_type import Load
from vidproc.filters.memory import SEQUENTIAL, Opaque
from vidproc.model import MOST_FILTERS, FilterSpec
from vidproc.pipelines.fallbacks import Guard
from vidproc.pipelines.files import no_files, with_files
from vidproc.pipelines.negotiate import negotiate
from vidproc.pipelines.run import Converter, Handover, Runner, Spent, Step, no_clock, no_times
from vidproc.reach import Reach, ReachStep


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A chain of filters, each with its checked parameters and the pixel format it is given."""

    source_format: str
    target_format: str
    steps: tuple[Step, ...]

    @property
    def reach(self) -> Reach:
        """The source's frames that frames of the result depend on."""
        return reach_of(self._chain)

    def explain(self) -> str:
        """One line such as `yuv420p -> blur(yuv420p) -> gray -> edges(gray) -> yuv420p`."""
        parts, now = [self.source_format], self.source_format
        for step in self.steps:
            if step.format != now:
                parts.append(step.format)
            change = f" to {step.gives}" if step.gives != step.format else ""
            parts.append(f"{step.filter.name}({step.format}{change})")
            now = step.gives
        return " -> ".join(parts if self.target_format == now and self.steps else [*parts, self.target_format])

    @property
    def cut(self) -> int:
        """How many of its filters, from the first, make up the part that goes in order; 0 where none does."""
        return cut_of(self._chain)

    @property
    def pinned(self) -> bool:
        """Whether that part keeps what can't leave its process."""
        return pinned(self._chain)

    @property
    def _chain(self) -> list[Chosen]:
        return [(step.filter, step.params) for step in self.steps]

    def until(self, number: int) -> Pipeline:
        """The first `number` filters, as far as their results."""
        target = self.steps[number - 1].gives if number else self.source_format
        return Pipeline(self.source_format, target, self.steps[:number])

    def after(self, number: int) -> Pipeline:
        """The filters behind those."""
        return Pipeline(self.until(number).target_format, self.target_format, self.steps[number:])

    def run(
        self,
        frames: Iterator[tuple[int, Picture]],
        start: int,
        stop: int,
        converter: Converter,
        out: Callable[[], Picture] | None = None,
        clock: Callable[[], float] = no_clock,
        spent: Spent | None = None,
        time_of: Callable[[int], Fraction] = no_times,
        handover: Handover | None = None,
        guard: Guard | None = None,
    ) -> Iterator[tuple[int, Picture]]:
        """The frames of ranks [start, stop), filtered and in `target_format`. See `vidproc.pipelines.run.Runner`."""
        runner = Runner(converter, clock, Spent() if spent is None else spent, out, time_of, handover, guard or Guard())
        return runner.run(self.steps, self.target_format, frames, range(start, stop))


def plan(specs: Sequence[FilterSpec], source_format: str, target_format: str, load: Load = no_files) -> Pipeline:
    """The pipeline for these filters, in order. No filters at all: only the conversion.

    Executes the text of custom filters. Raises `UnknownFilterError`, `BadParameterError`, `ClientError` for text that
    is no filter, `FilterError` for text that fails when executed, and what `load` raises for a file that isn't there.
    """
    return arrange(with_files([filters.find(spec) for spec in specs], load), source_format, target_format)


def outline(specs: Sequence[FilterSpec], source_format: str, target_format: str) -> Pipeline:
    """The same from the filters' declarations alone, no custom text being executed: to look at, not to run."""
    return arrange([filters.declaration(spec) for spec in specs], source_format, target_format)


def arrange(chain: Sequence[tuple[Filter, Mapping[str, Any]]], source_format: str, target_format: str) -> Pipeline:
    """The same from filters at hand with checked parameters."""
    formats = negotiate([each for each, _ in chain], source_format, target_format)
    steps = tuple(Step(each, params, form) for (each, params), form in zip(chain, formats, strict=True))
    return Pipeline(source_format, target_format, steps)


def check(specs: Sequence[FilterSpec]) -> Reach:
    """Check names, parameters and custom texts without executing any, and say which frames the chain needs.

    Raises `ClientError` or one of its kinds; the message says which filter it is about.
    """
    if len(specs) > MOST_FILTERS:
        raise ClientError(f"a job may have {MOST_FILTERS} filters, not {len(specs)}")
    return reach_of([_declaration(number, spec) for number, spec in enumerate(specs, 1)])


@dataclass(frozen=True, slots=True)
class SequentialPart:
    """The filters that go through the film in order, as the first `filters` of the chain.

    pinned: one of them keeps what can't leave its process. behind: what the filters after them reach of their results.
    """

    filters: int
    pinned: bool
    behind: Reach


def sequential_part(specs: Sequence[FilterSpec]) -> SequentialPart | None:
    """The part of a checked chain that must be done in order, up to the last filter with such a memory, if any has."""
    chain = [filters.declaration(spec) for spec in specs]
    number = cut_of(chain)
    if not number:
        return None
    return SequentialPart(number, pinned(chain), reach_of(chain[number:]))


def pinned(chain: Iterable[Chosen]) -> bool:
    """Whether one of these filters keeps what can't leave its process."""
    return any(isinstance(each.remembers(params), Opaque) for each, params in chain)


def cut_of(chain: Iterable[Chosen]) -> int:
    """How many filters, from the first, it takes to have all those that must be done in order; 0 if there is none."""
    numbered = enumerate(chain, 1)
    return max((n for n, (each, params) in numbered if isinstance(each.remembers(params), SEQUENTIAL)), default=0)


def shapes(specs: Sequence[FilterSpec], source: Shape) -> tuple[Shape, ...]:
    """The shape of the source's pictures, and after each filter; the last one is the result's.

    Raises `BadParameterError` for filters whose parameters don't fit to such pictures. Executes no custom text.
    """
    found = [source]
    for spec in specs:
        declared, params = filters.declaration(spec)
        found.append(declared.shape_after(found[-1], params))
    return tuple(found)


def remembered(specs: Sequence[FilterSpec]) -> tuple[str, ...]:
    """What each filter that remembers does, in a sentence. Executes no custom text."""
    chain = [filters.declaration(spec) for spec in specs]
    memories = [(each.title, each.remembers(params)) for each, params in chain]
    return tuple(f"{title}: {memory}" for title, memory in memories if memory is not None)


def want(specs: Sequence[FilterSpec], name: str) -> bool:
    """Whether one of these filters wants to know this of each frame. Executes no custom text."""
    return any(name in declared.wanted(params) for declared, params in map(filters.declaration, specs))


def _declaration(number: int, spec: FilterSpec) -> Chosen:
    if spec.code and spec.name != filters.CUSTOM:
        raise ClientError(f"filter {number}, {spec.name}, is built in: it takes no code")
    return filters.declaration(spec)


def reach_of(chain: Iterable[Chosen]) -> Reach:
    """The frames that a chain needs: a filter's neighbours are results of the one before it."""
    steps = (step for each, params in chain for step in each.reach(params))
    return Reach(tuple(step for step in steps if step != ReachStep()))
