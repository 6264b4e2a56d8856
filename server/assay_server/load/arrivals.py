"""When load arrives: whoever sends it does not look at how it fares. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal, TypeAlias

Arrivals: TypeAlias = Literal["poisson", "constant"]


def offsets(arrivals: Arrivals, rate: float, duration: float, rng: Random) -> Iterator[float]:
    """Seconds from the beginning at which each arrives, ascending, all below ``duration``.

    Args:
        arrivals: ``constant``: one every ``1 / rate`` seconds; ``poisson``: as by many independent senders.
        rate: per second, > 0.

    Raises:
        ValueError: the rate or the duration is not positive.
    """
    if not (rate > 0.0 and duration > 0.0):
        raise ValueError("expected a rate and a duration above 0")
    if arrivals == "constant":
        yield from (number / rate for number in range(_below(duration * rate)))
        return
    at = rng.expovariate(rate)
    while at < duration:
        yield at
        at += rng.expovariate(rate)


def _below(bound: float) -> int:
    """How many whole numbers from 0 on are below the bound; rounding makes none more."""
    whole = round(bound)
    return whole if abs(whole - bound) < 1e-6 else int(bound) + 1
