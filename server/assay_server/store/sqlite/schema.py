"""The tables, and connections that have them.

Rows of a run have integer keys ``run << 40 | n`` with n = 1, 2, 3, ... in order of creation: rows of one run are
neighbours, "everything after a checkpoint" is a range of keys, and no statement has to ask for a key it was given.
Outbox rows have ``consumer << 40 | sequence`` likewise.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal

from assay_server.store.protocol import StoreUnavailable

Synchronous = Literal["NORMAL", "FULL"]

VERSION = 3
KEY_BITS = 40
PAGE_BYTES = 4096  # larger pages pack 4 KB texts no better, and an index over random ids writes a page per id

_OLDEST_SQLITE = (3, 38)  # JSON built in, UPDATE FROM

_TABLES = """
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    run_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    spec_digest TEXT NOT NULL,
    spec BLOB NOT NULL,
    restored TEXT,                       -- JSON [checkpoint, digest, forgotten] of the last restore
    numbers TEXT NOT NULL DEFAULT '{}',  -- JSON: the highest numbers given out before the last restore
    UNIQUE (tenant, run_id)
);
CREATE TABLE consumers (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    name TEXT NOT NULL,
    acked INTEGER NOT NULL DEFAULT 0,
    UNIQUE (run, name)
);
CREATE TABLE audiences (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, names TEXT NOT NULL, UNIQUE (run, names));
CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    group_id TEXT NOT NULL,
    first_at REAL NOT NULL,
    announced INTEGER NOT NULL,
    size INTEGER NOT NULL,
    fixed INTEGER NOT NULL,
    short INTEGER NOT NULL,
    expected TEXT,                       -- JSON list of ids
    state INTEGER NOT NULL,              -- GroupState; READY is OPEN with nothing missing, and written as OPEN
    emit_position INTEGER NOT NULL DEFAULT 0,
    barrier INTEGER,
    result INTEGER
);
CREATE UNIQUE INDEX groups_by_id ON groups (run, group_id);
CREATE INDEX groups_unfinished ON groups (run) WHERE state <> 2;
CREATE INDEX groups_emitted ON groups (run, emit_position) WHERE state = 2;
CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    rollout_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    grp INTEGER NOT NULL,
    late INTEGER NOT NULL,
    audience INTEGER NOT NULL,
    frozen INTEGER,                      -- NULL in progress, 0 final when accepted, else the tail's row in steps
    result INTEGER
);
CREATE UNIQUE INDEX rollouts_by_id ON rollouts (run, rollout_id);
CREATE INDEX rollouts_by_group ON rollouts (grp);
CREATE INDEX rollouts_unanswered ON rollouts (id) WHERE result IS NULL;
CREATE TABLE texts (id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE steps (id INTEGER PRIMARY KEY, rollout INTEGER NOT NULL, content BLOB NOT NULL);
CREATE INDEX steps_by_rollout ON steps (rollout);
CREATE TABLE results (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, subject INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, result INTEGER NOT NULL);
CREATE TRIGGER acknowledged AFTER UPDATE OF acked ON consumers BEGIN
    DELETE FROM outbox WHERE id > (new.id << 40) + old.acked AND id <= (new.id << 40) + new.acked;
END;
CREATE TABLE barriers (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    barrier_id TEXT NOT NULL,
    payload BLOB NOT NULL,
    arrived TEXT NOT NULL,               -- JSON list of consumers
    finish INTEGER                       -- the number it took among the results
);
CREATE UNIQUE INDEX barriers_by_id ON barriers (run, barrier_id);
CREATE INDEX barriers_unfinished ON barriers (run) WHERE finish IS NULL;
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    state BLOB NOT NULL,
    numbers TEXT NOT NULL,               -- JSON: the highest numbers given out
    UNIQUE (run, name)
);
CREATE TABLE checkpoint_held (checkpoint INTEGER, result INTEGER, PRIMARY KEY (checkpoint, result)) WITHOUT ROWID;
CREATE TABLE checkpoint_late (checkpoint INTEGER, rollout INTEGER, PRIMARY KEY (checkpoint, rollout)) WITHOUT ROWID;
CREATE TABLE checkpoint_groups (
    checkpoint INTEGER, grp INTEGER, announced INTEGER, size INTEGER, fixed INTEGER, short INTEGER, expected TEXT,
    PRIMARY KEY (checkpoint, grp)
) WITHOUT ROWID;
CREATE TABLE checkpoint_barriers (
    checkpoint INTEGER, barrier INTEGER, arrived TEXT, PRIMARY KEY (checkpoint, barrier)
) WITHOUT ROWID;
CREATE TABLE objects (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (tenant, kind, digest)
);
"""
_COUNTERS = """
CREATE TABLE counters (run INTEGER, name TEXT, value REAL NOT NULL, PRIMARY KEY (run, name)) WITHOUT ROWID;
"""
_FACTS = """
ALTER TABLE groups ADD COLUMN facts BLOB;
"""
_VERSIONS = (_TABLES, _COUNTERS, _FACTS)  # what each version added to the one before


def connect(path: Path, synchronous: Synchronous = "NORMAL", *, cache_bytes: int = 32 << 20) -> sqlite3.Connection:
    """A connection that leaves transactions and checkpoints of the log to its owner; any one thread may use it."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreUnavailable(f"SQLite {sqlite3.sqlite_version} is too old: {_OLDEST_SQLITE} is needed")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    try:
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA secure_delete = OFF")  # some builds overwrite what is deleted: twice the writing
        connection.execute(f"PRAGMA cache_size = -{cache_bytes >> 10}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables that are missing. StoreUnavailable if a newer version of this code made the file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreUnavailable(
            f"the store has schema version {version}, this server knows up to {VERSION}: start a newer server"
        )
    if version == 0:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
    if version < VERSION:
        missing = "".join(_VERSIONS[version:])
        connection.executescript(f"BEGIN IMMEDIATE; {missing} PRAGMA user_version = {VERSION}; COMMIT;")


def limit_size(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Let the file grow no larger by what this connection writes."""
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA max_page_count = {max(max_bytes // page_bytes, 1)}")


def first_key(run: int) -> int:
    """The number below the first key of a run (or of a consumer's outbox)."""
    return run << KEY_BITS


def last_key(run: int) -> int:
    """The highest key that a run (or a consumer's outbox) can have."""
    return (run + 1 << KEY_BITS) - 1
