"""A run's selection: filters of this package and selectors of plugins, in the order in which the run names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assay.sdk import PluginDefinition
from assay.sdk.spec import FilterChoice
from assay_server.estimators.components import find_in
from assay_server.estimators.definition import bind
from assay_server.estimators.errors import UnknownEstimator, UnknownFilter
from assay_server.sampling.filters import FILTERS, Filters, compile_filters

_PIN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class PluggedSelector:
    """A declared selector with its parameters; its function says why a group is dropped."""

    definition: PluginDefinition
    bound: Mapping[str, object]

    @property
    def pin(self) -> str:
        """``id@digest``: what a run holds on to."""
        return f"{self.definition.id}@{self.definition.digest}"


@dataclass(frozen=True, slots=True)
class RunSelection:
    """What a group has to pass, in order; the first that drops it says why."""

    steps: tuple[Filters | PluggedSelector, ...] = ()

    @property
    def plugged(self) -> tuple[PluggedSelector, ...]:
        """The selectors of plugins in it."""
        return tuple(step for step in self.steps if isinstance(step, PluggedSelector))

    @property
    def built_in(self) -> Filters:
        """All filters of this package in it, in order."""
        return Filters(tuple(rule for step in self.steps if isinstance(step, Filters) for rule in step.rules))


class Selectors:
    """The selectors that can be named: the built-in filters, and those of plugins. Immutable."""

    def __init__(self, plugged: Iterable[PluginDefinition] = ()) -> None:
        """Take declared selectors; their ids are theirs alone."""
        self._plugged = {definition.id: definition for definition in plugged}

    def find(self, name: str) -> PluginDefinition | None:
        """A plugin's selector by id, with or without its version; it may end in ``@digest``. None: a built-in is meant.

        Raises:
            UnknownFilter: nothing has this id, or it has another digest; carries the nearest ones.
        """
        plain, _, digest = name.partition("@")
        if not digest and (name in FILTERS or f"{name}-v1" in FILTERS):
            return None
        try:
            found = find_in(self._plugged, plain)
        except UnknownEstimator as error:
            raise UnknownFilter(name, [*FILTERS, *self._plugged]) from error
        if digest and not (len(digest) >= _PIN_DIGITS and found.digest.startswith(digest)):
            raise UnknownFilter(name, [f"{found.id}@{found.digest}"])
        return found

    def compile(self, choices: Sequence[FilterChoice]) -> RunSelection:
        """Check a run's choices and make them ready.

        Raises:
            UnknownFilter: no such id; carries the nearest ones.
            ParameterError: a parameter is unknown, of the wrong type or out of bounds.
        """
        return RunSelection(tuple(self._compiled(choice) for choice in choices))

    def _compiled(self, choice: FilterChoice) -> Filters | PluggedSelector:
        definition = self.find(choice.id)
        if definition is None:
            return compile_filters([choice])
        return PluggedSelector(definition, bind(definition.parameters, choice.params))

    def definitions(self) -> tuple[PluginDefinition, ...]:
        """Those of plugins, by id."""
        return tuple(definition for _, definition in sorted(self._plugged.items()))
