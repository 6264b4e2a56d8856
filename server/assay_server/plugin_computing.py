"""What plugins declare over groups, computed on bare numbers in processes that can be killed, without a server.

Inputs are ``rollouts: [{group, reward, ...}]`` with, where a plugin reads them, ``correct``, ``answer_key``,
``num_tokens``, ``num_tool_calls``, ``components`` and, under any other name, signals: numbers or lists of numbers.
Outputs are in the order of the inputs: ``advantages`` of an estimator, ``rewards`` of a group or batch reward;
``kept`` and ``dropped`` of a selector.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from assay.sdk import FinishedGroup, GroupMember, Json, PluginDefinition, PluginKind, Verdict
from assay_server.estimators.canonical import canonical_key
from assay_server.estimators.case_values import Computation, boolean, given, integer, listed, mapping, number, text
from assay_server.estimators.components import find_in
from assay_server.estimators.definition import bind
from assay_server.estimators.errors import InputError, UnknownEstimator
from assay_server.estimators.groups import Signal
from assay_server.estimators.rows import group_name
from assay_server.execution.cpu.channel import Computed
from assay_server.execution.cpu.pool import CpuPool
from assay_server.execution.cpu.template import TemplateSetup
from assay_server.execution.discovery import discover
from assay_server.execution.group_lane import GroupLane, PluginCall

T = TypeVar("T")

_WORKERS = 2
_OWN = ("group", "reward", "correct", "answer_key", "num_tokens", "num_tool_calls", "components")


class PluginComputing:
    """The plugins of a command, and the processes in which they compute; these start when a plugin is first asked."""

    def __init__(self, plugins: Sequence[str], *, execution_timeout: float, memory_bytes: int) -> None:
        """Find the plugins.

        Raises:
            BrokenPlugin: one that was named cannot be used.
        """
        found = discover(None, plugins)
        plugged = found.catalogues.plugged.items()
        self._plugged = {name: one for name, one in plugged if one.kind is not PluginKind.ENVIRONMENT}
        self._pool = CpuPool(_WORKERS, TemplateSetup(found.names, (), memory_bytes), execution_timeout)
        self._lane = GroupLane(self._in_worker)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def ids(self) -> list[str]:
        """What can be named."""
        return list(self._plugged)

    def find(self, id: str) -> Computation | None:
        """What a plugin computes, by its id with or without its version; None where no plugin has it."""
        try:
            definition = find_in(self._plugged, id)
        except UnknownEstimator:
            return None
        return lambda params, inputs: self._computed(definition, params, inputs)

    def _computed(
        self, definition: PluginDefinition, params: Mapping[str, Json], inputs: Mapping[str, Json]
    ) -> dict[str, Json]:
        case = _Case.of(inputs, definition.required_signals)
        bounds = (definition.minimum, definition.maximum)
        call = PluginCall(definition, bind(definition.parameters, params), definition.id, bounds)
        if definition.kind is PluginKind.SELECTOR:
            reasons = self._run(_reasons(self._lane, call, case.groups))
            told = dict(zip(case.names, reasons, strict=True))
            dropped: dict[str, Json] = {name: reason for name, reason in told.items() if reason}
            return {"kept": [name for name, reason in told.items() if not reason], "dropped": dropped}
        values = case.in_order(self._run(_numbers(self._lane, call, case.groups)))
        return {"advantages" if definition.kind is PluginKind.ESTIMATOR else "rewards": values}

    # ------------------------------------------------------------ where it runs

    def _run(self, work: Coroutine[None, None, T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="assay-plugins")
            self._thread.start()
            self._pool.launch()
            asyncio.run_coroutine_threadsafe(self._pool.start(), self._loop).result()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _in_worker(self, call: PluginCall, groups: tuple[FinishedGroup, ...]) -> Computed:
        return await self._pool.compute(call.definition.id, call.component, call.bound, groups, call.execution_timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._pool.stop(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


async def _numbers(lane: GroupLane, call: PluginCall, groups: Sequence[FinishedGroup]) -> list[Sequence[float]]:
    if call.definition.kind is PluginKind.BATCH_REWARD:
        return list(await lane.numbers(call, groups))
    return [(await lane.numbers(call, [group]))[0] for group in groups]


async def _reasons(lane: GroupLane, call: PluginCall, groups: Sequence[FinishedGroup]) -> list[str]:
    return [await lane.reason(call, group) for group in groups]


# ---------------------------------------------------------------- inputs


@dataclass(frozen=True, slots=True)
class _Case:
    """Groups made of a flat list, and where each member stood in it."""

    groups: list[FinishedGroup]
    names: list[str]
    places: list[list[int]]

    @classmethod
    def of(cls, inputs: Mapping[str, Json], signals: Sequence[str]) -> _Case:
        members: dict[bytes, list[GroupMember]] = {}
        places: dict[bytes, list[int]] = {}
        names: dict[bytes, str] = {}
        for place, item in enumerate(listed(inputs, "rollouts")):
            path = f"rollouts[{place}]"
            rollout = mapping(item, path)
            for name in signals:
                given(rollout, name, f"{path}.")
            group = given(rollout, "group", f"{path}.")
            key = canonical_key(group)
            names.setdefault(key, group_name(group))
            members.setdefault(key, []).append(_member(rollout, place, path))
            places.setdefault(key, []).append(place)
        groups = [FinishedGroup(names[key], tuple(found)) for key, found in members.items()]
        return cls(groups, list(names.values()), list(places.values()))

    def in_order(self, per_group: Sequence[Sequence[float]]) -> list[Json]:
        """Values per group and member, in the order of the flat list."""
        flat: list[Json] = [None] * sum(map(len, self.places))
        for places, values in zip(self.places, per_group, strict=True):
            for place, value in zip(places, values, strict=True):
                flat[place] = value
        return flat


def _member(rollout: Mapping[str, Json], place: int, path: str) -> GroupMember:
    verdict = Verdict.UNSPECIFIED
    if "correct" in rollout:
        verdict = Verdict.CORRECT if boolean(rollout["correct"], f"{path}.correct") else Verdict.INCORRECT
    components = mapping(rollout.get("components", {}), f"{path}.components")
    return GroupMember(
        rollout_id=f"{place:012d}",
        reward=number(given(rollout, "reward", f"{path}."), f"{path}.reward"),
        verdict=verdict,
        components={name: number(value, f"{path}.components.{name}") for name, value in components.items()},
        answer_key=text(rollout.get("answer_key") or "", f"{path}.answer_key"),
        num_tokens=_count(rollout, "num_tokens", path),
        num_tool_calls=_count(rollout, "num_tool_calls", path),
        signals={name: _signal(value, f"{path}.{name}") for name, value in rollout.items() if name not in _OWN},
    )


def _count(rollout: Mapping[str, Json], name: str, path: str) -> int | None:
    return integer(rollout[name], f"{path}.{name}") if name in rollout else None


def _signal(value: Json, field: str) -> Signal:
    if isinstance(value, list):
        return np.array([number(item, f"{field}[{place}]") for place, item in enumerate(value)], np.float64)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, field)
    raise InputError(field, "expected a number or a list of numbers")
