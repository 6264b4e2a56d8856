"""Steps compared with the steps of the same number in the other rollouts of the group, and returns made of turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.sdk.samples import Json
from assay.sdk.spec import Grouping
from assay_server.estimators.anchors import Indices, group_numbers
from assay_server.estimators.columns import Columns
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import (
    Ddof,
    Method,
    Parts,
    StepParts,
    require,
    require_scale,
    step_estimator,
)
from assay_server.estimators.gigpo import StepRows, step_rows
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.returns import discounted_returns
from assay_server.estimators.rows import Rows, numbers_of
from assay_server.estimators.strata import nested_in


@step_estimator(
    "advantage/step_index_group-v1",
    formula="(r_t - mean_t) / (std_t + eps) over the members of the group that have step t",
    edges="Only one member has step t, or all earn the same there: 0. scale=none drops the divisor. A member's own "
    "advantage is the mean over its steps.",
    source="R1-Router (Step-GRPO)",
    verify="the normalisation",
)
def step_index_group(
    grouping: Grouping, *, scale: Literal["std", "none"] = "std", ddof: Ddof = 1, eps: float = 1e-6
) -> Method:
    """Reward of a step relative to the same step of the other rollouts; anchors are not read."""
    del grouping
    require_scale(eps)
    return StepIndex(scale, ddof, eps)


@dataclass(frozen=True, slots=True)
class StepIndex:
    """Step-GRPO with its parameters."""

    scale: Literal["std", "none"]
    ddof: Ddof
    eps: float

    def __call__(self, columns: Columns) -> Parts:
        rows = step_rows(columns)
        place = np.arange(len(rows.rewards)) - np.repeat(rows.first_row, rows.counts)
        groups = [group.group_id for group in columns.groups]
        steps = group_numbers(
            groups,
            "step_index",
            _numbered_in_group(columns, rows, place),
            lambda steps: list(map(str, place[steps].tolist())),
            rows.bounds,
        )
        advantages = self.relative(rows.rewards, Partition(steps.index, len(steps.ids)))
        mean = np.add.reduceat(advantages, rows.first_row) / rows.counts if len(advantages) else advantages
        return Parts(
            mean,
            StepParts(
                counts=rows.counts,
                returns=rows.rewards,
                episode=np.zeros(len(advantages)),
                advantages=advantages,
                totals=advantages,
                index=steps.index,
                ids=steps.ids,
                group_starts=steps.group_starts,
                state_digests=[],
            ),
        )

    def relative(self, rewards: Floats, partition: Partition) -> Floats:
        """Each step's advantage among the steps of its class."""
        moments = partition.moments(rewards)
        if self.scale == "none":
            return moments.deviation
        return moments.deviation / moments.divisor(self.ddof, self.eps)[partition.index]


@method(
    "advantage/step_index_group-v1",
    reach="group",
    inputs="trajectories {group, step_rewards}",
    formula=step_index_group.formula,
    edges="Only one member has step t, or all earn the same there: 0. scale=none drops the divisor.",
    source=step_index_group.source,
    verify=step_index_group.verify,
)
def step_index_case(
    inputs: Mapping[str, Json], *, scale: Literal["std", "none"] = "std", ddof: Ddof = 1, eps: float = 1e-6
) -> Outputs:
    """Reward of a step relative to the same step of the other rollouts."""
    require_scale(eps)
    turns = _Turns.read(Rows(inputs, "trajectories"), "step_rewards")
    advantages = StepIndex(scale, ddof, eps).relative(turns.rewards, nested_in(turns.group, turns.place))
    return {"advantages": turns.per_rollout(advantages)}


@method(
    "advantage/turn_return-v1",
    reach="group",
    inputs="trajectories {group, step_rewards}",
    formula="normalise_then_sum: (r - mean) / (std + eps) over all turns of the group, then A_t = sum_(j>=t) "
    "gamma^(j-t) "
    "of it; sum_then_centre: the discounted return of turn t minus its mean over the members that have turn t",
    edges="All turns of a group earn the same: 0. A turn that one member alone has: centred to 0.",
    source="IGPO (Information Gain-based Policy Optimization); sum_then_centre is its released code with gamma 1",
    verify="the paper's order of normalising and summing",
)
def turn_return(
    inputs: Mapping[str, Json],
    *,
    order: Literal["normalise_then_sum", "sum_then_centre"] = "normalise_then_sum",
    gamma: float = 1.0,
    ddof: Ddof = 1,
    eps: float = 1e-6,
) -> Outputs:
    """Advantages of turns made of the rewards of this turn and the later ones."""
    require(0.0 <= gamma <= 1.0, "gamma", "a number in [0, 1]", gamma)
    require_scale(eps)
    turns = _Turns.read(Rows(inputs, "trajectories"), "step_rewards")
    if order == "normalise_then_sum":
        normal = StepIndex("std", ddof, eps).relative(turns.rewards, turns.group)
        return {"advantages": turns.per_rollout(discounted_returns(normal, turns.counts, gamma))}
    returns = discounted_returns(turns.rewards, turns.counts, gamma)
    return {"advantages": turns.per_rollout(nested_in(turns.group, turns.place).moments(returns).deviation)}


STEP_INDEX_METHODS = table(step_index_case, turn_return)


def _numbered_in_group(columns: Columns, rows: StepRows, place: Indices) -> Indices:
    """Of each step a number: the t-th steps of a group have the same."""
    group = columns.partition.index
    longest = np.zeros(columns.partition.count, np.intp)
    np.maximum.at(longest, group, rows.counts)
    return np.repeat((np.cumsum(longest) - longest)[group], rows.counts) + place


@dataclass(frozen=True, slots=True)
class _Turns:
    """All turns one after another: what they earned, whose group they are in, which of their rollout they are."""

    rewards: Floats
    counts: np.typing.NDArray[np.intp]
    place: np.typing.NDArray[np.intp]
    group: Partition

    @classmethod
    def read(cls, rows: Rows, column: str) -> _Turns:
        rewards = [numbers_of(value, rows.path(place, column)) for place, value in enumerate(rows.values(column))]
        counts = np.array([len(own) for own in rewards], np.intp)
        place = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        group = Partition(np.repeat(rows.partition.index, counts), rows.partition.count)
        return cls(np.concatenate([np.empty(0), *rewards]), counts, place, group)

    def per_rollout(self, values: Floats) -> list[Json]:
        ends = np.cumsum(self.counts).tolist()
        return [values[end - count : end].tolist() for end, count in zip(ends, self.counts.tolist(), strict=True)]
