"""The names of what lies in Redis. Every key starts with its tenant; those of a run share a hash slot."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

RUNS_PATTERN = "*:runs"


class RunKeys(NamedTuple):
    """The keys of one run.

    Attributes:
        record: hash: what it was created with.
        head: hash: the number of the newest entry, and the lease of every process that writes.
        log: stream: what happened, in order.
        snapshot: what had come of it up to an entry.
    """

    record: str
    head: str
    log: str
    snapshot: str


def run_keys(tenant: str, run_id: str) -> RunKeys:
    """The keys of a run."""
    prefix = f"{_plain(tenant)}:{{{_plain(run_id)}}}:"
    return RunKeys(prefix + "record", prefix + "head", prefix + "log", prefix + "snapshot")


def runs_key(tenant: str) -> str:
    """Sorted set of a tenant's run ids, by the time of their creation."""
    return f"{_plain(tenant)}:runs"


def tenant_of(runs: str) -> str:
    """The tenant of a key that :func:`runs_key` made."""
    return unquote(runs.removesuffix(":runs"))


def objects_key(tenant: str, kind: str) -> str:
    """Hash of digests to where the objects lie among the records."""
    return f"{_plain(tenant)}:objects:{_plain(kind)}"


def _plain(name: str) -> str:
    return quote(name, safe="")
