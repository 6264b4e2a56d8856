"""Bytes to plain values. The bytes may be anything: nothing is executed, and what is built is capped."""

from __future__ import annotations

import datetime as dt
import re
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import cast

from assay_sandbox.harness.plain import (
    ARRAY_KINDS,
    FACTORIES,
    Caps,
    CodecError,
    Reference,
    Resolve,
    nothing_named,
)
from assay_sandbox.harness.tuples import named_tuple_class

_FLOAT = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")
_MOST_DIMENSIONS = 32
_LONGEST_SIZE = 9
_ARRAY_TYPE = re.compile(rf"[<>=|]?[{ARRAY_KINDS}][0-9]{{0,6}}(?:\[[0-9]{{0,4}}[a-zA-Z]{{1,2}}\])?")
_NOT_FINITE = frozenset({"n", "N", "F"})
_NOT_VALUES = (ValueError, TypeError, OverflowError, UnicodeDecodeError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What would be a mapping: keys and values as they came, repeated keys included."""

    kind: type
    items: tuple[tuple[object, object], ...]


@dataclass(frozen=True, slots=True)
class Unordered:
    """What would be a set, as it came."""

    kind: type
    items: tuple[object, ...]


def decode(data: bytes, caps: Caps, resolve: Resolve = nothing_named) -> object:
    """The value in these bytes.

    Raises:
        CodecError: they break a cap, are no value, or hold a reference that ``resolve`` refuses.
    """
    return _decoded(_Decoder(data, caps, resolve, _READERS), data, caps)


def decode_unhashed(data: bytes, caps: Caps, resolve: Resolve = nothing_named) -> object:
    """Like :func:`decode`, with :class:`Pairs` and :class:`Unordered` for mappings and sets.

    Takes linear time whatever the bytes are: keys that were made to collide are never hashed.
    """
    return _decoded(_Decoder(data, caps, resolve, _UNHASHED), data, caps)


def _decoded(decoder: _Decoder, data: bytes, caps: Caps) -> object:
    if len(data) > caps.bytes:
        raise CodecError(f"more than {caps.bytes} bytes")
    try:
        value = decoder.take(0)
    except _NOT_VALUES as error:
        raise CodecError(f"not a value: {type(error).__name__}") from error
    if decoder.left():
        raise CodecError("bytes after the value")
    return value


class _Decoder:
    def __init__(self, data: bytes, caps: Caps, resolve: Resolve, readers: Mapping[bytes, _Reader]) -> None:
        self._readers = readers
        self._data = data
        self._at = 0
        self._caps = caps
        self.resolve = resolve
        self._items = 0
        self._most_bytes = caps.bits // 8 + 1

    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, depth: int) -> object:
        self._items += 1
        if self._items > self._caps.items:
            raise CodecError(f"more than {self._caps.items} values")
        if depth > self._caps.depth:
            raise CodecError(f"nested deeper than {self._caps.depth}")
        reader = self._readers.get(self.raw(1))
        if reader is None:
            raise CodecError("an unknown tag")
        return reader(self, depth)

    def raw(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise CodecError("the bytes end in a value")
        part = self._data[self._at : end]
        self._at = end
        return part

    def size(self) -> int:
        size = shift = 0
        for _ in range(_LONGEST_SIZE):
            (byte,) = self.raw(1)
            size |= (byte & 127) << shift
            if byte < 128:
                return size
            shift += 7
        raise CodecError("a length out of range")

    def count(self) -> int:
        """A number of values, each of which takes a byte at least."""
        count = self.size()
        if count > self.left():
            raise CodecError("the bytes end in a container")
        return count

    def data(self) -> bytes:
        return self.raw(self.size())

    def text(self) -> str:
        return self.data().decode("utf-8", "surrogatepass")

    def number(self) -> int:
        data = self.data()
        if len(data) > self._most_bytes:
            raise CodecError(f"a number of more than {self._caps.digits} digits")
        return int.from_bytes(data, "little", signed=True)

    def numbers(self, count: int) -> list[int]:
        return [self.number() for _ in range(count)]

    def each(self, depth: int) -> Iterator[object]:
        for _ in range(self.count()):
            yield self.take(depth + 1)

    def pairs(self, depth: int) -> Iterator[tuple[object, object]]:
        for _ in range(self.count()):
            key = self.take(depth + 1)
            yield key, self.take(depth + 1)

    def exponent(self) -> int | str:
        text = self.text()
        if text in _NOT_FINITE:
            return text
        if len(text) > len(str(self._caps.digits)) + 1 or abs(int(text)) > self._caps.digits:
            raise CodecError(f"a Decimal of more than {self._caps.digits} digits")
        return int(text)

    def zone(self) -> dt.timezone | None:
        if self.raw(1) != b"z":
            return None
        offset = dt.timedelta(microseconds=self.number())
        named, name = self.size(), self.text()
        return dt.timezone(offset, name) if named else dt.timezone(offset)

    def decimal_digits(self) -> tuple[int, ...]:
        digits = self.data()
        if len(digits) > self._caps.digits:
            raise CodecError(f"a Decimal of more than {self._caps.digits} digits")
        return tuple(digits)


def _take_deque(of: _Decoder, depth: int) -> object:
    most = of.number()
    if of.raw(1) != b"l":
        raise CodecError("a deque without items")
    return deque(of.each(depth), None if most < 0 else most)


def _take_defaultdict(of: _Decoder, depth: int) -> object:
    factory = FACTORIES.get(of.text())
    if of.raw(1) != b"m":
        raise CodecError("a defaultdict without items")
    return defaultdict(factory, of.pairs(depth))


def _take_counter(of: _Decoder, depth: int) -> object:
    counter: Counter[object] = Counter()
    for key, value in of.pairs(depth):
        dict.__setitem__(counter, key, cast("int", value))
    return counter


def _take_named_tuple(of: _Decoder, depth: int) -> object:
    name = of.text()
    fields = tuple(of.text() for _ in range(of.count()))
    kind = named_tuple_class(name, fields)
    if kind is None:
        raise CodecError("a named tuple without names")
    return tuple.__new__(kind, [of.take(depth + 1) for _ in fields])


def _take_range(of: _Decoder, _: int) -> object:
    start, stop, step = of.numbers(3)
    return range(start, stop, step)


def _take_decimal(of: _Decoder, _: int) -> object:
    sign, exponent = of.size(), of.exponent()
    return Decimal((sign, of.decimal_digits(), cast("int", exponent)))


def _take_fraction(of: _Decoder, _: int) -> object:
    above, below = of.numbers(2)
    return Fraction(above, below)


def _take_complex(of: _Decoder, _: int) -> object:
    return complex(*cast("tuple[float, float]", _COMPLEX.unpack(of.raw(_COMPLEX.size))))


def _take_float(of: _Decoder, _: int) -> object:
    return cast("float", _FLOAT.unpack(of.raw(_FLOAT.size))[0])


def _take_datetime(of: _Decoder, _: int) -> object:
    year, month, day, hour, minute, second, micro, fold = of.numbers(8)
    return dt.datetime(year, month, day, hour, minute, second, micro, of.zone(), fold=fold)


def _take_time(of: _Decoder, _: int) -> object:
    hour, minute, second, micro, fold = of.numbers(5)
    return dt.time(hour, minute, second, micro, of.zone(), fold=fold)


def _take_timedelta(of: _Decoder, _: int) -> object:
    days, seconds, micro = of.numbers(3)
    return dt.timedelta(days, seconds, micro)


def _take_reference(of: _Decoder, _: int) -> object:
    return of.resolve(Reference(of.text(), of.number(), of.text()))


def _take_array(of: _Decoder, _: int) -> object:
    name, scalar, dimensions = of.text(), of.size(), of.count()
    if dimensions > _MOST_DIMENSIONS or (scalar and dimensions):
        raise CodecError("an array of too many dimensions")
    shape = tuple(of.size() for _ in range(dimensions))
    data = of.data()
    if not _ARRAY_TYPE.fullmatch(name):
        raise CodecError("an array of an unknown type")
    import numpy as np

    array = np.frombuffer(data, dtype=np.dtype(name)).reshape(shape).copy()
    return cast("object", array[()]) if scalar else array


_Reader = Callable[[_Decoder, int], object]
_READERS: Mapping[bytes, _Reader] = {
    b"n": lambda _, __: None,
    b"t": lambda _, __: True,
    b"f": lambda _, __: False,
    b"i": lambda of, _: of.number(),
    b"d": _take_float,
    b"j": _take_complex,
    b"s": lambda of, _: of.text(),
    b"y": lambda of, _: of.data(),
    b"l": lambda of, depth: list(of.each(depth)),
    b"u": lambda of, depth: tuple(of.each(depth)),
    b"S": lambda of, depth: set(of.each(depth)),
    b"Z": lambda of, depth: frozenset(of.each(depth)),
    b"m": lambda of, depth: dict(of.pairs(depth)),
    b"C": _take_counter,
    b"O": lambda of, depth: OrderedDict(of.pairs(depth)),
    b"F": _take_defaultdict,
    b"Q": _take_deque,
    b"N": _take_named_tuple,
    b"r": _take_range,
    b"E": _take_decimal,
    b"q": _take_fraction,
    b"T": _take_datetime,
    b"D": lambda of, _: dt.date.fromordinal(of.number()),
    b"M": _take_time,
    b"P": _take_timedelta,
    b"A": _take_array,
    b"h": _take_reference,
}


def _pairs(kind: type) -> _Reader:
    return lambda of, depth: Pairs(kind, tuple(of.pairs(depth)))


def _unordered(kind: type) -> _Reader:
    return lambda of, depth: Unordered(kind, tuple(of.each(depth)))


def _default_pairs(of: _Decoder, depth: int) -> object:
    of.text()
    if of.raw(1) != b"m":
        raise CodecError("a defaultdict without items")
    return Pairs(defaultdict, tuple(of.pairs(depth)))


_UNHASHED: Mapping[bytes, _Reader] = {
    **_READERS,
    b"S": _unordered(set),
    b"Z": _unordered(frozenset),
    b"m": _pairs(dict),
    b"C": _pairs(Counter),
    b"O": _pairs(OrderedDict),
    b"F": _default_pairs,
}
