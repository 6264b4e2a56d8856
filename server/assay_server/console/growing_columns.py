"""Columns that grow at their end and are read as numpy arrays."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)

_FIRST = 1024


class Column(Generic[Kind]):
    """Numbers of one type. Growing is amortised; :attr:`values` copies nothing and lasts until the next append."""

    def __init__(self, kind: type[Kind]) -> None:
        self._kind = kind
        self._held: NDArray[Kind] = np.empty(_FIRST, kind)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, values: list[float] | list[int]) -> None:
        """Add numbers at the end."""
        count = self._count + len(values)
        if count > len(self._held):
            grown: NDArray[Kind] = np.empty(max(count, 2 * len(self._held)), self._kind)
            grown[: self._count] = self._held[: self._count]
            self._held = grown
        self._held[self._count : count] = values
        self._count = count

    @property
    def values(self) -> NDArray[Kind]:
        """All of them, in order."""
        return self._held[: self._count]


class Names:
    """Names as small integers, in the order of their first appearance."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        """The number of a name."""
        return self._codes.setdefault(name, len(self._codes))

    def known(self, name: str) -> int | None:
        """The number of a name; None where it never came."""
        return self._codes.get(name)

    @property
    def names(self) -> list[str]:
        """By number."""
        return list(self._codes)


class Sparse:
    """Numbers by name that only some rows have: components, constraints."""

    def __init__(self) -> None:
        self._rows: dict[str, Column[np.int64]] = {}
        self._numbers: dict[str, Column[np.float64]] = {}

    def extend(self, name: str, rows: list[int], numbers: list[float]) -> None:
        """What these rows have under a name."""
        if name not in self._rows:
            self._rows[name] = Column(np.int64)
            self._numbers[name] = Column(np.float64)
        self._rows[name].extend(rows)
        self._numbers[name].extend(numbers)

    @property
    def names(self) -> list[str]:
        """In the order of their first appearance."""
        return list(self._rows)

    def rows(self, name: str) -> NDArray[np.int64]:
        """The rows that have a number under the name."""
        return self._rows[name].values

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Their numbers."""
        return self._numbers[name].values
