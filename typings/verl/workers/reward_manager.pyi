from collections.abc import Callable
from typing import TypeVar

_C = TypeVar("_C", bound=type[object])

def register(name: str) -> Callable[[_C], _C]: ...
