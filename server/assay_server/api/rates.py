"""What one tenant may ask in a minute, and how many streams it may have: so that nobody crowds out the others.

A minute's worth can be used at once. Whoever comes while there is some left gets all that it came for, and leaves a
debt where that was more; who comes while there is none is told when there will be.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from assay_server.pipeline.failures import Code, Failure

_MINUTE = 60.0
_STREAM_SECONDS = 1.0
_ROUNDING_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class RateSettings:
    """What an operator grants each tenant; 0 = no limit.

    Attributes:
        requests: calls a minute.
        rollouts: to be scored, a minute.
        streams: open at a time.
    """

    requests: float = 0.0
    rollouts: float = 0.0
    streams: int = 0


class _Account:
    """What is left of a minute's worth."""

    def __init__(self, quota: float, clock: Callable[[], float]) -> None:
        self._quota = quota
        self._clock = clock
        self._most = max(1.0, quota)
        self._left = self._most
        self._known = clock()

    def wait(self) -> float:
        """Seconds until one is left; 0 where one is."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._known) * self._quota / _MINUTE)
        self._known = now
        return 0.0 if self._left >= 1.0 else (1.0 - self._left) * _MINUTE / self._quota + _ROUNDING_SECONDS

    def charge(self, amount: float) -> None:
        self._left -= amount


class TenantRates:
    """The accounts of all tenants. Used from one event loop."""

    def __init__(self, settings: RateSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._requests: dict[str, _Account] = {}
        self._rollouts: dict[str, _Account] = {}
        self._streams: dict[str, int] = {}

    @property
    def counts_rollouts(self) -> bool:
        """Whether rollouts are limited at all."""
        return self._settings.rollouts > 0

    def request(self, tenant: str) -> None:
        """Count a call. Raises Failure where the tenant has none left."""
        quota = self._settings.requests
        if quota:
            _take(self._account(self._requests, tenant, quota), 1, f"{quota:g} calls a minute")

    def rollouts(self, tenant: str, count: int) -> None:
        """Count rollouts of a call. Raises Failure where the tenant has none left."""
        quota = self._settings.rollouts
        if quota:
            _take(self._account(self._rollouts, tenant, quota), count, f"{quota:g} rollouts a minute")

    async def rollouts_in_time(self, tenant: str, count: int) -> None:
        """Count rollouts of a stream, when there are some left: a stream is read more slowly, and nothing refused."""
        quota = self._settings.rollouts
        if not quota:
            return
        account = self._account(self._rollouts, tenant, quota)
        while wait := account.wait():  # noqa: ASYNC110 - time is what it waits for
            await asyncio.sleep(wait)
        account.charge(count)

    @contextlib.contextmanager
    def stream(self, tenant: str) -> Generator[None]:
        """A stream's place. Raises Failure where the tenant has as many as it may."""
        limit, present = self._settings.streams, self._streams.get(tenant, 0)
        if limit and present >= limit:
            message = f"the tenant has {limit} streams open, which is its quota"
            raise Failure(Code.RESOURCE_EXHAUSTED, "TENANT_STREAMS", message, retry_after=_STREAM_SECONDS)
        self._streams[tenant] = present + 1
        try:
            yield
        finally:
            self._streams[tenant] -= 1
            if not self._streams[tenant]:
                del self._streams[tenant]

    def _account(self, accounts: dict[str, _Account], tenant: str, quota: float) -> _Account:
        account = accounts.get(tenant)
        if account is None:
            account = accounts[tenant] = _Account(quota, self._clock)
        return account


def _take(account: _Account, amount: float, quota: str) -> None:
    wait = account.wait()
    if wait:
        message = f"the tenant has used its quota of {quota}"
        raise Failure(Code.RESOURCE_EXHAUSTED, "TENANT_RATE", message, retry_after=wait)
    account.charge(amount)
