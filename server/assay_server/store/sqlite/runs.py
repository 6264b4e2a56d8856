"""Operations on runs: create, remember a point, go back to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

from assay_server.store.checkpoints import beginning, checkpoint_record
from assay_server.store.protocol import (
    CheckpointRecord,
    RunConflict,
    RunKey,
    RunRecord,
    StaleGeneration,
    UnknownCheckpoint,
    UnknownRun,
)

from .mirror import Numbers, RunMirror
from .points import REMEMBER, UNDO
from .schema import first_key, last_key
from .transaction import Transaction


@dataclass(frozen=True, slots=True)
class _Point:
    key: int  # 0 = the beginning
    record: CheckpointRecord
    numbers: Numbers


def create(transaction: Transaction, tenant: str, run_id: str, spec_digest: str, spec: bytes) -> tuple[RunRecord, bool]:
    """See :meth:`Store.create_run`."""
    run = transaction.find_run(tenant, run_id)
    if run is None:
        transaction.execute(
            "INSERT INTO runs (tenant, run_id, generation, spec_digest, spec) VALUES (?, ?, 1, ?, ?)",
            (tenant, run_id, spec_digest, spec),
        )
        return RunRecord(tenant, run_id, 1, spec_digest, spec), True
    if run.record.spec_digest != spec_digest:
        raise RunConflict(f"run {run_id!r} exists with another spec")
    return run.record, False


def checkpoint(transaction: Transaction, key: RunKey, name: str, state: bytes) -> CheckpointRecord:
    """See :meth:`Store.checkpoint_run`.

    Beside the numbers given out so far it keeps what was unfinished: results that some consumer had not acknowledged,
    groups and barriers that were not both finished and acknowledged. Everything else of that time never changes.
    """
    run = transaction.run(key)
    known = _point(transaction, run, name)
    if known is not None:
        return known.record
    transaction.settle()
    acknowledged = {consumer: held.acked for consumer, held in run.consumers.items()}
    record = checkpoint_record(name, run.numbers.rollouts, acknowledged, state)
    cursor = transaction.execute(
        "INSERT INTO checkpoints (run, name, digest, state, numbers) VALUES (?, ?, ?, ?, ?)",
        (run.key, name, record.digest, state, run.numbers.dump()),
    )
    here = {"run": run.key, "point": cursor.lastrowid}
    for consumer in run.consumers.values():
        transaction.connection.execute(
            "INSERT OR IGNORE INTO checkpoint_held SELECT ?, result FROM outbox WHERE id BETWEEN ? AND ?",
            (cursor.lastrowid, first_key(consumer.key), last_key(consumer.key)),
        )
    for statement in REMEMBER:
        transaction.connection.execute(statement, here)
    return record


def restore(
    transaction: Transaction, tenant: str, run_id: str, name: str, expected_generation: int
) -> tuple[RunRecord, CheckpointRecord, int]:
    """See :meth:`Store.restore_run`."""
    run = transaction.find_run(tenant, run_id)
    if run is None:
        raise UnknownRun(f"there is no run {run_id!r}")
    point = _point(transaction, run, name)
    present = run.record.generation
    if expected_generation not in {0, present}:
        forgotten = _retried(transaction, run, name) if expected_generation == present - 1 else None
        if point is None or forgotten is None:
            raise StaleGeneration(run.record.key._replace(generation=expected_generation), present)
        return run.record, point.record, forgotten
    if point is None:
        raise UnknownCheckpoint(f"run {run_id!r} has no checkpoint {name!r}")
    transaction.settle()
    forgotten = _go_back(transaction, run, point)
    transaction.execute(
        "UPDATE runs SET generation = generation + 1, restored = ?, numbers = ? WHERE run = ?",
        (json.dumps([name, forgotten]), run.numbers.dump(), run.key),
    )
    transaction.drop_mirror(run)
    transaction.refresh()
    return transaction.run(run.record.key._replace(generation=present + 1)).record, point.record, forgotten


def count(transaction: Transaction, tenant: str, run_id: str, amounts: Mapping[str, float]) -> Mapping[str, float]:
    """See :meth:`Store.add_to_counters`."""
    run = transaction.find_run(tenant, run_id)
    if run is None:
        raise UnknownRun(f"there is no run {run_id!r}")
    for name, amount in amounts.items():
        transaction.execute(
            "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
            (run.key, name, amount),
        )
    return dict(transaction.execute("SELECT name, value FROM counters WHERE run = ?", (run.key,)).fetchall())


def _point(transaction: Transaction, run: RunMirror, name: str) -> _Point | None:
    if not name:
        return _Point(0, beginning(), Numbers())
    row = transaction.execute(
        "SELECT id, digest, state, numbers FROM checkpoints WHERE run = ? AND name = ?", (run.key, name)
    ).fetchone()
    return _Point(row[0], CheckpointRecord(name, row[1], row[2]), Numbers(**json.loads(row[3]))) if row else None


def _retried(transaction: Transaction, run: RunMirror, name: str) -> int | None:
    """What the last restore forgot, if it was to this checkpoint."""
    (restored,) = transaction.execute("SELECT restored FROM runs WHERE run = ?", (run.key,)).fetchone()
    last_name, forgotten = json.loads(restored or "[null, 0]")
    return forgotten if last_name == name else None


def _go_back(transaction: Transaction, run: RunMirror, point: _Point) -> int:
    """Undo what came after the point; the number of rollouts that are gone."""
    first = first_key(run.key)
    there: dict[str, int] = {"run": run.key, "point": point.key, "last": last_key(run.key)}
    there |= {field.name: first + getattr(point.numbers, field.name) for field in fields(Numbers)}
    (forgotten,) = transaction.connection.execute(
        "SELECT count(*) FROM rollouts WHERE id > :rollouts AND id <= :last", there
    ).fetchone()
    for statement in UNDO:
        transaction.connection.execute(statement, there)
    for consumer in run.consumers.values():
        transaction.execute(
            "DELETE FROM outbox WHERE id BETWEEN ? AND ?", (first_key(consumer.key), last_key(consumer.key))
        )
    return forgotten
