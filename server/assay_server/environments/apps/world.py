"""The records of all applications: a base that is shared and never changed, and what an episode changed of it.

A step costs what it changes, a digest and a dump cost what was changed so far; the world is never copied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias, cast

from assay.sdk import Json

Record: TypeAlias = Mapping[str, Json]
"""One mail, event, ...; replaced by another one, never changed in place."""

Tables: TypeAlias = Mapping[str, Mapping[str, Record]]
"""Records by table and id, in the order of their ids."""

PREFIXES: Mapping[str, str] = {
    "mail": "m", "events": "e", "contacts": "c", "notes": "n", "files": "", "transfers": "p", "requests": "r",
    "todos": "t", "told": "",
}  # fmt: skip
"""All tables with what the ids of their records start with; empty where a record is called by a name of its own."""

_MOST_CHANGES = 2000
_MOST_CHARACTERS = 400_000


class AppError(Exception):
    """An application cannot do what a call asks; the message is what the agent reads."""


class World:
    """What the applications hold now.

    Attributes:
        now: the present moment, ``YYYY-MM-DD HH:MM``; it stands still while the agent acts.
        owner: the address of whom the applications belong to.
    """

    def __init__(self, base: Tables, now: str, owner: str) -> None:
        self.now = now
        self.owner = owner
        self._base = base
        self._changes: dict[str, dict[str, Record | None]] = {table: {} for table in PREFIXES}
        self._canonical: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether there is no room for more changes."""
        return sum(map(len, self._changes.values())) >= _MOST_CHANGES or len(self.canonical()) >= _MOST_CHARACTERS

    def find(self, table: str, key: str) -> Record | None:
        """A record, if there is one."""
        changes = self._changes[table]
        return changes[key] if key in changes else self._base[table].get(key)

    def get(self, table: str, key: str) -> Record:
        """A record. Raises AppError where there is none."""
        found = self.find(table, key)
        if found is None:
            raise AppError(f"there is nothing called {key[:80]!a} in {table}")
        return found

    def rows(self, table: str) -> Iterator[tuple[str, Record]]:
        """All records with their ids: those of the base in its order, then those that were made since."""
        base, changes = self._base[table], self._changes[table]
        for key, record in base.items():
            now = changes.get(key, record)
            if now is not None:
                yield key, now
        for key, made in changes.items():
            if made is not None and key not in base:
                yield key, made

    def add(self, table: str, record: Record) -> str:
        """Keep a new record; its id."""
        base, changes = self._base[table], self._changes[table]
        key = f"{PREFIXES[table]}{len(base) + sum(one not in base for one in changes) + 1}"
        self.put(table, key, record)
        return key

    def put(self, table: str, key: str, record: Record) -> None:
        """Keep a record under this id, in place of the one that has it."""
        if self._base[table].get(key) == record:
            self._changes[table].pop(key, None)
        else:
            self._changes[table][key] = record
        self._canonical = None

    def remove(self, table: str, key: str) -> None:
        """Let a record go. Raises AppError where there is none."""
        self.get(table, key)
        changes = self._changes[table]
        if key in self._base[table] or PREFIXES[table]:
            changes[key] = None  # a number is given once
        else:
            del changes[key]
        self._canonical = None

    def before(self, table: str, key: str) -> Record | None:
        """A record as it was at the start."""
        return self._base[table].get(key)

    def changes(self) -> Iterator[tuple[str, str, Record | None]]:
        """Table, id and record, or None, of all that differs from the start, in a fixed order."""
        for table in PREFIXES:
            changes = self._changes[table]
            for key in sorted(changes):
                made = changes[key]
                if made is not None or key in self._base[table]:
                    yield table, key, made

    def canonical(self) -> str:
        """What was changed, as JSON: equal exactly where equal records are kept and equal numbers given."""
        if self._canonical is None:
            changed = {table: changes for table, changes in self._changes.items() if changes}
            self._canonical = json.dumps(changed, sort_keys=True)
        return self._canonical

    def take_back(self, changed: str) -> None:
        """Hold what :meth:`canonical` said. Raises ValueError where that is none of it."""
        read = cast("Json", json.loads(changed))
        if not isinstance(read, dict) or not read.keys() <= PREFIXES.keys():
            raise ValueError("no changes of tables")
        taken: dict[str, dict[str, Record | None]] = {table: {} for table in PREFIXES}
        for table, changes in read.items():
            held = changes if isinstance(changes, dict) else {"": 0}
            for key in sorted(held, key=lambda key: (len(key), key)):  # as they were made
                record = held[key]
                if record is not None and not isinstance(record, dict):
                    raise ValueError(f"no record: {table} {key}")
                taken[table][key] = record
        self._changes = taken
        self._canonical = None
