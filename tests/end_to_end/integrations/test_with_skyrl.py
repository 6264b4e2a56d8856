# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# The trainers are not installed where types are checked.
"""SkyRL-gym itself: its registry makes the environments."""

from __future__ import annotations

import pytest

from assay.integrations.service import Service

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]


def test_the_registry_makes_what_scores_and_what_plays(service: Service):
    import skyrl_gym

    ours = "assay.integrations.skyrl"
    skyrl_gym.register(id="assay-answer", entry_point=f"{ours}:ScoredAnswerEnv")
    skyrl_gym.register(id="assay-episode", entry_point=f"{ours}:EpisodeEnv")
    row = {"reward_spec": {"ground_truth": "18"}, "max_turns": 1}
    answer = skyrl_gym.make("assay-answer", env_config={"target": service.target}, extras=row)
    step = answer.step("so A: 18")
    assert (step["reward"], step["done"]) == (1.0, True)
    config = {"target": service.target, "environment": "keydoor"}
    episode = skyrl_gym.make("assay-episode", env_config=config, extras={"seed": 3, "max_turns": 2})
    opening, _ = episode.init([])
    assert opening[0]["role"] == "user"
    assert [episode.step("look")["done"] for _ in range(2)] == [False, True]
    assert type(episode).aggregate_metrics([episode.get_metrics()]) == {"won": 0.0, "turns": 2.0}
    episode.close()
