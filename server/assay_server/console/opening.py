"""Which records a store's URL means, for processes other than the server's own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assay_server.console.errors import Unreadable
from assay_server.console.run_records import RunRecords
from assay_server.console.sqlite_records import SqliteRecords
from assay_server.store.opening import REDIS_SCHEMES
from assay_server.store.protocol import StoreError

UNREADABLE: Final = (sqlite3.Error, StoreError, Unreadable)
"""What records raise where they cannot be read."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where records are.

    Attributes:
        store: the store's URL, which may hold a password.
        folder: with a store in Redis: that of the texts and results.
    """

    store: str = field(repr=False)
    folder: Path | None = None

    @property
    def scheme(self) -> str:
        """What kind of store it is."""
        return self.store.partition(":")[0]

    @property
    def file(self) -> Path | None:
        """The file of a store in SQLite; None for others."""
        return Path(self.store.partition(":")[2]).absolute() if self.scheme == "sqlite" else None


def source_of(store: str, folder: Path | None = None) -> Source | None:
    """Where the records of a store are; None where only the process that has the store can read them."""
    scheme, _, rest = store.partition(":")
    if scheme == "sqlite" and rest:
        return Source(store)
    if scheme in REDIS_SCHEMES and folder is not None:
        return Source(store, folder.absolute())
    return None


def open_records(source: Source) -> RunRecords:
    """The records, to be read.

    Raises:
        UNREADABLE: they are not there, or are something else.
    """
    if source.file is not None:
        return SqliteRecords(source.file)
    assert source.folder is not None, "a fleet's store has a folder"
    from .fleet_records import FleetRecords

    return FleetRecords(source.store, source.folder)
