"""The table of estimators, and the one way from a choice to something that computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from assay.sdk import PluginDefinition
from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice, Grouping
from assay_server.estimators.answers import ANSWER_ESTIMATORS
from assay_server.estimators.calibrated import CALIBRATED_ESTIMATORS
from assay_server.estimators.columns import Columns, columns_of
from assay_server.estimators.components import component_estimator, find_in
from assay_server.estimators.definition import EstimatorDefinition, Method, Parts, Scope, bind
from assay_server.estimators.episode import EPISODE_ESTIMATORS
from assay_server.estimators.errors import InputError, UnknownEstimator
from assay_server.estimators.fork_trees import FORK_ESTIMATORS
from assay_server.estimators.gigpo import STEP_ESTIMATORS
from assay_server.estimators.groups import Floats, Group, GroupAdvantages, Role
from assay_server.estimators.history_levels import HISTORY_ESTIMATORS
from assay_server.estimators.plugged import PluggedEstimator
from assay_server.estimators.prefixes import TOKEN_ESTIMATORS
from assay_server.estimators.ragged import Ragged
from assay_server.estimators.results import results_of
from assay_server.estimators.shaped import SHAPED_ESTIMATORS
from assay_server.estimators.step_index import step_index_group
from assay_server.estimators.strata import STRATUM_ESTIMATORS

_DEFAULT_GROUPING = Grouping()
_PIN_DIGITS = 12
_DEFAULT_ROLES = frozenset({Role.POLICY})

_SIMPLE: Mapping[str, EstimatorDefinition] = {
    definition.id: definition
    for definition in (
        *EPISODE_ESTIMATORS,
        *SHAPED_ESTIMATORS,
        *CALIBRATED_ESTIMATORS,
        *STRATUM_ESTIMATORS,
        *ANSWER_ESTIMATORS,
        *TOKEN_ESTIMATORS,
    )
}

ESTIMATORS: Mapping[str, EstimatorDefinition] = {
    **_SIMPLE,
    **{
        definition.id: definition
        for definition in (
            component_estimator(_SIMPLE),
            *STEP_ESTIMATORS,
            *HISTORY_ESTIMATORS,
            step_index_group,
            *FORK_ESTIMATORS,
        )
    },
}
"""Every estimator by its versioned id."""


@dataclass(frozen=True, slots=True)
class BatchAdvantages:
    """What one call gives: a result per group in request order, and what else the method reports."""

    groups: Sequence[GroupAdvantages]
    columns: Columns
    parts: Parts

    @property
    def outputs(self) -> Mapping[str, Json]:
        """Of the whole call."""
        return self.parts.outputs

    @property
    def member_outputs(self) -> Mapping[str, Sequence[Json]]:
        """Per member, groups one after another and members by ``rollout_id``; None for those that do not count."""
        return {name: spread(self.columns, values) for name, values in self.parts.member_outputs.items()}

    @property
    def group_outputs(self) -> Mapping[str, Sequence[Json]]:
        """Per group."""
        return {name: values.tolist() for name, values in self.parts.group_outputs.items()}


@dataclass(frozen=True, slots=True)
class Estimator:
    """A method with its parameters and its grouping, ready to compute."""

    definition: EstimatorDefinition
    method: Method
    counted_roles: frozenset[Role] = _DEFAULT_ROLES

    @property
    def id(self) -> str:
        return self.definition.id

    @property
    def pin(self) -> str:
        """``id@digest``: what a run holds on to."""
        return f"{self.definition.id}@{self.definition.digest}"

    @property
    def scope(self) -> Scope:
        return self.definition.scope

    @property
    def reads_steps(self) -> bool:
        return self.definition.reads_steps

    @property
    def required_signals(self) -> tuple[str, ...]:
        return self.definition.required_signals

    def advantages(self, groups: Sequence[Group]) -> Sequence[GroupAdvantages]:
        """Advantages per group, in request order. All groups of a call are one batch.

        Raises:
            InputError: a reward is not finite, a signal or a step is missing, an anchor lacks what the recipe reads.
        """
        return self.evaluate(groups).groups

    def evaluate(self, groups: Sequence[Group]) -> BatchAdvantages:
        """The same, with the method's own outputs, such as ``batch_std``."""
        columns = columns_of(groups, self.counted_roles, self.definition.reference_roles)
        parts = self.parts(columns)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return BatchAdvantages(results_of(columns, parts), columns, parts)

    def parts(self, columns: Columns) -> Parts:
        """The bare numbers of members that are columns already.

        Raises:
            InputError: as :meth:`advantages`.
        """
        for name in self.required_signals:
            place = columns.lacks(name)
            if place is not None:
                where = columns.field(place, f"signals.{name}")
                raise InputError(where, f"{self.id} reads this signal; the trainer must send it")
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            parts = self.method(columns)
            _require_finite(columns, parts)
        return parts


def find_estimator(id: str) -> EstimatorDefinition:
    """An estimator by id: ``advantage/grpo-v1``, ``advantage/grpo`` (newest version) or ``grpo``.

    Raises:
        UnknownEstimator: no such id; carries the nearest ones.
    """
    return find_in(ESTIMATORS, id)


def compile_estimator(
    choice: EstimatorChoice,
    grouping: Grouping = _DEFAULT_GROUPING,
    counted_roles: frozenset[Role] = _DEFAULT_ROLES,
) -> Estimator:
    """Check a choice and make it ready to compute.

    Raises:
        UnknownEstimator: no such id; carries the nearest ones.
        ParameterError: a parameter, or the grouping, is unknown, of the wrong type or out of bounds.
    """
    definition = find_estimator(choice.id)
    method = definition.build(grouping, bind(definition.parameters, choice.params))
    return Estimator(definition, method, counted_roles)


class Estimators:
    """The estimators that can be named: the built-in ones, and those of plugins. Immutable."""

    def __init__(self, plugged: Iterable[PluginDefinition] = ()) -> None:
        """Take declared estimators; their ids are theirs alone."""
        self._known: dict[str, EstimatorDefinition | PluginDefinition] = {
            **ESTIMATORS,
            **{definition.id: definition for definition in plugged},
        }

    def find(self, name: str) -> EstimatorDefinition | PluginDefinition:
        """An estimator by id, with or without its namespace ``advantage`` and its version; each may end in ``@digest``.

        Raises:
            UnknownEstimator: no such id, or another digest; carries the nearest ones.
        """
        plain, _, digest = name.partition("@")
        found = find_in(self._known, plain)
        if digest and not (len(digest) >= _PIN_DIGITS and found.digest.startswith(digest)):
            raise UnknownEstimator(name, [f"{found.id}@{found.digest}"])
        return found

    def compile(
        self,
        choice: EstimatorChoice,
        grouping: Grouping = _DEFAULT_GROUPING,
        counted_roles: frozenset[Role] = _DEFAULT_ROLES,
    ) -> AnyEstimator:
        """Check a choice and make it ready to compute.

        Raises:
            UnknownEstimator, ParameterError: as :func:`compile_estimator`.
        """
        definition = self.find(choice.id)
        if isinstance(definition, PluginDefinition):
            return PluggedEstimator(definition, bind(definition.parameters, choice.params), counted_roles)
        return compile_estimator(replace(choice, id=definition.id), grouping, counted_roles)

    def definitions(self) -> tuple[EstimatorDefinition | PluginDefinition, ...]:
        """All of them, by id."""
        return tuple(definition for _, definition in sorted(self._known.items()))


AnyEstimator: TypeAlias = Estimator | PluggedEstimator
"""An estimator with its parameters, of this package or of a plugin."""


def spread(columns: Columns, values: Floats | Ragged) -> list[Json]:
    """Values of counted members as JSON, one per member; None for those that do not count."""
    listed: list[Json] = values.as_json() if isinstance(values, Ragged) else values.tolist()
    if len(listed) == len(columns.rewards):
        return listed
    full: list[Json] = [None] * len(columns.rewards)
    for position, value in zip(columns.counted.tolist(), listed, strict=True):
        full[position] = value
    return full


def _require_finite(columns: Columns, parts: Parts) -> None:
    arrays = [parts.advantages]
    if parts.steps is not None:
        arrays += [parts.steps.totals, parts.steps.returns]
    if not all(np.isfinite(array).all() for array in arrays):
        worst = max(columns.counted_rewards.tolist(), key=abs, default=0.0)
        raise InputError("groups", f"rewards as large as {worst!r} overflow: the advantages are not finite")
