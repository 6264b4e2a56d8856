"""Filters of finished groups: every decision has its reason, nothing is dropped silently."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Literal, TypeAlias

from assay.sdk.parameters import parameters_of
from assay.sdk.spec import FilterChoice
from assay_server.estimators.definition import bind, require
from assay_server.estimators.errors import UnknownFilter
from assay_server.estimators.groups import GroupAdvantages

_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a group is kept; ``reason`` is empty where it is."""

    kept: bool
    reason: str


@dataclass(frozen=True, slots=True)
class RewardSummary:
    """All that filters read of a group: the rewards of the members that count, in four numbers."""

    size: int
    mean: float
    minimum: float
    maximum: float

    @classmethod
    def of(cls, rewards: Sequence[float]) -> RewardSummary:
        """Summary of bare rewards; zeros where there are none."""
        if not rewards:
            return cls(0, 0.0, 0.0, 0.0)
        return cls(len(rewards), fsum(rewards) / len(rewards), min(rewards), max(rewards))


Rule: TypeAlias = Callable[[RewardSummary], str]
"""Why a group is dropped; empty where it is kept. A rule sees only groups with members."""


def passrate_band(*, low: float = 0.2, high: float = 0.8) -> Rule:
    """Keep ``low <= mean reward <= high``, ends included. Reasons: ``too_hard``, ``too_easy``.

    Source: Online Difficulty Filtering for Reasoning Oriented Reinforcement Learning.
    """
    require(low <= high, "low", f"a number <= high ({high})", low)

    def rule(rewards: RewardSummary) -> str:
        if rewards.mean < low - _SLACK:
            return "too_hard"
        return "too_easy" if rewards.mean > high + _SLACK else ""

    return rule


def mixed_outcome(*, mode: Literal["any", "all_correct"] = "any", max_reward: float = 1.0) -> Rule:
    """Drop groups without variance, or with ``all_correct`` only those entirely at ``max_reward``.

    Reasons: ``all_correct``, ``zero_variance``. A lone member has no variance. Source: dynamic sampling (TAPO,
    Rewarding the Unlikely), NGRPO.
    """

    def rule(rewards: RewardSummary) -> str:
        if rewards.minimum >= max_reward:
            return "all_correct"
        return "zero_variance" if mode == "any" and rewards.minimum == rewards.maximum else ""

    return rule


FILTERS: Mapping[str, Callable[..., Rule]] = {
    "select/passrate_band-v1": passrate_band,
    "select/mixed_outcome-v1": mixed_outcome,
}
"""Every filter by its versioned id."""


@dataclass(frozen=True, slots=True)
class Filters:
    """A run's filters; the first that drops a group says why."""

    rules: tuple[Rule, ...]

    def decide(self, group: GroupAdvantages) -> Decision:
        """Whether a group is kept. With any filter at all, a group that nobody counts in is dropped as ``empty``."""
        numbers = group.statistics
        return self.judge(RewardSummary(numbers.size, numbers.reward_mean, numbers.reward_min, numbers.reward_max))

    def judge(self, rewards: RewardSummary) -> Decision:
        """The same for bare rewards."""
        if self.rules and rewards.size == 0:
            return Decision(False, "empty")
        reason = next((reason for rule in self.rules if (reason := rule(rewards))), "")
        return Decision(not reason, reason)


def compile_filters(choices: Sequence[FilterChoice]) -> Filters:
    """Check a run's filters and make them ready.

    Raises:
        UnknownFilter: no such id; carries the nearest ones.
        ParameterError: a parameter is unknown, of the wrong type or out of bounds.
    """
    return Filters(tuple(_compiled(choice) for choice in choices))


def _compiled(choice: FilterChoice) -> Rule:
    build = FILTERS.get(choice.id) or FILTERS.get(f"{choice.id}-v1")
    if build is None:
        raise UnknownFilter(choice.id, FILTERS)
    bound = bind(parameters_of(build), choice.params)
    return build(**bound)
