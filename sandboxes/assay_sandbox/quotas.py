"""What one tenant may have of the sandboxes: jobs at a time, and CPU time a minute."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from assay_sandbox.admission import Admission, Busy

_UNBOUNDED = 1 << 30
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """What an operator decides; 0 = no limit.

    Attributes:
        jobs: that a tenant may have running at a time.
        cpu_seconds: of its programs and their compilers, in a minute. A minute's worth can be used at once.
    """

    jobs: int = 0
    cpu_seconds: float = 0.0


@dataclass(slots=True)
class _Tenant:
    """Where one tenant stands: its turns, and the CPU time that it has left, with the time at which that was known."""

    turns: Admission
    left: float
    known: float = field(default_factory=time.monotonic)


class Quotas:
    """The accounts of all tenants. Used from one event loop.

    Who comes while a quota is used up is refused, with the time after which that changes; who was let in gets all it
    came for, and waits where it has to.
    """

    def __init__(self, settings: QuotaSettings) -> None:
        self._settings = settings
        self._tenants: dict[str, _Tenant] = {}

    def refusal(self, tenant: str) -> Busy | None:
        """What a call of the tenant's that came now would be refused with."""
        jobs = self._settings.jobs
        if not jobs and not self._settings.cpu_seconds:
            return None
        account = self._account(tenant)
        if jobs and account.turns.running >= jobs:
            message = f"the tenant has {jobs} sandbox jobs running, which is its quota"
            return Busy(account.turns.expected_wait, message, by_quota=True)
        wait = self._cpu_wait(account)
        if wait:
            message = f"the tenant has used its quota of {self._settings.cpu_seconds:g} CPU seconds a minute"
            return Busy(wait, message, by_quota=True)
        return None

    def check(self, tenant: str) -> None:
        """Raise Busy where a call of the tenant's that came now would be refused."""
        busy = self.refusal(tenant)
        if busy is not None:
            try:
                raise busy
            finally:
                del busy  # it remembers this frame

    @contextlib.asynccontextmanager
    async def job(self, tenant: str) -> AsyncGenerator[Callable[[float], None]]:
        """One job, when the quotas have room for it; the value is told the CPU milliseconds that it took."""
        account = self._account(tenant)
        async with account.turns.slot():
            while wait := self._cpu_wait(account):  # noqa: ASYNC110 - time is what it waits for
                await asyncio.sleep(wait)
            yield lambda milliseconds: self._charge(account, milliseconds / 1000)

    def _account(self, tenant: str) -> _Tenant:
        account = self._tenants.get(tenant)
        if account is None:
            turns = Admission(self._settings.jobs or _UNBOUNDED, _UNBOUNDED)
            account = self._tenants[tenant] = _Tenant(turns, self._settings.cpu_seconds)
        return account

    def _cpu_wait(self, account: _Tenant) -> float:
        """Seconds until the tenant has CPU time again; 0 where it has some."""
        quota = self._settings.cpu_seconds
        if not quota:
            return 0.0
        now = time.monotonic()
        account.left = min(quota, account.left + (now - account.known) * quota / _MINUTE)
        account.known = now
        return 0.0 if account.left > 0 else (-account.left * _MINUTE / quota) + _MINUTE / 1000

    def _charge(self, account: _Tenant, seconds: float) -> None:
        account.left -= seconds
