"""Reading lines from a file descriptor as they come.

A batch is whatever whole lines are there, up to a limit; the next read waits only when there is none. So a pipe that
stays open is answered line by line, and a file is read in large batches.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE_BYTES = 32 * 1024 * 1024
"""Longer lines are answered with an error; their end is read past without being kept."""

_KEPT_OF_OVERSIZE = 64 * 1024
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line of input that is not blank.

    Attributes:
        number: counted from 1, blank lines included.
        text: without its end; only the beginning where ``size`` is larger.
        size: bytes that the line has.
    """

    number: int
    text: bytes
    size: int


class LineSource:
    """Lines of a descriptor. One thread iterates; any thread may call :meth:`stop`."""

    def __init__(self, descriptor: int, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._descriptor = descriptor
        self._max_line_bytes = max_line_bytes
        self._wake_read, self._wake_write = os.pipe()
        self._ready: deque[Line] = deque()
        self._partial: list[bytes] = []
        self._partial_size = 0
        self._number = 0
        self._ended = False

    def batches(self, *, max_lines: int, max_bytes: int) -> Iterator[list[Line]]:
        """Batches of at least one line, until the input ends or :meth:`stop` is called."""
        while True:
            while not self._ended and len(self._ready) < max_lines and (not self._ready or self._readable(0)):
                self._read()
            if not self._ready:
                return
            batch = [self._ready.popleft()]
            size = batch[0].size
            while self._ready and len(batch) < max_lines and size + self._ready[0].size <= max_bytes:
                batch.append(self._ready.popleft())
                size += batch[-1].size
            yield batch

    def stop(self) -> None:
        """Make the iteration end soon, also where it waits for input."""
        os.write(self._wake_write, b".")

    def close(self) -> None:
        """Release the source's own descriptors; the input stays open."""
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _readable(self, timeout: float | None) -> bool:
        ready, _, _ = select.select([self._descriptor, self._wake_read], [], [], timeout)
        if self._wake_read in ready:
            self._ended = True
            self._ready.clear()
            return False
        return bool(ready)

    def _read(self) -> None:
        if not self._readable(None):
            return
        data = os.read(self._descriptor, _READ_BYTES)
        if not data:
            self._ended = True
            if self._partial_size:
                self._finish_line()
            return
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._extend(piece)
            self._finish_line()
        self._extend(rest)

    def _extend(self, piece: bytes) -> None:
        if piece:
            kept = self._partial_size <= self._max_line_bytes
            self._partial_size += len(piece)
            if kept:
                self._partial.append(piece)

    def _finish_line(self) -> None:
        self._number += 1
        text, size = b"".join(self._partial), self._partial_size
        self._partial, self._partial_size = [], 0
        if size > self._max_line_bytes:
            self._ready.append(Line(self._number, text[:_KEPT_OF_OVERSIZE], size))
        elif not text.isspace() and text:
            self._ready.append(Line(self._number, text, size))
