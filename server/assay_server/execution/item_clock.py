"""The clock of one item in an asynchronous lane: it runs while the item is at work, not while it waits for its turn."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import TypeVar

_T = TypeVar("_T")


class OutOfTime(Exception):
    """An item was not done within its time."""


class ItemClock:
    """Seconds that an item may run.

    What the item asks of a port may queue there; while everything that it asked stands in a queue, so does the clock.
    Ports read :meth:`remaining` to know what is not worth beginning any more.
    """

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._since: float | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._over: Callable[[], None] | None = None
        self._running: asyncio.Task[object] | None = None
        self._cut = False
        self._asked = 0
        self._queued = 0

    def begin(self, work: Coroutine[None, None, object], name: str) -> asyncio.Task[object]:
        """Start the work, with this as its clock."""
        token = _CURRENT.set(self)
        try:
            return asyncio.create_task(work, name=name)
        finally:
            _CURRENT.reset(token)

    async def until_done(self, work: asyncio.Task[object]) -> bool:
        """Wait until the work is done or its time is over; whether it is done."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._start(lambda: None if over.done() else over.set_result(None))
        try:
            await asyncio.wait((work, over), return_when=asyncio.FIRST_COMPLETED)
            return work.done()
        finally:
            self._stop()

    async def run(self, work: Coroutine[None, None, _T]) -> _T:
        """Run, with this as its clock, what ends when it is cancelled: what does not costs a task of its own.

        Raises:
            OutOfTime: its time is over.
        """
        task = asyncio.current_task()
        assert task is not None
        before, token = task.cancelling(), _CURRENT.set(self)
        self._running, self._cut = task, False
        self._start(self._cut_off)
        try:
            return await work
        except asyncio.CancelledError:
            if self._cut and task.cancelling() - 1 <= before:
                raise OutOfTime from None
            raise
        finally:
            if self._cut:
                task.uncancel()
            self._running = None
            self._stop()
            work.close()
            _CURRENT.reset(token)

    def _cut_off(self) -> None:
        """As :func:`asyncio.timeout` does it, with less to hold meanwhile."""
        if self._running is not None and not self._cut:
            self._cut = True
            self._running.cancel()

    def remaining(self) -> float:
        """Seconds left."""
        return self._left if self._since is None else self._left - (asyncio.get_running_loop().time() - self._since)

    def _start(self, over: Callable[[], None]) -> None:
        """From now on time goes by; ``over`` is called when there is none left."""
        self._over = over
        self._settle()

    def _stop(self) -> None:
        self._stand()
        self._over = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def asking(self) -> _Counted:
        """Around a question to a port."""
        return _Counted(self, 1, 0)

    def queueing(self) -> _Counted:
        """Within :meth:`asking`: around the time for which the question only waits for its turn."""
        return _Counted(self, 0, 1)

    def count(self, asked: int, queued: int) -> None:
        """So many more questions are asked, and stand in a queue."""
        self._asked += asked
        self._queued += queued
        self._settle()

    def _settle(self) -> None:
        if self._queued and self._queued == self._asked:
            self._stand()
        else:
            self._run()

    def _run(self) -> None:
        if self._since is None and self._over is not None:
            loop = asyncio.get_running_loop()
            self._since = loop.time()
            if self._alarm is None:
                self._alarm = loop.call_later(self._left, self._ring)

    def _ring(self) -> None:
        """The time may be over; where the clock stood meanwhile, it is not: nothing is cancelled and set again then."""
        self._alarm = None
        if self._since is None or self._over is None:
            return
        left = self.remaining()
        if left > 0.0:
            self._alarm = asyncio.get_running_loop().call_later(left, self._ring)
        else:
            self._over()

    def _stand(self) -> None:
        self._left, self._since = self.remaining(), None


class _Counted:
    """A context that counts as so many questions, asked and queueing."""

    __slots__ = ("_asked", "_clock", "_queued")

    def __init__(self, clock: ItemClock, asked: int, queued: int) -> None:
        self._clock = clock
        self._asked = asked
        self._queued = queued

    def __enter__(self) -> None:
        self._clock.count(self._asked, self._queued)

    def __exit__(self, *_: object) -> None:
        self._clock.count(-self._asked, -self._queued)


_CURRENT: ContextVar[ItemClock | None] = ContextVar("item clock", default=None)


def current_clock() -> ItemClock:
    """The clock of the item at work; one that never runs out where there is none."""
    return _CURRENT.get() or ItemClock(math.inf)
