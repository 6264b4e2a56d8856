"""A flat list of rollouts as JSON, read column by column; each value is checked where it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import cast

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay_server.estimators.canonical import canonical_key
from assay_server.estimators.case_values import boolean, given, integer, listed, mapping, number
from assay_server.estimators.columns import LARGEST
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.tokens import Tokens

LARGEST_ID = 2**62
_Flags = npt.NDArray[np.bool_]


class Rows:
    """The objects of one list.

    Attributes:
        name: of the list, for paths in refusals.
        items: the objects.
    """

    def __init__(self, inputs: Mapping[str, Json], name: str = "rollouts") -> None:
        self.name = name
        items = listed(inputs, name)
        if set(map(type, items)) - {dict}:
            items = [mapping(item, f"{name}[{place}]") for place, item in enumerate(items)]
        self.items = cast("list[dict[str, Json]]", items)

    def __len__(self) -> int:
        return len(self.items)

    def path(self, place: int, column: str) -> str:
        """Path of a value in the inputs."""
        return f"{self.name}[{place}].{column}"

    def values(self, column: str) -> list[Json]:
        """Values that must be there, as they are."""
        try:
            return [item[column] for item in self.items]
        except KeyError:
            return [given(item, column, f"{self.name}[{place}].") for place, item in enumerate(self.items)]

    def optional(self, column: str, default: Json = None) -> list[Json]:
        """Values that may be left out, as they are."""
        return [item.get(column, default) for item in self.items]

    def numbers(self, column: str, low: float = -LARGEST, high: float = LARGEST) -> Floats:
        """Finite numbers from ``low`` to ``high``."""
        values = self.values(column)
        found = quick_numbers(values)
        if found is None:
            checked = [number(value, self.path(place, column)) for place, value in enumerate(values)]
            found = np.array(checked, np.float64)
        return self.bounded(found, column, low, high)

    def bounded(self, values: Floats, column: str, low: float, high: float) -> Floats:
        """The same values.

        Raises:
            InputError: one is outside; names it.
        """
        outside = np.flatnonzero((values < low) | (values > high))
        if len(outside):
            place = int(outside[0])
            raise InputError(self.path(place, column), f"expected {low:g} to {high:g}, got {values[place]:g}")
        return values

    def lengths(self, column: str = "length") -> Floats:
        """Numbers of tokens."""
        return self.numbers(column, 0.0)

    def counts(self, column: str) -> Floats:
        """Whole numbers >= 0."""
        values = self.values(column)
        if set(map(type, values)) - {int}:
            values = [integer(value, self.path(place, column)) for place, value in enumerate(values)]
        counts = cast("list[int]", values)
        if counts and not (min(counts) >= 0 and max(counts) <= LARGEST_ID):
            place = next(place for place, value in enumerate(counts) if not 0 <= value <= LARGEST_ID)
            raise InputError(self.path(place, column), "expected a whole number >= 0")
        return np.array(counts, np.float64)

    def flags(self, column: str) -> _Flags:
        """True or false."""
        values = self.values(column)
        if set(map(type, values)) - {bool}:
            values = [boolean(value, self.path(place, column)) for place, value in enumerate(values)]
        return np.array(values, np.bool_)

    def tokens(self, column: str = "tokens") -> Tokens:
        """Token ids per rollout, without padding."""
        values = self.values(column)
        found = _quick_tokens(values)
        if found is not None:
            return found
        parts = [_token_ids(value, self.path(place, column)) for place, value in enumerate(values)]
        return Tokens(np.concatenate([np.empty(0, np.int64), *parts]), np.array(list(map(len, parts)), np.intp))

    @cached_property
    def _groups(self) -> tuple[Partition, list[str]]:
        values = self.values("group")
        keys: list[Json] | list[bytes] = values
        if set(map(type, values)) - {str}:
            keys = [canonical_key(value) for value in values]
        numbers: dict[Json | bytes, int] = {}
        index = [numbers.setdefault(key, len(numbers)) for key in keys]
        firsts = dict(zip(reversed(index), reversed(values), strict=True))
        names = [group_name(firsts[place]) for place in range(len(numbers))]
        return Partition(np.array(index, np.intp), len(names)), names

    @property
    def partition(self) -> Partition:
        """The group of each rollout, in order of first appearance."""
        return self._groups[0]

    @property
    def names(self) -> list[str]:
        """What outputs call each group."""
        return self._groups[1]


def group_name(key: Json) -> str:
    """A group key as outputs name it: a text as it is, anything else as JSON."""
    return key if isinstance(key, str) else json.dumps(key, sort_keys=True)


def _quick_tokens(values: Sequence[Json]) -> Tokens | None:
    """The values where all are lists of plain token ids; None where they have to be looked at one by one."""
    if set(map(type, values)) - {list}:
        return None
    lists = cast("Sequence[list[int]]", values)
    joined = list(chain.from_iterable(lists))
    if set(map(type, joined)) - {int}:
        return None
    try:
        flat = np.fromiter(joined, np.int64, len(joined))
    except OverflowError:
        return None
    if len(flat) and not (flat.min() >= 0 and flat.max() <= LARGEST_ID):
        return None
    return Tokens(flat, np.fromiter(map(len, lists), np.intp, len(lists)))


def _token_ids(value: Json, field: str) -> npt.NDArray[np.int64]:
    """A list of token ids.

    Raises:
        InputError: something else came; padding must have been taken off.
    """
    if not isinstance(value, list):
        raise InputError(field, "expected a list of token ids")
    ids = cast("list[int]", value)
    if set(map(type, value)) - {int}:
        ids = [integer(token, f"{field}[{place}]") for place, token in enumerate(value)]
    if ids and not (min(ids) >= 0 and max(ids) <= LARGEST_ID):
        place = next(place for place, token in enumerate(ids) if not 0 <= token <= LARGEST_ID)
        raise InputError(f"{field}[{place}]", "expected a token id >= 0; padding takes no part")
    return np.array(ids, np.int64)


def quick_numbers(values: Sequence[Json]) -> Floats | None:
    """The values as an array where all are plain finite numbers; None where they have to be looked at one by one."""
    if set(map(type, values)) - {int, float}:
        return None
    try:
        found = np.array(values, np.float64)
    except OverflowError:
        return None
    return found if bool(np.isfinite(found).all()) else None


def numbers_of(value: Json, field: str, low: float = -LARGEST, high: float = LARGEST) -> Floats:
    """A list of finite numbers from ``low`` to ``high``.

    Raises:
        InputError: something else came.
    """
    if not isinstance(value, list):
        raise InputError(field, "expected a list of numbers")
    found = quick_numbers(value)
    if found is None:
        found = np.array([number(item, f"{field}[{place}]") for place, item in enumerate(value)], np.float64)
    outside = np.flatnonzero((found < low) | (found > high))
    if len(outside):
        place = int(outside[0])
        raise InputError(f"{field}[{place}]", f"expected {low:g} to {high:g}, got {found[place]:g}")
    return found


def column_of(inputs: Mapping[str, Json], name: str, low: float = -LARGEST, high: float = LARGEST) -> Floats:
    """The same for an input that must be there."""
    return numbers_of(given(inputs, name), name, low, high)


def number_in(inputs: Mapping[str, Json], name: str, low: float = -LARGEST, high: float = LARGEST) -> float:
    """One number that must be there."""
    value = number(given(inputs, name), name)
    if not low <= value <= high:
        raise InputError(name, f"expected {low:g} to {high:g}, got {value:g}")
    return value


def whole_number(inputs: Mapping[str, Json], name: str, low: int = 0) -> int:
    """One integer >= ``low`` that must be there."""
    value = integer(given(inputs, name), name)
    if not low <= value <= LARGEST_ID:
        raise InputError(name, f"expected an integer >= {low}, got {value}")
    return value


def per_name(names: list[str], values: npt.NDArray[np.generic]) -> dict[str, Json]:
    """Values by the name of their group."""
    return dict(zip(names, values.tolist(), strict=True))
