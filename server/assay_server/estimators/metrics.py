"""Metrics of groups as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError

MOST_SAMPLES = 1_000_000_000
_NEGLIGIBLE = 1e-300


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Chance that one of ``k`` of the samples is correct: ``1 - C(n-c, k) / C(n, k)``.

    Raises:
        ParameterError: k is below 1.
        InputError: k or ``correct`` exceeds ``samples``, or a count is out of bounds.
    """
    require(k >= 1, "k", "an integer >= 1", k)
    if not 0 <= samples <= MOST_SAMPLES:
        raise InputError("samples", f"expected 0 to {MOST_SAMPLES}, got {samples}")
    if not 0 <= correct <= samples:
        raise InputError("correct", f"expected 0 to {samples} (samples), got {correct}")
    if k > samples:
        raise InputError("samples", f"expected at least k = {k}, got {samples}")
    if samples - correct < k:
        return 1.0
    fewer, more = sorted((correct, k))
    miss = 1.0
    for taken in range(fewer):
        miss *= (samples - more - taken) / (samples - taken)
        if miss < _NEGLIGIBLE:
            break
    return 1.0 - miss


def expected_gradient(rewards: Sequence[float]) -> float:
    """``1 - p^N - (1-p)^N``: chance that a group of N has both outcomes; p = share of rewards above 0."""
    number = len(rewards)
    if number < 2:
        return 0.0
    share = sum(reward > 0.0 for reward in rewards) / number
    return 1.0 - share**number - (1.0 - share) ** number


def has_variance(rewards: Sequence[float]) -> bool:
    """Whether two rewards of a group differ; false for a lone one."""
    return len(rewards) > 1 and min(rewards) != max(rewards)


@dataclass(frozen=True, slots=True)
class StepGroupMetrics:
    """How well anchor states group steps. All numbers are 0 where there are no steps.

    Attributes:
        mean_size: steps per step group.
        group_hit_ratio: share of step groups larger than one.
        step_hit_ratio: share of steps in such groups.
    """

    mean_size: float
    group_hit_ratio: float
    step_hit_ratio: float


def step_group_metrics(size_histogram: Mapping[int, int]) -> StepGroupMetrics:
    """Metrics of a histogram size -> number of step groups."""
    groups = sum(size_histogram.values())
    if not groups:
        return StepGroupMetrics(0.0, 0.0, 0.0)
    steps = sum(size * count for size, count in size_histogram.items())
    lone = size_histogram.get(1, 0)
    return StepGroupMetrics(steps / groups, (groups - lone) / groups, (steps - lone) / steps)
