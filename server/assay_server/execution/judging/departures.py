"""Which questions of one endpoint are under way: so many at a time, each paid for before it leaves."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Sequence
from functools import partial

import structlog

from assay.sdk import JudgeVerdict, Unscorable
from assay_server.execution.item_clock import ItemClock
from assay_server.execution.judge_account import JudgeAccount
from assay_server.execution.judging.asking import Asking, Question, Said
from assay_server.execution.judging.budget import Budget
from assay_server.execution.judging.catalogue import Endpoint
from assay_server.execution.judging.flights import Flight

_log = structlog.get_logger(__name__)


class Departures:
    """The flights to one endpoint. What becomes of one is decided in callbacks of its answers.

    Args:
        budget: of the endpoint.
    """

    def __init__(self, endpoint: Endpoint, asking: Asking, budget: Budget) -> None:
        self._name = endpoint.name
        self._prices = endpoint.settings.prices
        self._asking = asking
        self._budget = budget
        self._free = endpoint.settings.max_concurrent
        self._queue: deque[Flight] = deque()
        self._flights: dict[str, Flight] = {}
        self._under_way: set[asyncio.Future[Said]] = set()

    async def verdict(
        self, key: str, question: Question, account: JudgeAccount | None, clock: ItemClock
    ) -> tuple[JudgeVerdict, bool]:
        """The verdict, and whether the question was on its way already.

        A question that nobody waits for any more is cancelled.

        Raises:
            Unscorable: see :meth:`CatalogueJudge.ask`.
            ValueError: likewise.
        """
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._flights[key] = Flight(key, question, account)
        waiter = flight.join(clock)
        try:
            if not joined:
                self._queue_up(flight)
            return await waiter, joined
        finally:
            flight.leave(waiter)
            if flight.abandoned and not flight.over:
                self._give_up(flight)

    async def close(self) -> None:
        """Give all of them up; returns when they have ended."""
        for flight in list(self._flights.values()):
            flight.settle(_stopped())
            self._give_up(flight)
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # ------------------------------------------------------------ one flight

    def _queue_up(self, flight: Flight) -> None:
        if self._free:
            self._free -= 1
            self._begin(flight)
        else:
            self._queue.append(flight)

    def _begin(self, flight: Flight) -> None:
        """It has a place; where the endpoint has asked everyone to come back later, it waits there."""
        flight.opening = None
        if flight.over:
            self._leave()
            return
        if (wait := self._asking.opens_in(self._name)) > 0.0:
            flight.opening = asyncio.get_running_loop().call_later(wait, self._begin, flight)
            return
        flight.begin()
        self._ask(flight, flight.question)

    def _ask(self, flight: Flight, question: Question) -> None:
        try:
            self._pay(flight.account)
            flight.asked = self._asking.ask(question, flight)
        except Exception as error:  # noqa: BLE001 - whatever breaks is said to those who wait, and leaves the place
            self._land(flight, error)
            return
        self._under_way.add(flight.asked)
        flight.asked.add_done_callback(partial(self._answered, flight))

    def _pay(self, account: JudgeAccount | None) -> None:
        if account is not None:
            account.require_room(self._name, priced=self._prices is not None)
        self._budget.take_call()
        if account is not None:
            account.count_call()

    def _answered(self, flight: Flight, asked: asyncio.Future[Said]) -> None:
        flight.asked = None
        self._under_way.discard(asked)
        if asked.cancelled():
            self._land(flight, _stopped())
        elif (error := asked.exception()) is not None:
            if isinstance(error, Unscorable):
                _log.warning("judge unavailable", judge=self._name, trouble=error.message)
            self._land(flight, error if isinstance(error, Exception) else _stopped())
        else:
            self._said(flight, asked.result())

    def _said(self, flight: Flight, said: Said) -> None:
        self._budget.count_tokens(sum(said.charged))
        if flight.account is not None:
            prices = self._prices
            flight.account.count_answer(sum(said.charged), 0.0 if prices is None else prices.cost(*said.charged))
        flight.answers = (*flight.answers, said)
        if said.verdict is not None:
            self._land(flight, _verdict(said, flight.answers))
        elif flight.over:
            self._leave()
        elif len(flight.answers) == 1:
            self._ask(flight, dataclasses.replace(flight.question, unusable=(said.text, said.problem)))
        else:
            message = f"the judge {self._name!r} gave no verdict, asked twice; the second time: {said.problem}"
            self._land(flight, Unscorable("JUDGE_UNPARSEABLE", message))

    def _land(self, flight: Flight, outcome: JudgeVerdict | Exception) -> None:
        if not flight.over:
            del self._flights[flight.key]
            flight.settle(outcome)
        self._leave()

    def _give_up(self, flight: Flight) -> None:
        """Nobody waits any more; its place is free when its connection is let go of."""
        flight.over = True
        del self._flights[flight.key]
        if flight.asked is not None:
            flight.asked.cancel()
        elif flight.opening is not None:
            flight.opening.cancel()
            self._leave()

    def _leave(self) -> None:
        """A place is free: for the next one, in the next turn of the loop."""
        while self._queue:
            flight = self._queue.popleft()
            if not flight.over:
                asyncio.get_running_loop().call_soon(self._begin, flight)
                return
        self._free += 1


def _stopped() -> Unscorable:
    return Unscorable("LANE_STOPPED", "the server goes away", retryable=True)


def _verdict(answer: Said, paid: Sequence[Said]) -> JudgeVerdict:
    """The verdict in ``answer``, with the tokens of all answers that it took."""
    assert answer.verdict is not None
    prompt_tokens, completion_tokens = (sum((one.tokens or (0, 0))[kind] for one in paid) for kind in (0, 1))
    return JudgeVerdict(answer.verdict, answer.model, False, prompt_tokens, completion_tokens)
