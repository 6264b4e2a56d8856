"""Estimators that compare a member with its group and with the members of its own kind inside the group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Ddof, Method, Parts, Singleton, estimator, require, require_scale
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats, Signal
from assay_server.estimators.partition import Partition
from assay_server.estimators.relative import Centre, Relative, Scale

RELEASED_PI = 3.1416
_MOST_TOKENS = 2.0**40


@estimator(
    "advantage/stratified-v1",
    formula="alpha A_S + (1-alpha) A_G; A_S = (r - mean) / (std + eps) inside the member's stratum of the group, "
    "A_G = the same over the whole group",
    edges="Lone or flat stratum: A_S = 0. alpha = 0 is GRPO; it has no default. The stratum is signals.stratum, else "
    "the number of tool calls; neither: refused.",
    source="Stratified GRPO",
    reads=("stratum",),
    verify="the paper's alpha and ddof",
)
def stratified(*, alpha: float, ddof: Ddof = 1, eps: float = 1e-6) -> Method:
    """GRPO blended with GRPO among the members with the same structure, such as the number of search calls."""
    require(0.0 <= alpha <= 1.0, "alpha", "a number in [0, 1]", alpha)
    require_scale(eps)
    grpo = Relative(Centre.GROUP, Scale.GROUP_STD, ddof=ddof, eps=eps)

    def method(columns: Columns) -> Parts:
        moments = (partition := nested(columns, _strata(columns))).moments(columns.counted_rewards)
        inside = moments.deviation / moments.divisor(ddof, eps)[partition.index]
        whole = grpo(columns).advantages
        parts = {"stratum_advantages": inside, "global_advantages": whole}
        return Parts(alpha * inside + (1.0 - alpha) * whole, member_outputs=parts)

    return method


@estimator(
    "advantage/budget_hierarchical-v1",
    formula="GRPO over the group + mean reward of the members with the same budget b - 4 cos(pi b / 2 limit)",
    edges="Lone member: no second term; the first is 0, or its reward with singleton=raw. A budget outside [0, limit]: "
    "refused. compat=released: second term twice, rounded to 2 decimals, pi = 3.1416.",
    source="HBPO",
    required_signals=("budget",),
    reads=("budget",),
)
def budget_hierarchical(
    *,
    limit: float = 4096.0,
    ddof: Ddof = 1,
    eps: float = 1e-6,
    singleton: Singleton = "zero",
    compat: Literal["none", "released"] = "none",
) -> Method:
    """GRPO plus how much the rollouts with the same token budget earn beyond what that budget promises."""
    require(0.0 < limit <= _MOST_TOKENS, "limit", "a number of tokens > 0", limit)
    require_scale(eps)
    grpo = Relative(Centre.GROUP, Scale.GROUP_STD, ddof=ddof, eps=eps, singleton=singleton)

    def method(columns: Columns) -> Parts:
        budgets = _budgets(columns, limit)
        moments = (partition := nested(columns, budgets)).moments(columns.counted_rewards)
        promised = promise(budgets, limit, compat)
        intra = moments.mean[partition.index] - promised
        intra = np.where(columns.moments.lone[columns.partition.index], 0.0, intra)
        inter = grpo(columns).advantages
        parts = {"inter": inter, "intra": intra}
        return Parts(inter + (2.0 if compat == "released" else 1.0) * intra, member_outputs=parts)

    return method


STRATUM_ESTIMATORS = (stratified, budget_hierarchical)


def promise(budgets: Floats, limit: float, compat: Literal["none", "released"] = "none") -> Floats:
    """``4 cos(pi b / 2 limit)``: what a right answer of exactly ``b`` tokens earns."""
    if compat == "released":
        return np.round(4.0 * np.cos(RELEASED_PI * budgets / (2.0 * limit)), 2)
    return 4.0 * np.cos(math.pi * budgets / (2.0 * limit))


def nested(columns: Columns, keys: Floats) -> Partition:
    """Members with an equal key in one group (R8)."""
    return nested_in(columns.partition, keys)


def nested_in(partition: Partition, keys: npt.NDArray[np.generic]) -> Partition:
    """The classes of ``partition``, split by equality of ``keys``."""
    distinct, code = np.unique(keys, return_inverse=True)
    joined, index = np.unique(partition.index * max(len(distinct), 1) + code.reshape(-1), return_inverse=True)
    return Partition(index.reshape(-1), len(joined))


def _strata(columns: Columns) -> Floats:
    return _numbers(
        columns, columns.strata(), "stratum", -math.inf, math.inf, "a number, or the number of tool calls instead"
    )


def _budgets(columns: Columns, limit: float) -> Floats:
    return _numbers(columns, columns.signals("budget"), "budget", 0.0, limit, f"a number from 0 to {limit:g}")


def _numbers(
    columns: Columns, values: Sequence[Signal | None], name: str, low: float, high: float, expected: str
) -> Floats:
    """One finite number within the bounds per counted member.

    Raises:
        InputError: something else came; names it.
    """
    if all(issubclass(kind, int | float) for kind in set(map(type, values))):
        found = np.array(values, np.float64)
        wrong = np.flatnonzero(~(np.isfinite(found) & (found >= low) & (found <= high)))
        if not len(wrong):
            return found
        place = int(wrong[0])
    else:
        place = next(place for place, value in enumerate(values) if not isinstance(value, int | float))
    raise InputError(columns.field(place, f"signals.{name}"), f"expected {expected}")
