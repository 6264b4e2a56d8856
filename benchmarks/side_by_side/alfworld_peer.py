# pyright: basic, reportMissingImports=false
# ALFWorld is installed in an environment of its own.
"""Steps a second of ALFWorld's own engine on a folder of games; runs in its environment, prints one JSON line."""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import sys
import time

from alfworld.agents.environment.alfred_tw_env import AlfredTWEnv

STEPS = 50


def main() -> None:
    """Random admissible commands on every game in turn, so many seconds of processor time."""
    folder, seconds = sys.argv[1], float(sys.argv[2])
    config = {
        "dataset": {"data_path": folder, "eval_id_data_path": folder, "num_train_games": -1, "num_eval_games": -1},
        "env": {
            "domain_randomization": False,
            "expert_timeout_steps": 150,
            "expert_type": "planner",
            "goal_desc_human_anns_prob": 0,
            "task_types": [1, 2, 3, 4, 5, 6],
        },
        "logic": {"domain": "", "grammar": ""},
        "general": {"training_method": "dqn"},
        "rl": {"training": {"max_nb_steps_per_episode": STEPS}},
        "dagger": {"training": {"max_nb_steps_per_episode": STEPS}},
    }
    with contextlib.redirect_stdout(sys.stderr):
        environment = AlfredTWEnv(config, train_eval="eval_in_distribution").init_env(batch_size=1)
    chance, spent, steps, resets = random.Random(0), 0.0, 0, []
    while spent < seconds or len(resets) < 10:
        began = time.process_time()
        _, info = environment.reset()
        resets.append(time.process_time() - began)
        began = time.process_time()
        for _ in range(STEPS):
            _, _, done, info = environment.step([chance.choice(info["admissible_commands"][0])])
            steps += 1
            if done[0]:
                break
        spent += time.process_time() - began
    print(json.dumps({"stepsPerSecond": steps / spent, "resetMs": 1e3 * statistics.median(resets), "steps": steps}))


if __name__ == "__main__":
    main()
