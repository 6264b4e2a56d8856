"""Ids of step groups, made when they are read: a digest each costs more than all arithmetic of most methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class StepIds:
    """The digests of all step groups of a call."""

    __slots__ = ("_count", "_made", "_make")

    def __init__(self, count: int, make: Callable[[], Sequence[str]]) -> None:
        """Remember how they are made; ``make`` gives ``count`` of them and is called at most once."""
        self._count = count
        self._make: Callable[[], Sequence[str]] | None = make
        self._made: Sequence[str] = ()

    def __len__(self) -> int:
        return self._count

    def part(self, start: int, end: int) -> tuple[str, ...]:
        """Those from ``start`` to before ``end``."""
        make = self._make
        if make is not None:
            self._made = make()
            self._make = None  # and with it the keys that it holds
        return tuple(self._made[start:end])


NO_IDS = StepIds(0, tuple)
