"""What comes one by one and goes on together: what each turn of a loop or each write costs is shared by all in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")

WORTH_WAITING = 0.001
"""Seconds: what may wait for less goes on at once."""
_SHARE = 0.01
_LONGEST = 0.02
_NEWEST = 0.1


def patience(seconds: float) -> float:
    """How long something may wait for company that took ``seconds`` without it: a hundredth, 20 ms at most."""
    return min(_SHARE * seconds, _LONGEST)


class Gathering(Generic[_T]):
    """Gives items on, those that may wait together with those that come meanwhile.

    Args:
        give: takes at least one item; those that were added first are first.
    """

    def __init__(self, give: Callable[[list[_T]], object]) -> None:
        self._give = give
        self._items: list[_T] = []
        self._leaves = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: _T, wait: float = 0.0) -> None:
        """Have it given on after ``wait`` seconds at the latest, and never before those that were added before it."""
        if self._ended:
            return
        self._items.append(item)
        loop = asyncio.get_running_loop()
        leaves = loop.time() + wait
        if self._timer is not None:
            if self._leaves <= leaves:
                return
            self._timer.cancel()
        self._leaves = leaves
        self._timer = loop.call_at(leaves, self._leave)

    def end(self) -> None:
        """Give nothing on any more."""
        self._ended = True
        self._items.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        items, self._items, self._timer = self._items, [], None
        self._give(items)


class UsualTime:
    """About how long the last ones took."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    def add(self, seconds: float) -> None:
        """One took so long."""
        known = seconds if self._seconds is None else self._seconds
        self._seconds = known + _NEWEST * (seconds - known)

    @property
    def patience(self) -> float:
        """How long the next one may wait for company."""
        return 0.0 if self._seconds is None else patience(self._seconds)
