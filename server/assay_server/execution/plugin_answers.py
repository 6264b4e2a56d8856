"""Calling what plugins declare over finished groups, and reading what it says, which is checked before it is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import cast

from assay.sdk import FinishedGroup, PluginDefinition, PluginKind, Unscorable
from assay_server.execution.cpu.channel import Computed

LONGEST_REASON = 100
"""Characters of a reason for dropping a group."""


class NotAnAnswer(Exception):
    """A plugin said something else than what it was asked for; the message says what."""


def called(
    function: Callable[..., object],
    kind: PluginKind,
    groups: Sequence[FinishedGroup],
    bound: Mapping[str, object],
) -> Computed:
    """What a function of this kind says of groups; nothing of it is checked yet but that it is numbers, or a text.

    Raises:
        NotAnAnswer: it said something else.
        Exception: whatever the function raises.
    """
    if kind is PluginKind.BATCH_REWARD:
        said = function(tuple(groups), **bound)
        per_group = list(islice(cast("Iterable[object]", said), len(groups) + 1))
        if len(per_group) != len(groups):
            raise NotAnAnswer(f"expected numbers for {len(groups)} groups, got {_count(per_group, len(groups))}")
        return Computed(tuple(_numbers(one, group) for one, group in zip(per_group, groups, strict=True)))
    (group,) = groups
    said = function(group, **bound)
    if kind is not PluginKind.SELECTOR:
        return Computed((_numbers(said, group),))
    if not isinstance(said, str):
        raise NotAnAnswer(f"expected a reason (empty = keep), got a {type(said).__name__[:80]}")
    return Computed(text=said)


def _numbers(said: object, group: FinishedGroup) -> tuple[float, ...]:
    size = len(group.members)
    if isinstance(said, str | bytes | Mapping) or not isinstance(said, Iterable):
        kind = type(cast("object", said)).__name__[:80]
        raise NotAnAnswer(f"expected {size} numbers for group {group.group_id[:80]!r}, got a {kind}")
    values = list(islice(cast("Iterable[object]", said), size + 1))
    if len(values) != size:
        raise NotAnAnswer(f"expected {size} numbers for group {group.group_id[:80]!r}, got {_count(values, size)}")
    return tuple(float(cast("float", value)) for value in values)


def _count(values: Sequence[object], expected: int) -> str:
    return "more" if len(values) > expected else str(len(values))


def failure_of(definition: PluginDefinition, component: str, error: Exception) -> Unscorable:
    """What an exception of a plugin means for its groups; nothing that the plugin did not mean to say is told."""
    if isinstance(error, Unscorable):
        return Unscorable(error.reason, f"{component}: {error.message}", field=error.field, retryable=error.retryable)
    what = f"the {definition.kind.value} {definition.id}"
    problem = str(error) if isinstance(error, NotAnAnswer) else "it failed on these members"
    return Unscorable("REWARD_FAILED", f"{component}: {what}: {problem}")


def checked(
    definition: PluginDefinition,
    component: str,
    said: Computed,
    groups: Sequence[FinishedGroup],
    bounds: tuple[float, float],
) -> Computed:
    """What was said, if it has the shape that was asked for and lies within the bounds. A worker may say anything.

    Raises:
        Unscorable: REWARD_FAILED, the wrong shape; REWARD_OUT_OF_BOUNDS, a number outside or not finite.
    """
    what = f"{component}: the {definition.kind.value} {definition.id}"
    if definition.kind is PluginKind.SELECTOR:
        if len(said.text) > LONGEST_REASON or not said.text.isprintable() or said.numbers:
            raise Unscorable("REWARD_FAILED", f"{what} gave no reason of at most {LONGEST_REASON} printable characters")
        return said
    if [len(numbers) for numbers in said.numbers] != [len(group.members) for group in groups]:
        raise Unscorable("REWARD_FAILED", f"{what} did not give one number per member")
    low, high = bounds
    for value in (value for numbers in said.numbers for value in numbers):
        if not (math.isfinite(value) and low <= value <= high):
            declared = f"declares [{low:g}, {high:g}] and" if math.isfinite(low) or math.isfinite(high) else ""
            raise Unscorable("REWARD_OUT_OF_BOUNDS", f"{what} {declared} gave {value!r}".replace("  ", " "))
    return said
