"""Frames that leave together: each write wakes the process at the other end, and that costs more than a frame does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_SHARE = 0.01
_LONGEST = 0.02


def patience(seconds: float) -> float:
    """How long something may wait for company that took ``seconds`` without it: a hundredth, 20 ms at most."""
    return min(_SHARE * seconds, _LONGEST)


class Mail:
    """Gathers frames and writes those that may wait together with those that come meanwhile.

    Args:
        write: takes all of them at once.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._frames: list[bytes] = []
        self._leaves = 0.0
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None

    def post(self, frame: bytes, wait: float = 0.0) -> None:
        """Have it written after ``wait`` seconds at the latest; after all that was posted before."""
        if self._ended:
            return
        self._frames.append(frame)
        loop = asyncio.get_running_loop()
        leaves = loop.time() + wait
        if self._timer is not None:
            if self._leaves <= leaves:
                return
            self._timer.cancel()
        self._leaves = leaves
        self._timer = loop.call_at(leaves, self._leave)

    def end(self) -> None:
        """Write nothing more."""
        self._ended = True
        self._frames.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        frames, self._frames, self._timer = self._frames, [], None
        self._write(b"".join(frames))
