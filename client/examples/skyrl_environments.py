"""Environments of the service in SkyRL: import this module before the trainer starts, in every process that makes any.

The generator's configuration has, for instance::

    environment.env_class=assay-episode
    environment.skyrl_gym.assay-episode={target: "localhost:50051", environment: household, max_steps: 50}

and a row of the dataset ``{"prompt": [...], "env_class": "assay-episode", "extra_info": {"seed": 7}}``. Rows for
``assay-answer`` have ``reward_spec.ground_truth`` instead. Run as a program it plays a few steps of an episode.
"""

from __future__ import annotations

import sys

import skyrl_gym

OURS = "assay.integrations.skyrl"
skyrl_gym.register(id="assay-answer", entry_point=f"{OURS}:ScoredAnswerEnv")
skyrl_gym.register(id="assay-episode", entry_point=f"{OURS}:EpisodeEnv")


def main(target: str) -> None:
    """Play a few steps."""
    config = {"target": target, "environment": "household"}
    env = skyrl_gym.make("assay-episode", env_config=config, extras={"extra_info": {"seed": 7}, "max_turns": 3})
    opening, _ = env.init([{"role": "user", "content": "Do the task. Answer with <action>...</action>."}])
    print(opening[-1]["content"])
    done = False
    while not done:
        step = env.step("<action>look</action>")
        done = step["done"]
        print(step["reward"], step["metadata"])
    env.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:50051")
