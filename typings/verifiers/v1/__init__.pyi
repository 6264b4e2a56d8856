from abc import ABC
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from typing_extensions import Self

_F = TypeVar("_F", bound=Callable[..., object])

def reward(func: _F) -> _F: ...

class _Model:
    def __init__(self, **values: object) -> None: ...
    @classmethod
    def model_validate(cls, obj: object) -> Self: ...
    def model_dump(self) -> dict[str, object]: ...

class TaskConfig(_Model): ...
class TasksetConfig(_Model): ...
class EnvConfig(_Model): ...
class AgentConfig(_Model): ...
class State(_Model): ...

class TaskData(_Model):
    idx: int | None
    name: str | None
    prompt: object
    @property
    def prompt_text(self) -> str: ...

class Trace:
    id: str
    info: dict[str, object]
    @property
    def last_reply(self) -> str: ...
    def record_metric(self, name: str, value: float) -> None: ...
    def record_metrics(self, values: Mapping[str, float]) -> None: ...
    def record_reward(self, name: str, value: float, weight: float = ...) -> None: ...

class Segment:
    terminated: bool
    @property
    def last_reply(self) -> str: ...

class Interaction:
    @property
    def trace(self) -> Trace: ...
    async def turn(self, message: str | None = ...) -> Segment: ...

_DataT = TypeVar("_DataT")
_StateT = TypeVar("_StateT")
_ConfigT = TypeVar("_ConfigT")

class Task(Generic[_DataT, _StateT, _ConfigT]):
    data: _DataT
    config: _ConfigT
    def __init__(self, data: _DataT, config: _ConfigT | None = ...) -> None: ...
    @property
    def key(self) -> str: ...

_TaskT = TypeVar("_TaskT")

class Taskset(ABC, Generic[_TaskT, _ConfigT]):
    INFINITE: bool
    config: _ConfigT
    def load(self) -> Iterable[_TaskT]: ...

class Agent:
    def interaction(self, task: object) -> AbstractAsyncContextManager[Interaction]: ...

class Env(ABC, Generic[_ConfigT]):
    config: _ConfigT
