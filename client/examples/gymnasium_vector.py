"""Episodes of the service through Gymnasium's vector interface, played at random, with Gymnasium's own statistics.

pip install assay-client[gymnasium] && assay serve &
python gymnasium_vector.py [host:port]
"""

from __future__ import annotations

import random
import sys
from typing import cast

import numpy as np
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import assay
from assay.integrations.gymnasium import AssayVectorEnv

GROUPS, MEMBERS = 2, 4


def main(target: str) -> None:
    """Play two groups of four to their ends."""
    chance = random.Random(0)  # noqa: S311 - a policy, not a secret
    with assay.Client(target) as client:
        vector = client.make_vec("keydoor", GROUPS, MEMBERS, seed=1, policy=assay.SessionPolicy(max_steps=12))
        envs = RecordEpisodeStatistics(AssayVectorEnv(vector))
        _, info = envs.reset(seed=1)
        over = np.zeros(envs.num_envs, np.bool_)
        while not over.all():
            allowed = cast("list[tuple[str, ...]]", info["admissible_actions"])
            _, _, ended, cut, info = envs.step(tuple(chance.choice(actions or ("wait",)) for actions in allowed))
            over = ended | cut
        print("steps", [len(rollout.steps) for rollout in vector.rollouts()])
        print("won", cast("list[bool]", np.asarray(info["won"]).tolist()))
        envs.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:50051")
