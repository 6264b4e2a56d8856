"""Episodes of household, recorded from sessions and streamed: a recipe names states as it says."""

from __future__ import annotations

import random
from collections.abc import Sequence

from assay import GroupResult, Rollout, RunConfig, SessionPolicy
from assay.rollouts import Anchor
from assay.sdk.spec import AnchorRecipe, Grouping
from assay_server.embedded import Engine

GROUPINGS = (
    Grouping(AnchorRecipe.TEXT_SIMILARITY, similarity_threshold=0.95),
    Grouping(AnchorRecipe.OBSERVATION),
    Grouping(AnchorRecipe.OBSERVATION_AND_INVENTORY),
    Grouping(AnchorRecipe.STATE_DIGEST),
)


def test_recipes_from_the_coarsest_to_the_true_state() -> None:
    with Engine() as engine:
        rollouts = recorded(engine)
        steps = sum(len(one.steps) for one in rollouts)
        groups = [step_groups(engine, number, rollouts, one) for number, one in enumerate(GROUPINGS)]
    assert [sum(map(len, one.values())) for one in groups] == [steps] * len(GROUPINGS)
    assert len(groups[0]) <= len(groups[1]) < len(groups[2]) < len(groups[3]) < steps
    mixed = [sum(len(states) for states in one.values() if len(set(states)) > 1) for one in groups]
    assert mixed[0] >= mixed[1] > mixed[2] > mixed[3] == 0


def recorded(engine: Engine) -> Sequence[Rollout]:
    chooser, policy = random.Random(5), SessionPolicy(max_steps=25)
    with engine.make_vec("household", 3, 4, seed=2, options={"difficulty": "easy"}, policy=policy) as episodes:
        _, info = episodes.reset()
        while episodes.active.any():
            commands = [chooser.choice(listed) if listed else None for listed in info["admissible_actions"]]
            _, _, _, _, info = episodes.step(commands)
        return episodes.rollouts()


def step_groups(
    engine: Engine, number: int, rollouts: Sequence[Rollout], grouping: Grouping
) -> dict[tuple[str, str], list[str]]:
    """The true states in each step group."""
    config = RunConfig(run_id=f"r{number}", reward="episode_return", estimator="advantage/gigpo", grouping=grouping)
    anchors = {one.rollout_id: [step.anchor for step in one.steps] for one in rollouts}
    groups: dict[tuple[str, str], list[str]] = {}
    with engine.stream(config) as stream:
        stream.send_many(list(rollouts))
        stream.finish()
        for group in stream:
            if isinstance(group, GroupResult):
                for member in group:
                    for name, anchor in zip(member.step_group_ids, anchors[member.rollout_id], strict=True):
                        assert isinstance(anchor, Anchor)
                        groups.setdefault((group.group_id, name), []).append(anchor.state_digest)
    return groups
