"""Operations that only read: on a connection and a thread of their own, so that the writer never waits for them."""

# ruff: noqa: S608  # statements are put together from constants of this package; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import accumulate, count

from assay_server.store.protocol import (
    MAX_UNBATCHED,
    BarrierRecord,
    EmittedGroup,
    GroupRecord,
    GroupState,
    OutboxEntry,
    OutboxKind,
    Recovery,
    RunKey,
    RunRecord,
    StaleGeneration,
    StoredRollout,
    UnknownRun,
    is_due,
)

from .bulk import Value, chunks
from .contents import Sized, read_payloads, read_rollouts
from .mirror import Group, read_groups
from .schema import first_key, last_key

_KINDS = {str(kind.value): kind for kind in OutboxKind}
_HELD = (  # what a consumer holds after a sequence
    "SELECT o.id - (c.id << 40) sequence, s.kind, s.payload"
    " FROM consumers c CROSS JOIN outbox o ON o.id > (c.id << 40) + ? AND o.id < (c.id + 1) << 40"
    " JOIN results s ON s.id = o.result WHERE c.run = ? AND c.name = ? ORDER BY o.id LIMIT ?"
)

_SCAN_ROLLOUTS = 256
_SCAN_BYTES = 32 << 20
_SCAN_GROUPS = 1024
_MOST_BYTES = 256 << 20  # far below the largest blob SQLite makes


class Reader:
    """Reads committed state; each call sees one snapshot."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run_record(self, tenant: str, run_id: str) -> RunRecord | None:
        records = self._runs("WHERE tenant = ? AND run_id = ?", (tenant, run_id))
        return records[0] if records else None

    def run_records(self) -> list[RunRecord]:
        return self._runs("", ())

    def rollouts(self, key: RunKey, rollout_ids: Sequence[str]) -> list[StoredRollout | None]:
        with self._snapshot(key) as run:
            found: dict[str, StoredRollout] = {}
            condition = "run = ? AND rollout_id IN (SELECT column1 FROM {rows})"
            for text, parameters in chunks(condition, 1, rollout_ids):
                found.update((rollout.rollout_id, rollout) for rollout in self._rollouts(text, (run, *parameters)))
        return [found.get(rollout_id) for rollout_id in rollout_ids]

    def page(self, key: RunKey, after: int) -> list[StoredRollout]:
        """The next rollouts after a position, as many as make a reasonable page."""
        with self._snapshot(key) as run:
            sizes = self._connection.execute(
                "SELECT json_group_array(json_array(id, size)) FROM (SELECT r.id, coalesce(length(t.payload), 0) size"
                " FROM rollouts r LEFT JOIN texts t ON t.id = r.id WHERE r.id > ? AND r.id <= ? ORDER BY r.id LIMIT ?)",
                (first_key(run) + after, last_key(run), _SCAN_ROLLOUTS),
            ).fetchone()[0]
            rows = [Sized(*row) for row in sorted(json.loads(sizes))]
            fitting = len(_fitting([row.size for row in rows], _SCAN_BYTES))
            return self._rollouts("id > ? AND id <= ?", (first_key(run) + after, rows[fitting - 1].key)) if rows else []

    def group(self, key: RunKey, group_id: str) -> GroupRecord | None:
        with self._snapshot(key) as run:
            records = self._group_records(read_groups(self._connection, "run = ? AND group_id = ?", (run, group_id)))
            return records[0] if records else None

    def emitted(self, key: RunKey, after: int) -> list[EmittedGroup]:
        """The next emitted groups with facts, in order of emission."""
        with self._snapshot(key) as run:
            rows = self._connection.execute(
                "SELECT g.group_id, g.emit_position, coalesce(b.barrier_id, ''), g.facts"
                " FROM groups g LEFT JOIN barriers b ON b.id = g.barrier WHERE g.run = ? AND g.state = 2"
                " AND g.emit_position > ? AND g.facts IS NOT NULL ORDER BY g.emit_position LIMIT ?",
                (run, after, _SCAN_GROUPS),
            )
            return [EmittedGroup(*row) for row in rows.fetchall()]

    def members(self, key: RunKey, group_id: str) -> list[StoredRollout]:
        with self._snapshot(key) as run:
            condition = "late = 0 AND grp = (SELECT id FROM groups WHERE run = ? AND group_id = ?)"
            return sorted(self._rollouts(condition, (run, group_id)), key=lambda rollout: rollout.rollout_id)

    def consumers(self, key: RunKey) -> list[str]:
        with self._snapshot(key) as run:
            rows = self._connection.execute("SELECT name FROM consumers WHERE run = ? ORDER BY id", (run,)).fetchall()
            return [name for (name,) in rows]

    def outbox(self, key: RunKey, name: str, after: int, max_entries: int, max_bytes: int) -> list[OutboxEntry]:
        with self._snapshot(key) as run:
            held = (max(after, 0), run, name)
            (found,) = self._connection.execute(
                f"SELECT group_concat(length(payload)) FROM ({_HELD})", (*held, max(max_entries, 1))
            ).fetchone()
            sizes = (
                _fitting([int(size) for size in str(found).split(",")], min(max_bytes, _MOST_BYTES))
                if found is not None
                else []
            )
            if not sizes:
                return []
            first, kinds, content = self._connection.execute(
                f"SELECT min(sequence), group_concat(kind, ''), CAST(group_concat(payload, '') AS BLOB) FROM ({_HELD})",
                (*held, len(sizes)),
            ).fetchone()
            ends = list(accumulate(sizes))
            return [
                OutboxEntry(sequence, _KINDS[kind], content[end - size : end])
                for sequence, kind, size, end in zip(count(first), kinds, sizes, ends, strict=False)
            ]

    def objects(self, tenant: str, kind: str, digests: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for text, parameters in chunks(
            "SELECT digest, payload FROM objects"
            " WHERE tenant = ?1 AND kind = ?2 AND digest IN (SELECT column1 FROM {rows})",
            1,
            digests,
        ):
            found.update(self._connection.execute(text, (tenant, kind, *parameters)).fetchall())
        return [found.get(digest) for digest in digests]

    def object_keys(self, tenant: str, kind: str) -> list[str]:
        rows = self._connection.execute("SELECT digest FROM objects WHERE tenant = ? AND kind = ?", (tenant, kind))
        return sorted(key for (key,) in rows.fetchall())

    def recovery(self, key: RunKey) -> Recovery:
        with self._snapshot(key) as run:
            unanswered = self._rollouts(
                "id > ? AND id <= ? AND result IS NULL AND frozen IS NOT NULL", (first_key(run), last_key(run))
            )
            unfinished = self._group_records(
                read_groups(self._connection, "run = ? AND state <> 2 AND emit_position = 0", (run,))
            )
            barriers = self._connection.execute(
                "SELECT barrier_id, payload, arrived FROM barriers WHERE run = ? AND finish IS NULL ORDER BY id", (run,)
            ).fetchall()
            emitted = self._group_records(
                read_groups(
                    self._connection,
                    "run = ? AND state = 2 AND barrier IS NULL ORDER BY emit_position DESC LIMIT ?",
                    (run, MAX_UNBATCHED),
                )
            )
        return Recovery(
            unanswered=tuple(unanswered),
            ready=tuple(record for record in unfinished if is_due(record)),
            open=tuple(record for record in unfinished if record.state is GroupState.OPEN),
            barriers=tuple(
                BarrierRecord(name, payload, tuple(json.loads(sent)), False) for name, payload, sent in barriers
            ),
            unbatched=tuple(sorted(emitted, key=lambda record: record.emit_position)),
        )

    @contextmanager
    def _snapshot(self, key: RunKey) -> Generator[int]:
        """The run's integer, while all reads see the same state. UnknownRun, StaleGeneration."""
        self._connection.execute("BEGIN")
        try:
            row = self._connection.execute(
                "SELECT run, generation FROM runs WHERE tenant = ? AND run_id = ?", (key.tenant, key.run_id)
            ).fetchone()
            if row is None:
                raise UnknownRun(f"there is no run {key.run_id!r}")
            if row[1] != key.generation:
                raise StaleGeneration(key, row[1])
            yield row[0]
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _runs(self, condition: str, parameters: Sequence[str]) -> list[RunRecord]:
        rows = self._connection.execute(
            f"SELECT tenant, run_id, generation, spec_digest, spec FROM runs {condition} ORDER BY run", parameters
        ).fetchall()
        return [RunRecord(*row) for row in rows]

    def _rollouts(self, condition: str, parameters: Sequence[Value]) -> list[StoredRollout]:
        return read_rollouts(self._connection, condition, parameters)

    def _group_records(self, groups: Sequence[Group]) -> list[GroupRecord]:
        """The groups with where they were emitted to and what their results are."""
        extras: dict[int, tuple[int, str | None, int | None, int]] = {}
        for text, parameters in chunks(
            "SELECT g.id, g.emit_position, b.barrier_id, g.result, length(s.payload) FROM {rows} w"
            " CROSS JOIN groups g ON g.id = w.column1"
            " LEFT JOIN barriers b ON b.id = g.barrier LEFT JOIN results s ON s.id = g.result",
            1,
            [group.key for group in groups],
        ):
            extras.update((row[0], row[1:]) for row in self._connection.execute(text, parameters).fetchall())
        sized = [Sized(result, size) for _, _, result, size in extras.values() if result is not None]
        results = read_payloads(self._connection, "results", sized)
        records: list[GroupRecord] = []
        for group in groups:
            emit_position, barrier_id, result, _ = extras[group.key]
            payload = None if result is None else results[result]
            records.append(
                group.counts.record(emit_position=emit_position, barrier_id=barrier_id or "", result=payload)
            )
        return records


def _fitting(sizes: Sequence[int], limit: int) -> list[int]:
    """The first sizes that together stay within the limit; at least one if there is one."""
    fitting: list[int] = []
    total = 0
    for size in sizes:
        total += size
        if fitting and total > limit:
            break
        fitting.append(size)
    return fitting
