"""Stream answers as bytes, put together from results that are serialised already.

A result is serialised once, when it is stored; sending it must not parse and serialise it again. A repeated field of
sub-messages is, on the wire, nothing but its elements one after the other, each with tag and length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.message import Message

from assay.v1 import reward_service_pb2 as wire
from assay_server.store.protocol import OutboxEntry, OutboxKind

ENOUGH_ITEMS = 64
"""Results that need not wait for company."""

MAX_ITEMS = 256
"""Results of one answer, where so many are there."""

MAX_BYTES = 4 * 1024 * 1024

VARINT, FIXED64, _LENGTH_DELIMITED = 0, 1, 2
"""How a value is written (protobuf's wire types)."""

_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))


def varint(value: int) -> bytes:
    """A number that is not negative, as protobuf writes it: seven bits a byte, the lowest first."""
    if value < 0x80:
        return _ONE_BYTE[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if value < 0x200000:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    if value < 0x10000000:
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14 & 0x7F | 0x80, value >> 21))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field_tag(message: type[Message], name: str) -> bytes:
    """What stands before a length-delimited field of this name."""
    return tag_of(message, name, _LENGTH_DELIMITED)


def tag_of(message: type[Message], name: str, wire_type: int) -> bytes:
    """What stands before a field of this name whose value is written as ``wire_type``."""
    return varint(message.DESCRIPTOR.fields_by_name[name].number << 3 | wire_type)


def delimited(tag: bytes, data: bytes) -> bytes:
    """A length-delimited field: its tag, its length, its bytes."""
    return b"".join((tag, varint(len(data)), data))


_SEQUENCE = tag_of(wire.StreamRolloutsResponse, "sequence", VARINT)
_ANSWER = {
    OutboxKind.SAMPLE: field_tag(wire.StreamRolloutsResponse, "sample_results"),
    OutboxKind.GROUP: field_tag(wire.StreamRolloutsResponse, "group_results"),
    OutboxKind.BATCH: field_tag(wire.StreamRolloutsResponse, "batch_result"),
}
_ELEMENT = field_tag(wire.SampleResults, "results")  # GroupResults.groups has the same number
assert wire.GroupResults.DESCRIPTOR.fields_by_name["groups"].number == _ELEMENT[0] >> 3


class Frame(NamedTuple):
    """A serialised StreamRolloutsResponse and the number of its last result (0: it holds none)."""

    data: bytes
    last_sequence: int


def frame_results(entries: Sequence[OutboxEntry]) -> Frame:
    """One answer with these results, which are of one kind and consecutive; a batch result stands alone."""
    kind, last = entries[0].kind, entries[-1].sequence
    if kind is OutboxKind.BATCH:
        body = entries[0].payload
    else:
        body = b"".join([part for entry in entries for part in (_ELEMENT, varint(len(entry.payload)), entry.payload)])
    return Frame(b"".join((_SEQUENCE, varint(last), delimited(_ANSWER[kind], body))), last)


def run_length(entries: Sequence[OutboxEntry]) -> int:
    """How many of the first entries go into one answer."""
    kind = entries[0].kind
    if kind is OutboxKind.BATCH:
        return 1
    size = 0
    for count, entry in enumerate(entries):
        size += len(entry.payload)
        if entry.kind is not kind or count == MAX_ITEMS or (count and size > MAX_BYTES):
            return count
    return len(entries)
