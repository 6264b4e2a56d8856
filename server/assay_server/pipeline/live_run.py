"""A run at work in this process.

Two loops share the work so that taking over the next rollouts and storing the last answers overlap: the intake loop
and the completion loop. Everything they hold is in the store as well, so the process may die at any point.
"""

from __future__ import annotations

import asyncio

import structlog

from assay.v1 import reward_service_pb2 as wire
from assay_server.log_subject import context_of_run
from assay_server.pipeline.batches import BatchDesk
from assay_server.pipeline.completion import Completion
from assay_server.pipeline.consumers import Consumers
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.failures import Code, Failure
from assay_server.pipeline.finishing import Finisher
from assay_server.pipeline.groups import GroupDesk
from assay_server.pipeline.intake_loop import Intake
from assay_server.pipeline.senders import Sender
from assay_server.pipeline.sharing import Sharing
from assay_server.pipeline.texts import texts_of
from assay_server.store.protocol import RunRecord

_log = structlog.get_logger(__name__)


class LiveRun:
    """One run in one generation."""

    def __init__(self, record: RunRecord, context: RunContext) -> None:
        self.record = record
        self.spec = context.spec
        self._context = context
        self._quiet = asyncio.Event()
        self.consumers = Consumers(context)
        self._desk = GroupDesk(context.spec)
        finisher = Finisher(context.spec, context.lanes.groups, lambda held: texts_of(context, held))
        self._batches = BatchDesk(context, self._desk, self.consumers, self._look_at_barriers)
        self._completion = Completion(context, self._desk, finisher, self._batches, self.consumers, self._note_quiet)
        self._intake = Intake(context, self._desk, self._batches, self.consumers, self._completion, self._note_quiet)
        self._sharing = Sharing(context, self._desk, self.consumers, self._completion, self._intake, self._note_over)
        self._loops: list[asyncio.Task[None]] = []
        self._supervisor: asyncio.Task[None] | None = None
        self.failed = False
        self.closed_to_requests = False

    async def start(self) -> None:
        """Take up what an earlier process left, then work."""
        await self.consumers.load()
        self._sharing.start()
        recovery = await self._context.store.recover(self.record.key)
        for group in (*recovery.open, *recovery.ready):
            if group.group_id:  # the store keeps rollouts without a group under the empty name
                self._desk.recovered(group)
        self._batches.recover(recovery)
        name = self.record.run_id
        here = context_of_run(self.record.tenant, name)
        self._loops = [
            asyncio.create_task(self._completion.run(), name=f"completion of run {name}", context=here.copy()),
            asyncio.create_task(self._intake.run(), name=f"intake of run {name}", context=here.copy()),
        ]
        self._supervisor = asyncio.create_task(self._supervise(), name=f"supervisor of run {name}", context=here)
        await self._intake.recover(recovery.unanswered)
        for group in recovery.ready:
            self._completion.due(group)
        self._completion.look_at_barriers()

    async def stop(self) -> None:
        """End the loops; everything that was acknowledged is in the store."""
        await self._sharing.stop()
        tasks = [*self._loops, *([self._supervisor] if self._supervisor else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, self._completion.stop(), self._batches.stop(), return_exceptions=True)
        if self._context.account is not None:
            await self._context.account.close()

    async def _supervise(self) -> None:
        """If a loop breaks, end the streams with a status; the run is started afresh from the store when it is next
        asked for, so nothing that was accepted is lost."""
        done, _ = await asyncio.wait(self._loops, return_when=asyncio.FIRST_COMPLETED)
        self.failed = True
        for task in done:
            _log.error("a run's loop broke", run=self.record.run_id, loop=task.get_name(), exc_info=task.exception())
        self.consumers.fail_streams(Failure(Code.UNAVAILABLE, "RUN_RESTARTS", "the run is restarted; reconnect"))

    async def settle_sender(self, sender: Sender) -> None:
        """Wait until everything that one stream sent is answered, groups that it completed included."""
        await sender.settle()
        await self._completion.caught_up()

    def take_no_more(self) -> None:
        """Requests that are read from now on stay their senders'."""
        self.closed_to_requests = True

    async def settle(self) -> None:
        """Wait until nothing that came in is unfinished here."""
        while self._working:
            self._quiet.clear()
            await self._quiet.wait()

    @property
    def idle(self) -> bool:
        """Nobody listens and nothing is under way: it can be stopped and started again when it is needed."""
        return not (self._working or self.consumers.listening or len(self._desk) or self._batches.waits)

    @property
    def _working(self) -> bool:
        waiting = self._intake.pending or self._completion.pending or self._completion.waits_for_lanes
        return bool(waiting or self._context.load.busy)

    def _note_over(self) -> None:
        """Another process has restored the run, or does what this one had to do."""
        self.failed = True

    def _look_at_barriers(self) -> None:
        self._completion.look_at_barriers()

    def _note_quiet(self) -> None:
        if not self._working:
            self._quiet.set()

    def submit(self, sender: Sender, request: wire.StreamRolloutsRequest) -> None:
        """A request of a stream other than ``open`` and ``ack``, to be handled after those before it."""
        self._intake.submit(sender, request)
