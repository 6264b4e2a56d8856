from collections.abc import Callable
from typing import TypeVar

_F = TypeVar("_F", bound=Callable[..., object])

def register_adv_est(name_or_enum: str) -> Callable[[_F], _F]: ...
