"""Values as bytes and back: the same value of the same type, or a refusal; nothing is executed, nothing explodes."""

from __future__ import annotations

import collections
import contextlib
import datetime as dt
import math
import time
from collections.abc import Hashable
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_sandbox.harness.decoding import Pairs, Unordered, decode, decode_unhashed
from assay_sandbox.harness.encoding import encode
from assay_sandbox.harness.plain import Caps, CodecError, Reference

CAPS = Caps()


class Pair(NamedTuple):
    left: object
    right: object


zones = st.none() | st.builds(dt.timezone, st.integers(-1439, 1439).map(lambda minutes: dt.timedelta(minutes=minutes)))
texts = st.text(st.characters())
scalars: st.SearchStrategy[Hashable] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.complex_numbers()
    | texts
    | st.binary()
    | st.decimals().filter(lambda number: not number.is_snan())  # which can be in no set
    | st.fractions()
    | st.datetimes(timezones=zones)
    | st.dates()
    | st.times(timezones=zones)
    | st.timedeltas()
    | st.builds(range, st.integers(), st.integers(), st.integers(1, 9))
)
hashables: st.SearchStrategy[Hashable] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3) | st.builds(Pair, inner, inner)
    ),
    max_leaves=5,
)


def _containers(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    lists = st.lists(inner, max_size=4)
    tables = st.dictionaries(hashables, inner, max_size=4)
    made: list[st.SearchStrategy[object]] = [
        lists,
        lists.map(tuple),
        st.sets(hashables, max_size=4),
        tables,
        tables.map(collections.OrderedDict),
        tables.map(lambda items: collections.defaultdict(list, items)),
        st.dictionaries(hashables, st.integers(), max_size=4).map(collections.Counter),
        st.builds(collections.deque, lists, st.none() | st.integers(4, 9)),
    ]
    return st.one_of(made)


values: st.SearchStrategy[object] = st.recursive(hashables, _containers, max_leaves=8)


def shape(value: object) -> object:
    """The value with everything that equality overlooks: types, nan, signs of zero, order of mappings."""
    kind = type(value).__name__
    if isinstance(value, float):
        return kind, value.hex() if not math.isnan(value) else "nan"
    if isinstance(value, complex):
        return kind, shape(value.real), shape(value.imag)
    if isinstance(value, Decimal):
        return kind, value.as_tuple()
    if isinstance(value, dict):
        table = cast("dict[object, object]", value)
        return kind, [(shape(key), shape(item)) for key, item in table.items()]
    if isinstance(value, set | frozenset):
        return kind, sorted(repr(shape(item)) for item in cast("set[object]", value))
    if isinstance(value, list | tuple | collections.deque):
        more: object = getattr(cast("object", value), "maxlen", None) or getattr(cast("object", value), "_fields", None)
        return kind, more, [shape(item) for item in cast("list[object]", value)]
    return kind, repr(value)


@settings(max_examples=60)
@given(values)
def test_what_arrives_is_what_was_sent(value: object):
    assert shape(decode(encode(value, CAPS), CAPS)) == shape(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_refused(data: bytes):
    with contextlib.suppress(CodecError):
        decode(data, CAPS)
    with contextlib.suppress(CodecError):
        decode_unhashed(data, CAPS)


@settings(max_examples=40)
@given(values, st.data())
def test_damaged_bytes_are_a_value_or_refused(value: object, data: st.DataObject):
    encoded = bytearray(encode(value, CAPS))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CodecError):
        decode(bytes(encoded[: data.draw(st.integers(0, len(encoded)))]), CAPS)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.array(2.5),
        np.array([], dtype="f4"),
        np.array(["a", "bcd"]),
        np.array([True, False]),
        np.array(["2024-01-01"], dtype="M8[D]"),
        np.array([1 + 2j]),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
    ],
)
def test_arrays_of_data_arrive(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]):
    arrived = decode(encode(array, CAPS), CAPS)
    assert isinstance(arrived, np.ndarray)
    assert (arrived.dtype, arrived.shape, arrived.tolist()) == (array.dtype, array.shape, array.tolist())
    assert arrived.flags.writeable


def test_scalars_of_numpy_keep_their_type():
    arrived = decode(encode([np.float64(0.5), np.int32(3), np.bool_(True)], CAPS), CAPS)
    assert isinstance(arrived, list)
    assert [type(item) for item in cast("list[object]", arrived)] == [np.float64, np.int32, np.bool_]
    assert arrived == [0.5, 3, True]


class Number(int):
    pass


class Items(list[int]):
    pass


class Triple(Pair):
    pass


OBJECTS: tuple[object, ...] = (
    Number(3), Items(), Triple(1, 2), object(), len, int, (letter for letter in "a"), iter(()), {1: 2}.keys(),
    NotImplemented, ..., bytearray(b"a"), np.array([object()]),
    dt.datetime(2024, 1, 1, tzinfo=type("Zone", (dt.tzinfo,), {})()),
)  # fmt: skip


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: type(value).__name__)
def test_everything_else_is_a_reference(value: object):
    with pytest.raises(CodecError):
        encode(value, CAPS)
    named = Reference("h", 7, type(value).__name__)
    assert decode(encode([value], CAPS, lambda _: named), CAPS, lambda reference: reference) == [named]


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


SMALL = Caps(bytes=1000, depth=10, items=50, digits=20)


@pytest.mark.parametrize(
    "value",
    [b"x" * 2000, "x" * 2000, nested(11), [0] * 60, 10**30, Fraction(1, 10**30), Decimal(10**30), Decimal("1e30")],
    ids=lambda value: type(value).__name__,
)
def test_caps_hold_on_both_sides(value: object):
    with pytest.raises(CodecError):
        encode(value, SMALL)
    encoded = encode(value, CAPS)
    with pytest.raises(CodecError):
        decode(encoded, SMALL)


def test_what_contains_itself_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(CodecError, match="deeper"):
        encode(endless, CAPS)


def test_lengths_that_the_bytes_do_not_have_are_refused_before_anything_is_made():
    for tag in b"lmSZuNQA":
        with pytest.raises(CodecError):
            decode(bytes([tag]) + b"\xff" * 8 + b"\x00", CAPS)


def test_mappings_and_sets_can_be_read_without_hashing_what_collides():
    colliding = [number * (2**61 - 1) for number in range(50_000)]
    unordered = b"S" + encode(colliding, CAPS)[1:]
    began = time.process_time()
    read = decode_unhashed(unordered, CAPS)
    spent = time.process_time() - began
    assert isinstance(read, Unordered)
    assert list(read.items) == colliding
    began = time.process_time()
    decode(encode(colliding, CAPS), CAPS)
    assert spent < 20 * (time.process_time() - began)  # building the set takes a thousand times as long
    assert decode_unhashed(encode({1: 2}, CAPS), CAPS) == Pairs(dict, ((1, 2),))


def test_named_tuples_are_made_without_running_their_names():
    arrived = decode(encode(Pair(1, [2]), CAPS), CAPS)
    assert arrived == (1, [2])
    assert (type(arrived).__name__, repr(arrived)) == ("Pair", "Pair(left=1, right=[2])")
    for fields in (("class",), ("a b",), ("_a",), ("a", "a"), ("a);print(1",)):
        names = b"".join(bytes([len(field)]) + field.encode() for field in fields)
        with pytest.raises(CodecError):
            decode(b"N\x04Pair" + bytes([len(fields)]) + names + b"n" * len(fields), CAPS)
