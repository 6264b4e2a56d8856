"""What a run's log holds, as Redis answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast


class Entry(NamedTuple):
    """What the log holds under one number: operations of one writer.

    Attributes:
        counter: the number of the first operation among the writer's own.
        before: the mark of the entry before it.
    """

    number: int
    writer: str
    counter: int
    operations: int
    before: str
    data: bytes

    @property
    def mark(self) -> str:
        return f"{self.counter} {self.writer}"


def entries_read(rows: object) -> list[Entry]:
    """Entries in the answer of XREAD on one stream, in either of its two shapes."""
    if not rows:
        return []
    streams = (
        list(cast("dict[bytes, object]", rows).values())
        if isinstance(rows, dict)
        else [cast("Sequence[object]", stream)[1] for stream in cast("Sequence[object]", rows)]
    )
    return entries_of(streams[0])


def entries_of(rows: object) -> list[Entry]:
    """Entries in the answer of XRANGE."""
    found: list[Entry] = []
    for name, values in cast("Sequence[tuple[bytes, object]]", rows):
        fields = _fields(values)
        found.append(
            Entry(
                int(name.split(b"-")[0]),
                fields[b"w"].decode(),
                int(fields[b"c"]),
                int(fields[b"n"]),
                fields[b"p"].decode(),
                fields[b"d"],
            )
        )
    return found


def _fields(values: object) -> dict[bytes, bytes]:
    if isinstance(values, dict):
        return cast("dict[bytes, bytes]", values)
    flat = cast("Sequence[bytes]", values)
    return dict(zip(flat[::2], flat[1::2], strict=True))
