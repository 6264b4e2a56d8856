"""What trainers' own classes are for our code, where the trainers are not installed: their documented signatures."""

from __future__ import annotations

import asyncio
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import ModuleType
from uuid import uuid4

ESTIMATORS: dict[str, Callable[..., object]] = {}
"""What was registered with the stand-in of verl."""

MANAGERS: dict[str, type[object]] = {}
"""Reward managers that were registered with it."""


class DataProtoItem:
    def __init__(self, batch: Mapping[str, object], non_tensor_batch: Mapping[str, object]) -> None:
        self.batch = batch
        self.non_tensor_batch = non_tensor_batch


class DataProto:
    """A batch of rows; of verl's, what reward managers use: slices and rows."""

    def __init__(self, rows: list[DataProtoItem]) -> None:
        self._rows = rows

    def __getitem__(self, key: int | slice) -> DataProto | DataProtoItem:
        return DataProto(self._rows[key]) if isinstance(key, slice) else self._rows[key]


class RewardManagerBase(ABC):
    def __init__(self, config: object, tokenizer: object, compute_score: Callable[..., object] | None) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.compute_score = compute_score
        self.loop = asyncio.new_event_loop()
        self.loop.close()

    @abstractmethod
    async def run_single(self, data: DataProto) -> dict[str, object]: ...


class OpenAIFunctionToolSchema:
    def __init__(self, described: Mapping[str, Mapping[str, object]]) -> None:
        self.name = described["function"]["name"]
        self.described = described

    @classmethod
    def model_validate(cls, obj: Mapping[str, Mapping[str, object]]) -> OpenAIFunctionToolSchema:
        return cls(obj)


class ToolResponse:
    def __init__(self, *, text: str | None = None) -> None:
        self.text = text


class BaseTool:
    def __init__(self, config: dict[str, object], tool_schema: OpenAIFunctionToolSchema) -> None:
        self.config = config
        self.tool_schema = tool_schema
        self.name = tool_schema.name

    async def create(self, instance_id: str | None = None, **_: object) -> tuple[str, ToolResponse]:
        return instance_id or uuid4().hex, ToolResponse()


class BaseTextEnv:
    def __init__(self) -> None:
        self.turns = 0
        self.max_turns = 1


def register_adv_est(name: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    def remembered(estimator: Callable[..., object]) -> Callable[..., object]:
        ESTIMATORS[name] = estimator
        return estimator

    return remembered


def register_manager(name: str) -> Callable[[type[object]], type[object]]:
    def remembered(manager: type[object]) -> type[object]:
        MANAGERS[name] = manager
        return manager

    return remembered


_NAMES: Mapping[str, Mapping[str, object]] = {
    "verl": {"DataProto": DataProto},
    "verl.experimental": {},
    "verl.experimental.reward_loop": {},
    "verl.experimental.reward_loop.reward_manager": {},
    "verl.experimental.reward_loop.reward_manager.base": {"RewardManagerBase": RewardManagerBase},
    "verl.tools": {},
    "verl.tools.base_tool": {"BaseTool": BaseTool},
    "verl.tools.schemas": {"OpenAIFunctionToolSchema": OpenAIFunctionToolSchema, "ToolResponse": ToolResponse},
    "verl.trainer": {},
    "verl.trainer.ppo": {},
    "verl.trainer.ppo.core_algos": {"register_adv_est": register_adv_est},
    "verl.workers": {},
    "verl.workers.reward_manager": {"register": register_manager},
    "skyrl_gym": {},
    "skyrl_gym.envs": {},
    "skyrl_gym.envs.base_text_env": {
        "BaseTextEnv": BaseTextEnv,
        "BaseTextEnvStepOutput": dict,
        "ConversationType": list,
    },
}
_TRAINER = {"verl": "verl", "skyrl": "skyrl_gym"}


def installed(trainer: str) -> bool:
    """Whether the trainer itself is here."""
    return importlib.util.find_spec(trainer) is not None


def stand_ins(module: str) -> dict[str, ModuleType]:
    """The modules that one of ours imports, by name."""
    trainer = _TRAINER[module.partition(".")[0]]
    made: dict[str, ModuleType] = {}
    for name, contents in _NAMES.items():
        if name.partition(".")[0] == trainer:
            made[name] = ModuleType(name)
            vars(made[name]).update(contents)
    return made
