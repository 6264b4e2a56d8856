"""Reading typed values out of JSON objects that came from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping

from assay.sdk import Json

_LARGEST = 1e300


class InvalidField(ValueError):
    """A value is missing, of the wrong type, or out of range.

    Attributes:
        field: its path, e.g. ``inputs.length``.
        message: what was expected.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class Fields:
    """One object of the request; every reader raises :class:`InvalidField`."""

    def __init__(self, path: str, values: Mapping[str, Json]) -> None:
        self._path = path
        self._values = values

    def _given(self, name: str) -> Json:
        if name not in self._values:
            raise InvalidField(f"{self._path}.{name}", "is missing")
        return self._values[name]

    def number(self, name: str, minimum: float = -_LARGEST, maximum: float = _LARGEST) -> float:
        """A finite number within both ends."""
        return self._number(self._given(name), f"{self._path}.{name}", minimum, maximum)

    def _number(self, value: Json, path: str, minimum: float, maximum: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise InvalidField(path, f"expected a finite number from {minimum:g} to {maximum:g}")
        return float(value)

    def integer(self, name: str, minimum: int, maximum: int) -> int:
        """A whole number within both ends; ``3.0`` is one."""
        value = self.number(name, minimum, maximum)
        if value != math.floor(value):
            raise InvalidField(f"{self._path}.{name}", "expected a whole number")
        return int(value)

    def boolean(self, name: str) -> bool:
        """True or false; 0 and 1 are neither."""
        value = self._given(name)
        if not isinstance(value, bool):
            raise InvalidField(f"{self._path}.{name}", "expected true or false")
        return value

    def interval(self, name: str) -> tuple[float, float]:
        """A list of two numbers."""
        value = self._given(name)
        if not isinstance(value, list) or len(value) != 2:
            raise InvalidField(f"{self._path}.{name}", "expected a list of two numbers")
        path = f"{self._path}.{name}"
        return self._number(value[0], f"{path}[0]", -_LARGEST, _LARGEST), self._number(
            value[1], f"{path}[1]", -_LARGEST, _LARGEST
        )

    def texts(self, name: str) -> frozenset[str]:
        """A list of texts, as a set."""
        value = self._given(name)
        if not isinstance(value, list):
            raise InvalidField(f"{self._path}.{name}", "expected a list of texts")
        return frozenset(self._text(item, f"{self._path}.{name}[{index}]") for index, item in enumerate(value))

    def _text(self, value: Json, path: str) -> str:
        if not isinstance(value, str):
            raise InvalidField(path, "expected text")
        return value
