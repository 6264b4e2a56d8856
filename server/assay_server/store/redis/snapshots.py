"""A shared run as bytes and back, so that its log need not be kept from the beginning."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from assay_server.store.membership import Membership
from assay_server.store.memory_outbox import MemoryOutbox
from assay_server.store.memory_rows import MemoryBarrier, MemoryCheckpoint, MemoryGroup, MemoryRollout
from assay_server.store.memory_run import MemoryRun
from assay_server.store.protocol import (
    AcceptItem,
    CheckpointRecord,
    GroupState,
    OutboxEntry,
    OutboxKind,
    RunRecord,
)
from assay_server.store.records import Ref

from .codec import pack, unpack
from .shared_run import SharedRun


class _Image(NamedTuple):
    """What a snapshot consists of."""

    generation: int
    tick: int
    positions: int
    emitted: int
    counters: dict[str, float]
    restored: tuple[tuple[str, str, bytes], int] | None
    rollouts: Sequence[_Rollout]
    groups: Sequence[_Group]
    barriers: Sequence[tuple[str, bytes, int, Sequence[str], int | None]]
    outboxes: Sequence[tuple[str, int, int, Sequence[tuple[tuple[int, int, bytes], str]]]]
    checkpoints: Sequence[_Checkpoint]
    archives: Sequence[tuple[bytes, int]]
    members: Sequence[str]
    scoring: dict[str, str]
    emitting: dict[str, str]
    fact_archives: Sequence[tuple[bytes, int]] = ()


class _Rollout(NamedTuple):
    item: Sequence[object]
    position: int
    created: int
    late: bool
    steps: Sequence[bytes]
    step_ticks: Sequence[int]
    tail: bytes | None
    final_tick: int | None
    result: bytes | None
    result_tick: int


class _Counts(NamedTuple):
    group_id: str
    first_at: float
    announced: int
    size: int
    arrived: int
    answered: int
    late: int
    fixed: bool
    short: bool
    expected: Sequence[str] | None
    state: int


class _Group(NamedTuple):
    counts: _Counts
    created: int
    members: Sequence[str]
    emit_position: int
    barrier_id: str
    result: bytes | None
    facts: bytes = b""


class _Checkpoint(NamedTuple):
    name: str
    digest: str
    state: bytes
    tick: int
    held: Sequence[tuple[int, str]]
    groups: Sequence[tuple[_Counts, Sequence[str]]]
    arrivals: dict[str, Sequence[str]]


def dump(shared: SharedRun) -> bytes:
    """The run as it is now."""
    run = shared.run
    restored = run.restored
    image = _Image(
        run.record.generation,
        run.tick,
        run.positions,
        run.emitted,
        run.counters,
        None if restored is None else ((restored[0].name, restored[0].digest, restored[0].state), restored[1]),
        [_rollout_image(rollout) for rollout in run.rollouts.values()],
        [_group_image(group) for group in run.groups.values()],
        [(b.barrier_id, b.payload, b.created, b.arrived, b.finish_tick) for b in run.barriers.values()],
        [(name, box.last, box.acked, list(box.entries)) for name, box in run.outboxes.items()],
        [_checkpoint_image(name, point) for name, point in run.checkpoints.items()],
        shared.archives,
        list(shared.members),
        shared.unfinished.scoring,
        shared.unfinished.emitting,
        shared.fact_archives,
    )
    return pack(image)


def load(record: RunRecord, data: bytes) -> SharedRun:
    """The run that :func:`dump` wrote down; ``record`` is as it was created."""
    image = _Image(*cast("tuple[Any, ...]", unpack(data)))  # as it was written
    stored = RunRecord(record.tenant, record.run_id, image.generation, record.spec_digest, record.spec)
    shared = SharedRun(stored)
    run = shared.run
    run.tick, run.positions, run.emitted = image.tick, image.positions, image.emitted
    run.counters = dict(image.counters)
    if image.restored is not None:
        run.restored = (CheckpointRecord(*image.restored[0]), image.restored[1])
    run.rollouts = {rollout.item.rollout_id: rollout for rollout in map(_rollout, image.rollouts)}
    run.groups = {group.counts.group_id: group for group in (_group(run, row) for row in image.groups)}
    run.barriers = {b[0]: MemoryBarrier(b[0], b[1], b[2], list(b[3]), b[4]) for b in image.barriers}
    run.outboxes = {name: _outbox(last, acked, entries) for name, last, acked, entries in image.outboxes}
    run.checkpoints = {row[0]: _checkpoint(_Checkpoint(*row)) for row in image.checkpoints}
    shared.archives = list(image.archives)
    shared.fact_archives = list(image.fact_archives)
    shared.members = dict.fromkeys(image.members)
    shared.derive("")
    shared.unfinished.scoring.update(image.scoring)
    shared.unfinished.emitting.update(image.emitting)
    return shared


def _rollout_image(rollout: MemoryRollout) -> _Rollout:
    return _Rollout(
        rollout.item,
        rollout.position,
        rollout.created,
        rollout.late,
        rollout.steps,
        rollout.step_ticks,
        rollout.tail,
        rollout.final_tick,
        rollout.result,
        rollout.result_tick,
    )


def _rollout(row: Iterable[object]) -> MemoryRollout:
    image = _Rollout(*row)  # type: ignore[arg-type]  # as it was written
    item = AcceptItem(*image.item)  # type: ignore[arg-type]  # as it was written
    return MemoryRollout(
        item,
        image.position,
        image.created,
        image.late,
        [Ref(step) for step in image.steps],
        list(image.step_ticks),
        None if image.tail is None else Ref(image.tail),
        image.final_tick,
        image.result,
        image.result_tick,
    )


def _counts_image(counts: Membership) -> _Counts:
    return _Counts(
        counts.group_id,
        counts.first_at,
        counts.announced,
        counts.size,
        counts.arrived,
        counts.answered,
        counts.late,
        counts.fixed,
        counts.short,
        None if counts.expected is None else sorted(counts.expected),
        counts.state,
    )


def _counts(row: Iterable[object]) -> Membership:
    image = _Counts(*row)  # type: ignore[arg-type]  # as it was written
    expected = None if image.expected is None else frozenset(image.expected)
    return Membership(*image[:9], expected, GroupState(image.state))


def _group_image(group: MemoryGroup) -> _Group:
    return _Group(
        _counts_image(group.counts),
        group.created,
        list(group.members),
        group.emit_position,
        group.barrier_id,
        group.result,
        group.facts,
    )


def _group(run: MemoryRun, row: Iterable[object]) -> MemoryGroup:
    image = _Group(*row)  # type: ignore[arg-type]  # as it was written
    members = {name: run.rollouts[name] for name in image.members}
    counts, position = _counts(image.counts), image.emit_position
    return MemoryGroup(counts, image.created, members, position, image.barrier_id, image.result, image.facts)


def _outbox(last: int, acked: int, entries: Sequence[tuple[tuple[int, int, bytes], str]]) -> MemoryOutbox:
    held = deque((OutboxEntry(sequence, OutboxKind(kind), payload), ref) for (sequence, kind, payload), ref in entries)
    return MemoryOutbox(last, acked, held)


def _checkpoint_image(name: str, point: MemoryCheckpoint) -> _Checkpoint:
    return _Checkpoint(
        name,
        point.record.digest,
        point.record.state,
        point.tick,
        sorted((kind.value, ref) for kind, ref in point.held),
        [(_counts_image(counts), sorted(late)) for counts, late in point.groups.values()],
        {barrier: list(arrived) for barrier, arrived in point.arrivals.items()},
    )


def _checkpoint(image: _Checkpoint) -> MemoryCheckpoint:
    groups = [(_counts(counts), frozenset(late)) for counts, late in image.groups]
    return MemoryCheckpoint(
        CheckpointRecord(image.name, image.digest, image.state),
        image.tick,
        frozenset((OutboxKind(kind), ref) for kind, ref in image.held),
        {counts.group_id: (counts, late) for counts, late in groups},
        {barrier: tuple(arrived) for barrier, arrived in image.arrivals.items()},
    )
