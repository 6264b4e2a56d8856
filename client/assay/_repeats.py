"""When a failed call is made again. Pure: time and randomness come in."""

from __future__ import annotations

import random
import time

from assay.connection import Retries
from assay.errors import Failure

_UNAVAILABLE = 14
_CANCELLED = 1
"""So a server that stops ends calls which it had begun to take; what this side cancels is no failure."""

_RESOURCE_EXHAUSTED = 8


class Attempts:
    """The attempts of one unary call within one deadline.

    Args:
        timeout: seconds for all attempts together.
        repeatable: whether the call may be made again at all.
    """

    def __init__(self, retries: Retries, timeout: float, *, repeatable: bool) -> None:
        self._retries = retries
        self._deadline = time.monotonic() + timeout
        self._repeatable = repeatable
        self._failures = 0

    @property
    def remaining(self) -> float:
        """Seconds left."""
        return max(0.001, self._deadline - time.monotonic())

    def pause(self, failure: Failure) -> float | None:
        """Seconds to wait before the next attempt; None: there is none."""
        self._failures += 1
        if not self._repeatable or self._failures >= self._retries.attempts or not may_repeat(failure):
            return None
        delay = self._retries.delay(self._failures, random.random(), failure.retry_after)  # noqa: S311  # jitter
        return delay if delay < self._deadline - time.monotonic() else None


def may_repeat(failure: Failure) -> bool:
    """Whether the same call may succeed soon: nobody answered, or the service said when to come back."""
    if failure.code == _RESOURCE_EXHAUSTED:
        return failure.retry_after is not None
    return failure.code in (_UNAVAILABLE, _CANCELLED)
