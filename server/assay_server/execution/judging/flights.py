"""One question on its way to an endpoint, for many who ask the same at the same time.

A question under way is a few objects and no task: hundreds are for seconds, and what each holds, every collection of
garbage in that time walks through.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from assay.sdk import JudgeVerdict
from assay_server.execution.item_clock import ItemClock
from assay_server.execution.judge_account import JudgeAccount
from assay_server.execution.judging.asking import Question, Said


class Flight:
    """A question and those who wait for its verdict.

    Attributes:
        key: the name under which others find it.
        account: who pays.
        moved: called when somebody joins who may wait longer than the others.
        answers: what the endpoint said so far.
        asked: the answer that is on its way.
        opening: while the endpoint takes nothing, when it will.
        over: it has its outcome, or nobody waits for one any more.
    """

    __slots__ = ("_begun", "_waiting", "account", "answers", "asked", "key", "moved", "opening", "over", "question")

    def __init__(self, key: str, question: Question, account: JudgeAccount | None) -> None:
        self.key = key
        self.question = question
        self.account = account
        self.moved: Callable[[], None] | None = None
        self.answers: tuple[Said, ...] = ()
        self.asked: asyncio.Future[Said] | None = None
        self.opening: asyncio.TimerHandle | None = None
        self.over = False
        self._waiting: dict[asyncio.Future[JudgeVerdict], ItemClock] = {}
        self._begun = False

    def remaining(self) -> float:
        """Seconds until nobody waits any more."""
        return max((clock.remaining() for clock in self._waiting.values()), default=math.inf)

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits."""
        return not self._waiting

    def begin(self) -> None:
        """It has its turn: from now on it costs execution time."""
        self._begun = True
        for clock in self._waiting.values():
            clock.count(0, -1)

    def settle(self, outcome: JudgeVerdict | Exception) -> None:
        """Tell everyone who waits."""
        self.over = True
        for waiter in self._waiting:
            if waiter.done():
                continue
            if isinstance(outcome, Exception):
                waiter.set_exception(outcome)
                waiter.exception()  # whoever is cancelled in this moment does not look at it
            else:
                waiter.set_result(outcome)

    def join(self, clock: ItemClock) -> asyncio.Future[JudgeVerdict]:
        """Wait for the verdict with the others, until :meth:`leave`."""
        waiter: asyncio.Future[JudgeVerdict] = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = clock
        clock.count(1, 0 if self._begun else 1)
        if self.moved is not None:
            self.moved()
        return waiter

    def leave(self, waiter: asyncio.Future[JudgeVerdict]) -> None:
        """Wait no more."""
        self._waiting.pop(waiter).count(-1, 0 if self._begun else -1)
