from collections.abc import Mapping
from typing import TypeAlias, TypedDict

MessageType: TypeAlias = dict[str, str]
ConversationType: TypeAlias = list[MessageType]

class BaseTextEnvStepOutput(TypedDict):
    observations: ConversationType
    reward: float
    done: bool
    metadata: Mapping[str, object]

class BaseTextEnv:
    turns: int
    max_turns: int
    def __init__(self) -> None: ...
    def step(self, action: str) -> BaseTextEnvStepOutput: ...
    def init(self, prompt: ConversationType) -> tuple[ConversationType, dict[str, object]]: ...
    def close(self) -> None: ...
    def get_metrics(self) -> dict[str, object]: ...
