"""Advantage decomposition: one estimator per named component of the reward, averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar, cast

import numpy as np

from assay.sdk.samples import Json
from assay.sdk.spec import Grouping
from assay_server.estimators.columns import LARGEST, Columns
from assay_server.estimators.definition import EstimatorDefinition, Method, Parts, Scope, bind, estimator, require
from assay_server.estimators.errors import InputError, ParameterError, UnknownEstimator
from assay_server.estimators.groups import Floats

_NAMESPACE = "advantage/"
_Scalar: TypeAlias = "bool | int | float | str | None"
T = TypeVar("T")


def find_in(known: Mapping[str, T], id: str) -> T:
    """The row of ``known`` that an id means: with or without namespace, the newest version where it names none.

    Raises:
        UnknownEstimator: no such id; carries the nearest ones.
    """
    full = id if "/" in id else _NAMESPACE + id
    if full in known:
        return known[full]
    versions = [name for name in known if name.rpartition("-v")[0] == full]
    if not versions:
        raise UnknownEstimator(id, known)
    return known[max(versions, key=lambda name: int(name.rpartition("-v")[2]))]


def component_estimator(known: Mapping[str, EstimatorDefinition]) -> EstimatorDefinition:
    """``advantage/per_component`` over the estimators in ``known``."""

    @estimator(
        "advantage/per_component-v1",
        scope=Scope.BATCH,
        formula="sum_c weight_c A_c / sum_c weight_c, A_c = the chosen estimator over component c",
        edges="Equal weights unless given. Members with differing component names, and weights that name others: "
        "refused. Edges of the chosen estimator hold per component.",
        source="BNPO (advantage decomposition)",
        reads=("components",),
    )
    def per_component(
        *,
        estimator: str = "advantage/grpo",
        estimator_params: dict[str, bool | int | float | str | None] | None = None,
        weights: dict[str, float] | None = None,
    ) -> Method:
        """The average of an estimator's advantages over the named components of the reward."""
        return PerComponent(_inner(known, estimator, estimator_params or {}), _weights(weights))

    return per_component


@dataclass(frozen=True, slots=True)
class PerComponent:
    """An estimator with its parameters, run on one component after the other."""

    inner: Method
    weights: Mapping[str, float] | None

    def __call__(self, columns: Columns) -> Parts:
        values = _components(columns)
        if self.weights is not None and values and frozenset(self.weights) != frozenset(values):
            raise ParameterError("weights", f"expected one for each of {', '.join(values)}")
        parts = {name: self.inner(_with_rewards(columns, rewards)).advantages for name, rewards in values.items()}
        shares = {name: self.weights[name] if self.weights else 1.0 for name in parts}
        total = sum(shares.values()) or 1.0
        combined = np.zeros(len(columns.counted))
        for name, advantages in parts.items():
            combined += shares[name] / total * advantages
        return Parts(
            combined,
            outputs={} if parts else {"components": {}},
            member_outputs={f"components.{name}": part for name, part in parts.items()},
        )


def _inner(known: Mapping[str, EstimatorDefinition], id: str, params: Mapping[str, _Scalar]) -> Method:
    try:
        definition = find_in(known, id)
    except UnknownEstimator as error:
        raise ParameterError("estimator", str(error)) from error
    if definition.reads or definition.reference_roles:
        raise ParameterError("estimator", f"{definition.id} reads more than a reward per member")
    try:
        return definition.build(Grouping(), bind(definition.parameters, cast("Mapping[str, Json]", params)))
    except ParameterError as error:
        raise ParameterError(f"estimator_params.{error.field}", error.message) from error


def _weights(weights: Mapping[str, float] | None) -> Mapping[str, float] | None:
    if weights is not None:
        require(all(0.0 <= weight <= LARGEST for weight in weights.values()), "weights", "numbers >= 0", weights)
        require(sum(weights.values()) > 0.0, "weights", "a positive sum", weights)
    return weights


def _components(columns: Columns) -> dict[str, Floats]:
    """Per component the values of the counted members.

    Raises:
        InputError: a member has none or other components, or a value is not finite.
    """
    rows = columns.components()
    names = tuple(rows[0]) if rows else ()
    expected = frozenset(names)
    for place, row in enumerate(rows):
        if not row or frozenset(row) != expected:
            message = f"expected the components {', '.join(names) or '(none)'}, as of the others"
            raise InputError(columns.field(place, "components"), message)
    values = {name: np.array([row[name] for row in rows], np.float64) for name in names}
    for name, found in values.items():
        readable = np.abs(found) <= LARGEST
        if not readable.all():
            place = int(np.argmin(readable))
            where = columns.field(place, f"components.{name}")
            raise InputError(where, f"expected a number up to {LARGEST:g}, got {found[place]}")
    return values


def _with_rewards(columns: Columns, rewards: Floats) -> Columns:
    return replace(columns, rewards=columns.scattered(rewards), counted_rewards=rewards)
