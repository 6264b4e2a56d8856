"""Arguments as a call left them, put into the objects that the suite passed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol, cast


class _Array(Protocol):
    shape: tuple[int, ...]
    dtype: object

    def __setitem__(self, key: object, value: object) -> None: ...


def copy_back(operands: Sequence[object], named: Mapping[str, object], after: object) -> None:
    """Make mutable operands equal to what ``after`` says: the same operands, and named ones, after the call.

    What has another shape than the operands is left alone: the candidate said it.
    """
    if type(after) is not tuple or len(cast("tuple[object, ...]", after)) != 2:
        return
    new_operands, new_named = cast("tuple[object, object]", after)
    if type(new_operands) is tuple:
        for old, new in zip(operands, cast("tuple[object, ...]", new_operands), strict=False):
            _merged(old, new)
    if type(new_named) is dict:
        for name, new in cast("dict[object, object]", new_named).items():
            if type(name) is str and name in named:
                _merged(named[name], new)


def _merged(old: object, new: object) -> object:
    """``old`` with the content of ``new`` where that can be put in, else ``new``."""
    if type(old) is not type(new):
        return new
    if isinstance(old, list | deque):
        _merge_sequence(cast("list[object]", old), cast("list[object]", new))
    elif isinstance(old, dict):
        _merge_mapping(cast("dict[object, object]", old), cast("dict[object, object]", new))
    elif isinstance(old, set):
        values = cast("set[object]", new)
        old.clear()
        cast("set[object]", old).update(values)
    elif type(old) is tuple:
        return _merged_tuple(cast("tuple[object, ...]", old), cast("tuple[object, ...]", new))
    elif type(old).__name__ == "ndarray":
        return _merged_array(cast("_Array", old), cast("_Array", new))
    else:
        return new
    return cast("object", old)


def _merge_sequence(old: list[object], new: list[object]) -> None:
    if len(old) == len(new):
        merged = [_merged(before, after) for before, after in zip(old, new, strict=True)]
    else:
        merged = list(new)
    old.clear()
    old.extend(merged)


def _merge_mapping(old: dict[object, object], new: dict[object, object]) -> None:
    merged = {key: _merged(old[key], value) if key in old else value for key, value in new.items()}
    old.clear()
    for key, value in merged.items():
        dict.__setitem__(old, key, value)


def _merged_tuple(old: tuple[object, ...], new: tuple[object, ...]) -> tuple[object, ...]:
    if len(old) != len(new):
        return new
    merged = tuple(_merged(before, after) for before, after in zip(old, new, strict=True))
    return old if all(before is after for before, after in zip(old, merged, strict=True)) else merged


def _merged_array(old: _Array, new: _Array) -> object:
    if old.shape != new.shape or old.dtype != new.dtype:
        return new
    old[...] = new
    return old
