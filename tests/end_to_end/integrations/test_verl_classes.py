"""What verl makes and calls, over the signatures that it documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from assay import InvalidArgument, NotFound, NotScored
from assay.integrations.service import Service
from assay.integrations.verl.interaction import EnvironmentInteraction

from .contracts import ESTIMATORS, MANAGERS, DataProto, DataProtoItem

Importer = Callable[[str], ModuleType]
SEED = 5


class Tokenizer:
    def decode(self, token_ids: object, skip_special_tokens: bool = False) -> str:
        assert skip_special_tokens
        return "".join(chr(int(token)) for token in np.asarray(token_ids))


@dataclass(frozen=True)
class Config:
    reward: dict[str, object]


@dataclass
class AgentData:
    request_id: str
    tool_rewards: list[float] = field(default_factory=list[float])


def item(solution: str, truth: str) -> DataProtoItem:
    tokens = np.array([ord(letter) for letter in solution] + [0, 0])
    mask = np.array([1, 1] + [1] * len(solution) + [0, 0])
    row = {"data_source": "gsm8k", "reward_model": {"ground_truth": truth}, "extra_info": {"index": 1}}
    return DataProtoItem({"responses": tokens, "attention_mask": mask}, row)


async def test_the_reward_loop_scores_the_last_response(service: Service, over_stand_ins: Importer):
    manager_class = over_stand_ins("verl.reward_loop").AssayRewardManager
    config = Config({"reward_kwargs": {"target": service.target, "reward": "math"}})
    manager = manager_class(config, Tokenizer(), None, reward_router_address=None)
    answer = await manager.run_single(DataProto([item("A: 3", "18"), item("so A: 18", "18")]))
    assert answer == {"reward_score": 1.0, "reward_extra_info": {"score": 1.0, "assay_scored": 1.0}}
    with pytest.raises(NotScored):
        await manager.run_single(DataProto([item("A: 3", "{}")]))


class Padded:
    """A batch of verl's older interface: all rows in one array, padded on the right."""

    def __init__(self, *solutions: str, truth: str) -> None:
        longest = max(map(len, solutions))
        self._rows: list[DataProtoItem] = []
        for solution in solutions:
            row = item(solution + "\0" * (longest - len(solution)), truth)
            mask = [1, 1] + [int(place < len(solution)) for place in range(longest)] + [0, 0]
            self._rows.append(DataProtoItem({**row.batch, "attention_mask": np.array(mask)}, row.non_tensor_batch))
        self.batch = {"responses": FloatableTokens(np.array([row.batch["responses"] for row in self._rows]))}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> DataProtoItem:
        return self._rows[place]


class FloatableTokens:
    """Of a tensor, what makes another one of numbers."""

    def __init__(self, values: npt.NDArray[np.int64]) -> None:
        self._values = values

    def float(self) -> npt.NDArray[np.float32]:
        return self._values.astype(np.float32)


def test_the_older_reward_manager_puts_each_reward_at_its_last_token(service: Service, over_stand_ins: Importer):
    manager_class = over_stand_ins("verl.reward_manager").AssayBatchRewardManager
    assert MANAGERS["assay"] is manager_class
    manager = manager_class(Tokenizer(), 0, None, "data_source", target=service.target, reward="math")
    answer = manager(Padded("so A: 18", "A: 3", truth="18"), return_dict=True)
    rewards = answer["reward_tensor"]
    assert rewards.shape == (2, 10)
    assert [(int(row), int(token)) for row, token in np.argwhere(rewards)] == [(0, len("so A: 18") - 1)]
    assert answer["reward_extra_info"] == {"score": [1.0, 0.0], "assay_scored": [1.0, 1.0]}
    assert manager(Padded("A: 18", truth="18")).tolist() == [[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]


def test_the_older_reward_manager_takes_nothing_unscored_for_a_zero(service: Service, over_stand_ins: Importer):
    manager_class = over_stand_ins("verl.reward_manager").AssayBatchRewardManager
    with pytest.raises(NotScored):
        manager_class(Tokenizer(), 0, target=service.target, reward="math")(Padded("A: 3", truth="{}"))
    with pytest.raises(InvalidArgument):
        manager_class(Tokenizer(), 0, no_such_setting=1)


async def test_a_tool_plays_one_episode_a_trajectory_over_many_calls(service: Service, over_stand_ins: Importer):
    tool = over_stand_ins("verl.environment_tool").EnvironmentTool(
        {"type": "native", "environment": "puzzles/number-line", "target": service.target}
    )
    assert tool.name == "act"
    plays: dict[str, list[str | None]] = {"one": [], "two": []}
    for action in ("nonsense", "look", "look"):
        for name, seen in plays.items():
            call, _ = await tool.create(create_kwargs={"seed": SEED})
            answer, reward, facts = await tool.execute(call, {"action": action}, agent_data=AgentData(name))
            await tool.release(call)
            assert reward is not None
            assert set(facts) == {"won", "done", "action_valid", "anchor"}
            seen.append(answer.text)
    assert plays["one"] == plays["two"]
    assert all(plays["one"])


async def test_a_tool_whose_service_is_gone_has_no_reward(over_stand_ins: Importer):
    tool = over_stand_ins("verl.environment_tool").EnvironmentTool(
        {"environment": "household", "target": "localhost:1", "timeout": 0.2}
    )
    call, _ = await tool.create()
    answer, reward, facts = await tool.execute(call, {"action": "look"}, agent_data=AgentData("x"))
    assert (answer.text, reward, list(facts)) == ("The environment failed.", None, ["assay_failure"])


async def test_a_tool_for_a_whole_trajectory_ends_with_it(service: Service, over_stand_ins: Importer):
    tool = over_stand_ins("verl.environment_tool").EnvironmentTool(
        {"environment": "keydoor", "target": service.target, "max_steps": 2}
    )
    call, _ = await tool.create("mine", seed=SEED)
    assert (await tool.execute(call, {"action": "wait"}))[2]["done"] is False
    assert (await tool.execute(call, {"action": "wait"}))[2]["done"] is True
    over = await tool.execute(call, {"action": "wait"})
    assert over[1:] == (None, {"assay_over": True})
    await tool.release(call)


async def test_an_interaction_answers_what_the_assistant_does(service: Service):
    interaction = EnvironmentInteraction({"environment": "keydoor", "target": service.target, "max_steps": 2})
    name = await interaction.start_interaction("i1", seed=SEED)
    said = [{"role": "user", "content": "play"}, {"role": "assistant", "content": "<action>look</action>"}]
    over, seen, reward, facts = await interaction.generate_response(name, said)
    assert (over, bool(seen), set(facts)) == (False, True, {"won", "action_valid", "anchor"})
    over, _, second, _ = await interaction.generate_response(name, said)
    assert over
    assert await interaction.calculate_score(name) == reward + second
    with pytest.raises(InvalidArgument, match="assistant"):
        await interaction.generate_response(name, said[:1])
    await interaction.finalize_interaction(name)
    with pytest.raises(NotFound):
        await interaction.generate_response(name, said)


def test_an_interaction_without_an_environment_is_refused():
    with pytest.raises(InvalidArgument, match="environment"):
        EnvironmentInteraction({})


class Tensor:
    """Of a torch tensor, what the estimators use."""

    def __init__(self, values: object) -> None:
        self.values = np.asarray(values, np.float64)

    def sum(self, dim: int) -> Tensor:
        return Tensor(self.values.sum(axis=dim))

    def detach(self) -> Tensor:
        return self

    cpu = detach

    def tolist(self) -> object:
        return self.values.tolist()

    def new_tensor(self, data: object) -> Tensor:
        return Tensor(data)

    def unsqueeze(self, dim: int) -> Tensor:
        return Tensor(np.expand_dims(self.values, dim))

    def __mul__(self, other: Tensor) -> Tensor:
        return Tensor(self.values * other.values)


def test_estimators_are_registered_and_leave_out_what_is_not_a_number(
    service: Service, over_stand_ins: Importer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ASSAY_TARGET", service.target)
    over_stand_ins("verl.estimators")
    assert {"assay_grpo", "assay_rloo", "assay_dr_grpo"} <= set(ESTIMATORS)
    rewards = Tensor([[0, 1.0], [0, 0.0], [0, np.nan], [0, 0.5], [1.0, 0], [0, 0]])
    mask = Tensor([[1, 1], [1, 0], [1, 1], [1, 1], [1, 1], [1, 1]])
    uids = np.array(["a", "a", "a", "b", "a", "b"], object)
    found, returns = ESTIMATORS["assay_rloo"](token_level_rewards=rewards, response_mask=mask, index=uids, config=None)  # type: ignore[misc] - a stand-in's
    assert found is returns
    assert found.values.tolist() == [[0.5, 0.5], [-1, 0], [0, 0], [0.5, 0.5], [0.5, 0.5], [-0.5, -0.5]]
