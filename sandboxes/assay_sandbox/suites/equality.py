"""Is a value that a program returned the one that JSON says? In linear time; nothing of the program's is executed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import cast

from assay_sandbox.harness.decoding import Pairs
from assay_sandbox.suites.reading import Json

_SEQUENCES = (list, tuple, deque)
_NUMBERS = (bool, int, float, complex, Decimal, Fraction)


def equals(value: object, expected: Json, tolerance: float = 0.0) -> bool:
    """Python's equality between a decoded value and JSON; an array equals any sequence, an object any mapping.

    Args:
        value: as :func:`assay_sandbox.harness.decoding.decode_unhashed` makes it; arrays of numpy count as lists.
        expected: the keys of its objects are text, so a mapping with other keys equals none.
        tolerance: absolute and relative, between numbers.
    """
    if type(value).__module__ == "numpy":
        value = _listed(value)
    if isinstance(expected, str):
        return type(value) is str and value == expected
    if isinstance(expected, Mapping):
        return _mapping_equals(value, expected, tolerance)
    if isinstance(expected, Sequence):
        return _sequence_equals(value, expected, tolerance)
    if expected is None:
        return value is None
    return isinstance(value, _NUMBERS) and _number_equals(value, expected, tolerance)


def _listed(array: object) -> object:
    to_list = getattr(array, "tolist", None)
    return to_list() if callable(to_list) else array


def _number_equals(value: complex | Decimal | Fraction, expected: float, tolerance: float) -> bool:
    try:
        if value == expected:
            return True
        if not tolerance or isinstance(value, complex | Decimal | Fraction):
            return False
        return math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance)
    except ArithmeticError:  # a signalling NaN, or a number beyond all floats
        return False


def _sequence_equals(value: object, expected: Sequence[Json], tolerance: float) -> bool:
    if not isinstance(value, _SEQUENCES):
        return False
    items = cast("Sequence[object]", value)
    if len(items) != len(expected):
        return False
    return all(equals(item, wanted, tolerance) for item, wanted in zip(items, expected, strict=True))


def _mapping_equals(value: object, expected: Mapping[str, Json], tolerance: float) -> bool:
    if type(value) is not Pairs or len(value.items) != len(expected):
        return False
    seen: set[str] = set()
    for key, item in value.items:
        if type(key) is not str or key in seen or key not in expected or not equals(item, expected[key], tolerance):
            return False
        seen.add(key)
    return True
