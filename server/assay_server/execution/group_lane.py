"""Where plugins over finished groups run: on the loop if they say so, else in processes that can be killed."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assay.sdk import FinishedGroup, Lane, PluginDefinition, Unscorable
from assay_server.execution.cpu.channel import Computed
from assay_server.execution.plugin_answers import called, checked, failure_of

_LARGEST = sys.float_info.max
_UNBOUNDED = (-_LARGEST, _LARGEST)


@dataclass(frozen=True, slots=True)
class PluginCall:
    """A plugin with its parameters, ready to be called with finished groups.

    Attributes:
        component: what it is called in messages.
        bounds: lowest and highest number that it may give.
        execution_timeout: seconds of execution; None = the lane's default.
    """

    definition: PluginDefinition
    bound: Mapping[str, object]
    component: str
    bounds: tuple[float, float] = _UNBOUNDED
    execution_timeout: float | None = None


InWorker: TypeAlias = Callable[[PluginCall, "tuple[FinishedGroup, ...]"], Awaitable[Computed]]
"""Has a call made in a process that can be killed."""


class GroupLane:
    """Makes the calls of plugins over finished groups."""

    def __init__(self, in_worker: InWorker) -> None:
        self._in_worker = in_worker

    async def numbers(self, call: PluginCall, groups: Sequence[FinishedGroup]) -> Sequence[Sequence[float]]:
        """One number per member and group.

        Raises:
            Unscorable: it raised, did not end, or said something else.
        """
        return (await self._said(call, tuple(groups))).numbers

    async def reason(self, call: PluginCall, group: FinishedGroup) -> str:
        """Why the group is dropped; empty where it is kept.

        Raises:
            Unscorable: as :meth:`numbers`.
        """
        return (await self._said(call, (group,))).text

    async def _said(self, call: PluginCall, groups: tuple[FinishedGroup, ...]) -> Computed:
        definition = call.definition
        said = None if definition.quick is None else _quick(call, definition.quick, groups)
        if said is None and definition.lane is Lane.INLINE:
            said = _attempt(call, definition.function, groups)
        if said is None:
            said = await self._in_worker(call, groups)
        return checked(definition, call.component, said, groups, call.bounds)


def _attempt(call: PluginCall, function: Callable[..., object], groups: tuple[FinishedGroup, ...]) -> Computed:
    try:
        return called(function, call.definition.kind, groups, call.bound)
    except Exception as error:
        raise failure_of(call.definition, call.component, error) from error
    except BaseException as error:  # SystemExit and its like end the call, not the server
        raise Unscorable("REWARD_FAILED", f"{call.component}: it raised {type(error).__name__[:80]}") from error


def _quick(call: PluginCall, quick: Callable[..., object], groups: tuple[FinishedGroup, ...]) -> Computed | None:
    silent = False

    def told(*arguments: object, **bound: object) -> object:
        nonlocal silent
        said = quick(*arguments, **bound)
        silent = said is None
        return said

    try:
        return _attempt(call, told, groups)
    except Unscorable:
        if silent:
            return None
        raise
