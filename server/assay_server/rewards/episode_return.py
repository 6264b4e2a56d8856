"""The environment's own reward: what the steps earned."""

from __future__ import annotations

from assay.sdk import Evidence, Sample, Score, Unscorable, Verdict, reward


@reward("reward/episode_return-v1", bounds=(float("-inf"), float("inf")), aliases=("episode_return",))
def episode_return(sample: Sample, *, success_threshold: float | None = None) -> Score:
    """The undiscounted sum of the step rewards, for rollouts whose environment rewards them.

    Args:
        sample: a rollout with a reward on at least one step.
        success_threshold: at or above it the verdict is CORRECT, below it INCORRECT; None = no verdict.

    Raises:
        Unscorable: no step has a reward.
    """
    rewards = [step.reward for step in sample.steps if step.reward is not None]
    if not rewards:
        raise Unscorable("MISSING_STEP_REWARD", "no step has a reward; the trainer must send them", field="steps")
    total = sum(rewards)
    verdict = Verdict.UNSPECIFIED
    if success_threshold is not None:
        verdict = Verdict.CORRECT if total >= success_threshold else Verdict.INCORRECT
    reason = f"{len(rewards)} of {len(sample.steps)} steps were rewarded, {total:g} in total"
    return Score(total, verdict, Evidence(reason=reason, layer="step_rewards"))
