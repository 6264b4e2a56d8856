"""Registered plugins asked by a fleet's workers: items of one plugin that come together go together.

A plugin has a few jobs under way at a time. What comes meanwhile waits for the next one, so that a job has as many
items as there is demand for: one where an item comes alone, and many where they come in numbers.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import Context
from dataclasses import dataclass, field

from assay_server.execution.cpu.channel import Outcome
from assay_server.execution.item_clock import current_clock
from assay_server.execution.registered.declarations import Declaration
from assay_server.execution.registered.hosts import HostSettings, fitting
from assay_server.execution.registered.registry import Registered
from assay_server.execution.registered.sources import PluginSource
from assay_server.tracing.present import OpenSpan, present, under

from .plugin_jobs import asked_job, declared_job, digest_of, read_answers, read_declared
from .protocol import JobFailed, JobQueue, Priority

_JOBS = 8
_ITEMS = 16
_JOB_BYTES = 1 << 20
_SHORT_PLUGIN = 16 << 10
_LONGEST_SECONDS = 900.0
_DECLARE_SECONDS = 120.0
_FIRST_PAUSE, _LAST_PAUSE = 0.05, 0.5


@dataclass(slots=True, eq=False)
class _Item:
    """A question that waits for its answer.

    Attributes:
        alone: it was in a job whose workers ended, again and again; it may be the one that ends them.
    """

    question: str
    seconds: float
    answer: asyncio.Future[Outcome]
    span: OpenSpan | None
    alone: bool = False


@dataclass(slots=True, eq=False)
class _Line:
    """The items of a plugin that are not in a job, and who puts them into jobs.

    Attributes:
        jobs: that are under way.
    """

    tenant: str
    source: PluginSource
    declaration: Declaration
    plugin: bytes
    digest: str
    waiting: deque[_Item] = field(default_factory=deque[_Item])
    senders: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    jobs: int = 0

    def next_items(self) -> list[_Item]:
        """Those for the next job, which leave as many for each other job that there may be; they wait no more."""
        items: list[_Item] = []
        share = -(-len(self.waiting) // max(1, _JOBS - self.jobs))
        size = 0
        while self.waiting and len(items) < min(share, _ITEMS):
            item = self.waiting[0]
            size += len(item.question)
            if items and (size > _JOB_BYTES or item.alone):
                break
            self.waiting.popleft()
            if not item.answer.done():  # nobody waits for those that are
                items.append(item)
                if item.alone:
                    break
        return items


class PluginsByWorkers:
    """Satisfies :class:`registered.processes.PluginProcesses` for a server whose workers have the sandboxes.

    Args:
        place: for a call of a tenant's; raises Busy where there is no room for one more.
    """

    def __init__(self, queue: JobQueue, place: Callable[[str], AbstractContextManager[None]]) -> None:
        self._queue = queue
        self._place = place
        self._lines: dict[tuple[str, int, int], _Line] = {}
        self._fresh: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()
        self._closed = False

    async def declared(self, tenant: str, source: PluginSource) -> Declaration:
        """See :meth:`PluginProcesses.declared`."""
        with self._place(tenant):
            answer = await self._queue.run(
                tenant,
                declared_job(source),
                priority=Priority.INTERACTIVE,
                deadline=time.time() + _DECLARE_SECONDS,
            )
        return read_declared(answer)

    async def said(
        self, tenant: str, source: PluginSource, declaration: Declaration, question: Callable[[int], bytes]
    ) -> Outcome:
        """See :meth:`PluginProcesses.said`; the worker has the clock, and this one stands meanwhile."""
        if self._closed:
            raise JobFailed.closed().unscorable()
        clock = current_clock()
        text = fitting(question(0)).decode()
        with clock.asking(), clock.queueing():
            seconds = min(clock.remaining(), _LONGEST_SECONDS)
            item = _Item(text, seconds, asyncio.get_running_loop().create_future(), present())
            self._put(self._line(tenant, source, declaration), item)
            return await item.answer

    def forget(self, tenant: str, source: PluginSource) -> None:
        """Items from now on want processes that begin then; by and by all that there are have begun since."""
        now = time.monotonic()
        self._fresh[tenant, source.digest] = (uuid.uuid4().hex, now + HostSettings().life_seconds)
        self._fresh.move_to_end((tenant, source.digest))
        while next(iter(self._fresh.values()))[1] < now:
            self._fresh.popitem(last=False)

    async def close(self) -> None:
        """Items without an answer are told that the server stops."""
        self._closed = True
        lines = list(self._lines.values())
        senders = [sender for line in lines for sender in line.senders]
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        for line in lines:
            _fail(line.waiting, JobFailed.closed())

    # ------------------------------------------------------------ lines

    def _line(self, tenant: str, source: PluginSource, declaration: Declaration) -> _Line:
        # A definition brings the same two objects with every item; the line holds them: no others have their ids.
        key = (tenant, id(source), id(declaration))
        line = self._lines.get(key)
        if line is None:
            plugin = Registered(source, declaration).encode()
            line = self._lines[key] = _Line(tenant, source, declaration, plugin, digest_of(plugin))
        return line

    def _put(self, line: _Line, item: _Item) -> None:
        line.waiting.append(item)
        self._staff(line)

    def _staff(self, line: _Line) -> None:
        """As many senders as there can be jobs."""
        while len(line.senders) < min(_JOBS, line.jobs + len(line.waiting)):
            sender = asyncio.get_running_loop().create_task(
                self._send(line),
                name="registered plugin's jobs",
                context=Context(),  # it serves others than the present item, too
            )
            line.senders.add(sender)

    def _leave(self, line: _Line) -> None:
        task = asyncio.current_task()
        assert task is not None
        line.senders.discard(task)
        if not line.senders and not line.waiting:
            self._lines.pop((line.tenant, id(line.source), id(line.declaration)), None)

    async def _send(self, line: _Line) -> None:
        """Put what waits into jobs, one after the other, until nothing waits."""
        pause = _FIRST_PAUSE
        try:
            while line.waiting:
                items = line.next_items()
                if not items or await self._answered(line, items):
                    pause = _FIRST_PAUSE
                else:  # the tenant's share of that worker was taken
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LAST_PAUSE)
        finally:
            self._leave(line)

    async def _answered(self, line: _Line, items: Sequence[_Item]) -> bool:
        """Have the items answered in one job; whether any was begun. Those that were not wait again."""
        line.jobs += 1
        try:
            outcomes = await self._outcomes(line, items)
        except JobFailed as failed:
            if failed.reason == "JOB_DEAD" and len(items) > 1:
                for item in items:
                    item.alone = True
                line.waiting.extendleft(reversed(items))
            else:
                _fail(items, failed)
            return True
        except asyncio.CancelledError:
            _fail(items, JobFailed.closed())
            raise
        except Exception as error:  # noqa: BLE001 - those who wait for the answers are told
            for item in items:
                if not item.answer.done():
                    item.answer.set_exception(error)
            return True
        finally:
            line.jobs -= 1
        left = [item for item, outcome in zip(items, outcomes, strict=True) if outcome is None]
        line.waiting.extendleft(reversed(left))
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome is not None and not item.answer.done():
                item.answer.set_result(outcome)
        self._staff(line)
        return len(left) < len(items)

    async def _outcomes(self, line: _Line, items: Sequence[_Item]) -> Sequence[Outcome | None]:
        fresh, until = self._fresh.get((line.tenant, line.source.digest), ("", 0.0))
        if time.monotonic() > until:
            fresh = ""
        asked = [(item.seconds, item.question) for item in items]
        plugin = line.plugin if len(line.plugin) <= _SHORT_PLUGIN else None
        while True:
            with under(items[0].span):
                answer = await self._queue.run(line.tenant, asked_job(line.digest, plugin, fresh, asked))
            outcomes = read_answers(answer)
            if outcomes is not None:
                return outcomes
            plugin = line.plugin


def _fail(items: Sequence[_Item], failed: JobFailed) -> None:
    for item in items:
        if not item.answer.done():
            item.answer.set_exception(failed.unscorable())
