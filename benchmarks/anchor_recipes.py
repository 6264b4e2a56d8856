"""What an anchor recipe is worth: episodes of household recorded from sessions, streamed, grouped by each recipe.

Method: 16 tasks x 8 rollouts of generated scenes, driven by a policy that draws admissible commands at random, through
``make_vec`` of an embedded engine; the recorded rollouts go unchanged into one stream per recipe with GiGPO, so what is
counted are the step groups that a trainer gets back. Printed per recipe: the share of steps in groups of more than one
(the others get no step advantage), and the share of steps in groups that mix different true states (told apart by the
state digest): their advantages compare actions that were not taken in the same state.

    python benchmarks/anchor_recipes.py [--difficulty medium] [--steps 50]
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from assay import GroupResult, Rollout, RunConfig, SessionPolicy
from assay.rollouts import Anchor
from assay.sdk.spec import AnchorRecipe, Grouping
from assay_server.embedded import Engine

TASKS = 16
ROLLOUTS = 8
RECIPES = {
    "observation": Grouping(AnchorRecipe.OBSERVATION),
    "observation + inventory": Grouping(AnchorRecipe.OBSERVATION_AND_INVENTORY),
    "state digest": Grouping(AnchorRecipe.STATE_DIGEST),
    "state + last 2 states": Grouping(AnchorRecipe.STATE_AND_HISTORY, history_length=2),
    "text similarity 0.95": Grouping(AnchorRecipe.TEXT_SIMILARITY, similarity_threshold=0.95),
}


def main() -> None:
    """Record, stream, count, print."""
    arguments = argparse.ArgumentParser(description="Anchor recipes on household.")
    arguments.add_argument("--difficulty", default="medium")
    arguments.add_argument("--steps", type=int, default=50)
    chosen = arguments.parse_args()
    with Engine() as engine:
        rollouts = record(engine, chosen.difficulty, chosen.steps)
        steps, won = sum(len(one.steps) for one in rollouts), sum(bool(one.steps[-1].reward) for one in rollouts)
        print(f"{len(rollouts)} rollouts of {TASKS} tasks ({chosen.difficulty}), {steps} steps, {won} won")
        print(f"{'recipe':<26}{'groups':>8}{'steps in groups > 1':>22}{'in groups mixing states':>26}")
        for number, (name, grouping) in enumerate(RECIPES.items()):
            groups = step_groups(engine, number, rollouts, grouping)
            shared = sum(len(states) for states in groups if len(states) > 1)
            mixed = sum(len(states) for states in groups if len(set(states)) > 1)
            print(f"{name:<26}{len(groups):>8,}{shared / steps:>22.1%}{mixed / steps:>26.1%}")


def record(engine: Engine, difficulty: str, steps: int) -> list[Rollout]:
    """Random episodes, as ``make_vec`` records them."""
    chooser, policy = random.Random(7), SessionPolicy(max_steps=steps)
    with engine.make_vec(
        "household", TASKS, ROLLOUTS, seed=1, options={"difficulty": difficulty}, policy=policy
    ) as episodes:
        _, info = episodes.reset()
        while episodes.active.any():
            commands = [chooser.choice(listed) if listed else None for listed in info["admissible_actions"]]
            _, _, _, _, info = episodes.step(commands)
        return list(episodes.rollouts())


def step_groups(engine: Engine, number: int, rollouts: Sequence[Rollout], grouping: Grouping) -> list[list[str]]:
    """The true states in each step group that comes back."""
    config = RunConfig(
        run_id=f"recipe-{number}", reward="episode_return", estimator="advantage/gigpo", grouping=grouping
    )
    states = {one.rollout_id: [_state(step.anchor) for step in one.steps] for one in rollouts}
    groups: dict[str, list[str]] = defaultdict(list)
    with engine.stream(config) as stream:
        stream.send_many([replace(one) for one in rollouts])
        stream.finish()
        for event in stream:
            if isinstance(event, GroupResult):
                for member in event:
                    for name, state in zip(member.step_group_ids, states[member.rollout_id], strict=True):
                        groups[name].append(state)
    return list(groups.values())


def _state(anchor: object) -> str:
    if not isinstance(anchor, Anchor):
        raise TypeError(f"expected an anchor of the client's, got {type(anchor).__name__}")
    return anchor.state_digest


if __name__ == "__main__":
    main()
