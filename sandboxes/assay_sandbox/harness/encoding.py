"""Plain values to bytes."""

from __future__ import annotations

import datetime as dt
import struct
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Protocol, cast

from assay_sandbox.harness.plain import ARRAY_KINDS, FACTORIES, Caps, CodecError, Refer, no_reference
from assay_sandbox.harness.tuples import field_names

_FLOAT = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")
_LONGEST_NAME = 200


class _DType(Protocol):
    kind: str
    str: str


class _Array(Protocol):
    dtype: _DType
    shape: tuple[int, ...]

    def tobytes(self) -> bytes: ...


def encode(value: object, caps: Caps, refer: Refer = no_reference) -> bytes:
    """The bytes of a value.

    Raises:
        CodecError: it breaks a cap, or holds what ``refer`` refuses.
    """
    encoder = _Encoder(caps, refer)
    encoder.put(value, 0)
    return bytes(encoder.out)


class _Encoder:
    def __init__(self, caps: Caps, refer: Refer) -> None:
        self.out = bytearray()
        self._caps = caps
        self._refer = refer
        self._items = 0
        self._most_bits = caps.bits

    def put(self, value: object, depth: int) -> None:
        self._items += 1
        if self._items > self._caps.items:
            raise CodecError(f"more than {self._caps.items} values")
        if depth > self._caps.depth:
            raise CodecError(f"nested deeper than {self._caps.depth}")
        writer = _WRITERS.get(type(value))
        if writer is not None:
            writer(self, value, depth)
        else:
            self._put_other(value, depth)

    def _put_other(self, value: object, depth: int) -> None:
        fields = field_names(value)
        if fields is not None:
            self._put_named_tuple(cast("tuple[object, ...]", value), fields, depth)
        elif _is_array(value):
            self._put_array(cast("_Array", value))
        else:
            self.put_reference(value)

    def letter(self, letter: bytes) -> None:
        self.out += letter
        if len(self.out) > self._caps.bytes:
            raise CodecError(f"more than {self._caps.bytes} bytes")

    def size(self, size: int) -> None:
        while size > 127:
            self.out.append(size & 127 | 128)
            size >>= 7
        self.out.append(size)

    def data(self, data: bytes) -> None:
        if len(self.out) + len(data) > self._caps.bytes:
            raise CodecError(f"more than {self._caps.bytes} bytes")
        self.size(len(data))
        self.out += data

    def text(self, text: str) -> None:
        if len(text) > self._caps.bytes:
            raise CodecError(f"more than {self._caps.bytes} bytes")
        self.data(text.encode("utf-8", "surrogatepass"))

    def number(self, number: int) -> None:
        bits = number.bit_length()
        if bits > self._most_bits:
            raise CodecError(f"a number of more than {self._caps.digits} digits")
        self.data(number.to_bytes(bits // 8 + 1, "little", signed=True))

    def check_digits(self, count: int) -> None:
        if count > self._caps.digits:
            raise CodecError(f"a Decimal of more than {self._caps.digits} digits")

    def exponent(self, exponent: int | str) -> None:
        if isinstance(exponent, int) and abs(exponent) > self._caps.digits:
            raise CodecError(f"a Decimal with an exponent beyond {self._caps.digits}")
        self.text(str(exponent))

    def each(self, letter: bytes, values: Collection[object], depth: int) -> None:
        self.letter(letter)
        self._check_count(len(values))
        self.size(len(values))
        for value in tuple(values):
            self.put(value, depth + 1)

    def pairs(self, letter: bytes, mapping: Mapping[object, object], depth: int) -> None:
        self.letter(letter)
        self._check_count(2 * len(mapping))
        self.size(len(mapping))
        for key, value in tuple(mapping.items()):
            self.put(key, depth + 1)
            self.put(value, depth + 1)

    def _check_count(self, more: int) -> None:
        if self._items + more > self._caps.items:
            raise CodecError(f"more than {self._caps.items} values")

    def put_reference(self, value: object) -> None:
        reference = self._refer(value)
        self.letter(b"h")
        self.text(reference.space)
        self.number(reference.key)
        self.text(reference.name[:_LONGEST_NAME])

    def zone(self, zone: dt.timezone | None) -> None:
        if zone is None:
            self.letter(b"n")
            return
        offset, *name = cast("tuple[dt.timedelta, str]", zone.__getinitargs__())  # pyright: ignore - it is not in stubs
        self.letter(b"z")
        self.number(offset // dt.timedelta(microseconds=1))
        self.size(len(name))
        self.text("".join(name))

    def _put_named_tuple(self, value: tuple[object, ...], fields: tuple[str, ...], depth: int) -> None:
        self.letter(b"N")
        self.text(type(value).__name__)
        self.size(len(fields))
        for field in fields:
            self.text(field)
        for item in cast("Iterator[object]", tuple.__iter__(value)):
            self.put(item, depth + 1)

    def _put_array(self, value: _Array) -> None:
        self.letter(b"A")
        self.text(value.dtype.str)
        self.size(0 if type(value).__name__ == "ndarray" else 1)
        self.size(len(value.shape))
        for extent in value.shape:
            self.size(extent)
        self.data(value.tobytes())


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return False
    kind = type(value)
    if kind is not numpy.ndarray and not (kind.__module__ == "numpy" and issubclass(kind, numpy.generic)):
        return False
    return cast("_Array", value).dtype.kind in ARRAY_KINDS


def _put_bool(to: _Encoder, value: object, _: int) -> None:
    to.letter(b"t" if value is True else b"f")


def _put_int(to: _Encoder, value: object, _: int) -> None:
    to.letter(b"i")
    to.number(cast("int", value))


def _put_float(to: _Encoder, value: object, _: int) -> None:
    to.letter(b"d" + _FLOAT.pack(cast("float", value)))


def _put_complex(to: _Encoder, value: object, _: int) -> None:
    number = cast("complex", value)
    to.letter(b"j" + _COMPLEX.pack(number.real, number.imag))


def _put_str(to: _Encoder, value: object, _: int) -> None:
    to.letter(b"s")
    to.text(cast("str", value))


def _put_bytes(to: _Encoder, value: object, _: int) -> None:
    to.letter(b"y")
    to.data(cast("bytes", value))


def _put_range(to: _Encoder, value: object, _: int) -> None:
    span = cast("range", value)
    to.letter(b"r")
    for number in (span.start, span.stop, span.step):
        to.number(number)


def _put_deque(to: _Encoder, value: object, depth: int) -> None:
    items = cast("deque[object]", value)
    to.letter(b"Q")
    to.number(-1 if items.maxlen is None else items.maxlen)
    to.each(b"l", items, depth)


def _put_defaultdict(to: _Encoder, value: object, depth: int) -> None:
    mapping = cast("defaultdict[object, object]", value)
    factory = mapping.default_factory
    to.letter(b"F")
    to.text(next((name for name, kind in FACTORIES.items() if kind is factory), ""))
    to.pairs(b"m", mapping, depth)


def _put_decimal(to: _Encoder, value: object, _: int) -> None:
    sign, digits, exponent = cast("Decimal", value).as_tuple()
    to.check_digits(len(digits))
    to.letter(b"E")
    to.size(sign)
    to.exponent(exponent)
    to.data(bytes(digits))


def _put_fraction(to: _Encoder, value: object, _: int) -> None:
    fraction = cast("Fraction", value)
    to.letter(b"q")
    to.number(fraction.numerator)
    to.number(fraction.denominator)


def _put_datetime(to: _Encoder, value: object, _: int) -> None:
    moment = cast("dt.datetime", value)
    if not _fixed(moment.tzinfo):
        to.put_reference(value)
        return
    to.letter(b"T")
    for number in (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second):
        to.number(number)
    to.number(moment.microsecond)
    to.number(moment.fold)
    to.zone(cast("dt.timezone | None", moment.tzinfo))


def _put_time(to: _Encoder, value: object, _: int) -> None:
    moment = cast("dt.time", value)
    if not _fixed(moment.tzinfo):
        to.put_reference(value)
        return
    to.letter(b"M")
    for number in (moment.hour, moment.minute, moment.second, moment.microsecond, moment.fold):
        to.number(number)
    to.zone(cast("dt.timezone | None", moment.tzinfo))


def _fixed(zone: dt.tzinfo | None) -> bool:
    return zone is None or type(zone) is dt.timezone


def _put_date(to: _Encoder, value: object, _: int) -> None:
    to.letter(b"D")
    to.number(cast("dt.date", value).toordinal())


def _put_timedelta(to: _Encoder, value: object, _: int) -> None:
    span = cast("dt.timedelta", value)
    to.letter(b"P")
    for number in (span.days, span.seconds, span.microseconds):
        to.number(number)


_Writer = Callable[[_Encoder, object, int], None]


def _container(letter: bytes) -> _Writer:
    return lambda to, value, depth: to.each(letter, cast("Collection[object]", value), depth)


def _mapping(letter: bytes) -> _Writer:
    return lambda to, value, depth: to.pairs(letter, cast("Mapping[object, object]", value), depth)


_WRITERS: Mapping[type, _Writer] = {
    type(None): lambda to, _, __: to.letter(b"n"),
    bool: _put_bool,
    int: _put_int,
    float: _put_float,
    complex: _put_complex,
    str: _put_str,
    bytes: _put_bytes,
    list: _container(b"l"),
    tuple: _container(b"u"),
    set: _container(b"S"),
    frozenset: _container(b"Z"),
    dict: _mapping(b"m"),
    Counter: _mapping(b"C"),
    OrderedDict: _mapping(b"O"),
    defaultdict: _put_defaultdict,
    deque: _put_deque,
    range: _put_range,
    Decimal: _put_decimal,
    Fraction: _put_fraction,
    dt.datetime: _put_datetime,
    dt.date: _put_date,
    dt.time: _put_time,
    dt.timedelta: _put_timedelta,
}
