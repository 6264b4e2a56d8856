"""A worked case's flat list of rollouts as the columns that estimators read, without a member each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import countOf

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay_server.estimators.canonical import canonical_key
from assay_server.estimators.case_values import mapping, number, text
from assay_server.estimators.columns import Columns, outcomes_of
from assay_server.estimators.definition import EstimatorDefinition
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats, MemberOutcome, Role, Signal
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows, quick_numbers
from assay_server.estimators.tokens import Tokens

_ROLES = {role.name.lower(): role for role in Role}
_SIGNALS = {"token_ids": "tokens"}
"""Signals that a worked case calls something else."""


@dataclass(frozen=True)
class CaseColumns(Columns):
    """Rows, group after group, in each as they came.

    Attributes:
        rows: as they came.
        order: the row of each member.
        reads: columns beside the reward.
    """

    rows: Rows
    order: npt.NDArray[np.intp]
    reads: tuple[str, ...]

    def answer_keys(self) -> Sequence[str]:
        values = self._values("answer_key")
        if set(map(type, values)) - {str}:
            values = [
                "" if value is None else text(value, self.field(place, "answer_key"))
                for place, value in enumerate(values)
            ]
        return values  # type: ignore[return-value] - all are texts now

    def signals(self, name: str) -> Sequence[Signal]:
        values = self._values(name)
        if quick_numbers(values) is not None:
            return values  # type: ignore[return-value] - all are numbers
        return [number(value, self.field(place, name)) for place, value in enumerate(values)]

    def tokens(self) -> Tokens:
        return self.rows.tokens().of(self._counted_rows)

    def strata(self) -> Sequence[Signal | None]:
        """Numbers of the keys, which may be of any JSON type, in order of first appearance."""
        values = self._values("stratum")
        if quick_numbers(values) is not None:
            return values  # type: ignore[return-value] - all are numbers
        numbers: dict[bytes, int] = {}
        return [numbers.setdefault(canonical_key(value), len(numbers)) for value in values]

    def components(self) -> Sequence[Mapping[str, float]]:
        values = self._values("components")
        if set(map(type, values)) - {dict}:
            values = [mapping(value, self.field(place, "components")) for place, value in enumerate(values)]
        rows: Sequence[Mapping[str, Json]] = values  # type: ignore[assignment] - all are objects now
        if quick_numbers([value for row in rows for value in row.values()]) is not None:
            return rows  # type: ignore[return-value] - of numbers
        return [
            {name: number(value, self.field(place, f"components.{name}")) for name, value in row.items()}
            for place, row in enumerate(rows)
        ]

    def lacks(self, signal: str) -> int | None:
        column = _SIGNALS.get(signal, signal)
        items = self.rows.items
        return next((place for place, row in enumerate(self._counted_rows) if column not in items[row]), None)

    def field(self, place: int, tail: str) -> str:
        return self.rows.path(self._counted_rows[place], tail.removeprefix("signals."))

    def group_field(self, place: int) -> str:
        del place  # a flat list has no groups to point at
        return self.rows.name

    def group_name(self, place: int) -> str:
        return self.rows.names[place]

    def in_order(self, values: Sequence[Json]) -> list[Json]:
        """Values of members, groups one after another, in the order of the rows."""
        found: list[Json] = [None] * len(values)
        rows: list[int] = self.order.tolist()
        for row, value in zip(rows, values, strict=True):
            found[row] = value
        return found

    @cached_property
    def _counted_rows(self) -> list[int]:
        return self.order[self.counted].tolist()

    def _values(self, column: str) -> list[Json]:
        values = self.rows.values(column)
        return [values[row] for row in self._counted_rows]


def case_columns(inputs: Mapping[str, Json], definition: EstimatorDefinition, counted: frozenset[Role]) -> CaseColumns:
    """Columns of ``rollouts: [{group, reward, role?, ...}]``.

    Raises:
        InputError: a value is missing or of the wrong type.
    """
    rows = Rows(inputs)
    partition = rows.partition
    order = np.argsort(partition.index, kind="stable")
    for column in definition.reads:
        rows.values(column)
    rewards = _rewards(rows, "components" not in definition.reads)[order]
    roles = _roles(rows)[order]
    outcomes = outcomes_of(roles, np.ones(len(rows), np.bool_), counted, definition.reference_roles)
    members = np.flatnonzero(outcomes == MemberOutcome.COUNTED)
    return CaseColumns(
        groups=(),
        ids=[],
        members=[],
        starts=np.concatenate([[0], np.cumsum(partition.size)]).tolist(),
        rewards=rewards,
        outcomes=outcomes,
        counted=members,
        partition=Partition(partition.index[order][members], partition.count),
        counted_rewards=rewards[members],
        rows=rows,
        order=order,
        reads=definition.reads,
    )


def _rewards(rows: Rows, needed: bool) -> Floats:
    if needed or all("reward" in item for item in rows.items):
        return rows.numbers("reward")
    values = [
        number(item["reward"], rows.path(p, "reward")) if "reward" in item else 0.0 for p, item in enumerate(rows.items)
    ]
    return np.array(values, np.float64)


def _roles(rows: Rows) -> npt.NDArray[np.int8]:
    values = rows.optional("role", "policy")
    if countOf(values, "policy") == len(values):
        return np.full(len(values), Role.POLICY, np.int8)
    for value in set(map(_hashable, values)) - set(_ROLES):
        place = next(place for place, found in enumerate(values) if _hashable(found) == value)
        text(values[place], rows.path(place, "role"))
        raise InputError(rows.path(place, "role"), f"expected one of {', '.join(_ROLES)}")
    return np.array([_ROLES[str(value)] for value in values], np.int8)


def _hashable(value: Json) -> str | None:
    return value if isinstance(value, str) else None
