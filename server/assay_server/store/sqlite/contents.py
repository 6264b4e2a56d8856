"""Reading rollouts and payloads: many rows in one step.

A step of a statement that returns a row gives the interpreter lock away and takes it back. Payloads are therefore
concatenated by SQLite and cut apart here.
"""

# ruff: noqa: S608  # statements are put together from constants of this package; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from assay_server.store.protocol import StoredRollout

from .bulk import Value, chunks
from .schema import KEY_BITS

_CHUNK_BYTES = 32 << 20  # far below the largest blob SQLite makes

_CONTROL = (
    "SELECT json_group_array(json_array(r.id, r.rollout_id, g.group_id, a.names, r.late, r.frozen, r.result,"
    " coalesce(length(t.payload), 0), coalesce(length(s.payload), 0)))"
    " FROM (SELECT * FROM rollouts WHERE {condition}) r JOIN groups g ON g.id = r.grp"
    " JOIN audiences a ON a.id = r.audience LEFT JOIN texts t ON t.id = r.id LEFT JOIN results s ON s.id = r.result"
)
_STEPS = (
    "SELECT json_group_array(json_array(s.rollout, s.id, length(s.content)))"
    " FROM {rows} w CROSS JOIN steps s ON s.rollout = w.column1"
)


class Sized(NamedTuple):
    """A row with a payload of that many bytes."""

    key: int
    size: int


class _Control(NamedTuple):
    key: int
    rollout_id: str
    group_id: str
    names: str
    late: int
    frozen: int | None
    result: int | None
    text_size: int
    result_size: int


def read_rollouts(connection: sqlite3.Connection, condition: str, parameters: Sequence[Value]) -> list[StoredRollout]:
    """Rollouts in order of position. ``condition`` is over the columns of ``rollouts``."""
    (found,) = connection.execute(_CONTROL.replace("{condition}", condition), parameters).fetchone()
    controls = sorted(_Control(*row) for row in json.loads(found))
    texts = read_payloads(connection, "texts", [Sized(row.key, row.text_size) for row in controls])
    results = read_payloads(
        connection, "results", [Sized(row.result, row.result_size) for row in controls if row.result is not None]
    )
    steps = _read_steps(connection, [row.key for row in controls if row.frozen != 0])
    audiences: dict[str, tuple[str, ...]] = {
        names: tuple(json.loads(names)) for names in {row.names for row in controls}
    }
    return [
        StoredRollout(
            rollout_id=row.rollout_id,
            group_id=row.group_id,
            position=row.key & (1 << KEY_BITS) - 1,
            payload=texts[row.key],
            final=row.frozen is not None,
            consumers=audiences[row.names],
            late=bool(row.late),
            steps=tuple(steps.get(row.key, ())),
            result=None if row.result is None else results[row.result],
        )
        for row in controls
    ]


def read_payloads(
    connection: sqlite3.Connection, table: Literal["texts", "results", "steps"], rows: Sequence[Sized]
) -> dict[int, bytes]:
    """The payloads of rows by key."""
    column = "content" if table == "steps" else "payload"
    statement = (
        f"SELECT group_concat(t.id), CAST(group_concat(t.{column}, '') AS BLOB)"
        f" FROM {{rows}} w CROSS JOIN {table} t ON t.id = w.column1"
    )
    sizes = dict(rows)
    payloads: dict[int, bytes] = {}
    for part in _parts(rows):
        for text, parameters in chunks(statement, 1, part):
            keys, content = connection.execute(text, parameters).fetchone()
            payloads.update(_cut(keys, content or b"", sizes))
    return payloads


def _read_steps(connection: sqlite3.Connection, rollouts: Sequence[int]) -> dict[int, list[bytes]]:
    """Steps by rollout, the tail being the last."""
    found: list[tuple[int, int, int]] = []
    for text, parameters in chunks(_STEPS, 1, rollouts):
        found.extend(json.loads(connection.execute(text, parameters).fetchone()[0]))
    contents = read_payloads(connection, "steps", [Sized(key, size) for _, key, size in found])
    steps: dict[int, list[bytes]] = {}
    for rollout, key, _ in sorted(found):
        steps.setdefault(rollout, []).append(contents[key])
    return steps


def _parts(rows: Iterable[Sized]) -> Iterator[list[int]]:
    part: list[int] = []
    size = 0
    for row in rows:
        if part and size + row.size > _CHUNK_BYTES:
            yield part
            part, size = [], 0
        part.append(row.key)
        size += row.size
    if part:
        yield part


def _cut(keys: str | int | None, content: bytes, sizes: dict[int, int]) -> Iterator[tuple[int, bytes]]:
    start = 0
    for key in map(int, str(keys).split(",")) if keys is not None else ():
        end = start + sizes[key]
        yield key, content[start:end]
        start = end
