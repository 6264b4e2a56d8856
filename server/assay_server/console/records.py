"""The record store, read-only: what there is of a run, in the order in which it came.

Statements see committed state and hold no snapshot from one to the next, so that neither the writer nor its log waits
for a reader.
"""

# ruff: noqa: S608  # statements are put together from constants of this module; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from assay.v1 import rollout_pb2, run_service_pb2
from assay_server.console.errors import NotHeld
from assay_server.pipeline.assembly import assemble
from assay_server.store.sqlite.contents import read_rollouts
from assay_server.store.sqlite.schema import first_key, last_key

_BUSY_SECONDS = 5.0
_ROLLOUT = "SELECT r.id, r.grp, t.payload, s.payload FROM rollouts r JOIN texts t ON t.id = r.id LEFT JOIN results s"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it is registered; ``key`` is its number in the store."""

    key: int
    run_id: str
    generation: int
    spec: run_service_pb2.RunSpec


class AnsweredRow(NamedTuple):
    """A rollout, and its result where it has one."""

    key: int
    group: int
    rollout: bytes
    result: bytes | None


class EmittedRow(NamedTuple):
    """A group's result; ``position`` is the order of emission."""

    key: int
    position: int
    result: bytes


class Records:
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

    def runs(self, tenant: str) -> list[RunRow]:
        """A tenant's runs, newest first."""
        rows = self._connection.execute(
            "SELECT run, run_id, generation, spec FROM runs WHERE tenant = ? ORDER BY run DESC", (tenant,)
        )
        return [RunRow(key, name, generation, _spec(spec)) for key, name, generation, spec in rows]

    def run(self, tenant: str, run_id: str) -> RunRow:
        """One run. Raises NotHeld."""
        row = self._connection.execute(
            "SELECT run, run_id, generation, spec FROM runs WHERE tenant = ? AND run_id = ?", (tenant, run_id)
        ).fetchone()
        if row is None:
            raise NotHeld(f"there is no run {run_id[:200]!r} in these records")
        return RunRow(row[0], row[1], row[2], _spec(row[3]))

    def counts(self, run: RunRow) -> tuple[int, int]:
        """Rollouts and groups that a run has."""
        (rollouts,) = self._connection.execute("SELECT count(*) FROM rollouts WHERE run = ?", (run.key,)).fetchone()
        (groups,) = self._connection.execute("SELECT count(*) FROM groups WHERE run = ?", (run.key,)).fetchone()
        return rollouts, groups

    def rollouts_after(self, run: RunRow, after: int) -> Iterator[AnsweredRow]:
        """Rollouts with a key above ``after``, in order of acceptance."""
        return map(
            AnsweredRow._make,
            self._connection.execute(
                f"{_ROLLOUT} ON s.id = r.result WHERE r.id > ? AND r.id <= ? ORDER BY r.id",
                (max(after, first_key(run.key)), last_key(run.key)),
            ),
        )

    def answered(self, keys: Sequence[int]) -> Iterator[AnsweredRow]:
        """Those of these rollouts that have a result by now."""
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            yield from map(
                AnsweredRow._make,
                self._connection.execute(
                    f"{_ROLLOUT} ON s.id = r.result WHERE r.id IN ({marks}) AND r.result IS NOT NULL ORDER BY r.id",
                    part,
                ),
            )

    def emitted_after(self, run: RunRow, position: int) -> Iterator[EmittedRow]:
        """Results of groups in the order of their emission."""
        return map(
            EmittedRow._make,
            self._connection.execute(
                "SELECT g.id, g.emit_position, s.payload FROM groups g JOIN results s ON s.id = g.result"
                " WHERE g.run = ? AND g.state = 2 AND g.emit_position > ? ORDER BY g.emit_position",
                (run.key, position),
            ),
        )

    def group_ids(self, keys: Sequence[int]) -> dict[int, str]:
        """The ids of groups by their keys."""
        marks = ",".join("?" * len(keys))
        rows = self._connection.execute(f"SELECT id, group_id FROM groups WHERE id IN ({marks})", keys)
        return dict(rows.fetchall())

    def group_result(self, run: RunRow, group_id: str) -> rollout_pb2.GroupResult | None:
        """A group's result; None before there is one. Raises NotHeld where there is no such group."""
        row = self._connection.execute(
            "SELECT s.payload FROM groups g LEFT JOIN results s ON s.id = g.result WHERE g.run = ? AND g.group_id = ?",
            (run.key, group_id),
        ).fetchone()
        if row is None:
            raise NotHeld(f"there is no group {group_id[:200]!r} in this run")
        return None if row[0] is None else rollout_pb2.GroupResult.FromString(row[0])

    def members(self, run: RunRow, group_id: str, most: int) -> list[tuple[rollout_pb2.Rollout, bytes | None]]:
        """The first ``most`` rollouts of a group by key, with their results."""
        condition = (
            "id IN (SELECT id FROM rollouts WHERE grp = (SELECT id FROM groups WHERE run = ? AND group_id = ?)"
            " ORDER BY id LIMIT ?)"
        )
        found = read_rollouts(self._connection, condition, (run.key, group_id, most))
        return sorted(((assemble(one), one.result) for one in found), key=lambda pair: pair[0].rollout_id)

    def rollout(self, run: RunRow, rollout_id: str) -> tuple[rollout_pb2.Rollout, bytes | None]:
        """A rollout with its result. Raises NotHeld."""
        found = read_rollouts(self._connection, "run = ? AND rollout_id = ?", (run.key, rollout_id))
        if not found:
            raise NotHeld(f"there is no rollout {rollout_id[:200]!r} in this run")
        return assemble(found[0]), found[0].result

    def task(self, tenant: str, digest: str) -> rollout_pb2.Task | None:
        """A task that was sent apart; None where it is gone."""
        row = self._connection.execute(
            "SELECT payload FROM objects WHERE tenant = ? AND kind = 'task' AND digest = ?", (tenant, digest)
        ).fetchone()
        return None if row is None else rollout_pb2.Task.FromString(row[0])


def _spec(data: bytes) -> run_service_pb2.RunSpec:
    return run_service_pb2.Run.FromString(data).spec
