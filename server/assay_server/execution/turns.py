"""Fairness on the loop: of many that could begin at once, few begin in each of its turns, and others come between."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

_REST = 2.0
_LONGEST_REST = 0.02


class Turns:
    """Lets at most ``per_turn`` callers go on in one turn of the loop, in the order in which they came.

    While somebody waits, the loop is left to others for twice as long as the turn took: what needs many turns of the
    loop one after the other, as a rollout does on its way from stream to stream, would else wait in each of them.

    Args:
        clock: what a turn takes, in seconds; by default the CPU time of this thread.
    """

    def __init__(self, per_turn: int, clock: Callable[[], float] = time.thread_time) -> None:
        self._per_turn = per_turn
        self._clock = clock
        self._used = 0
        self._began = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def mine(self) -> None:
        """Wait for a turn; at once where this one has room and nobody waits."""
        loop = asyncio.get_running_loop()
        if not self._counting:
            self._counting = True
            self._began = self._clock()
            loop.call_soon(self._over, loop)
        if self._used < self._per_turn and not self._waiting:
            self._used += 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _over(self, loop: asyncio.AbstractEventLoop) -> None:
        """The turn in which somebody went on is over."""
        if self._waiting:
            took = self._clock() - self._began
            loop.call_later(min(_REST * took, _LONGEST_REST), self._next, loop)
        else:
            self._next(loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Another turn: whose is it?"""
        self._used = 0
        self._began = self._clock()
        while self._waiting and self._used < self._per_turn:
            turn = self._waiting.popleft()
            if not turn.done():  # who waited for it may have been cancelled
                turn.set_result(None)
                self._used += 1
        self._counting = self._used > 0
        if self._counting:  # they go on in the next turn
            loop.call_soon(loop.call_soon, self._over, loop)
