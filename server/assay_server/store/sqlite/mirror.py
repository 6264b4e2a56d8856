"""What the writer remembers of a run between transactions: small, and the same as what the file says.

This process is the only writer, so counts of unfinished groups, consumers' sequences and the next numbers need not be
asked for. After a failed transaction the mirrors are thrown away and read again.
"""

# ruff: noqa: S608  # statements are put together from constants of this package; values are always bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from assay_server.store.membership import Membership
from assay_server.store.protocol import GroupState, RunRecord

from .bulk import Value
from .schema import first_key, last_key


@dataclass(slots=True)
class Group:
    """A group's key and counts."""

    key: int
    counts: Membership


@dataclass(slots=True)
class Consumer:
    """A consumer's key, highest number given out, highest number acknowledged."""

    key: int
    last: int
    acked: int


@dataclass(slots=True)
class Numbers:
    """The highest numbers given out in a run; they never fall, so that a number means one thing for ever."""

    rollouts: int = 0
    groups: int = 0
    steps: int = 0
    results: int = 0
    barriers: int = 0
    emitted: int = 0

    def dump(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


@dataclass(slots=True)
class RunMirror:
    """One run.

    Attributes:
        key: the run's integer.
        groups: OPEN and READY groups by id; ``by_key`` the same by key.
        consumers: by name, in the order of registration.
        audiences: keys of the lists of consumers that rollouts name; ``members`` the way back.
    """

    key: int
    record: RunRecord
    numbers: Numbers
    groups: dict[str, Group] = field(default_factory=dict[str, Group])
    by_key: dict[int, Group] = field(default_factory=dict[int, Group])
    consumers: dict[str, Consumer] = field(default_factory=dict[str, Consumer])
    audiences: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])
    members: dict[int, tuple[Consumer, ...]] = field(default_factory=dict[int, tuple[Consumer, ...]])

    def watch(self, group: Group) -> None:
        """Remember an unfinished group."""
        self.groups[group.counts.group_id] = self.by_key[group.key] = group

    def forget(self, group: Group) -> None:
        """Drop a finished group."""
        if self.groups.pop(group.counts.group_id, None):
            del self.by_key[group.key]


def load_run(connection: sqlite3.Connection, tenant: str, run_id: str) -> RunMirror | None:
    """The mirror of a run as the file has it."""
    row = connection.execute(
        "SELECT run, generation, spec_digest, spec, numbers FROM runs WHERE tenant = ? AND run_id = ?", (tenant, run_id)
    ).fetchone()
    if row is None:
        return None
    run, generation, spec_digest, spec, numbers = row
    record = RunRecord(tenant, run_id, generation, spec_digest, spec)
    mirror = RunMirror(run, record, _numbers(connection, run, json.loads(numbers)))
    for key, name, acked in connection.execute(
        "SELECT id, name, acked FROM consumers WHERE run = ? ORDER BY id", (run,)
    ):
        mirror.consumers[name] = Consumer(key, max(acked, _highest(connection, "outbox", key)), acked)
    for key, names in connection.execute("SELECT id, names FROM audiences WHERE run = ?", (run,)):
        audience: list[str] = json.loads(names)
        mirror.audiences[tuple(audience)] = key
        mirror.members[key] = tuple(mirror.consumers[name] for name in audience)
    for group in read_groups(connection, "run = ? AND state = 0", (run,)):
        mirror.watch(group)
    return mirror


def read_groups(connection: sqlite3.Connection, condition: str, parameters: Sequence[Value]) -> list[Group]:
    """Groups with their counts, in the order of their creation. ``condition`` is over the columns of ``groups``."""
    rows = connection.execute(
        "SELECT g.id, g.group_id, g.first_at, g.announced, g.size, g.fixed, g.short, g.expected, g.state,"
        " count(r.late = 0 OR NULL), count(r.late = 0 AND r.result IS NOT NULL OR NULL), count(r.late = 1 OR NULL)"
        " FROM groups g LEFT JOIN rollouts r ON r.grp = g.id"
        f" WHERE g.id IN (SELECT id FROM groups WHERE {condition}) GROUP BY g.id ORDER BY g.id",
        parameters,
    ).fetchall()
    return [_group(*row) for row in rows]


def _group(
    key: int,
    group_id: str,
    first_at: float,
    announced: int,
    size: int,
    fixed: int,
    short: int,
    expected: str | None,
    state: int,
    arrived: int,
    answered: int,
    late: int,
) -> Group:
    names = None if expected is None else frozenset[str](json.loads(expected))
    counts = Membership(
        group_id, first_at, announced, size, arrived, answered, late, bool(fixed), bool(short), names, GroupState(state)
    )
    counts.settle()
    return Group(key, counts)


def _numbers(connection: sqlite3.Connection, run: int, floors: dict[str, int]) -> Numbers:
    highest = {
        table: _highest(connection, table, run) for table in ("rollouts", "groups", "steps", "results", "barriers")
    }
    (finish,) = connection.execute("SELECT max(finish) FROM barriers WHERE run = ?", (run,)).fetchone()
    (emitted,) = connection.execute(
        "SELECT max(emit_position) FROM groups WHERE run = ? AND state = 2", (run,)
    ).fetchone()
    highest["results"] = max(highest["results"], (finish or first_key(run)) - first_key(run))
    highest["emitted"] = emitted or 0
    return Numbers(**{name: max(number, floors.get(name, 0)) for name, number in highest.items()})


def _highest(connection: sqlite3.Connection, table: str, run: int) -> int:
    key = connection.execute(
        f"SELECT max(id) FROM {table} WHERE id BETWEEN ? AND ?", (first_key(run), last_key(run))
    ).fetchone()[0]
    return 0 if key is None else key - first_key(run)
