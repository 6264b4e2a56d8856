"""Open-loop load: requests begin when they are due, and are late from when they were due, not from when they were sent.

So a service that stands still for a second is seen by all requests of that second, and not by the one that was under
way (which is called coordinated omission).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from assay_server.load.histogram import LatencyHistogram

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]
_SOON = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended.

    Attributes:
        kind: ``refused``: the service said that it does not want it (now); ``failed``: anything else.
        status: code and reason, such as ``RESOURCE_EXHAUSTED/TENANT_RATE``; empty where it was answered.
    """

    kind: Literal["answered", "refused", "failed"] = "answered"
    status: str = ""


ANSWERED = Outcome()
NO_ANSWER = Outcome("failed", "NO_ANSWER")


class Target(Protocol):
    """What takes requests."""

    async def begin(self, number: int, done: Callable[[Outcome], None]) -> None:
        """Begin a request, and say later, once, how it ended; waits at most until it could be handed over."""
        ...


@dataclass(slots=True)
class Tally:
    """What became of a load.

    Attributes:
        due: requests that should have begun.
        latencies: of those that were answered, from when they were due.
        refusals: the same, of those that were refused.
        sending: how late requests began: much of it says that the sender, not the service, is too slow.
        seconds: from the first that was due to the last answer.
    """

    due: int = 0
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[str] = field(default_factory=Counter[str])
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)
    refusals: LatencyHistogram = field(default_factory=LatencyHistogram)
    sending: LatencyHistogram = field(default_factory=LatencyHistogram)
    seconds: float = 0.0

    @property
    def ended(self) -> int:
        """Requests of which it is known how they ended."""
        return self.answered + self.refused.total() + self.failed.total()


class _Load:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[int, float] = {}
        self._changed = asyncio.Event()
        self.tally = Tally()
        self.latest = 0.0

    def due(self, number: int, at: float) -> Callable[[Outcome], None]:
        self.tally.due += 1
        self._open[number] = at
        return lambda outcome: self._ended(number, outcome)

    def _ended(self, number: int, outcome: Outcome) -> None:
        at = self._open.pop(number, None)
        if at is None:
            return
        self.latest = max(self.latest, now := self._clock())
        match outcome.kind:
            case "answered":
                self.tally.answered += 1
                self.tally.latencies.record(max(0.0, now - at))
            case "refused":
                self.tally.refused[outcome.status] += 1
                self.tally.refusals.record(max(0.0, now - at))
            case "failed":
                self.tally.failed[outcome.status] += 1
        self._changed.set()

    async def all_ended(self, within: float) -> None:
        """Wait; those that are not answered by then have failed."""
        try:
            async with asyncio.timeout(within):
                while self._open:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            for number in list(self._open):
                self._ended(number, NO_ANSWER)


async def drive(
    target: Target,
    schedule: Iterable[float],
    *,
    patience: float = 30.0,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Tally:
    """Begin a request at each of these seconds from now, whatever becomes of the others.

    Args:
        schedule: ascending.
        patience: seconds that the last answers may take.
        clock: seconds, monotonic; None = the loop's.
    """
    now = clock or asyncio.get_running_loop().time
    load, began = _Load(now), now() + _SOON
    for number, offset in enumerate(schedule):
        at = began + offset
        if (early := at - now()) > 0.0:
            await sleep(early)
        elif number % 64 == 0:
            await sleep(0.0)  # who is late must let answers in all the same
        load.tally.sending.record(max(0.0, now() - at))
        await target.begin(number, load.due(number, at))
    await load.all_ended(patience)
    load.tally.seconds = max(0.0, load.latest - began)
    return load.tally
