"""GiGPO's step advantages for a batch of steps as verl-agent lays one out, computed by the service.

    assay serve &
    python gigpo_advantages.py [host:port]

In a trainer the batch is verl's DataProto, and what is printed here goes into ``advantages``:
``data.batch["advantages"] = torch.tensor(found.advantages)[:, None] * data.batch["response_mask"]``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.integrations.service import Service
from assay.integrations.verl.step_groups import step_advantages

# Three members of one group that pass the same room; the third could not be scored and is left out.
ROWS = [
    ("t0", "hall", 0.0, 1.0),
    ("t0", "kitchen", 1.0, 1.0),
    ("t1", "hall", 0.0, 0.0),
    ("t1", "cellar", 0.0, 0.0),
    ("t2", "hall", 0.0, np.nan),
]


@dataclass(frozen=True)
class Batch:
    """Of verl's DataProto, what is read."""

    non_tensor_batch: Mapping[str, npt.NDArray[np.generic]]


def main(target: str) -> None:
    """Compute and print."""
    trajectories, anchors, rewards, episodes = zip(*ROWS, strict=True)
    columns = {"traj_uid": trajectories, "anchor_obs": anchors, "rewards": rewards, "episode_rewards": episodes}
    named = {name: np.array(values, object) for name, values in columns.items()}
    batch = Batch({"uid": np.array(["g"] * len(ROWS)), **named})
    found = step_advantages(batch, Service(target), params={"gamma": 0.95, "w": 1.0, "norm": "mean"})
    for (trajectory, anchor, _, _), advantage, counted in zip(ROWS, found.advantages, found.counted, strict=True):
        print(trajectory, anchor, f"{advantage:+.3f}" if counted else "left out")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:50051")
