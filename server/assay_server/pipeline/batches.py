"""Barriers at work: finished groups become batches, once each, also over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.pipeline.barriers import Batches, FinishedGroup, OpenBarrier, batch_statistics
from assay_server.pipeline.batch_results import KeptGroup, batch_results, restored
from assay_server.pipeline.consumers import Consumers
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.failures import Failure, internal, invalid_field
from assay_server.pipeline.finishing import FinishedResult, finished_group
from assay_server.pipeline.groups import GroupDesk
from assay_server.pipeline.intake import check_id
from assay_server.store.protocol import MAX_UNBATCHED, OutboxKind, Pending, Recovery

_log = structlog.get_logger(__name__)
_PART_BYTES = 2 * 1024 * 1024
_KEPT_TEXTS = 1024
_KEPT_SUMMARIES = 4096


@dataclass(frozen=True, slots=True)
class _Batch:
    """The groups that a barrier took, and what is sent of them."""

    barrier: OpenBarrier
    groups: Sequence[FinishedGroup]
    payloads: asyncio.Task[list[bytes]]


class BatchDesk:
    """The batches of a run that are filling."""

    def __init__(
        self, context: RunContext, desk: GroupDesk, consumers: Consumers, on_ready: Callable[[], None]
    ) -> None:
        self._context = context
        self._desk = desk
        self._consumers = consumers
        self._on_ready = on_ready
        self._batches = Batches()
        self._batch: _Batch | None = None
        self._elsewhere: Pending | None = None  # what is unfinished in all processes, where there are several
        self._summaries: dict[str, FinishedGroup] = {}
        self._kept: dict[str, KeptGroup] = {}  # where all groups of a batch are needed at once
        self._room = MAX_UNBATCHED if context.spec.reward.stages is None else _KEPT_TEXTS

    @property
    def waits(self) -> bool:
        """Whether a barrier is open."""
        return self._batches.current is not None

    @property
    def waits_for_lanes(self) -> bool:
        """Whether a batch is being worked on elsewhere."""
        return self._batch is not None and not self._batch.payloads.done()

    @property
    def waiting_rollouts(self) -> int:
        """Rollouts in finished groups that no batch has taken."""
        return sum(group.rollouts for group in self._batches.waiting())

    def recover(self, recovery: Recovery) -> None:
        """Take up what an earlier process left."""
        for record in recovery.unbatched:
            if record.result is not None:
                self._batches.add_group(finished_group(rollout_pb2.GroupResult.FromString(record.result)))
        for barrier in recovery.barriers:
            self._batches.open(wire.Barrier.FromString(barrier.payload), barrier.arrived)

    async def refresh(self) -> None:
        """Where other processes finish groups and send barriers too: see what there is."""
        context = self._context
        standing = await context.store.pending(context.key)
        if standing is None:
            return
        self._elsewhere = standing
        self._batches = Batches()
        if not standing.barriers:
            return
        if len(self._summaries) > 2 * len(standing.unbatched):  # batches that others finished took the rest
            known = self._summaries
            self._summaries = {group_id: known[group_id] for group_id in standing.unbatched if group_id in known}
        missing = [group_id for group_id in standing.unbatched if group_id not in self._summaries]
        for record in await context.persist(lambda: context.store.get_groups(context.key, missing)):
            if record is not None and record.result is not None:
                summary = finished_group(rollout_pb2.GroupResult.FromString(record.result))
                self._summaries[record.group_id] = summary
        for group_id in standing.unbatched:
            if group_id in self._summaries:
                self._batches.add_group(self._summaries[group_id])
        for barrier in standing.barriers:
            self._batches.open(wire.Barrier.FromString(barrier.payload), barrier.arrived)

    def add(self, finished: FinishedResult) -> None:
        """A group's result was stored."""
        self._batches.add_group(finished.finished)
        if self._context.store.shared:
            if len(self._summaries) >= _KEPT_SUMMARIES:  # there may never be a barrier; the store knows them all
                self._summaries = dict(islice(self._summaries.items(), _KEPT_SUMMARIES // 2, None))
            self._summaries[finished.message.group_id] = finished.finished
        if self._context.spec.deferred and finished.message.kept and len(self._kept) < self._room:
            self._kept[finished.message.group_id] = KeptGroup(finished.group, finished.members)

    async def arrive(self, barrier: wire.Barrier, consumer: str) -> None:
        """A consumer sent a barrier.

        Raises:
            Failure: the barrier is not well formed.
        """
        _check(barrier, consumer)
        context = self._context
        record = await context.store.arrive_at_barrier(
            context.key, barrier.barrier_id, barrier.SerializeToString(deterministic=True), consumer
        )
        if not record.finished:
            self._batches.open(wire.Barrier.FromString(record.payload), record.arrived)

    async def advance(self) -> None:
        """Finish the barriers that are complete; tell how the next one fills.

        Where plugins are asked, a batch is worked on beside the run's loops, and this is called again when it is ready.
        """
        while (barrier := self._batches.current) is not None:
            if self._batch is None and not self._take(barrier):
                progress = self._batches.progress(barrier)
                for consumer in barrier.arrived:
                    self._consumers.progress(consumer, progress)
                return
            assert self._batch is not None
            if self._context.spec.asks_plugins and not self._batch.payloads.done():
                return
            await self._finish(self._batch)
            self._batch = None

    def _take(self, barrier: OpenBarrier) -> bool:
        """Whether the barrier is complete; its batch is then on its way."""
        load = self._context.load
        idle = not load.unanswered and not load.growing and not len(self._desk)
        if (elsewhere := self._elsewhere) is not None:
            idle = not (elsewhere.unanswered or elsewhere.growing or elsewhere.groups)
        taken = self._batches.take(barrier, idle=idle)
        if taken is None:
            return False
        groups = self._batches.waiting()[:taken]
        work = asyncio.create_task(self._payloads(barrier.barrier.barrier_id, groups), name="batch")
        work.add_done_callback(lambda _: self._on_ready())
        self._batch = _Batch(barrier, groups, work)
        return True

    async def stop(self) -> None:
        """Give up a batch that is being worked on; its groups are in the store."""
        if self._batch is not None:
            self._batch.payloads.cancel()
            await asyncio.gather(self._batch.payloads, return_exceptions=True)

    async def _finish(self, batch: _Batch) -> None:
        context, barrier = self._context, batch.barrier
        barrier_id = barrier.barrier.barrier_id
        payloads = await batch.payloads
        ids = [group.group_id for group in batch.groups]
        sequences = await context.persist(
            lambda: context.store.finish_barrier(context.key, barrier_id, ids, payloads, barrier.participants)
        )
        self._batches.finish(barrier_id, frozenset(ids))
        for group_id in ids:
            self._kept.pop(group_id, None)
            self._summaries.pop(group_id, None)
        if sequences is not None:
            context.metrics.batches.inc()
            entries = [(barrier.participants, payload) for payload in payloads]
            self._consumers.push(OutboxKind.BATCH, entries, sequences)

    async def _payloads(self, barrier_id: str, groups: Sequence[FinishedGroup]) -> list[bytes]:
        first = wire.BatchResult(
            barrier_id=barrier_id,
            group_ids=[group.group_id for group in groups if group.kept],
            dropped_group_ids=[group.group_id for group in groups if not group.kept],
            statistics=batch_statistics(groups),
        )
        parts = [first]
        try:
            results = await self._results([group.group_id for group in groups if group.kept])
        except Failure as failure:
            first.error.CopyFrom(failure.to_status())
            results = []
        except Exception:  # noqa: BLE001 - whatever breaks is this batch's answer; the run goes on
            _log.exception("a batch could not be computed", run=self._context.key.run_id, barrier=barrier_id)
            first.error.CopyFrom(internal().to_status())
            results = []
        size = 0
        for result in results:
            size += result.ByteSize()
            if size > _PART_BYTES and parts[-1].groups:
                parts.append(wire.BatchResult(barrier_id=barrier_id))
                size = result.ByteSize()
            parts[-1].groups.append(result)
        for number, part in enumerate(parts):
            part.part, part.parts = number, len(parts)
        return [part.SerializeToString() for part in parts]

    async def _results(self, group_ids: Sequence[str]) -> list[rollout_pb2.GroupResult]:
        if not self._context.spec.deferred:
            return []
        return await batch_results(self._context, [await self._group(group_id) for group_id in group_ids])

    async def _group(self, group_id: str) -> KeptGroup:
        """A group's members; read from the store where an earlier process finished the group."""
        if group_id in self._kept:
            return self._kept[group_id]
        context = self._context
        record = await context.persist(lambda: context.store.get_group(context.key, group_id))
        stored = await context.persist(lambda: context.store.read_group(context.key, group_id))
        result = rollout_pb2.GroupResult.FromString(b"" if record is None else record.result or b"")
        return restored(group_id, self._desk.members_of(stored), result)


def _check(barrier: wire.Barrier, consumer: str) -> None:
    check_id(barrier.barrier_id, "barrier.barrier_id")
    for position, name in enumerate(barrier.participants):
        check_id(name, f"barrier.participants[{position}]")
    until = barrier.WhichOneof("until")
    if until is None:
        raise invalid_field("barrier.until", "one of count, kept_groups, all_participants must be given")
    if until != "all_participants" and getattr(barrier, until) <= 0:
        raise invalid_field(f"barrier.{until}", "must be positive")
    if barrier.participants and consumer not in barrier.participants:
        raise invalid_field("barrier.participants", "the sender is not among them")
