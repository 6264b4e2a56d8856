from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from assay import Client, InvalidArgument, RolloutGroup, ScoredRollout, Step
from assay.integrations.service import Service
from assay.integrations.verl.step_groups import step_advantages

PARAMS = {"gamma": 0.95, "w": 1.0}


@dataclass(frozen=True)
class Batch:
    non_tensor_batch: Mapping[str, npt.NDArray[np.generic]]


def batch(**changes: object) -> Batch:
    """Two trajectories of one group that pass the same states, of three and two steps."""
    columns: dict[str, object] = {
        "uid": ["g"] * 5,
        "traj_uid": ["t0", "t0", "t0", "t1", "t1"],
        "anchor_obs": ["s0", "s1", "s2", "s0", "s1"],
        "rewards": [0.0, 0.0, 1.0, 0.0, 0.0],
        "episode_rewards": [1.0, 1.0, 1.0, 0.0, 0.0],
        **changes,
    }
    return Batch({name: np.array(values, object) for name, values in columns.items()})


def test_rows_get_what_the_service_computes_for_the_same_group(service: Service):
    steps = [[Step(anchor=a, reward=r) for a, r in rows] for rows in
             ([("s0", 0.0), ("s1", 0.0), ("s2", 1.0)], [("s0", 0.0), ("s1", 0.0)])]  # fmt: skip
    group = RolloutGroup("g", [ScoredRollout("t0", 1.0, steps[0]), ScoredRollout("t1", 0.0, steps[1])])
    [expected] = Client(service.target).advantages([group], "advantage/gigpo", PARAMS)
    found = step_advantages(batch(), service, params=PARAMS)
    assert found.advantages.tolist() == [*expected["t0"].step_totals, *expected["t1"].step_totals]
    assert found.returns.tolist() == [*expected["t0"].step_returns, *expected["t1"].step_returns]
    assert found.counted.all()
    assert found.advantages[0] > 0 > found.advantages[3]


def test_rows_in_another_order_or_twice_get_the_same(service: Service):
    plain = step_advantages(batch(), service, params=PARAMS).advantages
    order = [4, 2, 0, 3, 1, 0]
    shuffled = {name: column[order] for name, column in batch().non_tensor_batch.items()}
    shuffled["step_index"] = np.array([0, 1, 2, 0, 1])[order]
    assert step_advantages(Batch(shuffled), service, params=PARAMS).advantages.tolist() == plain[order].tolist()


def test_what_was_not_scored_and_what_fills_up_does_not_count(service: Service):
    three = {
        "uid": ["g"] * 7,
        "traj_uid": ["t0", "t0", "t0", "t1", "t1", "t2", "t0"],
        "anchor_obs": ["s0", "s1", "s2", "s0", "s1", "s0", ""],
        "rewards": [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        "episode_rewards": [1.0, 1.0, 1.0, 0.0, 0.0, np.nan, 9.0],
        "active_masks": [True] * 6 + [False],
        "is_action_valid": [True] * 7,
    }
    found = step_advantages(batch(**three), service, params=PARAMS)
    assert found.advantages[:5].tolist() == step_advantages(batch(), service, params=PARAMS).advantages.tolist()
    assert found.advantages[5:].tolist() == [0.0, 0.0]
    assert found.counted.tolist() == [True] * 5 + [False, False]


def test_an_estimator_without_steps_gives_every_step_the_episode_s(service: Service):
    found = step_advantages(batch(), service, estimator="advantage/leave_one_out")
    assert found.advantages.tolist() == [1.0, 1.0, 1.0, -1.0, -1.0]


def test_a_layout_that_makes_no_sense_is_refused(service: Service):
    without = {name: column for name, column in batch().non_tensor_batch.items() if name != "anchor_obs"}
    with pytest.raises(InvalidArgument, match="anchor_obs"):
        step_advantages(Batch(without), service)
    with pytest.raises(InvalidArgument, match="groups g, h"):
        step_advantages(batch(uid=["g", "h", "g", "g", "g"]), service)
    with pytest.raises(InvalidArgument, match="episode_rewards"):
        step_advantages(batch(episode_rewards=[1.0, 0.5, 1.0, 0.0, 0.0]), service)
