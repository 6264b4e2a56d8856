"""A file of records, read-only: what there is of a run, in the order in which it came.

Statements see committed state and hold no snapshot from one to the next, so that neither the writer nor its log waits
for a reader.
"""

# ruff: noqa: S608  # statements are put together from constants of this module; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from assay.v1 import rollout_pb2
from assay_server.console.errors import NotHeld
from assay_server.console.run_records import (
    AnsweredRow,
    EmittedRow,
    FoundGroup,
    FoundRollout,
    ListedRun,
    Missing,
    RunRow,
    spec_of,
)
from assay_server.pipeline.assembly import assemble
from assay_server.store.sqlite.contents import read_rollouts
from assay_server.store.sqlite.schema import first_key, last_key

_BUSY_SECONDS = 5.0
_ROLLOUT = "SELECT r.id, r.grp, t.payload, s.payload FROM rollouts r JOIN texts t ON t.id = r.id LEFT JOIN results s"
_CHUNK = 500


class SqliteRecords:
    """One file of records.

    Raises:
        sqlite3.Error: the file is not there, or is no store.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=_BUSY_SECONDS
        )
        self._connection.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rest(self) -> None:
        """See :meth:`RunRecords.rest`; what is held is small."""

    def runs(self, tenant: str, most: int) -> tuple[list[ListedRun], int]:
        """See :meth:`RunRecords.runs`."""
        (total,) = self._connection.execute("SELECT count(*) FROM runs WHERE tenant = ?", (tenant,)).fetchone()
        rows = self._connection.execute(
            "SELECT run, run_id, generation, spec FROM runs WHERE tenant = ? ORDER BY run DESC LIMIT ?", (tenant, most)
        ).fetchall()
        listed = [
            ListedRun(name, spec_of(spec), generation, *self._counts(key)) for key, name, generation, spec in rows
        ]
        return listed, total

    def run(self, tenant: str, run_id: str) -> RunRow:
        """See :meth:`RunRecords.run`."""
        row = self._connection.execute(
            "SELECT run, run_id, generation, spec FROM runs WHERE tenant = ? AND run_id = ?", (tenant, run_id)
        ).fetchone()
        if row is None:
            raise NotHeld(f"there is no run {run_id[:200]!r} in these records")
        return RunRow(tenant, row[0], row[1], row[2], spec_of(row[3]))

    def counts(self, run: RunRow) -> tuple[int, int]:
        """See :meth:`RunRecords.counts`."""
        return self._counts(run.key)

    def reading(self, run: RunRow) -> SqliteReading:
        """See :meth:`RunRecords.reading`."""
        return SqliteReading(self._connection, run)

    def group(self, run: RunRow, group_id: str) -> FoundGroup:
        """See :meth:`RunRecords.group`."""
        row = self._connection.execute(
            "SELECT s.payload FROM groups g LEFT JOIN results s ON s.id = g.result WHERE g.run = ? AND g.group_id = ?",
            (run.key, group_id),
        ).fetchone()
        if row is None:
            raise NotHeld(f"there is no group {group_id[:200]!r} in this run")
        if row[0] is None:
            return FoundGroup(None, finished=False)
        return FoundGroup(rollout_pb2.GroupResult.FromString(row[0]), finished=True)

    def members(self, run: RunRow, group_id: str, most: int) -> list[FoundRollout]:
        """See :meth:`RunRecords.members`."""
        condition = (
            "id IN (SELECT id FROM rollouts WHERE grp = (SELECT id FROM groups WHERE run = ? AND group_id = ?)"
            " ORDER BY id LIMIT ?)"
        )
        found = read_rollouts(self._connection, condition, (run.key, group_id, most))
        return sorted(
            (FoundRollout(assemble(one), one.result) for one in found), key=lambda one: one.rollout.rollout_id
        )

    def rollout(self, run: RunRow, rollout_id: str) -> FoundRollout:
        """See :meth:`RunRecords.rollout`."""
        found = read_rollouts(self._connection, "run = ? AND rollout_id = ?", (run.key, rollout_id))
        if not found:
            raise NotHeld(f"there is no rollout {rollout_id[:200]!r} in this run")
        return FoundRollout(assemble(found[0]), found[0].result)

    def task(self, tenant: str, digest: str) -> rollout_pb2.Task | None:
        """See :meth:`RunRecords.task`."""
        row = self._connection.execute(
            "SELECT payload FROM objects WHERE tenant = ? AND kind = 'task' AND digest = ?", (tenant, digest)
        ).fetchone()
        return None if row is None else rollout_pb2.Task.FromString(row[0])

    def _counts(self, key: int) -> tuple[int, int]:
        (rollouts,) = self._connection.execute("SELECT count(*) FROM rollouts WHERE run = ?", (key,)).fetchone()
        (groups,) = self._connection.execute("SELECT count(*) FROM groups WHERE run = ?", (key,)).fetchone()
        return rollouts, groups


class SqliteReading:
    """A way through one run of a file."""

    def __init__(self, connection: sqlite3.Connection, run: RunRow) -> None:
        self._connection = connection
        self._run = run
        self._last_rollout = first_key(run.key)
        self._last_group = 0
        self._unanswered: dict[int, None] = {}

    @property
    def missing(self) -> Missing:
        """See :attr:`Reading.missing`; a file holds a run whole."""
        return Missing()

    def answered(self) -> Iterator[AnsweredRow]:
        """See :meth:`Reading.answered`; those that were passed over without a result come first."""
        for key, group, rollout, result in self._answered(list(self._unanswered)):
            del self._unanswered[key]
            yield AnsweredRow(group, rollout, result)
        rows = self._connection.execute(
            f"{_ROLLOUT} ON s.id = r.result WHERE r.id > ? AND r.id <= ? ORDER BY r.id",
            (self._last_rollout, last_key(self._run.key)),
        )
        for key, group, rollout, result in rows:
            self._last_rollout = key
            if result is None:
                self._unanswered[key] = None
            else:
                yield AnsweredRow(group, rollout, result)

    def emitted(self) -> Iterator[EmittedRow]:
        """See :meth:`Reading.emitted`."""
        rows = self._connection.execute(
            "SELECT g.id, g.emit_position, s.payload FROM groups g JOIN results s ON s.id = g.result"
            " WHERE g.run = ? AND g.state = 2 AND g.emit_position > ? ORDER BY g.emit_position",
            (self._run.key, self._last_group),
        )
        for key, position, result in rows:
            self._last_group = position
            yield EmittedRow(key, result)

    def group_ids(self, keys: Sequence[int]) -> Mapping[int, str]:
        """See :meth:`Reading.group_ids`."""
        marks = ",".join("?" * len(keys))
        rows = self._connection.execute(f"SELECT id, group_id FROM groups WHERE id IN ({marks})", keys)
        return dict(rows.fetchall())

    def _answered(self, keys: Sequence[int]) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Those of these rollouts that have a result by now."""
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            yield from self._connection.execute(
                f"{_ROLLOUT} ON s.id = r.result WHERE r.id IN ({marks}) AND r.result IS NOT NULL ORDER BY r.id", part
            )
