"""Processes of registered plugins: kept warm in sandboxes, one tenant's and one digest's each, and asked item by item.

An item has its process to itself while it runs. One that does not end, or ends its process, is that item's own trouble:
the process is replaced. Where a process breaks that has answered others before, what they left may be the cause, and
the item is tried once more in a fresh one.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from assay.sdk import Unscorable
from assay_sandbox.admission import Busy
from assay_sandbox.guests import Guest, GuestGone
from assay_sandbox.protocol import Limits, Outcome, Reason, SandboxUnavailable, WorkerLost
from assay_server.execution.code_judge import when_there_is_room
from assay_server.execution.cpu.channel import MEMORY_LIMIT, BadReport, Report, decode_report
from assay_server.execution.cpu.channel import Outcome as Said
from assay_server.execution.item_clock import ItemClock, current_clock
from assay_server.execution.registered.declarations import Declaration, NotDeclared, read_declaration
from assay_server.execution.registered.letters import ANSWERED, ASKED, BROKEN, DECLARED
from assay_server.execution.registered.processes import BrokenSource
from assay_server.execution.registered.sources import PluginSource
from assay_server.execution.sandboxes import Sandboxes

_FOREVER_MS = 10**9
_MIB = 1 << 20
_ATTEMPTS = 2
_CHARGED_SECONDS = 0.005
_CHARGED_ITEMS = 16
_LONGEST_QUESTION = 16 << 20
_LONGEST_ANSWER = 1 << 20


def _limits() -> Limits:
    return Limits(
        cpu_ms=_FOREVER_MS,
        wall_ms=_FOREVER_MS,
        memory_bytes=512 * _MIB,
        pids=32,
        file_bytes=32 * _MIB,
        output_bytes=1 << 16,
    )


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How many processes, and for how long.

    Attributes:
        limits: of each; time is that of items.
        kept: processes that wait for their next item; those not used for longest end first.
        idle_seconds: without an item, after which one ends.
        items: after which one is replaced.
        life_seconds: after which one is replaced.
        load_seconds: that a plugin may take until it has declared itself.
    """

    limits: Limits = field(default_factory=_limits)
    kept: int = 16
    idle_seconds: float = 60.0
    items: int = 1000
    life_seconds: float = 120.0
    load_seconds: float = 20.0


@dataclass(slots=True, eq=False)
class _Host:
    """One process, what it has declared, how many items it was given, and the CPU milliseconds charged for it."""

    guest: Guest
    declaration: Declaration
    born: float
    items: int = 0
    charged: float = 0.0
    unaccounted: int = 0
    idle: asyncio.TimerHandle | None = None


Key = tuple[str, str]


class PluginHosts:
    """All processes of registered plugins of a server or worker. Satisfies :class:`processes.PluginProcesses`."""

    def __init__(self, sandboxes: Sandboxes, slots: int, settings: HostSettings | None = None) -> None:
        """``slots`` are all that the sandboxes have; a tenant's plugins take half of them at most."""
        self._sandboxes = sandboxes
        self._settings = settings or HostSettings()
        self._share = max(1, slots // 2)
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._idle: OrderedDict[tuple[Key, int], _Host] = OrderedDict()
        self._count = 0
        self._endings: set[asyncio.Task[None]] = set()
        self.started = 0

    @property
    def kept(self) -> int:
        """Processes that wait for their next item."""
        return len(self._idle)

    def has_room(self, tenant: str) -> bool:
        """Whether an item of the tenant's that came now would begin, as far as the tenant's share and quotas go."""
        try:
            self._sandboxes.quotas.check(tenant)
        except Busy:
            return False
        turns = self._turns.get(tenant)
        return turns is None or not turns.locked()

    async def declared(self, tenant: str, source: PluginSource) -> Declaration:
        """What the plugin declares, in a process of its own.

        Raises:
            BrokenSource: it cannot be loaded. Busy, WorkerLost, SandboxUnavailable.
        """
        self._sandboxes.quotas.check(tenant)
        await self._sandboxes.backend()
        async with self._turn(tenant), self._sandboxes.quotas.job(tenant) as charge:
            async with self._sandboxes.admission.slot():
                host = await self._opened(source)
            await self._account(host, charge)
            self._keep((tenant, source.digest), host)
        return host.declaration

    async def said(
        self, tenant: str, source: PluginSource, declaration: Declaration, question: Callable[[int], bytes]
    ) -> Said:
        """What the plugin says; ``question`` is made for a number. The clock of the item runs while the plugin does.

        Raises:
            Unscorable: there is no sandbox, or the plugin is not what it was when it was registered.
        """
        clock = current_clock()
        try:
            with clock.asking(), clock.queueing():
                await self._sandboxes.backend()
                async with self._turn(tenant), self._sandboxes.quotas.job(tenant) as charge:

                    async def work() -> Said:
                        async with self._sandboxes.admission.slot():
                            return await self._attempts((tenant, source.digest), source, declaration, question, charge)

                    return await when_there_is_room(work)
        except BrokenSource as error:
            raise Unscorable("PLUGIN_BROKEN", f"the plugin cannot be loaded any more: {error}") from error
        except WorkerLost as error:
            raise Unscorable("WORKER_LOST", "the sandbox was lost several times", retryable=True) from error
        except SandboxUnavailable as error:
            raise Unscorable("SANDBOX_UNAVAILABLE", str(error)) from error

    def forget(self, tenant: str, source: PluginSource) -> None:
        """End the processes of a plugin that wait."""
        while (host := self._taken((tenant, source.digest))) is not None:
            self._end(host)

    async def close(self) -> None:
        """End all."""
        while self._idle:
            self._end(self._idle.popitem()[1])
        await asyncio.gather(*self._endings)

    # ------------------------------------------------------------ one item

    async def _attempts(
        self,
        key: Key,
        source: PluginSource,
        declaration: Declaration,
        question: Callable[[int], bytes],
        charge: Callable[[float], None],
    ) -> Said:
        for attempt in range(1, _ATTEMPTS + 1):
            host, fresh = self._taken(key), False
            try:
                if host is None:
                    host, fresh = await self._opened(source), True
                return await self._answered(key, host, declaration, question, charge)
            except GuestGone as gone:
                if fresh or attempt == _ATTEMPTS:
                    return _trouble(gone.outcome)
            except WorkerLost:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _answered(
        self,
        key: Key,
        host: _Host,
        declaration: Declaration,
        question: Callable[[int], bytes],
        charge: Callable[[float], None],
    ) -> Said:
        """One item in this process, which is kept only where nothing is wrong with it."""
        good = False
        try:
            if host.declaration != declaration:
                message = "the plugin declares something else than it did when it was registered"
                raise Unscorable("PLUGIN_CHANGED", message)
            host.items += 1
            payload = fitting(question(host.items))
            began = time.monotonic()
            with _running(current_clock()):
                report = await self._reported(host, payload)
            host.unaccounted += 1
            if time.monotonic() - began > _CHARGED_SECONDS or host.unaccounted >= _CHARGED_ITEMS:
                await self._account(host, charge)
            good = not report.retiring
            assert report.outcome is not None  # it has a number
            return report.outcome
        finally:
            if good:
                self._keep(key, host)
            else:
                self._end(host)

    async def _reported(self, host: _Host, payload: bytes) -> Report:
        """The plugin's report on the item it was just given. Raises GuestGone, WorkerLost."""
        letter, answer = await host.guest.ask(ASKED, payload)
        try:
            if letter != ANSWERED:
                raise BadReport("no answer")
            if len(answer) > _LONGEST_ANSWER:  # it is read on the loop
                long = f"its answer has {len(answer)} bytes, where {_LONGEST_ANSWER} are allowed"
                return Report(host.items, Unscorable("REWARD_FAILED", long), retiring=True)
            report = decode_report(answer)
            if report.number != host.items:
                raise BadReport("another item's")
        except BadReport:
            raise await host.guest.ended() from None
        return report

    async def _account(self, host: _Host, charge: Callable[[float], None]) -> None:
        cpu_ms = await host.guest.cpu_ms()
        charge(cpu_ms - host.charged)
        host.charged, host.unaccounted = cpu_ms, 0

    # ------------------------------------------------------------ processes

    async def _opened(self, source: PluginSource) -> _Host:
        """A process that has loaded the plugin. Raises BrokenSource, WorkerLost, SandboxUnavailable."""
        self.started += 1
        guest = await Guest.opened(await self._sandboxes.backend(), source.program(), self._settings.limits)
        host = None
        try:
            declaration = await self._loaded(guest)
            host = _Host(guest, declaration, time.monotonic())
            return host
        finally:
            if host is None:
                self._end_guest(guest)

    async def _loaded(self, guest: Guest) -> Declaration:
        try:
            async with asyncio.timeout(self._settings.load_seconds):
                letter, payload = await guest.said()
        except TimeoutError:
            raise BrokenSource(f"it is not loaded within {self._settings.load_seconds:g} s") from None
        except GuestGone as gone:
            raise BrokenSource(_words(gone.outcome)) from gone
        if letter == BROKEN:
            raise BrokenSource(payload[:8000].decode("utf-8", "replace"))
        if letter != DECLARED:
            raise BrokenSource("it said something before it was asked")
        try:
            return read_declaration(payload)
        except NotDeclared as error:
            raise BrokenSource(str(error)) from error

    def _taken(self, key: Key) -> _Host | None:
        for place in reversed(self._idle):
            if place[0] == key:
                host = self._idle.pop(place)
                if host.idle is not None:
                    host.idle.cancel()
                return host
        return None

    def _keep(self, key: Key, host: _Host) -> None:
        settings = self._settings
        if host.items >= settings.items or time.monotonic() - host.born > settings.life_seconds:
            self._end(host)
            return
        self._count += 1
        place = (key, self._count)
        self._idle[place] = host
        host.idle = asyncio.get_running_loop().call_later(settings.idle_seconds, self._expire, place)
        while len(self._idle) > settings.kept:
            self._end(self._idle.popitem(last=False)[1])

    def _expire(self, place: tuple[Key, int]) -> None:
        host = self._idle.pop(place, None)
        if host is not None:
            self._end(host)

    def _end(self, host: _Host) -> None:
        if host.idle is not None:
            host.idle.cancel()
        self._end_guest(host.guest)

    def _end_guest(self, guest: Guest) -> None:
        task = asyncio.create_task(guest.close(), name="registered plugin's end")
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    @asynccontextmanager
    async def _turn(self, tenant: str) -> AsyncGenerator[None]:
        """A tenant's plugins wait for each other before they wait with those of others."""
        turns = self._turns.setdefault(tenant, asyncio.Semaphore(self._share))
        async with turns:
            yield


def fitting(question: bytes) -> bytes:
    """The question. Raises Unscorable where it is too long for a plugin."""
    if len(question) > _LONGEST_QUESTION:
        message = f"{len(question)} bytes, where a plugin in the sandbox is told {_LONGEST_QUESTION} at most"
        raise Unscorable("SAMPLE_TOO_LONG", message)
    return question


@contextmanager
def _running(clock: ItemClock) -> Generator[None]:
    """Within :meth:`ItemClock.queueing`: it is at work now."""
    clock.count(0, -1)
    try:
        yield
    finally:
        clock.count(0, 1)


def _trouble(outcome: Outcome) -> Unscorable:
    """What it means for an item that the process has ended under it."""
    words = f"the plugin's process: {_words(outcome)}"
    match outcome.reason:
        case Reason.MEMORY_LIMIT:
            return Unscorable(MEMORY_LIMIT, words)
        case Reason.OK | Reason.EXITED:
            return Unscorable("REWARD_EXITED", words)
        case _:
            return Unscorable("REWARD_CRASHED", words)


def _words(outcome: Outcome) -> str:
    match outcome.reason:
        case Reason.OK | Reason.EXITED:
            last = outcome.stderr.decode("utf-8", "replace").strip().splitlines()
            wrote = f"; it wrote {last[-1][:300]!r}" if last else ""
            return f"it ended with status {outcome.exit_status}{wrote}"
        case Reason.SIGNALED:
            return f"it ended with signal {outcome.signal}"
        case Reason.KILLED:
            return "it broke the protocol and was ended"
        case _:
            return f"it was ended: {outcome.reason.value}"
