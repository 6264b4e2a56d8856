"""The order that a worker runs, told in memory that it shares with the engine: who hangs sends no message."""

from __future__ import annotations

import mmap
import struct

MARK_BYTES = 16

_NUMBER = struct.Struct("<Q")
_STARTED = struct.Struct("<d")
_STARTED_AT = 8


class Mark:
    """Written by the worker, looked at by the engine at any moment, also between two writes.

    The number is written last and taken away alone, and looked at before and after the time: who finds it twice has
    the time that belongs to it.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    def begin(self, number: int, started: float) -> None:
        """An order runs from now on; no number comes twice."""
        _STARTED.pack_into(self._memory, _STARTED_AT, started)
        _NUMBER.pack_into(self._memory, 0, number)

    def end(self) -> None:
        """It runs no more."""
        _NUMBER.pack_into(self._memory, 0, 0)

    @property
    def number(self) -> int:
        """Of the order that runs; 0 = none."""
        found: int = _NUMBER.unpack_from(self._memory, 0)[0]
        return found

    def look(self) -> tuple[int, float]:
        """The order that runs and since when by the monotonic clock; 0 where none does, or another one by now."""
        number = self.number
        started: float = _STARTED.unpack_from(self._memory, _STARTED_AT)[0]
        return (number, started) if number == self.number else (0, 0.0)
