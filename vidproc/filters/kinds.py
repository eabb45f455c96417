"""Filters that share a name, because they do the same thing in different ways.

The ways differ in what they need: a median knows no sigma, optical flow gives colours where a difference gives grays.
All of that must be known before a job is taken, so each kind is a filter with a declaration of its own, and the
parameter `kind` chooses among them before anything else is looked at. From then on there is only the chosen filter: the
planner, the runner and the function itself know nothing of kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vidproc.errors import BadParameterError
from vidproc.filters.contract import Chosen, Filter, Param
from vidproc.model import ParamValue


@dataclass(frozen=True, slots=True)
class Kinds:
    """The filters of one name, each with a `kind` of its own; the first is taken where none is asked for.

    help: what all of them do. how: the help of the parameter `kind`.
    """

    help: str
    how: str
    filters: tuple[Filter, ...]

    @property
    def name(self) -> str:
        return self.filters[0].name

    @property
    def kind(self) -> Param:
        """The parameter that chooses."""
        words = tuple(each.kind for each in self.filters)
        return Param("kind", words[0], self.how, choices=words)

    def choose(self, given: Mapping[str, ParamValue]) -> Chosen:
        """The filter of the kind that is asked for, with its parameters. Raises `BadParameterError`."""
        chosen = self._of(given.get("kind", self.kind.default))
        others = {name: value for name, value in given.items() if name != "kind"}
        self._refuse_those_of_other_kinds(chosen, others)
        return chosen, chosen.resolve(others)

    def _of(self, kind: ParamValue) -> Filter:
        try:
            word = self.kind.check(kind)
        except BadParameterError as error:
            raise BadParameterError(f"{self.name}: {error}") from None
        return next(each for each in self.filters if each.kind == word)

    def _refuse_those_of_other_kinds(self, chosen: Filter, given: Mapping[str, ParamValue]) -> None:
        """In words of their own: whoever names one forgot the kind, or takes it for another."""
        for name in given:
            owners = [f"kind={each.kind}" for each in self.filters if any(param.name == name for param in each.params)]
            if owners and f"kind={chosen.kind}" not in owners:
                said = f"{chosen.title} has no parameter {name!r}: that is one of {' and '.join(owners)}"
                raise BadParameterError(said)
