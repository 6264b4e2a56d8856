"""A store in one SQLite file: the default of a single server; survives ``kill -9`` of the process."""

from .store import SqliteStore

__all__ = ["SqliteStore"]
