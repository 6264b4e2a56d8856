"""What is kept of a finished group for metrics and per-run state: made from its members, as bytes and back. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar, cast

import msgpack
import numpy as np

from assay.sdk import Verdict
from assay.v1 import rollout_pb2
from assay_server.estimators import Member, Role
from assay_server.estimators.group_facts import GroupFacts
from assay_server.pipeline.finishing import FinishedResult
from assay_server.pipeline.group_rewards import HeldMember

_VERSION = 1
_ROLES = {int(role): role for role in Role}
_FLAGS: tuple[bool | None, ...] = (False, True, None)
_UNKNOWN = 2
_NO_CONSTRAINTS: Mapping[str, bool] = {}

T = TypeVar("T")
_Row: TypeAlias = "tuple[object, ...]"

_pack = cast("Callable[[object], bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType] - without types
_unpack = cast("Callable[..., object]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType] - as above


class UnknownFacts(Exception):
    """The facts were written by a newer version of this program."""


def facts_of(finished: FinishedResult, roles: frozenset[Role], signals: Sequence[str] = ()) -> bytes:
    """The facts of a finished group, encoded; empty where it has no members.

    Args:
        roles: that count.
        signals: those that the run's state reads.
    """
    result, group = finished.message, finished.group
    if not group.members:
        return b""
    held = {one.member.rollout_id: one for one in finished.members}
    members = sorted(group.members, key=lambda member: member.rollout_id)
    rewards = [_known(member.reward) for member in members]
    row = (
        _VERSION,
        result.prompt_id,
        group.global_step,
        result.kept,
        result.drop_reason,
        [member.rollout_id for member in members],
        bytes(int(member.role) for member in members),
        bytes(member.role in roles and member.reward is not None for member in members),
        bytes(held[member.rollout_id].truncated if member.rollout_id in held else 0 for member in members),
        rewards,
        bytes(map(_correct, members, rewards)),
        _classes(member.answer_key for member in members),
        [member.num_tool_calls for member in members],
        [member.num_tokens for member in members],
        bytes(min(held[one.rollout_id].hint_level, 255) if one.rollout_id in held else 0 for one in members),
        {name: [_scalar(member, name) for member in members] for name in signals},
        _components(members),
        _constraints(members, held),
        sum(one.steps for one in finished.members),
        sum(one.invalid_steps for one in finished.members),
        dict(result.statistics.step_group_size_histogram),
        _masses(result),
    )
    return _pack(row)


def read_facts(data: bytes) -> GroupFacts:
    """What :func:`facts_of` encoded.

    Raises:
        UnknownFacts: by a newer version of this program.
    """
    row = cast("_Row", _unpack(data, use_list=False, strict_map_key=False))
    if row[0] != _VERSION:
        raise UnknownFacts(f"facts of version {row[0]}, this server reads {_VERSION}")
    constraints = cast("Mapping[str, bytes]", row[17])
    return GroupFacts(
        prompt_id=cast("str", row[1]),
        global_step=cast("int", row[2]),
        kept=cast("bool", row[3]),
        drop_reason=cast("str", row[4]),
        rollout_ids=cast("tuple[str, ...]", row[5]),
        roles=tuple(_ROLES[number] for number in cast("bytes", row[6])),
        counted=tuple(map(bool, cast("bytes", row[7]))),
        truncated=tuple(map(bool, cast("bytes", row[8]))),
        rewards=cast("tuple[float | None, ...]", row[9]),
        correct=_flags(cast("bytes", row[10])),
        answers=cast("tuple[int | None, ...]", row[11]),
        tool_calls=cast("tuple[int | None, ...]", row[12]),
        tokens=cast("tuple[int | None, ...]", row[13]),
        hint_levels=tuple(cast("bytes", row[14])),
        signals=cast("Mapping[str, tuple[float | None, ...]]", row[15]),
        components=cast("Mapping[str, tuple[float | None, ...]]", row[16]),
        constraints={name: _flags(flags) for name, flags in constraints.items()},
        steps=cast("int", row[18]),
        invalid_steps=cast("int", row[19]),
        step_sizes=cast("Mapping[int, int]", row[20]),
        masses=cast("tuple[float, float] | None", row[21]),
    )


def _flags(data: bytes) -> tuple[bool | None, ...]:
    return tuple(_FLAGS[flag] for flag in data)


def _known(reward: float | None) -> float | None:
    """NaN is a reward that only the barrier knows."""
    return None if reward is None or math.isnan(reward) else reward


def _correct(member: Member, reward: float | None) -> int:
    if member.reward is None:
        return _UNKNOWN
    if member.verdict is not Verdict.UNSPECIFIED:
        return int(member.verdict is Verdict.CORRECT)
    return _UNKNOWN if reward is None else int(reward > 0.0)


def _classes(keys: Iterable[str]) -> list[int | None]:
    numbers: dict[str, int] = {}
    return [numbers.setdefault(key, len(numbers)) if key else None for key in keys]


def _scalar(member: Member, name: str) -> float | None:
    """A scalar signal, or the mean of a tensor one."""
    signal = member.signals.get(name)
    if signal is None or isinstance(signal, float):
        return signal
    mean = float(np.mean(np.asarray(signal, np.float64))) if np.size(signal) else math.nan
    return mean if math.isfinite(mean) else None


def _columns(names: Iterable[str], column: Callable[[str], T]) -> dict[str, T]:
    return {name: column(name) for name in dict.fromkeys(names)}


def _components(members: Sequence[Member]) -> dict[str, list[float | None]]:
    def column(name: str) -> list[float | None]:
        return [_known(member.components.get(name)) for member in members]

    return _columns((name for member in members for name in member.components), column)


def _constraints(members: Sequence[Member], held: Mapping[str, HeldMember]) -> dict[str, bytes]:
    told = [held[one.rollout_id].constraints if one.rollout_id in held else _NO_CONSTRAINTS for one in members]
    if not any(told):
        return {}
    return _columns(
        (name for one in told for name in one), lambda name: bytes(int(one.get(name, _UNKNOWN)) for one in told)
    )


def _masses(result: rollout_pb2.GroupResult) -> tuple[float, float] | None:
    known = [advantage for advantage in result.advantages if not math.isnan(advantage)]
    if not known:
        return None
    return sum(one for one in known if one > 0.0), sum(one for one in known if one < 0.0)
