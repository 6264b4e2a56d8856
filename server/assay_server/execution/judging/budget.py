"""What an endpoint may cost: calls and tokens, counted by this process."""

from __future__ import annotations

import math
from collections.abc import Callable

from assay.sdk import Unscorable
from assay_server.execution.judging.catalogue import BudgetSettings


class Budget:
    """Calls are taken before they are made; tokens are counted when the answer says them.

    So calls never exceed their limit, and tokens do by what was under way when they reached it.
    """

    def __init__(self, name: str, settings: BudgetSettings, now: Callable[[], float]) -> None:
        self._name = name
        self._settings = settings
        self._now = now
        self._ends = math.inf if settings.period_seconds is None else now() + settings.period_seconds
        self.calls = 0
        self.tokens = 0

    def take_call(self) -> None:
        """Count a call that is about to be made.

        Raises:
            Unscorable: JUDGE_BUDGET; a retry helps where the budget has a period.
        """
        period = self._settings.period_seconds
        if period is not None and self._now() >= self._ends:
            self._ends = self._now() + period
            self.calls = self.tokens = 0
        for used, limit, what in (
            (self.calls, self._settings.calls, "calls"),
            (self.tokens, self._settings.tokens, "tokens"),
        ):
            if limit is not None and used >= limit:
                message = f"the judge {self._name!r} has used up its budget of {limit} {what}; ask the operator"
                raise Unscorable("JUDGE_BUDGET", message, retryable=period is not None)
        self.calls += 1

    def count_tokens(self, tokens: int) -> None:
        """Count the tokens of an answered call."""
        self.tokens += tokens
