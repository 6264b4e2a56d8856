from __future__ import annotations

from assay.rollouts import Anchor, Rollout
from assay_server.demo.episodes import GROUP_SIZE, play_group


def test_a_group_starts_from_one_state_and_is_the_same_each_time():
    group = play_group(3)
    assert len(group) == GROUP_SIZE
    assert len({episode.start_digest for episode in group}) == 1
    assert group == play_group(3)
    assert group != play_group(4)


def test_policies_differ_in_skill_and_meet_in_the_same_states():
    for seed in (1, 2, 3):
        group = play_group(seed)
        assert group[-1].won
        assert len(group[-1].turns) <= min(len(episode.turns) for episode in group if episode.won)
        visits = [turn.names["state"] for episode in group for turn in episode.turns]
        assert len(set(visits)) < len(visits) / 3
    assert not all(turn.action_valid for seed in range(6) for episode in play_group(seed) for turn in episode.turns)


def test_a_rollout_carries_the_state_each_action_was_taken_in():
    episode = play_group(3)[0]
    rollout = episode.rollout()
    assert _observed(rollout) == [turn.names["state"] for turn in episode.turns]
    assert _observed(episode.rollout(anchor_by="view")) == [turn.names["view"] for turn in episode.turns]
    assert [step.done for step in rollout.steps] == [False] * (len(episode.turns) - 1) + [True]
    assert rollout.initial_state_digest == episode.start_digest


def _observed(rollout: Rollout) -> list[object]:
    anchors = [step.anchor for step in rollout.steps]
    return [anchor.observation for anchor in anchors if isinstance(anchor, Anchor)]
