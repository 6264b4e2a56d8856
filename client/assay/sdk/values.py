"""Value classes: frozen to the type checker, cheap to make at run time.

A frozen dataclass sets each field through ``object.__setattr__``, which costs four times as much as an assignment.
Values of the hot path (a sample, a score, a member: several for every rollout) are made with this decorator instead:
type checkers refuse to change them, and nothing guards them at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:
        """What only the type checker reads (in typing since Python 3.11)."""
        return lambda decorator: decorator


T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """A slotted dataclass with value equality and hash, not to be changed."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def holder(cls: type[T]) -> type[T]:
    """The same for what holds arrays: equal to itself alone."""
    return dataclass(slots=True, eq=False)(cls)
