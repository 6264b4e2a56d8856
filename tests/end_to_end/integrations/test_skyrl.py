"""The environments as a SkyRL generator makes and drives them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from assay import InvalidArgument, NotScored
from assay.integrations.service import Service

Importer = Callable[[str], ModuleType]


def test_an_answer_is_scored(service: Service, over_stand_ins: Importer):
    make = over_stand_ins("skyrl").ScoredAnswerEnv
    config = {"target": service.target, "reward": "math"}
    row = {"reward_spec": {"ground_truth": "18"}, "data_source": "gsm8k", "max_turns": 1}
    env = make(env_config=config, extras=row)
    assert env.step("so A: 18") == {
        "observations": [],
        "reward": 1.0,
        "done": True,
        "metadata": {"assay": {"math": 1.0}},
    }
    with pytest.raises(NotScored):
        make(config, {"reward_spec": {"ground_truth": {}}}).step("A: 1")
    with pytest.raises(InvalidArgument, match="ground_truth"):
        make(config, {})


def test_an_episode_is_played_to_its_end(service: Service, over_stand_ins: Importer):
    make = over_stand_ins("skyrl").EpisodeEnv
    config = {"target": service.target, "environment": "keydoor"}
    env = make(env_config=config, extras={"extra_info": {"seed": 3}, "max_turns": 2})
    opening, facts = env.init([{"role": "user", "content": "Play."}])
    assert [message["role"] for message in opening] == ["user"]
    assert opening[0]["content"].startswith("Play.\n\n")
    assert facts["anchor"]
    first = env.step("I <action>look</action>")
    assert (first["done"], first["observations"][0]["role"]) == (False, "user")
    last = env.step("<action>look</action>")
    assert (last["done"], last["observations"]) == (True, [])
    assert env.get_metrics() == {"won": 0.0, "turns": 2.0}
    env.close()
    env.close()


def test_equal_seeds_start_alike(service: Service, over_stand_ins: Importer):
    make = over_stand_ins("skyrl").EpisodeEnv
    config = {"target": service.target, "environment": "keydoor"}
    seen = [make(config, {"seed": seed}).init([])[0] for seed in (1, 1, 2)]
    assert seen[0] == seen[1] != seen[2]
