"""One request for many who ask the same at the same time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from assay.sdk import JudgeVerdict, Unscorable
from assay_server.execution.item_clock import ItemClock


class Flight:
    """A question on its way to an endpoint, for everyone who waits for its verdict.

    Attributes:
        moved: called when somebody joins who may wait longer than the others.
    """

    def __init__(self, work: Callable[[Flight], Awaitable[JudgeVerdict]]) -> None:
        self._clocks: list[ItemClock] = []
        self._begun = asyncio.Event()
        self.moved: Callable[[], None] | None = None
        self._task = asyncio.create_task(self._run(work))

    async def _run(self, work: Callable[[Flight], Awaitable[JudgeVerdict]]) -> JudgeVerdict:
        try:
            return await work(self)
        finally:
            self._begun.set()

    def begin(self) -> None:
        """It has its turn: from now on it costs execution time."""
        self._begun.set()

    def remaining(self) -> float:
        """Seconds until nobody waits any more."""
        return max((clock.remaining() for clock in self._clocks), default=math.inf)

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits."""
        return not self._clocks

    async def join(self, clock: ItemClock) -> JudgeVerdict:
        """The verdict, when it is there."""
        self._clocks.append(clock)
        if self.moved is not None:
            self.moved()
        try:
            with clock.asking():
                with clock.queueing():
                    await self._begun.wait()
                return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if waiter is None or waiter.cancelling() or not self._task.cancelled():
                raise
            raise Unscorable("LANE_STOPPED", "the server goes away", retryable=True) from None
        finally:
            self._clocks.remove(clock)

    def cancel(self) -> asyncio.Task[JudgeVerdict]:
        """Cancel it; the task is over when it has let go of its connection."""
        self._task.cancel()
        return self._task


class Flights:
    """The questions on their way, by digest."""

    def __init__(self) -> None:
        self._by_key: dict[str, Flight] = {}
        self._ending: set[asyncio.Task[JudgeVerdict]] = set()

    async def ask(
        self, key: str, work: Callable[[Flight], Awaitable[JudgeVerdict]], clock: ItemClock
    ) -> tuple[JudgeVerdict, bool]:
        """The verdict, and whether the question was on its way already.

        A question that nobody waits for any more is cancelled.
        """
        flight = self._by_key.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._by_key[key] = Flight(work)
        try:
            return await flight.join(clock), joined
        finally:
            if flight.abandoned and self._by_key.get(key) is flight:
                del self._by_key[key]
                ending = flight.cancel()
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)

    async def stop(self) -> None:
        """Cancel all of them; returns when they have ended."""
        ending = [flight.cancel() for flight in self._by_key.values()]
        await asyncio.gather(*ending, *self._ending, return_exceptions=True)
