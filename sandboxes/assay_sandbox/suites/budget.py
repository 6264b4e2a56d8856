"""How long a whole job may take: a program that fails every test by its limit must not hold a slot for hours."""

from __future__ import annotations

import time

from assay_sandbox.protocol import Limits

_LIMITS_IN_A_JOB = 3
_LEAST_SECONDS = 20.0


class Budget:
    """Wall time of one job, from its start; tests that begin later are not run."""

    def __init__(self, limits: Limits) -> None:
        self._end = time.monotonic() + max(_LEAST_SECONDS, _LIMITS_IN_A_JOB * limits.wall_ms / 1000)

    @property
    def spent(self) -> bool:
        """Whether no other test may begin."""
        return time.monotonic() >= self._end
