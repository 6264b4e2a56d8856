"""GiGPO: an episode advantage plus an advantage among the steps taken from the same state."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter
from typing import Literal

import numpy as np
import numpy.typing as npt

from assay.sdk.spec import Grouping
from assay_server.estimators.anchors import declared_grouping, group_steps
from assay_server.estimators.columns import LARGEST, Columns
from assay_server.estimators.definition import (
    Ddof,
    Method,
    Parts,
    Singleton,
    StepParts,
    require,
    require_scale,
    step_estimator,
)
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats, StepRecord
from assay_server.estimators.partition import Moments, Partition
from assay_server.estimators.returns import discounted_returns

_steps = attrgetter("steps")
_anchor = attrgetter("anchor")
_reward = attrgetter("reward")
_action_valid = attrgetter("action_valid")
_state_digest = attrgetter("state_digest")


@step_estimator(
    "advantage/gigpo-v1",
    formula="A_E + w A_S; A_E = (s_t - mean) / F over the episode group, A_S = (G_t - mean) / F over the step group; "
    "s_t = R - c [invalid], G_t = r_t + gamma G_(t+1), then - c [invalid]; F = 1 or std + eps",
    edges="Flat or lone sample: not scaled. Step group of one: A_S = 0. Lone episode: compared with itself, or with 0 "
    "with singleton=raw. The penalty is felt by its own row only.",
    source="GiGPO (Group-in-Group Policy Optimization), equations 3 to 8",
)
def gigpo(
    grouping: Grouping,
    *,
    gamma: float = 0.95,
    w: float = 1.0,
    norm: Literal["mean", "mean_std"] = "mean",
    ddof: Ddof = 1,
    eps: float = 1e-6,
    episode_stats: Literal["trajectory", "step_rows", "first_row"] = "trajectory",
    singleton: Singleton = "zero",
    invalid_penalty: float = 0.0,
    history: int = 0,
    similarity: float | None = None,
) -> Method:
    """Episode advantage plus the advantage of each step among the steps taken from the same anchor state.

    ``history`` and ``similarity`` are short for a grouping (similarity in order of arrival) and may be given only
    where the run declares none.
    """
    require(0.0 <= gamma <= 1.0, "gamma", "a number in [0, 1]", gamma)
    require(w >= 0.0, "w", "a number >= 0", w)
    require(invalid_penalty >= 0.0, "invalid_penalty", "a number >= 0", invalid_penalty)
    require_scale(eps)
    return GiGPO(
        grouping=declared_grouping(grouping, history, similarity),
        gamma=gamma,
        w=w,
        scaled=norm == "mean_std",
        ddof=ddof,
        eps=eps,
        episode_stats=episode_stats,
        singleton=singleton,
        invalid_penalty=invalid_penalty,
    )


@dataclass(frozen=True, slots=True)
class GiGPO:
    """The method with its parameters; called with columns it gives advantages."""

    grouping: Grouping
    gamma: float
    w: float
    scaled: bool
    ddof: Ddof
    eps: float
    episode_stats: Literal["trajectory", "step_rows", "first_row"]
    singleton: Singleton
    invalid_penalty: float

    def __call__(self, columns: Columns) -> Parts:
        rows = step_rows(columns)
        penalty = self.invalid_penalty * rows.invalid
        returns = discounted_returns(rows.rewards, rows.counts, self.gamma) - penalty
        episode, per_row = self._episode_part(columns, rows, penalty)
        step_groups = group_steps(
            [group.group_id for group in columns.groups],
            anchors := list(map(_anchor, rows.steps)),
            rows.bounds,
            np.repeat(rows.first_row, rows.counts),
            self.grouping,
            lambda row: step_field(columns, rows.first_row, row),
        )
        among_steps = self.relative(returns, Partition(step_groups.index, len(step_groups.ids)))
        return Parts(
            episode,
            StepParts(
                counts=rows.counts,
                returns=returns,
                episode=per_row,
                advantages=among_steps,
                totals=per_row + self.w * among_steps,
                index=step_groups.index,
                ids=step_groups.ids,
                group_starts=step_groups.group_starts,
                state_digests=list(map(_state_digest, anchors)) if any(map(_state_digest, anchors)) else [],
            ),
        )

    def relative(self, returns: Floats, step_groups: Partition) -> Floats:
        """Each step's return relative to its step group."""
        moments = step_groups.moments(returns)
        return moments.deviation / self._divisor(moments)[step_groups.index]

    def _episode_part(self, columns: Columns, rows: StepRows, penalty: Floats) -> tuple[Floats, Floats]:
        """The episode part per member and per row.

        A member's is its sample's: of its return, of its first row, or the mean over its rows.
        """
        of_member = columns.partition.index
        of_row = np.repeat(of_member, rows.counts)
        if self.episode_stats == "trajectory":
            moments = columns.moments
            episode = self._relative(moments, columns.counted_rewards, of_member)
            return episode, np.repeat(episode, rows.counts) - penalty / self._divisor(moments)[of_row]
        scores = np.repeat(columns.counted_rewards, rows.counts) - penalty
        if self.episode_stats == "first_row":
            first = scores[rows.first_row]
            moments = columns.partition.moments(first)
            center = self._centre(moments, of_row)
            return self._relative(moments, first, of_member), (scores - center) / self._divisor(moments)[of_row]
        moments = Partition(of_row, len(columns.groups)).moments(scores)
        per_row = self._relative(moments, scores, of_row)
        return np.add.reduceat(per_row, rows.first_row) / rows.counts if len(per_row) else per_row, per_row

    def _relative(self, moments: Moments, values: Floats, index: npt.NDArray[np.intp]) -> Floats:
        """Values of the sample itself, relative to it."""
        deviation = moments.deviation
        if self.singleton == "raw":
            deviation = np.where(moments.lone[index], values, deviation)
        return deviation / self._divisor(moments)[index]

    def _centre(self, moments: Moments, index: npt.NDArray[np.intp]) -> Floats:
        if self.singleton == "raw":
            return np.where(moments.lone, 0.0, moments.mean)[index]
        return moments.mean[index]

    def _divisor(self, moments: Moments) -> Floats:
        return moments.divisor(self.ddof, self.eps) if self.scaled else np.ones(len(moments.size))


@dataclass(frozen=True, slots=True)
class StepRows:
    """The steps of the counted members, one after another.

    Attributes:
        counts: steps per counted member, all positive.
        first_row: position of each counted member's first step.
        bounds: offsets of the groups in the steps; one more than there are groups.
        invalid: 1 where the action was invalid, else 0.
    """

    steps: list[StepRecord]
    counts: npt.NDArray[np.intp]
    first_row: npt.NDArray[np.intp]
    bounds: list[int]
    rewards: Floats
    invalid: Floats


def step_rows(columns: Columns) -> StepRows:
    """The steps of the counted members as arrays.

    Raises:
        InputError: a member has no steps, or a step reward is not finite.
    """
    members = columns.counted_members
    counts = np.fromiter(map(len, map(_steps, members)), np.intp, len(members))
    if not counts.all():
        raise InputError(columns.field(int(np.argmin(counts)), "steps"), "expected at least one step")
    steps = list(chain.from_iterable(map(_steps, members)))
    rewards = np.fromiter(map(_reward, steps), np.float64, len(steps))
    first_row = np.cumsum(counts) - counts
    readable = np.abs(rewards) <= LARGEST
    if not readable.all():
        row = int(np.argmin(readable))
        where = step_field(columns, first_row, row)
        raise InputError(f"{where}.reward", f"expected a number up to {LARGEST:g}, got {rewards[row]}")
    per_group = np.bincount(columns.partition.index, weights=counts, minlength=len(columns.groups)).astype(int)
    return StepRows(
        steps=steps,
        counts=counts,
        first_row=first_row,
        bounds=[0, *accumulate(per_group.tolist())],
        rewards=rewards,
        invalid=(~np.fromiter(map(_action_valid, steps), np.bool_, len(steps))).astype(np.float64),
    )


def step_field(columns: Columns, first_row: npt.NDArray[np.intp], row: int) -> str:
    """Path of a step in the groups as they were given."""
    member = int(np.searchsorted(first_row, row, side="right")) - 1
    return columns.field(member, f"steps[{row - int(first_row[member])}]")


STEP_ESTIMATORS = (gigpo,)
