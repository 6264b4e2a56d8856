"""Latencies counted in buckets that grow with them: any percentile to within a percent, in bounded memory. Pure."""

from __future__ import annotations

import math
from collections import Counter

_BITS = 7
_UNIT = 1e-6


class LatencyHistogram:
    """Counts of latencies, in microseconds: exact below 256 us, else to within 1/128."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._sum = 0.0
        self.count = 0
        self.longest = 0.0

    def record(self, seconds: float) -> None:
        """Count one. Raises ValueError: not a finite number of seconds >= 0."""
        if not (seconds >= 0.0 and math.isfinite(seconds)):
            raise ValueError(f"expected seconds >= 0, got {seconds!r}")
        self._counts[_bucket(int(seconds / _UNIT))] += 1
        self._sum += seconds
        self.count += 1
        self.longest = max(self.longest, seconds)

    def add(self, other: LatencyHistogram) -> None:
        """Count what another has counted."""
        self._counts.update(other._counts)
        self._sum += other._sum
        self.count += other.count
        self.longest = max(self.longest, other.longest)

    @property
    def mean(self) -> float:
        """Seconds; 0 where nothing was counted."""
        return self._sum / self.count if self.count else 0.0

    def percentile(self, percent: float) -> float:
        """Seconds that so many percent of the latencies do not exceed; 0 where nothing was counted.

        Raises:
            ValueError: not within 0 and 100.
        """
        if not 0.0 <= percent <= 100.0:
            raise ValueError(f"expected a percentage, got {percent!r}")
        rank, seen = max(1, math.ceil(percent / 100.0 * self.count)), 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= rank:
                return min(self.longest, _upper(bucket) * _UNIT)
        return 0.0


def _bucket(units: int) -> int:
    """Number of the bucket; the first 256 hold one value each, the next 128 two each, and so on by doubling."""
    shift = max(0, units.bit_length() - _BITS - 1)
    return (shift << _BITS) + (units >> shift)


def _upper(bucket: int) -> int:
    """The least value above the bucket."""
    shift = max(0, (bucket >> _BITS) - 1)
    return (bucket - (shift << _BITS) + 1) << shift
