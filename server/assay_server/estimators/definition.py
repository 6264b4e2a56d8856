"""Declaring an estimator: one row of the table, with everything that is said about it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from assay.sdk.parameters import Parameter, mismatch, parameters_of
from assay.sdk.samples import Json
from assay.sdk.spec import Grouping
from assay_server.estimators.columns import Columns
from assay_server.estimators.errors import ParameterError, nearest_names
from assay_server.estimators.groups import Floats, Role
from assay_server.estimators.ragged import Ragged
from assay_server.estimators.step_ids import StepIds

Ddof: TypeAlias = Literal[0, 1]
Singleton: TypeAlias = Literal["zero", "raw"]

_NO_OUTPUTS: Mapping[str, Json] = MappingProxyType({})
_NO_COLUMNS: Mapping[str, Floats] = MappingProxyType({})


def _no_outputs() -> Mapping[str, Json]:
    return _NO_OUTPUTS


def _no_columns() -> Mapping[str, Floats]:
    return _NO_COLUMNS


class Scope(str, Enum):
    """What an advantage depends on: its group alone, or all groups of the batch."""

    GROUP = "group"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class StepParts:
    """Per step of the counted members, groups one after another.

    Attributes:
        counts: steps per counted member.
        index: step group of each step, numbered through all groups in order of first appearance.
        ids: digest of each step group.
        group_starts: offsets of the groups in ``ids``; one more than there are groups.
        state_digests: of each step, an empty text where there is none; empty where no step has one.
    """

    counts: npt.NDArray[np.intp]
    returns: Floats
    episode: Floats
    advantages: Floats
    totals: Floats
    index: npt.NDArray[np.intp]
    ids: StepIds
    group_starts: list[int]
    state_digests: list[str]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a method computes: one advantage per counted member, steps where it reads them, named extras.

    Attributes:
        outputs: of the whole call.
        member_outputs: one value, or one array, per counted member.
        group_outputs: one value per group.
        token_advantages: per counted member, one per token, where the method speaks of tokens.
    """

    advantages: Floats
    steps: StepParts | None = None
    outputs: Mapping[str, Json] = field(default_factory=_no_outputs)
    member_outputs: Mapping[str, Floats | Ragged] = field(default_factory=_no_columns)
    group_outputs: Mapping[str, Floats] = field(default_factory=_no_columns)
    token_advantages: Ragged | None = None


Method: TypeAlias = Callable[[Columns], Parts]
"""A method with its parameters bound."""


@dataclass(frozen=True, slots=True)
class EstimatorDefinition:
    """An estimator with everything that is declared about it.

    Attributes:
        id: ``advantage/name-vN``.
        build: ``(grouping, bound parameters) -> Method``.
        reference_roles: roles it reads without giving them an advantage.
        reads: columns of a rollout beside its reward that a worked case must give.
        verify: what of the definition has not been confirmed with the paper; empty where all has.
        source: where the method comes from.
        digest: sha256 over the definition.
    """

    id: str
    scope: Scope
    formula: str
    edges: str
    source: str
    summary: str
    parameters: tuple[Parameter, ...]
    build: Callable[[Grouping, Mapping[str, object]], Method]
    reads_steps: bool
    required_signals: tuple[str, ...]
    reference_roles: frozenset[Role]
    digest: str
    reads: tuple[str, ...] = ()
    verify: str = ""


def estimator(
    id: str,
    *,
    formula: str,
    edges: str,
    source: str,
    scope: Scope = Scope.GROUP,
    required_signals: tuple[str, ...] = (),
    reference_roles: frozenset[Role] = frozenset(),
    reads: tuple[str, ...] = (),
    verify: str = "",
) -> Callable[[Callable[..., Method]], EstimatorDefinition]:
    """Declare ``(*, typed parameters) -> Method`` as an estimator of whole episodes."""

    def declare(function: Callable[..., Method]) -> EstimatorDefinition:
        return EstimatorDefinition(
            id=id,
            scope=scope,
            formula=formula,
            edges=edges,
            source=source,
            summary=_summary(function),
            parameters=parameters_of(function),
            build=lambda _grouping, bound: function(**bound),
            reads_steps=False,
            required_signals=required_signals,
            reference_roles=reference_roles,
            digest=_digest(id, scope, formula, function),
            reads=reads,
            verify=verify,
        )

    return declare


def step_estimator(
    id: str, *, formula: str, edges: str, source: str, verify: str = ""
) -> Callable[[Callable[..., Method]], EstimatorDefinition]:
    """Declare ``(grouping, *, typed parameters) -> Method`` as an estimator that reads steps and their anchors."""

    def declare(function: Callable[..., Method]) -> EstimatorDefinition:
        return EstimatorDefinition(
            id=id,
            scope=Scope.GROUP,
            formula=formula,
            edges=edges,
            source=source,
            summary=_summary(function),
            parameters=parameters_of(function),
            build=lambda grouping, bound: function(grouping, **bound),
            reads_steps=True,
            required_signals=(),
            reference_roles=frozenset(),
            digest=_digest(id, Scope.GROUP, formula, function),
            verify=verify,
        )

    return declare


def bind(parameters: tuple[Parameter, ...], given: Mapping[str, Json]) -> dict[str, object]:
    """Complete keyword arguments, defaults filled in.

    Raises:
        ParameterError: unknown name, missing required value, or a value of the wrong type.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            close = nearest_names(name, sorted(known))
            hint = f"did you mean {close[0]}?" if close else f"it takes: {', '.join(sorted(known)) or 'none'}"
            raise ParameterError(name, f"unknown parameter; {hint}")
    bound: dict[str, object] = {}
    for name, parameter in known.items():
        if name in given:
            bound[name] = _checked(parameter, given[name])
        elif parameter.required:
            raise ParameterError(name, "must be given")
        else:
            bound[name] = parameter.default
    return bound


def require(condition: bool, name: str, expected: str, value: object) -> None:
    """Refuse a parameter value outside its declared bounds (R15).

    Raises:
        ParameterError: the condition does not hold.
    """
    if not condition:
        raise ParameterError(name, f"expected {expected}, got {value!r}")


def require_scale(eps: float, min_std: float = 0.0) -> None:
    """The bounds of what every scaled method takes.

    Raises:
        ParameterError: one is negative.
    """
    require(eps >= 0.0, "eps", "a number >= 0", eps)
    require(min_std >= 0.0, "min_std", "a number >= 0", min_std)


def _checked(parameter: Parameter, value: Json) -> object:
    problem = mismatch(value, parameter.schema)
    if problem:
        raise ParameterError(parameter.name, problem)
    options = parameter.schema.get("anyOf", [parameter.schema])
    if type(value) is int and {"type": "number"} in (options if isinstance(options, list) else []):
        try:
            return float(value)
        except OverflowError:
            raise ParameterError(parameter.name, "expected a finite number") from None
    return value


def _summary(function: Callable[..., Method]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _digest(id: str, scope: Scope, formula: str, function: Callable[..., Method]) -> str:
    return hashlib.sha256(f"{id}|{scope.name}|{formula}|{inspect.getsource(function)}".encode()).hexdigest()
