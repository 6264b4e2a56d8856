"""A run that other processes work on too: what they do is heard here, and what they leave undone is done here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from assay.v1 import reward_service_pb2 as wire
from assay_server.pipeline.completion import Completion
from assay_server.pipeline.consumers import Consumers
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.failures import Code, Failure
from assay_server.pipeline.groups import GroupDesk
from assay_server.pipeline.intake_loop import Intake
from assay_server.store.changes import Changes, Inheritance
from assay_server.store.ending import end
from assay_server.store.protocol import StoreError, is_due

_log = structlog.get_logger(__name__)


class Sharing:
    """Keeps one process's part of a run in step with the others.

    Args:
        on_over: the run cannot go on in this process as it is; it is started afresh when it is next asked for.
    """

    def __init__(
        self,
        context: RunContext,
        desk: GroupDesk,
        consumers: Consumers,
        completion: Completion,
        intake: Intake,
        on_over: Callable[[], None],
    ) -> None:
        self._context = context
        self._desk = desk
        self._consumers = consumers
        self._completion = completion
        self._intake = intake
        self._on_over = on_over
        self._leave: Callable[[], None] | None = None
        self._inheriting: set[asyncio.Task[None]] = set()
        policy = context.spec.message.groups
        self._watches_groups = context.spec.deadline is not None or bool(policy.straggler_quota)

    def start(self) -> None:
        """Listen. StoreUnavailable."""
        self._leave = self._context.store.follow(self._context.key, self._hear)

    async def stop(self) -> None:
        """Listen no more."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        await end(self._inheriting)

    def _hear(self, changes: Changes) -> None:
        if changes.lease_ended:
            _log.warning("this process was taken for gone; the run starts afresh", run=self._context.key.run_id)
            failure = Failure(Code.UNAVAILABLE, "RUN_RESTARTS", "the run is restarted; reconnect")
            self._consumers.fail_streams(failure)
            self._on_over()
            return
        if changes.restored:
            self._consumers.close_streams(wire.CLOSING_REASON_FENCED)
            self._on_over()
            return
        self._consumers.heard(changes)
        self._hear_of_groups(changes)
        for inheritance in changes.inherited:
            task = asyncio.create_task(self._inherit(inheritance), name="inherited work")
            self._inheriting.add(task)
            task.add_done_callback(self._inheriting.discard)
        self._completion.look_at_barriers()

    def _hear_of_groups(self, changes: Changes) -> None:
        for group_id in changes.filled if self._watches_groups else ():
            self._desk.touch(group_id, 0, time.time())
        for group_id in changes.fixed:
            self._desk.mark_irregular(group_id)
        for group_id in changes.emitted:
            self._desk.forget(group_id)

    async def _inherit(self, inheritance: Inheritance) -> None:
        """Do what a process that is gone has left."""
        context = self._context
        store, key = context.store, context.key
        try:
            found = await context.persist(lambda: store.read_rollouts(key, inheritance.rollouts))
            await self._intake.recover([stored for stored in found if stored is not None and stored.result is None])
            for record in await context.persist(lambda: store.get_groups(key, inheritance.groups)):
                if record is not None and is_due(record):
                    self._desk.touch(record.group_id, record.size, record.first_at).irregular = True
                    self._completion.due(record)
        except StoreError as error:  # the run is over here, or restored: then this is somebody else's work again
            _log.warning("inherited work is not done here", run=key.run_id, error=str(error))
