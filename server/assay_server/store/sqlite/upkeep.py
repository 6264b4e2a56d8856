"""Upkeep of a store's file while no server uses it: what is in it, runs taken out; and copies of it, at any time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay_server.store.protocol import StoreUnavailable

from .ownership import Ownership
from .schema import VERSION, connect, first_key, last_key, prepare

_OF_KEYS = ("groups", "rollouts", "texts", "steps", "results", "barriers")
"""Tables whose keys begin with the run's number."""

_OF_RUN = ("counters", "audiences", "consumers", "checkpoints", "runs")
_OF_CHECKPOINT = ("checkpoint_held", "checkpoint_late", "checkpoint_groups", "checkpoint_barriers")


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run in the file.

    Attributes:
        key: its number there.
        rollouts: that are held.
        payload_bytes: of their texts, steps and results.
        owed: results that a consumer has not acknowledged, and rollouts that have no answer.
        last_active: when its newest group began, seconds of the epoch; None where it has none.
    """

    key: int
    tenant: str
    run_id: str
    rollouts: int
    payload_bytes: int
    owed: int
    last_active: float | None


@contextmanager
def owned(path: Path) -> Generator[sqlite3.Connection]:
    """The file, while no server has it. Raises StoreUnavailable."""
    if not path.exists():
        raise StoreUnavailable(f"there is no store {path.name!r}")
    ownership = Ownership(path)
    try:
        with closing(connect(path, "FULL")) as connection:
            prepare(connection)
            yield connection
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the store {path.name!r} cannot be used: {error}") from error
    finally:
        ownership.release()


def held_runs(connection: sqlite3.Connection) -> list[HeldRun]:
    """The runs, as they were created."""
    rows = connection.execute("SELECT run, tenant, run_id FROM runs ORDER BY run").fetchall()
    return [_held(connection, key, tenant, run_id) for key, tenant, run_id in rows]


def _held(connection: sqlite3.Connection, key: int, tenant: str, run_id: str) -> HeldRun:
    span = (first_key(key) + 1, last_key(key))

    def one(statement: str, *parameters: int) -> float | None:
        (value,) = connection.execute(statement, parameters).fetchone()
        return value

    size = sum(
        one(f"SELECT total(length({column})) FROM {table} WHERE id BETWEEN ? AND ?", *span) or 0.0  # noqa: S608 - names of this module
        for table, column in (("texts", "payload"), ("steps", "content"), ("results", "payload"))
    )
    owed = one("SELECT count(*) FROM rollouts WHERE id BETWEEN ? AND ? AND result IS NULL", *span) or 0
    for (consumer,) in connection.execute("SELECT id FROM consumers WHERE run = ?", (key,)).fetchall():
        unread = (first_key(consumer) + 1, last_key(consumer))
        owed += one("SELECT count(*) FROM outbox WHERE id BETWEEN ? AND ?", *unread) or 0
    rollouts = one("SELECT count(*) FROM rollouts WHERE id BETWEEN ? AND ?", *span) or 0
    last = one("SELECT max(first_at) FROM groups WHERE id BETWEEN ? AND ?", *span)
    return HeldRun(key, tenant, run_id, int(rollouts), int(size), int(owed), last)


def remove_run(connection: sqlite3.Connection, run: HeldRun) -> None:
    """Take a run out with everything of it, in one transaction. Tasks and blobs stay: they are the tenant's."""
    span = (first_key(run.key) + 1, last_key(run.key))
    connection.execute("BEGIN IMMEDIATE")
    try:
        for (consumer,) in connection.execute("SELECT id FROM consumers WHERE run = ?", (run.key,)).fetchall():
            unread = (first_key(consumer) + 1, last_key(consumer))
            connection.execute("DELETE FROM outbox WHERE id BETWEEN ? AND ?", unread)
        for table in _OF_CHECKPOINT:
            of_run = "checkpoint IN (SELECT id FROM checkpoints WHERE run = ?)"
            connection.execute(f"DELETE FROM {table} WHERE {of_run}", (run.key,))  # noqa: S608 - as above
        for table in _OF_KEYS:
            connection.execute(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", span)  # noqa: S608 - as above
        for table in _OF_RUN:
            connection.execute(f"DELETE FROM {table} WHERE run = ?", (run.key,))  # noqa: S608 - as above
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise


def compact(connection: sqlite3.Connection) -> None:
    """Give the room that was freed back to the disk; takes as much room again while it does."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copy_consistently(source: Path, target: Path) -> None:
    """A copy as of one moment, also while a server writes; readable by its owner alone.

    Raises:
        StoreUnavailable: either file cannot be used. FileExistsError: ``target`` is there.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
            problems: Sequence[tuple[str]] = writing.execute("PRAGMA quick_check").fetchall()
    except sqlite3.Error as error:
        target.unlink()
        raise StoreUnavailable(f"{source.name!r} cannot be copied: {error}") from error
    if problems != [("ok",)]:
        target.unlink()
        raise StoreUnavailable(f"{source.name!r} is damaged: {problems[0][0]}")


def require_known_version(path: Path) -> None:
    """Raise StoreUnavailable where a newer version of this code made the file, or it is no store."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path.name!r} is no store: {error}") from error
    if not 0 < version <= VERSION:
        raise StoreUnavailable(f"{path.name!r} has schema version {version}, this server knows 1 to {VERSION}")
