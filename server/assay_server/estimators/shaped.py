"""Estimators of whole episodes with a baseline or a shape of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import Ddof, Method, Parts, Singleton, estimator, require, require_scale
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats, MemberOutcome, Role
from assay_server.estimators.partition import Partition

_OPMD = "Group-Relative REINFORCE Is Secretly an Off-Policy Algorithm"
_MOST_VIRTUAL = 1_000
_LONE = "Lone member: 0, or its reward with singleton=raw."


@estimator(
    "advantage/greedy_baseline-v1",
    formula="r - r_greedy",
    edges="The greedy member gets none. Not exactly one scored greedy member: refused.",
    source="ReMax",
    reference_roles=frozenset({Role.GREEDY}),
)
def greedy_baseline() -> Method:
    """Reward relative to the reward of the group's greedy rollout."""
    return _relative_to_greedy


@estimator(
    "advantage/opmd-v1",
    formula="r - mean, or r - tau log(mean exp(r / tau)) with baseline=logavgexp",
    edges=f"Flat group: 0. {_LONE}",
    source=f"{_OPMD} (OPMD)",
)
def opmd(*, baseline: Literal["mean", "logavgexp"] = "mean", tau: float = 1.0, singleton: Singleton = "zero") -> Method:
    """Reward relative to its group's mean or to the group's soft maximum."""
    require(tau > 0.0, "tau", "a number > 0", tau)
    return Baseline(baseline, tau, singleton)


@estimator(
    "advantage/asymre-v1",
    formula="r - (mean + shift)",
    edges=f"Flat group: all get -shift. {_LONE}",
    source=f"{_OPMD} (AsymRE)",
)
def asymre(*, shift: float = -0.1, singleton: Singleton = "zero") -> Method:
    """Reward relative to its group's shifted mean; a negative shift favours what worked."""

    def method(columns: Columns) -> Parts:
        relative = Baseline("mean", 1.0, singleton).relative(columns)
        lone = columns.moments.lone[columns.partition.index]
        return Parts(np.where(lone, relative, relative - shift))

    return method


@estimator(
    "advantage/negative_enhanced-v1",
    formula="(r - mean') / (std' + eps), mean' and std' over the rewards and `virtual` copies of max_reward",
    edges=f"All at the maximum: 0. A reward above it: refused. {_LONE}",
    source="NGRPO",
)
def negative_enhanced(
    *,
    max_reward: float = 1.0,
    virtual: int = 1,
    ddof: Ddof = 1,
    eps: float = 1e-6,
    singleton: Singleton = "zero",
) -> Method:
    """GRPO with virtual perfect members, so that a group of equal failures still learns."""
    require_scale(eps)
    require(0 <= virtual <= _MOST_VIRTUAL, "virtual", f"0 to {_MOST_VIRTUAL}", virtual)
    return NegativeEnhanced(max_reward, virtual, ddof, eps, singleton)


@estimator(
    "advantage/positive_amplification-v1",
    formula="1 where r >= full_reward, else alpha A where A = r - baseline >= 0, else A",
    edges=f"Flat group: A = 0. {_LONE.replace('Lone member:', 'Lone member: A =')} "
    "A partial success can end above a full one.",
    source="R^3L",
)
def positive_amplification(
    *,
    alpha: float = 3.0,
    full_reward: float = 1.0,
    baseline: Literal["mean", "logavgexp"] = "mean",
    tau: float = 1.0,
    singleton: Singleton = "zero",
) -> Method:
    """Reward relative to its group, successes amplified."""
    require(alpha >= 0.0, "alpha", "a number >= 0", alpha)
    require(tau > 0.0, "tau", "a number > 0", tau)

    def method(columns: Columns) -> Parts:
        relative = Baseline(baseline, tau, singleton).relative(columns)
        amplified = np.where(relative >= 0.0, alpha * relative, relative)
        return Parts(np.where(columns.counted_rewards >= full_reward, 1.0, amplified))

    return method


SHAPED_ESTIMATORS = (greedy_baseline, opmd, asymre, negative_enhanced, positive_amplification)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A group's mean, or its soft maximum ``tau log(mean exp(r / tau))``, as what rewards are compared with."""

    kind: Literal["mean", "logavgexp"]
    tau: float
    singleton: Singleton

    def __call__(self, columns: Columns) -> Parts:
        return Parts(self.relative(columns))

    def relative(self, columns: Columns) -> Floats:
        """Rewards minus the baseline: exactly 0 in a flat group."""
        rewards, index, moments = columns.counted_rewards, columns.partition.index, columns.moments
        relative = moments.deviation
        if self.kind == "logavgexp":
            relative = np.where(moments.flat[index], 0.0, rewards - self._soft_maximum(columns)[index])
        if self.singleton == "raw":
            relative = np.where(moments.lone[index], rewards, relative)
        return relative

    def _soft_maximum(self, columns: Columns) -> Floats:
        partition, rewards = columns.partition, columns.counted_rewards
        top = np.full(partition.count, -np.inf)
        np.maximum.at(top, partition.index, rewards)
        below = np.exp((rewards - top[partition.index]) / self.tau)
        filled = partition.size > 0
        mean = np.where(filled, partition.sums(below) / np.maximum(partition.size, 1), 1.0)
        return np.where(filled, top, 0.0) + self.tau * np.log(mean)


@dataclass(frozen=True, slots=True)
class NegativeEnhanced:
    """GRPO over the rewards and virtual perfect members."""

    max_reward: float
    virtual: int
    ddof: Ddof
    eps: float
    singleton: Singleton

    def __call__(self, columns: Columns) -> Parts:
        rewards, index, count = columns.counted_rewards, columns.partition.index, columns.partition.count
        above = np.flatnonzero(rewards > self.max_reward)
        if len(above):
            where = columns.field(int(above[0]), "reward")
            raise InputError(where, f"{rewards[above[0]]} is above max_reward {self.max_reward}")
        virtual = np.repeat(np.arange(count), self.virtual)
        joined = Partition(np.concatenate([index, virtual]), count)
        moments = joined.moments(np.concatenate([rewards, np.full(len(virtual), self.max_reward)]))
        advantages = moments.deviation[: len(rewards)] / moments.divisor(self.ddof, self.eps)[index]
        lone = columns.moments.lone[index]
        return Parts(np.where(lone, rewards if self.singleton == "raw" else 0.0, advantages))


def _relative_to_greedy(columns: Columns) -> Parts:
    count = columns.partition.count
    index = np.repeat(np.arange(count), np.diff(columns.starts))
    greedy = np.flatnonzero(columns.outcomes == MemberOutcome.NO_ADVANTAGE)
    number = np.bincount(index[greedy], minlength=count)
    wrong = np.flatnonzero((number != 1) & (np.diff(columns.starts) > 0))
    if len(wrong):
        place = int(wrong[0])
        raise InputError(
            columns.group_field(place),
            f"group {columns.group_name(place)!r} needs exactly one scored greedy rollout, it has {number[place]}",
        )
    baseline = np.zeros(count)
    baseline[index[greedy]] = columns.rewards[greedy]
    return Parts(columns.counted_rewards - baseline[columns.partition.index])
