"""Which store a URL means."""

from __future__ import annotations

from pathlib import Path

from .memory import MemoryStore
from .protocol import Store
from .sqlite import SqliteStore


def open_store(url: str) -> Store:
    """The store, not yet opened.

    Args:
        url: ``memory:`` or ``sqlite:PATH``.

    Raises:
        ValueError: the URL means no store.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and not rest:
        return MemoryStore()
    if scheme == "sqlite" and rest:
        return SqliteStore(Path(rest))
    raise ValueError(f"{url!r} names no store: expected 'memory:' or 'sqlite:PATH'")
