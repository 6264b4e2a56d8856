"""``reward/grounding``: were the actions of the steps carried out?"""

from __future__ import annotations

from assay.sdk import Evidence, Sample, Score, SpanReward, reward


@reward(
    "reward/grounding-v1",
    bounds=(0.0, 1.0),
    source="the grounding signal of reward/progress_attribution (SPA-RL)",
)
def grounding(sample: Sample, *, valid: float = 1.0, invalid: float = 0.0) -> Score:
    """The mean over the steps of ``valid`` or ``invalid``, by the step's flag ``action_valid``.

    Each step has a span over its whole action, ``grounded`` or ``ungrounded``, with its own reward. The flag is the
    environment's; no text is read. A rollout without steps is one step that is valid.
    """
    flags = [step.action_valid for step in sample.steps] or [True]
    rewards = [valid if flag else invalid for flag in flags]
    spans = tuple(
        SpanReward(step.index, 0, len(step.action), "grounded" if step.action_valid else "ungrounded", earned)
        for step, earned in zip(sample.steps, rewards, strict=False)
    )
    wrong = flags.count(False)
    evidence = Evidence(reason=f"{wrong} of {len(flags)} actions were not valid", layer="action_valid")
    return Score(sum(rewards) / len(rewards), evidence=evidence, components={"invalid": float(wrong)}, spans=spans)
