"""Operations on barriers and outboxes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from assay_server.store.protocol import BarrierRecord, OutboxKind, OutboxState, RunKey

from .mirror import RunMirror
from .schema import first_key
from .transaction import Transaction


@dataclass(frozen=True, slots=True)
class _Barrier:
    key: int
    payload: bytes
    arrived: list[str]
    finished: bool


def arrive(transaction: Transaction, key: RunKey, barrier_id: str, payload: bytes, consumer: str) -> BarrierRecord:
    """See :meth:`Store.arrive_at_barrier`."""
    run = transaction.run(key)
    barrier = _barrier(transaction, run, barrier_id, payload)
    if consumer not in barrier.arrived:
        barrier.arrived.append(consumer)
        transaction.execute("UPDATE barriers SET arrived = ? WHERE id = ?", (json.dumps(barrier.arrived), barrier.key))
    return BarrierRecord(barrier_id, barrier.payload, tuple(barrier.arrived), barrier.finished)


def finish(
    transaction: Transaction,
    key: RunKey,
    barrier_id: str,
    group_ids: Sequence[str],
    payloads: Sequence[bytes],
    consumers: Sequence[str],
) -> dict[str, int] | None:
    """See :meth:`Store.finish_barrier`."""
    run = transaction.run(key)
    barrier = _barrier(transaction, run, barrier_id, b"")
    if barrier.finished:
        return None
    transaction.settle()
    run.numbers.results += 1
    finish_key = first_key(run.key) + run.numbers.results
    transaction.execute("UPDATE barriers SET finish = ? WHERE id = ?", (finish_key, barrier.key))
    transaction.connection.executemany(
        "UPDATE groups SET barrier = ? WHERE run = ? AND group_id = ? AND barrier IS NULL",
        [(barrier.key, run.key, group_id) for group_id in group_ids],
    )
    held_by = [transaction.consumer(run, name) for name in consumers]
    for payload in payloads:
        transaction.hold(run, OutboxKind.BATCH, barrier.key, payload, held_by)
    return {name: run.consumers[name].last for name in consumers}


def register(transaction: Transaction, key: RunKey, name: str) -> OutboxState:
    """See :meth:`Store.outbox_state`."""
    consumer = transaction.consumer(transaction.run(key), name)
    return OutboxState(consumer.last, consumer.acked)


def acknowledge(transaction: Transaction, key: RunKey, name: str, sequence: int) -> OutboxState:
    """See :meth:`Store.outbox_ack`."""
    consumer = transaction.run(key).consumers.get(name)
    if consumer is None:
        return OutboxState(0, 0)
    acked = min(sequence, consumer.last)
    if acked > consumer.acked:
        consumer.acked = transaction.acknowledged[consumer.key] = acked
    return OutboxState(consumer.last, consumer.acked)


def _barrier(transaction: Transaction, run: RunMirror, barrier_id: str, payload: bytes) -> _Barrier:
    row = transaction.execute(
        "SELECT id, payload, arrived, finish IS NOT NULL FROM barriers WHERE run = ? AND barrier_id = ?",
        (run.key, barrier_id),
    ).fetchone()
    if row is not None:
        return _Barrier(row[0], row[1], json.loads(row[2]), bool(row[3]))
    run.numbers.barriers += 1
    key = first_key(run.key) + run.numbers.barriers
    transaction.execute(
        "INSERT INTO barriers (id, run, barrier_id, payload, arrived) VALUES (?, ?, ?, ?, '[]')",
        (key, run.key, barrier_id, payload),
    )
    return _Barrier(key, payload, [], False)
