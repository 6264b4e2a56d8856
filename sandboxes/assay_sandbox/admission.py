"""How many jobs are under way at once, and how many may wait: the surplus is told at once when to come back.

A long queue helps nobody: who waits in it could have tried elsewhere, and what is held for them is memory. So as many
are let in as the slots, at the pace of the last jobs, will have taken within a time that the operator declares; but
never fewer than the operator says, so that slow programs do not turn away those who would rather wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager

_FIRST_GUESS_SECONDS = 0.02
_MEMORY_SECONDS = 1.0
_MOST_NEWS = 0.1
"""A job's share in the pace, at most. Quick ones have less, or the room would swing: when all come at once, jobs take
longer, and as soon as nobody is let in they take no time."""


class Busy(Exception):
    """There is no room now. Not an answer about the job: it was not looked at.

    Attributes:
        retry_after: seconds after which there is likely to be room, rounded up to hundredths.
        by_quota: it is the tenant's own quota that is used up.
    """

    def __init__(
        self, retry_after: float, what: str = "the sandboxes' queue is full", *, by_quota: bool = False
    ) -> None:
        self.retry_after = math.ceil(retry_after * 100) / 100
        super().__init__(f"{what}; room is expected in {self.retry_after:.2f} s")
        self.by_quota = by_quota


class Admission:
    """A bounded first-come queue before a number of slots. One job, with all runs that it needs, takes one slot.

    Used from one event loop.

    Args:
        queue: jobs that may wait, at most.
        wait: seconds; calls are let in as long as a job is expected to wait no longer,
        always: or while no more than so many wait.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        slots: int,
        queue: int,
        wait: float = math.inf,
        always: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = slots
        self._slots = slots
        self._queue = queue
        self._wait = wait
        self._always = always
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._held, self._jobs = _FIRST_GUESS_SECONDS, 1.0  # of the last second or the last ten jobs
        self._calls = 0

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Jobs that hold a slot."""
        return self._slots - self._free

    @property
    def _job_seconds(self) -> float:
        return self._held / self._jobs

    @property
    def expected_wait(self) -> float:
        """Seconds for which a job that came now would wait, as far as the last ones tell."""
        return self._job_seconds * (len(self._waiting) + 1) / self._slots

    @property
    def room(self) -> int:
        """Jobs that may wait before calls are refused."""
        in_time = self._wait * self._slots / self._job_seconds
        return int(min(self._queue, max(in_time, self._always)))

    def refusal(self) -> Busy | None:
        """What a call that came now would be refused with, not raised: as cheap as saying no to thousands has to be.

        There is no room, or as many have places as there is room for: their jobs may not have come yet.
        """
        return Busy(self.expected_wait) if self._full() else None

    def call(self) -> AbstractContextManager[None]:
        """A place for somebody who brings one or more jobs and keeps trying where there is no room for them; enter it.

        Raises Busy, at once, where there is none.
        """
        if self._full():
            raise Busy(self.expected_wait)
        return self._place()

    def _full(self) -> bool:
        room = self.room
        return (not self._free and len(self._waiting) >= room) or self._calls >= self._slots + room

    @contextlib.contextmanager
    def _place(self) -> Generator[None]:
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncGenerator[float]:
        """Hold a slot; the value is the seconds for which it was waited. Raises Busy, at once."""
        waited = await self._enter()
        began = self._clock()
        try:
            yield waited
        finally:
            self._note(self._clock() - began)
            self._leave()

    async def _enter(self) -> float:
        if self._free:
            self._free -= 1
            return 0.0
        if len(self._waiting) >= self._queue:
            raise Busy(self.expected_wait)
        began = self._clock()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # the slot had been handed over already
            else:
                with contextlib.suppress(ValueError):  # somebody left meanwhile and passed it over
                    self._waiting.remove(turn)
            raise
        return self._clock() - began

    def _note(self, held: float) -> None:
        kept = max(1 - _MOST_NEWS, math.exp(-held / (self._slots * _MEMORY_SECONDS)))
        self._held, self._jobs = kept * self._held + held, kept * self._jobs + 1

    def _leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
