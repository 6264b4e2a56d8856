"""What is kept of a finished group for metrics and per-run state: made from its members, as bytes and back. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import TypeAlias, cast

import msgpack
import numpy as np

from assay.sdk import Verdict
from assay_server.estimators import Member, Role
from assay_server.estimators.group_facts import GroupFacts
from assay_server.pipeline.finishing import FinishedResult
from assay_server.pipeline.group_rewards import HeldMember

_VERSION = 1
_ROLES = {int(role): role for role in Role}
_FLAGS: tuple[bool | None, ...] = (False, True, None)
_UNKNOWN = 2
_SAYS_NOTHING, _RIGHT = Verdict.UNSPECIFIED, Verdict.CORRECT
_NOT_HELD = HeldMember(Member("", None), (), "")
_by_id = attrgetter("rollout_id")
_of_member = attrgetter(
    "rollout_id", "role", "reward", "verdict", "answer_key", "num_tool_calls", "num_tokens", "components"
)
_of_held = attrgetter("truncated", "hint_level", "constraints")
_steps, _invalid_steps = attrgetter("steps"), attrgetter("invalid_steps")

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
    members = sorted(group.members, key=_by_id)
    ids, member_roles, worth, verdicts, answers, calls, tokens, components = zip(*map(_of_member, members), strict=True)
    answered = _in_order(finished.members, ids)
    rewards = list(map(_known, worth))
    truncated, hints, constraints = zip(*map(_of_held, answered), strict=True)
    row = (
        _VERSION,
        result.prompt_id,
        group.global_step,
        result.kept,
        result.drop_reason,
        ids,
        bytes(member_roles),
        bytes(map(_counts, worth, member_roles, repeat(roles))),
        bytes(truncated),
        rewards,
        bytes(map(_correct, worth, verdicts)),
        _classes(answers),
        calls,
        tokens,
        bytes(map(min, hints, repeat(255))) if any(hints) else bytes(len(ids)),
        {name: [_scalar(member, name) for member in members] for name in signals},
        _components(components),
        _constraints(constraints) if any(constraints) else {},
        sum(map(_steps, finished.members)),
        sum(map(_invalid_steps, finished.members)),
        dict(result.statistics.step_group_size_histogram) if result.statistics.step_groups else {},
        _masses(result.advantages[:]),
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


def _counts(reward: float | None, role: Role, roles: frozenset[Role]) -> bool:
    return reward is not None and role in roles


def _correct(reward: float | None, verdict: Verdict) -> int:
    if reward is None:
        return _UNKNOWN
    if verdict is not _SAYS_NOTHING:
        return verdict is _RIGHT
    return _UNKNOWN if math.isnan(reward) else reward > 0.0


def _in_order(held: Sequence[HeldMember], ids: Sequence[str]) -> list[HeldMember]:
    """What is held of each member; of some it may be nothing."""
    by_id = {one.member.rollout_id: one for one in held}
    return [by_id.get(rollout_id, _NOT_HELD) for rollout_id in ids]


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


def _components(told: Sequence[Mapping[str, float]]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(chain.from_iterable(told))
    return {name: [_known(one.get(name)) for one in told] for name in names}


def _constraints(told: Sequence[Mapping[str, bool]]) -> dict[str, bytes]:
    names = dict.fromkeys(chain.from_iterable(told))
    return {name: bytes([int(one.get(name, _UNKNOWN)) for one in told]) for name in names}


def _masses(advantages: Iterable[float]) -> tuple[float, float] | None:
    known = [advantage for advantage in advantages if not math.isnan(advantage)]
    if not known:
        return None
    return sum([one for one in known if one > 0.0]), sum([one for one in known if one < 0.0])
