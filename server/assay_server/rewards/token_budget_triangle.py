"""``reward/token_budget_triangle``: use the token budget, whose size shrinks with the training."""

from __future__ import annotations

from typing import Literal

from assay.sdk import Evidence, Sample, Score, Unscorable, reward
from assay_server.rewards.length_formulas import budget_triangle, token_budget


@reward(
    "reward/token_budget_triangle-v1",
    bounds=(0.0, 1.0),
    aliases=("token_budget_triangle",),
    required_signals=("num_tokens",),
    source="reward/token_budget_triangle (Train Long, Think Short)",
)
def token_budget_triangle(
    sample: Sample,
    *,
    peak: float = 1.0,
    budget: int | None = None,
    schedule: Literal["exponential", "linear"] = "exponential",
    start: float = 256.0,
    gamma: float = 0.7,
    interval: int = 100,
    end: float = 1.0,
    total_steps: int = 1000,
) -> Score:
    """``peak * tokens / budget`` up to the budget, falling to 0 at twice the budget; right or wrong alike.

    ``budget`` fixes it; without one it follows the schedule at the sample's ``global_step``: exponential
    ``max(1, floor(start * gamma ** floor(step / interval)))`` or linear from ``start`` to ``end``. It pays for
    reaching the budget even with a wrong answer: put it behind a gate where that is unwanted.
    """
    sound = 0.0 < gamma <= 1.0 and start >= 1.0 and end >= 1.0 and interval >= 1 and total_steps >= 1
    if not sound or (budget is not None and budget < 1):
        message = "budget, start, end, interval, total_steps: expected at least 1; gamma: expected more than 0, up to 1"
        raise Unscorable("INVALID_PARAMETER", message)
    if sample.global_step < 0:
        raise Unscorable("INVALID_ARGUMENT", "global_step must not be negative", field="global_step")
    if budget is None:
        budget = token_budget(sample.global_step, start, gamma, interval, schedule, end, total_steps)
    length = sample.num_tokens or 0
    evidence = Evidence(reason=f"{length} tokens of {budget}", detail={"num_tokens": length, "budget": budget})
    return Score(budget_triangle(length, budget, peak), evidence=evidence)
