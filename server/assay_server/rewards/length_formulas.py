"""The formulas of the length rewards; lengths are in tokens."""

from __future__ import annotations

import math
from typing import Literal

MAX_TOKENS = 1 << 40
"""Lengths, budgets and steps beyond this are refused."""


def cosine_length(length: float, maximum: int, short: float, long: float) -> float:
    """``long + (short - long)(1 + cos(pi min(length / maximum, 1))) / 2``: ``short`` to ``long``, then flat."""
    share = min(length / maximum, 1.0)
    return long + (short - long) * (1.0 + math.cos(math.pi * share)) / 2.0


def budget_triangle(length: float, budget: float, peak: float) -> float:
    """Rises to ``peak`` at the budget, falls to 0 at twice the budget, then stays 0."""
    if length <= budget:
        return peak * length / budget
    return peak * max(0.0, 1.0 - (length - budget) / budget)


def token_budget(
    global_step: int,
    start: float,
    gamma: float,
    interval: int,
    form: Literal["exponential", "linear"] = "exponential",
    end: float = 1.0,
    total_steps: int = 1000,
) -> int:
    """Tokens allowed at a step of the training, at least 1.

    ``exponential``: ``floor(start * gamma ** floor(step / interval))``. ``linear``: from ``start`` to ``end`` over
    ``total_steps``, changing every ``interval`` steps.
    """
    if form == "exponential":
        return max(1, math.floor(start * gamma ** (global_step // interval)))
    share = min(1.0, (global_step // interval) * interval / total_steps)
    return max(1, math.floor(start + (end - start) * share))
