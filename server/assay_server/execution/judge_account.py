"""What the judges of one run have cost and may cost: a quota that outlives processes and generations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from assay.sdk import Judge, Unscorable
from assay_server.store.protocol import StoreError

_log = structlog.get_logger(__name__)
_CALLS, _TOKENS, _COST = "judge_calls", "judge_tokens", "judge_cost"

Keep = Callable[[Mapping[str, float]], Awaitable[Mapping[str, float]]]
"""Adds amounts to counters that last, and says what all of them are afterwards."""


@dataclass(frozen=True, slots=True)
class JudgeLimits:
    """What a run's judges may cost; None = no limit.

    Attributes:
        calls: questions sent to endpoints.
        tokens: prompt and completion tokens, after which nothing more is asked.
        cost: in the unit of the operator's prices, after which nothing more is asked.
    """

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None


class JudgeAccount:
    """Counts what a run asks of judges and refuses what goes beyond its limits.

    A call is counted before it is sent, so calls never exceed their limit; tokens and cost do by what was under way
    when they reached it. Counts are written behind, several at once: what a killed process had not written yet is lost.
    """

    def __init__(self, run: str, limits: JudgeLimits, keep: Keep) -> None:
        self.run = run
        self._limits = limits
        self._keep = keep
        self._kept: Mapping[str, float] = {}
        self._sent: dict[str, float] = {}
        self._unsent: dict[str, float] = {}
        self._writing: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read what the run has cost so far. Raises StoreError."""
        self._kept = await self._keep({})

    async def close(self) -> None:
        """Write what is not written yet."""
        if self._writing is not None:
            await self._writing
        await self._write()

    def require_room(self, judge: str, *, priced: bool) -> None:
        """Say whether one more call may be made.

        Raises:
            Unscorable: JUDGE_QUOTA; JUDGE_UNPRICED, the run has a limit of cost and nobody knows this judge's.
        """
        limits = self._limits
        if limits.cost is not None and not priced:
            message = f"the run limits what judges cost, and the operator says no price for the judge {judge!r}"
            raise Unscorable("JUDGE_UNPRICED", message)
        for name, limit, what in (
            (_CALLS, limits.calls, "calls"),
            (_TOKENS, limits.tokens, "tokens"),
            (_COST, limits.cost, "in cost"),
        ):
            if limit is not None and self._used(name) >= limit:
                raise Unscorable("JUDGE_QUOTA", f"the run has used up its judge quota of {limit:g} {what}")

    def count_call(self) -> None:
        """Count a call that is about to be made."""
        self._add({_CALLS: 1})

    def count_answer(self, tokens: int, cost: float) -> None:
        """Count what an answered call took."""
        self._add({_TOKENS: tokens, _COST: cost})

    @property
    def spent(self) -> tuple[int, int, float]:
        """Calls, tokens and cost so far."""
        return int(self._used(_CALLS)), int(self._used(_TOKENS)), self._used(_COST)

    def _used(self, name: str) -> float:
        return self._kept.get(name, 0.0) + self._sent.get(name, 0.0) + self._unsent.get(name, 0.0)

    def _add(self, amounts: Mapping[str, float]) -> None:
        for name, amount in amounts.items():
            self._unsent[name] = self._unsent.get(name, 0.0) + amount
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name=f"judge account of {self.run}")

    async def _write(self) -> None:
        while self._unsent:
            self._sent, self._unsent = self._unsent, {}
            try:
                self._kept = await self._keep(self._sent)
            except StoreError as error:
                _log.warning("what judges cost is not written yet", run=self.run, error=str(error))
                for name, amount in self._sent.items():
                    self._unsent[name] = self._unsent.get(name, 0.0) + amount
                return
            finally:
                self._sent = {}


class ChargeableJudge(Protocol):
    """Judges that can tell who asks and who pays."""

    def of(self, tenant: str, account: JudgeAccount | None = None) -> Judge:
        """The judges as a tenant sees them: no other's verdicts; what they take is counted in the account."""
        ...
