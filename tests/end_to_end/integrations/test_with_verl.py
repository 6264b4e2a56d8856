# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# The trainers are not installed where types are checked.
"""verl itself: its reward loop's base, its tool registry, its table of estimators, its batches."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from assay import NotScored
from assay.integrations.service import Service
from assay.integrations.verl.step_groups import step_advantages

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]

TOOLS = """
tools:
  - class_name: assay.integrations.verl.environment_tool.EnvironmentTool
    config: {{type: native, environment: keydoor, target: "{target}", max_steps: 2}}
"""


class Tokenizer:
    def decode(self, token_ids: object, skip_special_tokens: bool = False) -> str:
        assert skip_special_tokens
        return "".join(chr(int(token)) for token in np.asarray(token_ids))


def row(solution: str, truth: str, **columns: object) -> object:
    import torch
    from tensordict import TensorDict
    from verl import DataProto

    tokens = torch.tensor([[ord(letter) for letter in solution]])
    mask = torch.ones(1, 2 + tokens.shape[1], dtype=torch.int64)
    batch = TensorDict({"responses": tokens, "attention_mask": mask}, batch_size=1)
    named = {"data_source": "gsm8k", "reward_model": {"ground_truth": truth}, "extra_info": {"index": 1}, **columns}
    return DataProto(batch, {name: np.array([value], object) for name, value in named.items()})


async def test_the_reward_loop_is_found_and_asked(service: Service):
    from omegaconf import OmegaConf
    from verl.trainer.ppo.reward import load_reward_manager

    manager = {"source": "importlib", "name": "AssayRewardManager"}
    module = {"path": "pkg://assay.integrations.verl.reward_loop", "name": "reward_loop"}
    kwargs = {"target": service.target, "reward": "math"}
    config = OmegaConf.create({"reward": {"reward_manager": {**manager, "module": module}, "reward_kwargs": kwargs}})
    loop = load_reward_manager(config, Tokenizer(), reward_router_address=None)
    assert await loop.run_single(row("so A: 18", "18")) == {
        "reward_score": 1.0,
        "reward_extra_info": {"score": 1.0, "assay_scored": 1.0},
    }
    with pytest.raises(NotScored):
        await loop.run_single(row("so A: 18", "{}"))


async def test_a_score_file_is_loaded_and_asked_by_verl_s_own_manager(service: Service):
    from omegaconf import OmegaConf
    from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
    from verl.trainer.ppo.reward import get_custom_reward_fn

    custom = {"path": "pkg://assay.integrations.verl.scores", "name": "compute_score_async"}
    config = OmegaConf.create(
        {"reward": {"custom_reward_function": {**custom, "reward_kwargs": {"target": service.target}}}}
    )
    manager = NaiveRewardManager(config, Tokenizer(), get_custom_reward_fn(config))
    answer = await manager.run_single(row("A: 3", "18"))
    assert (answer["reward_score"], answer["reward_extra_info"]["assay_scored"]) == (0.0, 1.0)


async def test_a_tool_of_the_registry_plays(service: Service, tmp_path: Path):
    from verl.tools.tool_registry import initialize_tools_from_config

    (tmp_path / "tools.yaml").write_text(TOOLS.format(target=service.target))
    [tool] = initialize_tools_from_config(tmp_path / "tools.yaml")
    assert tool.get_openai_tool_schema().function.parameters.required == ["action"]
    answers: list[tuple[str, bool]] = []
    for _ in range(2):
        call, _ = await tool.create(create_kwargs={"seed": 1})
        answer, _, facts = await tool.execute(call, {"action": "look"}, agent_data=SimpleNamespace(request_id="t"))
        await tool.release(call)
        answers.append((answer.text, facts["done"]))
    assert [done for _, done in answers] == [False, True]


def test_estimators_are_verl_s_own_by_name(service: Service, monkeypatch: pytest.MonkeyPatch):
    import torch
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn

    import assay.integrations.verl.estimators

    monkeypatch.setenv("ASSAY_TARGET", service.target)
    assert "assay_grpo" in assay.integrations.verl.estimators.BY_NAME
    rewards = torch.tensor([[0, 1.0], [0, 0.0], [0, torch.nan], [0, 0.5]])
    mask = torch.tensor([[1, 1], [1, 0], [1, 1], [1, 1]])
    uids = np.array(["a", "a", "a", "b"], object)
    found, _ = get_adv_estimator_fn("assay_rloo")(
        token_level_rewards=rewards, response_mask=mask, index=uids, config=None
    )
    assert found.tolist() == [[1, 1], [-1, 0], [0, 0], [0, 0]]


def test_a_batch_of_verl_gets_step_advantages(service: Service):
    from verl import DataProto

    steps = [("t0", "s0", 1.0), ("t0", "s1", 1.0), ("t1", "s0", 0.0)]
    rows = [
        row("x", "1", uid="g", traj_uid=name, anchor_obs=seen, rewards=0.0, episode_rewards=episode)
        for name, seen, episode in steps
    ]
    found = step_advantages(DataProto.concat(rows), service, params={"gamma": 0.95, "w": 1.0})
    assert found.counted.all()
    assert found.advantages[0] > 0 > found.advantages[2]
