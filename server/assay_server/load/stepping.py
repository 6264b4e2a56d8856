"""Load in steps, each more than the one before, until the service does not keep up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from assay_server.load.driving import Tally

KEPT_UP = 0.95


@dataclass(frozen=True, slots=True)
class Step:
    """One rate, and what became of it.

    Attributes:
        rate: per second, as it was wanted.
        duration: seconds for which requests were begun.
        latest: seconds that the 99th percentile may take; None = any.
    """

    rate: float
    duration: float
    tally: Tally
    latest: float | None = None

    @property
    def achieved(self) -> float:
        """Answers a second, over the time that the load and its last answers took."""
        return self.tally.answered / max(self.tally.seconds, self.duration)

    @property
    def saturated(self) -> bool:
        """Whether the service did not keep up: too few answers, or too late ones."""
        tally = self.tally
        due = tally.due / self.duration
        late = self.latest is not None and tally.latencies.percentile(99.0) > self.latest
        return late or tally.answered < KEPT_UP * tally.due or self.achieved < KEPT_UP * due


def rates(first: float, steps: int, factor: float) -> Iterator[float]:
    """So many rates, each ``factor`` times the one before."""
    return (first * factor**number for number in range(steps))


async def climb(
    wanted: Iterator[float], run: Callable[[float], Awaitable[Step]], told: Callable[[Step], None]
) -> list[Step]:
    """Try the rates in turn; the first that saturates the service is the last."""
    done: list[Step] = []
    for rate in wanted:
        step = await run(rate)
        done.append(step)
        told(step)
        if step.saturated:
            break
    return done
