"""What of a run is settled and need not be at hand any more. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from assay_server.store.memory_rows import MemoryCheckpoint, MemoryGroup, MemoryRollout
from assay_server.store.memory_run import MemoryRun
from assay_server.store.protocol import GroupState, OutboxKind


class Settled(NamedTuple):
    """Names of what is settled: nothing changes it any more, whatever is restored."""

    rollouts: Sequence[str]
    groups: Sequence[str]
    barriers: Sequence[str]


def settled(run: MemoryRun, tick: int) -> Settled:
    """What was there at that tick, and is answered, emitted and acknowledged by everybody by now.

    What some checkpoint would make due again is not settled.
    """
    held = {reference for outbox in run.outboxes.values() for reference in outbox.references()}
    points = tuple(run.checkpoints.values())
    rollouts: list[str] = []
    groups: list[str] = []
    for group_id, group in run.groups.items():
        done = [
            rollout_id
            for rollout_id, rollout in group.members.items()
            if rollout.created <= tick
            and rollout.result is not None
            and (OutboxKind.SAMPLE, rollout_id) not in held
            and all(_stays(rollout_id, rollout, point) for point in points)
        ]
        if not group_id:
            rollouts += done
        elif len(done) == len(group.members) and _is_over(run, group_id, group, tick, held, points):
            rollouts += done
            groups.append(group_id)
    barriers = [
        barrier_id
        for barrier_id, barrier in run.barriers.items()
        if barrier.finish_tick is not None
        and barrier.finish_tick <= tick
        and (OutboxKind.BATCH, barrier_id) not in held
        and all(_barrier_stays(run, barrier_id, point) for point in points)
    ]
    return Settled(rollouts, groups, barriers)


def _is_over(
    run: MemoryRun,
    group_id: str,
    group: MemoryGroup,
    tick: int,
    held: set[tuple[OutboxKind, str]],
    points: Sequence[MemoryCheckpoint],
) -> bool:
    if group.created > tick or group.counts.state is not GroupState.EMITTED or (OutboxKind.GROUP, group_id) in held:
        return False
    if any(group.created <= point.tick and group_id in point.groups for point in points):
        return False
    if not group.barrier_id:
        return True
    if (OutboxKind.BATCH, group.barrier_id) in held:
        return False
    return all(_barrier_stays(run, group.barrier_id, point) for point in points)


def _stays(rollout_id: str, rollout: MemoryRollout, point: MemoryCheckpoint) -> bool:
    """Whether going back to the checkpoint forgets the rollout or leaves its result as it is."""
    if rollout.created > point.tick:
        return True
    return rollout.result_tick <= point.tick and (OutboxKind.SAMPLE, rollout_id) not in point.held


def _barrier_stays(run: MemoryRun, barrier_id: str, point: MemoryCheckpoint) -> bool:
    barrier = run.barriers.get(barrier_id)
    if barrier is None:
        return True
    finished = barrier.finish_tick is not None and barrier.finish_tick <= point.tick
    return finished and (OutboxKind.BATCH, barrier_id) not in point.held
