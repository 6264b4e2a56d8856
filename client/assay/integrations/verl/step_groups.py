"""Advantages of the service for a batch of steps, as verl-agent and its kin lay one out: a row is one step.

``non_tensor_batch`` names the rows: ``uid`` the group, ``traj_uid`` the trajectory, ``anchor_obs`` the state in which
the step was taken, ``rewards`` the step's reward, ``episode_rewards`` the trajectory's, and where there are any
``is_action_valid``, ``active_masks`` (rows that only fill up do not count) and ``step_index`` (otherwise the steps of a
trajectory are in the order of their rows).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from assay._text import json_text
from assay.errors import invalid
from assay.groups import RolloutGroup, ScoredRollout
from assay.integrations.service import Service
from assay.integrations.settings import plain_json
from assay.results import GroupResult
from assay.rollouts import Step
from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice, Grouping

Column: TypeAlias = "npt.NDArray[np.generic]"


class StepBatch(Protocol):
    """What is read of verl's DataProto."""

    @property
    def non_tensor_batch(self) -> Mapping[str, Column]: ...


@dataclass(frozen=True, slots=True, eq=False)
class StepAdvantages:
    """One number a row.

    Attributes:
        advantages: shape (rows,); 0 where the row does not count.
        returns: the step's discounted return, shape (rows,); 0 as above, and for estimators that read no steps.
        counted: shape (rows,); False for rows that fill up, for trajectories that could not be scored, and for groups
            with too few others: take them out of the loss with ``response_mask * counted[:, None]``.
    """

    advantages: npt.NDArray[np.float64]
    returns: npt.NDArray[np.float64]
    counted: npt.NDArray[np.bool_]


def step_advantages(
    data: StepBatch,
    service: Service | None = None,
    *,
    estimator: str | EstimatorChoice = "advantage/gigpo",
    params: Mapping[str, Json] | None = None,
    grouping: Grouping | None = None,
) -> StepAdvantages:
    """Step groups and advantages of a batch of steps, in one call.

    A trajectory whose episode reward is NaN could not be scored: it is left out of its group.

    Raises:
        InvalidArgument: a column is missing, or the rows of a trajectory do not agree.
    """
    layout = _Layout(data.non_tensor_batch)
    groups = layout.groups()
    client = (service or Service()).client()
    results = client.advantages(groups, estimator, params, grouping) if groups else []
    return layout.spread(results)


class _Layout:
    """Which rows are the steps of which trajectory of which group."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns
        self._size = len(_column(columns, "uid"))
        trajectories = [str(name) for name in _column(columns, "traj_uid")]
        active = columns.get("active_masks")
        order = columns.get("step_index")
        rows: dict[str, dict[int, list[int]]] = {}
        for row, trajectory in enumerate(trajectories):
            if active is None or bool(active[row]):
                steps = rows.setdefault(trajectory, {})
                index = len(steps) if order is None else int(cast("int", order[row]))
                steps.setdefault(index, []).append(row)  # a batch may hold a step twice, to be of an even size
        self._steps = {name: [steps[index] for index in sorted(steps)] for name, steps in rows.items()}

    def groups(self) -> list[RolloutGroup]:
        """The trajectories that were scored, by group."""
        uids = _column(self._columns, "uid")
        members: dict[str, list[ScoredRollout]] = {}
        for trajectory, steps in self._steps.items():
            of = {str(uids[row]) for rows in steps for row in rows}
            if len(of) != 1:
                raise invalid("uid", f"the steps of trajectory {trajectory!r} are of groups {', '.join(sorted(of))}")
            reward = self._episode_reward(trajectory, steps)
            if not math.isnan(reward):
                members.setdefault(of.pop(), []).append(self._scored(trajectory, steps, reward))
        return [RolloutGroup(name, rollouts) for name, rollouts in members.items()]

    def _episode_reward(self, trajectory: str, steps: Sequence[Sequence[int]]) -> float:
        rewards = _column(self._columns, "episode_rewards")
        said = [float(cast("float", rewards[row])) for rows in steps for row in rows]
        if any(math.isnan(reward) for reward in said):
            return math.nan
        if max(said) != min(said):
            raise invalid("episode_rewards", f"the steps of trajectory {trajectory!r} say {min(said)} and {max(said)}")
        return said[0]

    def _scored(self, trajectory: str, steps: Sequence[Sequence[int]], reward: float) -> ScoredRollout:
        anchors, rewards = _column(self._columns, "anchor_obs"), _column(self._columns, "rewards")
        valid = self._columns.get("is_action_valid")
        return ScoredRollout(
            trajectory,
            reward,
            steps=[
                Step(
                    anchor=_anchor(anchors[rows[0]]),
                    reward=float(cast("float", rewards[rows[0]])),
                    action_valid=valid is None or bool(valid[rows[0]]),
                )
                for rows in steps
            ],
        )

    def spread(self, results: Sequence[GroupResult]) -> StepAdvantages:
        """The members' numbers, at their rows."""
        found = StepAdvantages(np.zeros(self._size), np.zeros(self._size), np.zeros(self._size, np.bool_))
        for member in (member for result in results for member in result):
            if member.advantage is None:
                continue
            for place, rows in enumerate(self._steps[member.rollout_id]):
                by_step = len(member.step_totals) > place
                found.advantages[rows] = member.step_totals[place] if by_step else member.advantage
                found.returns[rows] = member.step_returns[place] if len(member.step_returns) > place else 0.0
                found.counted[rows] = True
        return found


def _column(columns: Mapping[str, Column], name: str) -> Column:
    column = columns.get(name)
    if column is None:
        raise invalid(name, f"the batch has no such column; it has {', '.join(sorted(columns))}")
    return column


def _anchor(value: object) -> str:
    """A state as text; structured ones in one way of writing."""
    if isinstance(value, str):
        return value
    return json_text(plain_json(value))
