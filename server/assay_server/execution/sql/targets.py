"""Where a query goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A database.

    Attributes:
        engine: ``sqlite``, ``duckdb`` or ``postgres``.
        location: a file; of a server, how to connect.
        role: with PostgreSQL: the role that queries run as.
    """

    engine: str
    location: str
    role: str = ""
