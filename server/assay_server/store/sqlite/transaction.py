"""One transaction of the writer: many operations, few statements.

Operations read what they need through the transaction and hand it rows; the rows are written together when the
transaction ends, or before an operation that looks at the tables itself (it calls :meth:`Transaction.settle`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assay_server.store.protocol import OutboxKind, RunKey, StaleGeneration, UnknownRun

from .bulk import Bulk, Value, chunks, insert
from .mirror import Consumer, Group, RunMirror, load_run, read_groups
from .schema import KEY_BITS, first_key

_LOOKUP = (
    "SELECT json_group_array(json_array(w.column2, r.id, r.grp, r.late, r.audience, r.result, r.frozen, hex(r.digest),"
    " iif(r.frozen IS 0, 0, (SELECT count(*) - coalesce(r.frozen > 0, 0) FROM steps s WHERE s.rollout = r.id))))"
    " FROM {rows} w CROSS JOIN rollouts r ON r.run = w.column1 AND r.rollout_id = w.column3"
)
_LOOKUP_GROUPS = "id IN (SELECT g.id FROM {rows} w CROSS JOIN groups g ON g.run = w.column1 AND g.group_id = w.column2)"
_REMEMBERED_ROLLOUTS = 16_384  # from one transaction to the next: those accepted now are answered soon


@dataclass(slots=True)
class RolloutRow:
    """A rollout's control columns."""

    key: int
    group: int
    late: bool
    audience: int
    result: int | None
    frozen: int | None
    digest: bytes
    length: int  # steps held, without the tail


class Transaction:
    """What operations use. Belongs to the writer's thread; reused from one transaction to the next."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._mirrors: dict[tuple[str, str], RunMirror] = {}
        self._rollouts: dict[tuple[int, str], RolloutRow | None] = {}
        self._groups: dict[tuple[int, str], Group | None] = {}
        self._announced: dict[int, int] = {}
        self.new_groups = Bulk(
            "INSERT INTO groups (id, run, group_id, first_at, announced, size, fixed, short, state)"
            " SELECT *, 0, 0, 0 FROM {rows} WHERE column1 IS NOT NULL",
            6,
        )
        self.announced = Bulk("UPDATE groups SET announced = column2, size = column3 FROM {rows} WHERE id = column1", 3)
        self.new_rollouts = Bulk("INSERT INTO rollouts SELECT *, NULL FROM {rows} WHERE column1 IS NOT NULL", 8)
        self.texts = insert("texts", 2)
        self.steps = insert("steps", 3)
        self.frozen = Bulk("UPDATE rollouts SET frozen = column2 FROM {rows} WHERE id = column1", 2)
        self.results = insert("results", 4)
        self.answers = Bulk("UPDATE rollouts SET result = column2 FROM {rows} WHERE id = column1", 2)
        self.emissions = Bulk(
            "UPDATE groups SET state = 2, emit_position = column2, result = column3, facts = column4 FROM {rows}"
            " WHERE id = column1",
            4,
        )
        self.outbox = insert("outbox", 2)
        self.objects = Bulk("INSERT OR IGNORE INTO objects SELECT * FROM {rows} WHERE column1 IS NOT NULL", 4)
        self.acknowledged: dict[int, int] = {}
        self._acked = Bulk("UPDATE consumers SET acked = column2 FROM {rows} WHERE id = column1", 2)
        self._bulks = (  # in the order in which they must be written
            self.new_groups,
            self.announced,
            self.new_rollouts,
            self.texts,
            self.steps,
            self.frozen,
            self.results,
            self.answers,
            self.emissions,
            self.outbox,
            self.objects,
            self._acked,
        )

    # ------------------------------------------------------------ begin and end

    def begin(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.write()
        self.connection.execute("COMMIT")
        self._groups = {}
        self._announced = {}
        if len(self._rollouts) > _REMEMBERED_ROLLOUTS:
            self._rollouts = {}

    def rollback(self) -> None:
        """Undo everything, and forget what was remembered: it may be ahead of the file."""
        for bulk in self._bulks:
            bulk.clear()
        self.acknowledged = {}
        self._mirrors = {}
        self.refresh()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def settle(self) -> None:
        """Write the collected rows and look everything up anew: for operations that change the tables themselves."""
        self.write()
        self.refresh()

    def write(self) -> None:
        """Write the collected rows, so that statements of this transaction see them."""
        for consumer, acked in self.acknowledged.items():
            self._acked.add(consumer, acked)
        self.acknowledged = {}
        for bulk in self._bulks:
            bulk.flush(self.connection)

    def refresh(self) -> None:
        """Forget what was looked up: it is looked up anew."""
        self._rollouts = {}
        self._groups = {}
        self._announced = {}

    def finish_group(self, run: RunMirror, group: Group) -> None:
        """Drop a group that was emitted or aborted from the mirror."""
        run.forget(group)
        self._groups[run.key, group.counts.group_id] = group

    def execute(self, statement: str, parameters: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run one statement on the tables as they are; see :meth:`settle`."""
        return self.connection.execute(statement, parameters)

    # ------------------------------------------------------------ look-ups

    def find_run(self, tenant: str, run_id: str) -> RunMirror | None:
        mirror = self._mirrors.get((tenant, run_id))
        if mirror is None:
            mirror = load_run(self.connection, tenant, run_id)
            if mirror is not None:
                self._mirrors[tenant, run_id] = mirror
        return mirror

    def run(self, key: RunKey) -> RunMirror:
        """The run in the present generation. UnknownRun, StaleGeneration."""
        mirror = self.find_run(key.tenant, key.run_id)
        if mirror is None:
            raise UnknownRun(f"there is no run {key.run_id!r}")
        if mirror.record.generation != key.generation:
            raise StaleGeneration(key, mirror.record.generation)
        return mirror

    def drop_mirror(self, run: RunMirror) -> None:
        """Read the run anew when it is needed next."""
        self._mirrors.pop((run.record.tenant, run.record.run_id), None)

    def look_up(self, wanted: Iterable[tuple[RunMirror, Sequence[str]]]) -> None:
        """Fetch the rollouts of several operations at once; those looked up already are passed over."""
        missing = {
            (run.key, rollout_id): None
            for run, rollout_ids in wanted
            for rollout_id in rollout_ids
            if (run.key, rollout_id) not in self._rollouts
        }
        order = list(missing)
        values = [value for n, (run, rollout_id) in enumerate(order) for value in (run, n, rollout_id)]
        self._rollouts.update(missing)
        for statement, parameters in chunks(_LOOKUP, 3, values):
            found = json.loads(self.connection.execute(statement, parameters).fetchone()[0])
            for n, key, group, late, audience, result, frozen, digest, length in found:
                row = RolloutRow(key, group, bool(late), audience, result, frozen, bytes.fromhex(digest), length)
                self._rollouts[order[n]] = row

    def rollout(self, run: RunMirror, rollout_id: str) -> RolloutRow | None:
        """A rollout; fetched singly if it was not looked up before."""
        if (run.key, rollout_id) not in self._rollouts:
            self.look_up([(run, [rollout_id])])
        return self._rollouts[run.key, rollout_id]

    def add_rollout(self, run: RunMirror, rollout_id: str, row: RolloutRow) -> None:
        self._rollouts[run.key, rollout_id] = row

    def look_up_groups(self, wanted: Iterable[tuple[RunMirror, Iterable[str]]]) -> None:
        """Fetch those groups of several operations that are not remembered (finished ones, if any)."""
        missing = {
            (run.key, group_id): None
            for run, group_ids in wanted
            for group_id in group_ids
            if group_id not in run.groups and (run.key, group_id) not in self._groups
        }
        self._groups.update(missing)
        values = [value for key in missing for value in key]
        for condition, parameters in chunks(_LOOKUP_GROUPS, 2, values):
            for group in read_groups(self.connection, condition, parameters):
                self._groups[group.key >> KEY_BITS, group.counts.group_id] = group

    def group(self, run: RunMirror, group_id: str) -> Group | None:
        """A group, finished or not."""
        known = run.groups.get(group_id)
        if known is not None:
            return known
        if (run.key, group_id) not in self._groups:
            self.look_up_groups([(run, [group_id])])
        return self._groups[run.key, group_id]

    def announced_size(self, run: RunMirror, group: int) -> int:
        """The announced size of a group that exists; that of a finished one does not change."""
        known = run.by_key.get(group)
        if known is not None:
            return known.counts.announced
        if group not in self._announced:
            self.write()
            row = self.execute("SELECT announced FROM groups WHERE id = ?", (group,)).fetchone()
            self._announced[group] = row[0]
        return self._announced[group]

    # ------------------------------------------------------------ consumers and their outboxes

    def consumer(self, run: RunMirror, name: str) -> Consumer:
        """The consumer; registered with the run if it is new."""
        known = run.consumers.get(name)
        if known is None:
            cursor = self.execute("INSERT INTO consumers (run, name) VALUES (?, ?)", (run.key, name))
            assert cursor.lastrowid is not None
            known = run.consumers[name] = Consumer(cursor.lastrowid, 0, 0)
        return known

    def audience(self, run: RunMirror, names: tuple[str, ...]) -> int:
        """The key of a list of consumers, who are registered if they are new."""
        known = run.audiences.get(names)
        if known is None:
            consumers = tuple(self.consumer(run, name) for name in names)
            cursor = self.execute("INSERT INTO audiences (run, names) VALUES (?, ?)", (run.key, json.dumps(names)))
            assert cursor.lastrowid is not None
            known = run.audiences[names] = cursor.lastrowid
            run.members[known] = consumers
        return known

    def hold(
        self, run: RunMirror, kind: OutboxKind, subject: int, payload: bytes, consumers: Iterable[Consumer]
    ) -> int:
        """Store a result once and put it into the consumers' outboxes; its key."""
        run.numbers.results += 1
        result = first_key(run.key) + run.numbers.results
        self.results.add(result, int(kind), subject, bytearray(payload))
        for consumer in consumers:
            consumer.last += 1
            self.outbox.add(first_key(consumer.key) + consumer.last, result)
        return result
