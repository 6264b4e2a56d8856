"""Operations and snapshots as bytes: msgpack, which holds nothing but data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import msgpack

from assay_server.store.protocol import StoreUnavailable

from .shared_run import Operation

_pack = cast("Callable[..., bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType] - without types
_unpack = cast("Callable[..., object]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType] - as above


def pack(value: object) -> bytes:
    """A value of numbers, texts, bytes, sequences and dictionaries. UnicodeEncodeError for text that is none."""
    return _pack(value)


def unpack(data: bytes) -> object:
    """What :func:`pack` made; sequences come as tuples.

    Raises:
        StoreUnavailable: it is something else.
    """
    try:
        return _unpack(data, use_list=False, strict_map_key=False)
    except ValueError as error:
        raise StoreUnavailable("what lies in Redis was not written by this program") from error


def pack_operations(operations: Sequence[bytes]) -> bytes:
    """Operations that were packed one by one, as one list."""
    return b"\xdd" + len(operations).to_bytes(4, "big") + b"".join(operations)  # array 32


def unpack_operations(data: bytes) -> tuple[Operation, ...]:
    """What :func:`pack_operations` made."""
    return cast("tuple[Operation, ...]", unpack(data))
