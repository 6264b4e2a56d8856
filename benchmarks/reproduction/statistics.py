"""Means over seeds with Student-t intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

# The 97.5 % quantile of Student's t by degrees of freedom; beyond ten, that of ten, which is wider than need be.
QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the 95 % interval around it."""

    mean: float
    low: float
    high: float


def interval_of(values: Sequence[float]) -> Interval:
    """Of independent values, two at least."""
    mean = fmean(values)
    freedom = min(len(values) - 1, len(QUANTILES))
    half = QUANTILES[freedom - 1] * stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Of paired values: the mean of their differences."""
    return interval_of([one - other for one, other in zip(first, second, strict=True)])


def tail(curve: Sequence[float], share: float) -> float:
    """The mean over the last share of a curve, one value at least."""
    count = max(1, round(len(curve) * share))
    return fmean(curve[-count:])
