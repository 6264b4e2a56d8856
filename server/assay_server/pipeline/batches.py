"""Barriers at work: finished groups become batches, once each, also over restarts."""

from __future__ import annotations

from collections.abc import Sequence

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.estimators import Group, InputError, Scope
from assay_server.pipeline.barriers import Batches, FinishedGroup, OpenBarrier, batch_statistics
from assay_server.pipeline.consumers import Consumers
from assay_server.pipeline.context import RunContext
from assay_server.pipeline.failures import Failure, invalid_field
from assay_server.pipeline.groups import FinishedResult, GroupDesk, finished_group
from assay_server.pipeline.intake import check_id
from assay_server.pipeline.results import fill_group_result
from assay_server.store.protocol import MAX_UNBATCHED, OutboxKind, Recovery

_PART_BYTES = 2 * 1024 * 1024


class BatchDesk:
    """The batches of a run that are filling."""

    def __init__(self, context: RunContext, desk: GroupDesk, consumers: Consumers) -> None:
        self._context = context
        self._desk = desk
        self._consumers = consumers
        self._batches = Batches()
        estimator = context.spec.estimator
        self._estimator = estimator if estimator is not None and estimator.scope is Scope.BATCH else None
        self._groups: dict[str, Group] = {}  # where the estimator needs all groups of a batch at once

    @property
    def waits(self) -> bool:
        """Whether a barrier is open."""
        return self._batches.current is not None

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

    def add(self, finished: FinishedResult) -> None:
        """A group's result was stored."""
        self._batches.add_group(finished.finished)
        if self._estimator is not None and finished.message.kept and len(self._groups) < MAX_UNBATCHED:
            self._groups[finished.message.group_id] = finished.group

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
        """Finish the barriers that are complete; tell how the next one fills."""
        load = self._context.load
        while (barrier := self._batches.current) is not None:
            idle = not load.unanswered and not load.growing and not len(self._desk)
            taken = self._batches.take(barrier, idle=idle)
            if taken is None:
                progress = self._batches.progress(barrier)
                for consumer in barrier.arrived:
                    self._consumers.progress(consumer, progress)
                return
            await self._finish(barrier, taken)

    async def _finish(self, barrier: OpenBarrier, taken: int) -> None:
        context = self._context
        barrier_id = barrier.barrier.barrier_id
        groups = self._batches.waiting()[:taken]
        payloads = await self._results(barrier_id, groups)
        sequences = await context.persist(
            lambda: context.store.finish_barrier(
                context.key, barrier_id, [group.group_id for group in groups], payloads, barrier.participants
            )
        )
        self._batches.finish(barrier_id, taken)
        for group in groups:
            self._groups.pop(group.group_id, None)
        if sequences is not None:
            context.metrics.batches.inc()
            entries = [(barrier.participants, payload) for payload in payloads]
            self._consumers.push(OutboxKind.BATCH, entries, sequences)

    async def _results(self, barrier_id: str, groups: Sequence[FinishedGroup]) -> list[bytes]:
        first = wire.BatchResult(
            barrier_id=barrier_id,
            group_ids=[group.group_id for group in groups if group.kept],
            dropped_group_ids=[group.group_id for group in groups if not group.kept],
            statistics=batch_statistics(groups),
        )
        parts = [first]
        try:
            results = await self._advantages([group.group_id for group in groups if group.kept])
        except Failure as failure:
            first.error.CopyFrom(failure.to_status())
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

    async def _advantages(self, group_ids: Sequence[str]) -> list[rollout_pb2.GroupResult]:
        if self._estimator is None:
            return []
        groups = [await self._group(group_id) for group_id in group_ids]
        try:
            computed = self._estimator.advantages(groups)
        except InputError as error:
            raise invalid_field(error.field, error.message) from error
        results: list[rollout_pb2.GroupResult] = []
        for group, advantages in zip(groups, computed, strict=True):
            result = rollout_pb2.GroupResult(group_id=group.group_id, kept=True, estimator=self._estimator.pin)
            fill_group_result(result, advantages)
            results.append(result)
        return results

    async def _group(self, group_id: str) -> Group:
        """A group's members; read from the store where an earlier process finished the group."""
        if group_id in self._groups:
            return self._groups[group_id]
        context = self._context
        stored = await context.persist(lambda: context.store.read_group(context.key, group_id))
        return Group(group_id, tuple(held.member for held in self._desk.members_of(stored)))


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
