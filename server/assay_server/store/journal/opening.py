"""Which journal belongs to a store's URL."""

from __future__ import annotations

from pathlib import Path

from assay_server.store.opening import REDIS_SCHEMES

from .memory import MemoryJournal
from .protocol import Journal
from .sqlite import SqliteJournal


def open_journal(url: str, server: str = "") -> Journal:
    """The journal beside this store, not yet opened: of ``sqlite:PATH`` the file ``PATH.sessions``.

    Args:
        server: what others of a fleet know this one by; empty = they do not.

    Raises:
        ValueError: a store of this kind has no journal.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory":
        return MemoryJournal()
    if scheme in REDIS_SCHEMES:
        from .redis import RedisJournal

        return RedisJournal(url, server=server)
    if scheme == "sqlite" and rest:
        return SqliteJournal(Path(f"{rest}.sessions"))
    raise ValueError(f"{url!r} has no journal of sessions: expected 'memory:' or 'sqlite:PATH'")
