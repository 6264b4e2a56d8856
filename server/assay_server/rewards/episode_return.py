"""``reward/episode_return``: what the environment paid."""

from __future__ import annotations

import math

from assay.sdk import Evidence, Sample, Score, Unscorable, reward


@reward(
    "reward/episode_return-v1",
    bounds=(-math.inf, math.inf),
    aliases=("episode_return",),
    source="PAPERS A.3: advantage/gigpo, R = sum of the step rewards",
)
def episode_return(sample: Sample) -> Score:
    """The undiscounted sum of the step rewards that the trainer or a session recorded.

    Steps without a reward count nothing; a rollout in which no step has one cannot be scored.
    """
    rewards = [step.reward for step in sample.steps if step.reward is not None]
    if not rewards:
        raise Unscorable("STEP_REWARDS_MISSING", "no step carries a reward", field="steps[0].reward")
    return Score(math.fsum(rewards), evidence=Evidence(reason=f"sum of {len(rewards)} step rewards"))
