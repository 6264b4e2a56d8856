"""The execution lanes: every reward runs in the one that it declares, and can be stopped there."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from typing import cast

from assay.sdk import FinishedGroup, Lane, Ports, Sample, Score, Unscorable
from assay_server.execution.cpu.channel import Computed
from assay_server.execution.cpu.pool import CpuPool, Ran
from assay_server.execution.cpu.template import TemplateSetup
from assay_server.execution.group_lane import GroupLane, PluginCall
from assay_server.execution.item_clock import ItemClock, OutOfTime
from assay_server.execution.judge_account import JudgeAccount
from assay_server.execution.plugin_answers import failure_of
from assay_server.execution.server_ports import ServerPorts
from assay_server.execution.traced_item import traced_item
from assay_server.execution.turns import Turns
from assay_server.rewards.assessment import Assessment
from assay_server.rewards.nodes import LeafNode, Plan
from assay_server.rewards.tree import CompiledReward
from assay_server.tracing.present import LANE, present, spanned

_STARTS_A_TURN = 1
_OURS = "assay_server.rewards."


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """What an operator decides about the lanes.

    Attributes:
        cpu_workers: processes of the cpu lane; half of them at most run slow items.
        cpu_memory_bytes: what an item may use beyond what rewards need in common.
        execution_timeout: seconds an item may run where neither the spec nor the reward says.
        plugins: files whose rewards there are, ``PATH`` or ``PATH:NAME``.
    """

    cpu_workers: int = 4
    cpu_memory_bytes: int = 1 << 30
    execution_timeout: float = 10.0
    plugins: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()


class Lanes:
    """Runs the leaves of compiled rewards, and what plugins declare over groups.

    Attributes:
        groups: makes the calls of plugins over finished groups.
    """

    def __init__(self, settings: LaneSettings, ports: ServerPorts) -> None:
        self._settings = settings
        self._ports = ports
        setup = TemplateSetup(settings.plugins, settings.preload, settings.cpu_memory_bytes)
        self.cpu = CpuPool(settings.cpu_workers, setup, settings.execution_timeout)
        self.groups = GroupLane(self._computed_in_worker)
        self._starting: asyncio.Task[None] | None = None
        self._on_the_loop: set[asyncio.Task[object]] = set()
        self._turns = Turns(_STARTS_A_TURN)

    def launch(self) -> None:
        """Start the cpu lane's template; before the process has threads, sockets or secrets."""
        self.cpu.launch()

    def start(self) -> None:
        """Have the workers forked while the server goes on starting; what needs one waits for it."""
        self._starting = asyncio.create_task(self.cpu.start(), name="cpu lane start")

    async def stop(self) -> None:
        """End all workers; items that wait are failed as retryable."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        for work in self._on_the_loop:
            work.cancel()
        await self.cpu.stop()

    def ports_of(self, tenant: str, account: JudgeAccount | None = None) -> Ports:
        """A tenant's ports; a run's account pays for its judges."""
        return self._ports.of(tenant, account)

    async def assess(
        self,
        reward: CompiledReward,
        sample: Sample,
        plan: Plan,
        leaves: list[LeafNode],
        ports: Ports | None = None,
    ) -> tuple[Assessment, float]:
        """What the reward says, after the leaves that :meth:`CompiledReward.pending` named have run in their lanes.

        Leaves that are needed at the same time run at the same time; those behind a gate wait for it. The second value
        is the seconds for which items waited for a worker, at most one after the other.

        Args:
            ports: for leaves that run on the loop; None = those of the default tenant, which no run pays for.

        Raises:
            Unscorable: as :meth:`CompiledReward.evaluate`.
        """
        waited = 0.0
        while leaves:
            said = await self._outcomes(leaves, sample, ports or self._ports)
            for leaf, (outcome, _) in zip(leaves, said, strict=True):
                plan.known[leaf.component] = outcome
            waited += max(seconds for _, seconds in said)
            leaves = reward.pending(sample, plan)
        return reward.evaluate(sample, plan.known), waited

    async def said(self, leaf: LeafNode, sample: Sample) -> Score:
        """What one leaf says, in its lane. Raises Unscorable."""
        outcome, _ = await self._outcome(leaf, sample, self._ports)
        if isinstance(outcome, Unscorable):
            raise outcome
        return outcome

    async def _outcomes(
        self, leaves: list[LeafNode], sample: Sample, ports: Ports
    ) -> list[tuple[Score | Unscorable, float]]:
        """What the leaves say, all of them at work at the same time.

        Of many samples that come together few begin on the loop in one turn of it: each computes for a fraction of a
        millisecond before it waits, and others come between.
        """
        if any(leaf.definition.lane is not Lane.CPU for leaf in leaves):
            await self._turns.mine()
        if len(leaves) == 1:
            return [await self._outcome(leaves[0], sample, ports)]
        return await self._together(leaves, sample, ports)

    async def _together(
        self, leaves: list[LeafNode], sample: Sample, ports: Ports
    ) -> list[tuple[Score | Unscorable, float]]:
        return await asyncio.gather(*(self._outcome(leaf, sample, ports) for leaf in leaves))

    async def _outcome(self, leaf: LeafNode, sample: Sample, ports: Ports) -> tuple[Score | Unscorable, float]:
        try:
            if leaf.definition.lane is Lane.CPU:
                ran = await self._in_worker(leaf, sample)
                return leaf.checked(ran.score), ran.queue_seconds
            if present() is None:
                return leaf.checked(await self._on_loop(leaf, sample, ports)), 0.0
            with spanned("lane.run", {LANE: leaf.definition.lane.value, "assay.reward": leaf.definition.id}):
                return leaf.checked(await self._on_loop(leaf, sample, ports)), 0.0
        except Unscorable as error:
            return error, 0.0

    async def _in_worker(self, leaf: LeafNode, sample: Sample) -> Ran:
        await self._started(leaf.component)
        work = self.cpu.run(leaf.definition.id, leaf.component, leaf.bound, sample, leaf.execution_timeout)
        return await (work if (span := present()) is None else traced_item(span, leaf.definition.id, work))

    async def _computed_in_worker(self, call: PluginCall, groups: tuple[FinishedGroup, ...]) -> Computed:
        if call.definition.lane is Lane.SANDBOX:
            return await self._computed_in_sandbox(call, groups)
        await self._started(call.component)
        plugin, timeout = call.definition.id, call.execution_timeout
        return await self.cpu.compute(plugin, call.component, call.bound, groups, timeout)

    async def _computed_in_sandbox(self, call: PluginCall, groups: tuple[FinishedGroup, ...]) -> Computed:
        """What a registered plugin says of groups: its function waits for its process."""
        timeout = call.execution_timeout or self._settings.execution_timeout
        said = await self._until_done(_called(call, groups), call.component, timeout)
        if isinstance(said, Exception):
            raise failure_of(call.definition, call.component, said) from said
        return cast("Computed", said)

    async def _started(self, component: str) -> None:
        if self._starting is None:
            raise Unscorable("LANE_UNAVAILABLE", f"{component}: the cpu lane is not running here")
        await asyncio.shield(self._starting)

    def _on_loop(self, leaf: LeafNode, sample: Sample, ports: Ports) -> Coroutine[None, None, object]:
        """The io and sandbox lanes: coroutines that wait for something outside.

        A reward of this package ends when it is cancelled. One of others may not: it is left behind then, and nobody
        waits for it.
        """
        timeout = leaf.execution_timeout or self._settings.execution_timeout
        arguments = (sample, ports) if leaf.definition.wants_ports else (sample,)
        if leaf.definition.lane is Lane.IO and leaf.function.__module__.startswith(_OURS):
            return _ours(leaf, arguments, timeout)
        return self._of_others(leaf, arguments, timeout)

    async def _of_others(self, leaf: LeafNode, arguments: tuple[object, ...], timeout: float) -> object:
        said = await self._until_done(_attempt(leaf, arguments), leaf.component, timeout)
        if isinstance(said, BaseException):
            raise _failure(leaf, said) from said
        return said

    async def _until_done(self, coroutine: Coroutine[None, None, object], component: str, timeout: float) -> object:
        """What it comes to. Raises Unscorable (DEADLINE_EXCEEDED)."""
        clock = ItemClock(timeout)
        work = clock.begin(coroutine, component)
        self._on_the_loop.add(work)
        work.add_done_callback(self._on_the_loop.discard)
        try:
            done = await clock.until_done(work)
        finally:
            work.cancel()
        if not done:
            raise _late(component, timeout)
        return work.result()


async def _ours(leaf: LeafNode, arguments: tuple[object, ...], timeout: float) -> object:
    """What a reward of this package says: it ends when it is told to, so it needs no task of its own."""
    work = cast("Coroutine[None, None, object]", leaf.function(*arguments, **leaf.bound))
    try:
        return await ItemClock(timeout).run(work)
    except OutOfTime:
        raise _late(leaf.component, timeout) from None
    except Exception as error:
        raise _failure(leaf, error) from error


def _late(component: str, timeout: float) -> Unscorable:
    message = f"{component}: not done within {timeout:g} s of execution"
    return Unscorable("DEADLINE_EXCEEDED", message, retryable=True)


async def _called(call: PluginCall, groups: tuple[FinishedGroup, ...]) -> object:
    """What the plugin says, or what kept it from that, as a value."""
    try:
        return await cast("Awaitable[object]", call.definition.function(groups, **call.bound))
    except Exception as error:  # noqa: BLE001 - as above
        return error


async def _attempt(leaf: LeafNode, arguments: tuple[object, ...]) -> object:
    """What the reward says, or what it raised, as a value: SystemExit and its like end the item, not the server."""
    try:
        said = leaf.function(*arguments, **leaf.bound)
        return await cast("Awaitable[object]", said) if inspect.isawaitable(said) else said
    except BaseException as error:  # noqa: BLE001 - as above
        return error


def _failure(leaf: LeafNode, error: BaseException) -> Unscorable:
    if isinstance(error, Exception):
        return leaf.failure(error)
    return Unscorable("REWARD_FAILED", f"{leaf.component}: the reward raised {type(error).__name__[:80]}")
