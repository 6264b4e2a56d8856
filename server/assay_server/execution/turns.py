"""Fairness on the loop: of many that could begin at once, few begin in each of its turns, and others come between."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Lets at most ``per_turn`` callers go on in one turn of the loop, in the order in which they came."""

    def __init__(self, per_turn: int) -> None:
        self._per_turn = per_turn
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def mine(self) -> None:
        """Wait for a turn; at once where this one has room and nobody waits."""
        loop = asyncio.get_running_loop()
        if not self._counting:
            self._counting = True
            loop.call_soon(self._next, loop)
        if self._used < self._per_turn and not self._waiting:
            self._used += 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop has begun another turn."""
        self._used = 0
        while self._waiting and self._used < self._per_turn:
            turn = self._waiting.popleft()
            if not turn.done():  # who waited for it may have been cancelled
                turn.set_result(None)
                self._used += 1
        self._counting = self._used > 0
        if self._counting:
            loop.call_soon(self._next, loop)
