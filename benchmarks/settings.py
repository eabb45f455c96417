"""How a measurement is to be made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import cluster
from benchmarks.clips import Recipe, drawn, recipe_of
from benchmarks.comparison import FIRST_CRF, Course, run_once
from benchmarks.subjects import Warm
from benchmarks.work import Work

WARM_UP = Recipe(1, 640, 360)


@dataclass(frozen=True, slots=True)
class Settings:
    """seconds: of the long and the short drawn film, both `height` pixels high. films: of the user's, beside those.

    filters: by name, of `TASKS`; none leaves it to the section. every: all subjects with all filters, where else only
    those meet that a goal speaks of.
    """

    course: Course
    clips: Path
    slots: int
    unix: bool = False
    height: int = 1080
    seconds: tuple[float, float] = (30, 10)
    films: tuple[Path, ...] = ()
    filters: tuple[str, ...] = ()
    every: bool = False

    def plain(self) -> dict[str, Any]:
        """What a reader must know of them, and what makes two measurements alike."""
        return {
            "rounds": self.course.rounds,
            "slots": self.slots,
            "transport": "AF_UNIX" if self.unix else "TCP",
            "height": self.height,
            "seconds": list(self.seconds),
            "films": [film.stem for film in self.films],
            "filters": list(self.filters),
            "every": self.every,
            "preset": Work().preset,
        }

    def drawn(self, seconds: float, height: int = 0, one_keyframe: bool = False) -> Path:
        """A drawn film, made if it isn't there yet."""
        recipe = recipe_of(seconds, height or self.height, one_keyframe)
        self.course.tell(f"film {recipe.name}")
        return drawn(recipe, self.clips)

    def with_rounds(self, least: int) -> Settings:
        """At least so many, for what is short and varies much; but one stays one, as somebody is in a hurry."""
        rounds = self.course.rounds
        return replace(self, course=replace(self.course, rounds=max(least, rounds) if rounds > 1 else 1))

    @contextlib.contextmanager
    def warm(self, slots: int = 0, daemons: int = 1, unix: bool | None = None) -> Iterator[cluster.Cluster]:
        """A cluster that has done a job already."""
        with cluster.started(slots or self.slots, self.unix if unix is None else unix, daemons) as made:
            run_once(Warm(Work(), made), drawn(WARM_UP, self.clips), FIRST_CRF, self.course.folder)
            yield made
