"""Operations on groups: fix the members, abort, emit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import repeat

from assay_server.store.protocol import GroupRecord, GroupState, OutboxKind, RunKey

from .mirror import Group, RunMirror
from .rollouts import new_group
from .transaction import Transaction


def close(
    transaction: Transaction, key: RunKey, group_id: str, expected: Sequence[str] | None, now: float
) -> GroupRecord:
    """See :meth:`Store.close_group`."""
    run = transaction.run(key)
    group = transaction.group(run, group_id) or new_group(transaction, run, group_id, now)
    transaction.settle()
    if group.counts.state is GroupState.OPEN:
        arrived, answered = group.counts.arrived, group.counts.answered
        if expected is not None:
            arrived, answered = _keep_named(transaction, group, frozenset(expected))
        group.counts.close(arrived, answered, expected)
        _save(transaction, run, group)
    return group_record(transaction, run, group_id)


def cut(transaction: Transaction, key: RunKey, group_id: str) -> GroupRecord | None:
    """See :meth:`Store.cut_group`."""
    run = transaction.run(key)
    group = run.groups.get(group_id)
    if group is None or group.counts.state is not GroupState.OPEN:
        return None
    transaction.settle()
    transaction.execute("UPDATE rollouts SET late = 1 WHERE grp = ? AND result IS NULL", (group.key,))
    group.counts.cut()
    _save(transaction, run, group)
    return group_record(transaction, run, group_id)


def abort(transaction: Transaction, key: RunKey, group_id: str, now: float) -> GroupRecord | None:
    """See :meth:`Store.abort_group`."""
    run = transaction.run(key)
    group = transaction.group(run, group_id) or new_group(transaction, run, group_id, now)
    if group.counts.state not in {GroupState.OPEN, GroupState.READY}:
        return None
    transaction.settle()
    group.counts.state = GroupState.ABORTED
    _save(transaction, run, group)
    return group_record(transaction, run, group_id)


def emit(
    transaction: Transaction,
    key: RunKey,
    results: Sequence[tuple[str, bytes, tuple[str, ...]]],
    facts: Sequence[bytes],
) -> tuple[list[int], dict[str, int]]:
    """See :meth:`Store.emit_groups`."""
    run = transaction.run(key)
    positions: list[int] = []
    given: dict[str, None] = {}
    for (group_id, payload, names), numbers in zip(results, facts or repeat(b"")):  # noqa: B905 - one is endless
        group = transaction.group(run, group_id)
        if group is None or group.counts.state not in {GroupState.READY, GroupState.ABORTED}:
            positions.append(0)
            continue
        run.numbers.emitted += 1
        group.counts.state = GroupState.EMITTED
        consumers = [transaction.consumer(run, name) for name in names]
        result = transaction.hold(run, OutboxKind.GROUP, group.key, payload, consumers)
        known = bytearray(numbers) if numbers else None
        transaction.emissions.add(group.key, run.numbers.emitted, result, known)
        transaction.finish_group(run, group)
        positions.append(run.numbers.emitted)
        given.update(dict.fromkeys(names))
    return positions, {name: run.consumers[name].last for name in given}


def group_record(transaction: Transaction, run: RunMirror, group_id: str) -> GroupRecord:
    """A group that exists, with its result."""
    group = transaction.group(run, group_id)
    assert group is not None
    emit_position, barrier_id, result = transaction.execute(
        "SELECT g.emit_position, b.barrier_id, s.payload FROM groups g LEFT JOIN barriers b ON b.id = g.barrier"
        " LEFT JOIN results s ON s.id = g.result WHERE g.id = ?",
        (group.key,),
    ).fetchone()
    return group.counts.record(emit_position=emit_position, barrier_id=barrier_id or "", result=result)


def _keep_named(transaction: Transaction, group: Group, named: frozenset[str]) -> tuple[int, int]:
    """Make the members late that are not named; how many count, and how many of those are answered."""
    members = transaction.execute(
        "SELECT id, rollout_id, late, result IS NOT NULL FROM rollouts WHERE grp = ?", (group.key,)
    ).fetchall()
    arrived = answered = 0
    for key, rollout_id, late, has_result in members:
        if bool(late) != (rollout_id not in named):
            transaction.execute("UPDATE rollouts SET late = ? WHERE id = ?", (rollout_id not in named, key))
        if rollout_id in named:
            arrived += 1
            answered += has_result
    return arrived, answered


def _save(transaction: Transaction, run: RunMirror, group: Group) -> None:
    counts = group.counts
    expected = None if counts.expected is None else json.dumps(sorted(counts.expected))
    state = GroupState.OPEN if counts.state is GroupState.READY else counts.state
    transaction.execute(
        "UPDATE groups SET size = ?, fixed = ?, short = ?, expected = ?, state = ? WHERE id = ?",
        (counts.size, counts.fixed, counts.short, expected, state, group.key),
    )
    if counts.state is GroupState.ABORTED:
        transaction.finish_group(run, group)
