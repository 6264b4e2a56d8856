"""What is settled, as it lies among the records: rollouts, and what is kept of groups, with the ticks they came at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from assay_server.store.protocol import EmittedGroup, StoredRollout

from .codec import pack, unpack


def pack_rollouts(rows: Iterable[tuple[int, StoredRollout]]) -> bytes:
    """Rollouts with the ticks of their creation; payloads, steps and results are references."""
    return pack([(created, _row(stored)) for created, stored in rows])


def unpack_rollouts(data: bytes, limit: int) -> list[StoredRollout]:
    """Those that were created up to that tick. StoreUnavailable."""
    rows = cast("Sequence[tuple[int, tuple[object, ...]]]", unpack(data))
    return [_rollout(row) for created, row in rows if created <= limit]


def pack_facts(rows: Iterable[tuple[int, EmittedGroup]]) -> bytes:
    """What is kept of groups, with the ticks of their creation; ``facts`` are references."""
    return pack([(created, tuple(group)) for created, group in rows])


def unpack_facts(data: bytes, limit: int) -> list[EmittedGroup]:
    """Those that were created up to that tick. StoreUnavailable."""
    rows = cast("Sequence[tuple[int, tuple[str, int, str, bytes]]]", unpack(data))
    return [EmittedGroup(*row) for created, row in rows if created <= limit]


def _row(stored: StoredRollout) -> tuple[object, ...]:
    return (
        stored.rollout_id,
        stored.group_id,
        stored.position,
        stored.payload,
        stored.final,
        stored.consumers,
        stored.late,
        stored.steps,
        stored.result,
    )


def _rollout(row: tuple[object, ...]) -> StoredRollout:
    return StoredRollout(
        *cast("tuple[str, str, int, bytes, bool, tuple[str, ...], bool, tuple[bytes, ...], bytes]", row)
    )
