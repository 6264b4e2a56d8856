"""Estimators calibrated by the batch: by its mean pass rate, or by a Beta distribution of its pass rates."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, lgamma, log

import numpy as np

from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import (
    Ddof,
    Method,
    Parts,
    Scope,
    Singleton,
    estimator,
    require,
    require_scale,
)
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.relative import Centre, Relative, Scale

_NO_SPREAD = 1e-24  # a variance of pass rates that is rounding noise


@estimator(
    "advantage/asymmetric_grae-v1",
    scope=Scope.BATCH,
    formula="(1-M) easy + M hard, positive ones times min(1, M/alpha); hard = 0.5 A / (sqrt(mu) + eps), "
    "easy = 0.5 A / (1 - sqrt(mu) + eps), A = GRPO, mu = group mean, M = mean of the group means",
    edges="Rewards outside [0, 1]: refused. Flat group: 0. Lone member: A = 0, or its reward with singleton=raw.",
    source="A-GRAE (Unveiling Implicit Advantage Symmetry); the square root is in the released code",
)
def asymmetric_grae(*, alpha: float = 1.0, ddof: Ddof = 1, eps: float = 1e-6, singleton: Singleton = "zero") -> Method:
    """GRPO that weighs hard and easy groups by how well the whole batch does."""
    require(alpha > 0.0, "alpha", "a number > 0", alpha)
    require_scale(eps)
    grpo = Relative(Centre.GROUP, Scale.GROUP_STD, ddof=ddof, eps=eps, singleton=singleton)

    def method(columns: Columns) -> Parts:
        require_rewards_within(columns, 0.0, 1.0)
        filled = columns.partition.size > 0
        batch_mean = float(columns.moments.mean[filled].mean()) if filled.any() else 0.0
        root = np.sqrt(np.clip(columns.moments.mean, 0.0, 1.0))[columns.partition.index]
        half = 0.5 * grpo(columns).advantages
        hard, easy = _divided(half, root + eps), _divided(half, 1.0 - root + eps)
        blended = (1.0 - batch_mean) * easy + batch_mean * hard
        amplified = np.where(blended > 0.0, blended * min(1.0, batch_mean / alpha), blended)
        return Parts(amplified, outputs={"batch_mean": batch_mean})

    return method


@estimator(
    "advantage/beta_normalised-v1",
    scope=Scope.BATCH,
    formula="(x - p) min(1 / BetaPDF(p; alpha, beta), weight_cap); x = (r - min) / (max - min), p = group mean of x; "
    "c = m (1-m) / v - 1 of mean m and sample variance v of p over groups; "
    "alpha = max(1, 1 + c m / 3), beta = max(1, 1 + c (1-m) / 3)",
    edges="One group, or all p equal: alpha = beta = 1. Flat group: 0. Lone member: 0 and left out of m and v, or "
    "with singleton=raw p = 0 and counted. A reward outside [min, max]: refused.",
    source="BNPO",
)
def beta_normalised(
    *, min: float = 0.0, max: float = 1.0, weight_cap: float = 1e6, singleton: Singleton = "zero"
) -> Method:
    """Reward relative to its group's mean, weighed by how rare that mean is among the batch's groups."""
    require(min < max, "min", f"a number < max ({max})", min)
    require(weight_cap > 0.0, "weight_cap", "a number > 0", weight_cap)
    return BetaNormalised(min, max, weight_cap, singleton)


CALIBRATED_ESTIMATORS = (asymmetric_grae, beta_normalised)


@dataclass(frozen=True, slots=True)
class BetaNormalised:
    """BNPO with its parameters."""

    minimum: float
    maximum: float
    weight_cap: float
    singleton: Singleton

    def __call__(self, columns: Columns) -> Parts:
        require_rewards_within(columns, self.minimum, self.maximum)
        index = columns.partition.index
        share = (columns.counted_rewards - self.minimum) / (self.maximum - self.minimum)
        moments = columns.partition.moments(share)
        raw = moments.lone & (self.singleton == "raw")
        rate = np.where(raw, 0.0, moments.mean)
        alpha, beta = self._shape(rate[(moments.size > 1) | raw])
        deviation = np.where(raw[index], share, moments.deviation)
        advantages = deviation * self._weights(rate, alpha, beta)[index]
        return Parts(np.where(deviation == 0.0, 0.0, advantages), outputs={"alpha": alpha, "beta": beta})

    def _shape(self, rates: Floats) -> tuple[float, float]:
        if len(rates) < 2:
            return 1.0, 1.0
        moments = Partition.single(len(rates)).moments(rates)
        mean, variance = float(moments.mean[0]), float(moments.std(1)[0]) ** 2
        if variance <= _NO_SPREAD:
            return 1.0, 1.0
        spread = mean * (1.0 - mean) / variance - 1.0
        return max(1.0, 1.0 + spread * mean / 3.0), max(1.0, 1.0 + spread * (1.0 - mean) / 3.0)

    def _weights(self, rate: Floats, alpha: float, beta: float) -> Floats:
        constant = lgamma(alpha) + lgamma(beta) - lgamma(alpha + beta)
        density = _power(rate, alpha - 1.0) + _power(1.0 - rate, beta - 1.0) - constant
        return np.exp(np.minimum(-density, log(self.weight_cap)))


def _power(base: Floats, exponent: float) -> Floats:
    """``log(base ** exponent)``; of 0: minus infinity, or 0 where the exponent is 0."""
    if exponent == 0.0:
        return np.zeros_like(base)
    positive = base > 0.0
    return np.where(positive, exponent * np.log(np.where(positive, base, 1.0)), -inf)


def _divided(values: Floats, divisor: Floats) -> Floats:
    """0 stays 0, whatever it is divided by."""
    return np.divide(values, divisor, out=np.zeros_like(values), where=values != 0.0)


def require_rewards_within(columns: Columns, low: float, high: float) -> None:
    """Refuse a counted reward outside its declared bounds (R10, R15).

    Raises:
        InputError: names the reward.
    """
    rewards = columns.counted_rewards
    outside = np.flatnonzero((rewards < low) | (rewards > high))
    if len(outside):
        where = columns.field(int(outside[0]), "reward")
        raise InputError(where, f"expected {low:g} to {high:g}, got {rewards[outside[0]]:g}")
