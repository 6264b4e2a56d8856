"""Where a query goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A database.

    Attributes:
        engine: ``sqlite``, ``generated``, ``duckdb`` or ``postgres``.
        location: a file; of a server, how to connect; of a generated database, ``THEME/SEED``.
        role: with PostgreSQL: the role that queries run as.
    """

    engine: str
    location: str
    role: str = ""


GENERATED = "generated"
POSTGRES = "postgres"
WITH_NEIGHBOURS = ("sqlite", GENERATED)


def generated_target(name: str, seed: int = 0) -> Target:
    """The generated database of a theme."""
    return Target(GENERATED, f"{name}/{seed}")
