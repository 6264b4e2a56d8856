"""Environments in one process: steps a second and the time of a reset, beside ALFWorld's own engine where it is there.

A step is a random admissible command with what a session needs of it: observation, admissible actions, state digest.
Times are process time, so other work on the machine counts little. Resets are of a new seed each (a game file is read
once and kept). ALFWorld's engine is measured in the same run where its package is installed and a folder of games is
given: ``python benchmarks/environments.py [FOLDER_OF_GAMES]``.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path
from random import Random
from typing import Protocol, cast

from assay.sdk import Json
from assay_server.cli.env_bench import reset_seconds, steps_per_second
from assay_server.cli.env_episode import EpisodeNames, EpisodeSource, episode_source

SECONDS = 4.0
ROUNDS = 3
EPISODE_STEPS = 50


class BatchOfOne(Protocol):
    """An episode of ALFWorld's own engine."""

    def reset(self) -> tuple[list[str], dict[str, list[list[str]]]]: ...

    def step(self, actions: list[str]) -> tuple[list[str], list[float], list[bool], dict[str, list[list[str]]]]: ...


def main() -> None:
    """Measure everything and print a table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    rows: list[tuple[str, EpisodeSource]] = [
        (f"household, generated, {difficulty}", _source("household", {"difficulty": difficulty}))
        for difficulty in ("easy", "medium", "hard")
    ]
    if folder is not None:
        games = sorted(folder.rglob("game.tw-pddl"))[:3]
        rows += [(f"household, {one.parts[-3][:40]}", episode_source(EpisodeNames("household", one))) for one in games]
    rows.append(("keydoor", _source("keydoor", {})))
    rows.append(("apps", _source("apps", {})))
    print(f"{'':52}{'steps/s':>12}{'reset ms':>12}   (best of {ROUNDS} rounds of {SECONDS:g} s; median reset)")
    for name, source in rows:
        rate = max(steps_per_second(source, seed, SECONDS) for seed in range(ROUNDS))
        print(f"{name:<52}{rate:>12,.0f}{1000 * reset_seconds(source, 10_000):>12.2f}")
    if folder is None or importlib.util.find_spec("alfworld") is None:
        print("ALFWorld's own engine: not measured (its package is not installed, or no folder of games is given)")
        return
    rate, reset = measure_alfworld(folder)
    print(f"{'ALFWorld, its own engine':<52}{rate:>12,.0f}{1000 * reset:>12.2f}")


def _source(name: str, options: dict[str, Json]) -> EpisodeSource:
    return episode_source(EpisodeNames(name, options=json.dumps(options)))


def measure_alfworld(folder: Path) -> tuple[float, float]:
    """Steps a second and seconds of a reset, in ALFWorld's engine, as its users run it."""
    environment = alfworld_of(folder)
    rng, spent, steps, resets = Random(0), 0.0, 0, list[float]()
    while spent < SECONDS:
        started = time.process_time()
        _, info = environment.reset()
        resets.append(time.process_time() - started)
        started = time.process_time()
        for _ in range(EPISODE_STEPS):
            _, _, done, info = environment.step([rng.choice(info["admissible_commands"][0])])
            steps += 1
            if done[0]:
                break
        spent += time.process_time() - started
    return steps / spent, statistics.median(resets)


def alfworld_of(folder: Path) -> BatchOfOne:
    """ALFWorld's evaluation environment on a folder of games, one game at a time, without its expert."""
    config = {
        "dataset": {
            "data_path": str(folder),
            "eval_id_data_path": str(folder),
            "num_train_games": -1,
            "num_eval_games": -1,
        },
        "env": {
            "domain_randomization": False,
            "expert_timeout_steps": 150,
            "expert_type": "planner",
            "goal_desc_human_anns_prob": 0,
            "task_types": [1, 2, 3, 4, 5, 6],
        },
        "logic": {"domain": "", "grammar": ""},
        "general": {"training_method": "dqn"},
        "rl": {"training": {"max_nb_steps_per_episode": EPISODE_STEPS}},
        "dagger": {"training": {"max_nb_steps_per_episode": EPISODE_STEPS}},
    }
    module = importlib.import_module("alfworld.agents.environment.alfred_tw_env")
    made = module.AlfredTWEnv(config, train_eval="eval_in_distribution")
    return cast("BatchOfOne", made.init_env(batch_size=1))


if __name__ == "__main__":
    main()
