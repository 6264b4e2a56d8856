"""Encoded messages that were damaged on their way."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes with a few kinds of damage."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = chance.choice(_DAMAGES)(data, chance)
    return data


def _place(data: bytes, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return b"\x80"
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: _place(data, chance)]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    """Fields that come twice."""
    start = _place(data, chance)
    end = min(len(data), start + chance.randrange(64))
    return data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]


def _double(data: bytes, chance: random.Random) -> bytes:
    del chance
    return data + data


def _insert_noise(data: bytes, chance: random.Random) -> bytes:
    place = _place(data, chance)
    return data[:place] + chance.randbytes(chance.choice((1, 4, 32))) + data[place:]


def _unknown_field(data: bytes, chance: random.Random) -> bytes:
    """A field that no version has, of any wire type, the impossible ones among them."""
    number, kind = chance.choice((14, 15, 900, 2**28, 2**29 - 1)), chance.randrange(8)
    body = chance.choice((b"", varint(chance.getrandbits(63)), chance.randbytes(8), varint(5) + b"hello"))
    return data + varint(number << 3 | kind) + body


def _huge_length(data: bytes, chance: random.Random) -> bytes:
    """A length that reaches far beyond the end."""
    place = _place(data, chance)
    length = varint(chance.choice((2**20, 2**31 - 1, 2**32, 2**62, 2**64 - 1)))
    return data[:place] + varint(chance.randrange(1, 20) << 3 | 2) + length + data[place:]


def _long_number(data: bytes, chance: random.Random) -> bytes:
    """A number that never ends."""
    return data + varint(chance.randrange(1, 20) << 3) + b"\xff" * chance.choice((9, 10, 11, 4000))


def _nest(data: bytes, chance: random.Random) -> bytes:
    """The message inside of itself, many times."""
    tag = varint(chance.randrange(1, 12) << 3 | 2)
    for _ in range(chance.choice((2, 99, 101, 400))):
        data = tag + varint(len(data)) + data
        if len(data) > 1 << 20:
            break
    return data


def _groups(data: bytes, chance: random.Random) -> bytes:
    """Groups, as old protobuf has them, that begin and do not end."""
    return data + varint(chance.randrange(1, 40) << 3 | 3) * chance.choice((1, 50, 20_000))


def _noise(data: bytes, chance: random.Random) -> bytes:
    del data
    return chance.randbytes(chance.choice((0, 1, 5, 100, 5000)))


_DAMAGES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _flip, _flip, _flip, _truncate, _truncate, _repeat, _double, _insert_noise, _unknown_field, _huge_length,
    _long_number, _nest, _groups, _noise,
)  # fmt: skip


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))
