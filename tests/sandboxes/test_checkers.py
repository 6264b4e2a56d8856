"""What counts as the right output, and as the right value."""

from __future__ import annotations

import collections
from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from assay_sandbox.harness.decoding import decode_unhashed
from assay_sandbox.harness.encoding import encode
from assay_sandbox.harness.plain import Caps
from assay_sandbox.suites.checkers import BUILT_IN, Comparison, difference
from assay_sandbox.suites.equality import equals
from assay_sandbox.suites.reading import Json


@pytest.mark.parametrize(
    ("checker", "printed", "expected", "right"),
    [
        ("exact", "a b\nc\n", "a b\nc", True),
        ("exact", "a b  \r\nc\n\n", "a b\nc", True),
        ("exact", "a  b\nc", "a b\nc", False),
        ("exact", "a\n\nb", "a\nb", False),
        ("exact", "a", "a\nb", False),
        ("exact", "a\nb", "a", False),
        ("tokens", " 1   2\n3", "1 2 3\n", True),
        ("tokens", "1 2", "1 2 3", False),
        ("tokens", "1 2 3 4", "1 2 3", False),
        ("tokens", "", "1", False),
        ("tokens", "1.0", "1", False),
        ("float", "0.30000000000000004 x", "0.3 x", True),
        ("float", "1e9", "1000000000.1", True),
        ("float", "0.31", "0.3", False),
        ("float", "nan inf -inf", "nan inf -inf", True),
        ("float", "nan", "1", False),
        ("float", "inf", "1", False),
        ("float", "1_0", "10", False),
        ("float", "y", "x", False),
        ("unordered", "b 1\na  2\n", "a 2\nb 1", True),
        ("unordered", "a\na\nb", "a\nb\nb", False),
        ("unordered", "a", "a\nb", False),
        ("unordered", "a\nb\nb", "a\nb", False),
    ],
)
def test_built_in_checkers(checker: str, printed: str, expected: str, right: bool):
    assert (difference(Comparison(checker, BUILT_IN[checker]), printed, expected) == "") is right


def test_the_tolerance_is_the_suites():
    assert difference(Comparison("float", 0.1), "3.2", "3.1") == ""
    assert difference(Comparison("float", 0.01), "3.2", "3.1") == "word 1 is '3.2', expected '3.1'"


VALUES: tuple[tuple[object, Json, bool], ...] = (
    (1, 1, True),
    (1.0, 1, True),
    (True, 1, True),
    (np.float64(0.5), 0.5, True),
    (Decimal(2), 2, True),
    (Decimal("sNaN"), 2, False),
    (Fraction(1, 2), 0.5, True),
    (10**400, 1.5, False),
    ("1", 1, False),
    (1, "1", False),
    (None, None, True),
    (None, 0, False),
    (0, None, False),
    (b"a", "a", False),
    ([1, (2, 3)], [1, [2, 3]], True),
    (deque([1]), [1], True),
    (np.arange(3), [0, 1, 2], True),
    ({1, 2}, [1, 2], False),
    ([1, 2], [2, 1], False),
    ([1], [1, 2], False),
    ("ab", ["a", "b"], False),
    ({"a": [1]}, {"a": [1.0]}, True),
    (collections.OrderedDict[str, int](b=1, a=2), {"a": 2, "b": 1}, True),
    ({1: 2}, {"1": 2}, False),
    ({"a": 1, "b": 2}, {"a": 1}, False),
    ({"a": 1}, [1], False),
    ([1], {"a": 1}, False),
)


@pytest.mark.parametrize(("value", "expected", "right"), VALUES)
def test_values_equal_what_json_says(value: object, expected: Json, right: bool):
    arrived = decode_unhashed(encode(value, Caps()), Caps())
    assert equals(arrived, expected) is right


def test_numbers_within_the_tolerance_are_equal():
    assert equals([0.1 + 0.2, {"a": 3}], [0.3, {"a": 3}], 1e-9) is False  # a mapping is read as pairs
    assert equals([0.1 + 0.2], [0.3], 1e-9)
    assert not equals([0.1 + 0.2], [0.3])
    assert not equals([0.31], [0.3], 1e-9)
    assert not equals([10**400], [0.3], 1e-9)


def test_a_key_that_comes_twice_makes_no_mapping():
    twice = b"m\x02s\x01ai\x01\x01s\x01ai\x01\x01"
    assert not equals(decode_unhashed(twice, Caps()), {"a": 1, "b": 1})
