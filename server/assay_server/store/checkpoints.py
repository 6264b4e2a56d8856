"""The digest that names a point of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from .protocol import CheckpointRecord


def checkpoint_record(name: str, position: int, acknowledged: Mapping[str, int], state: bytes) -> CheckpointRecord:
    """A checkpoint whose digest covers the position, every consumer's acknowledgement and the state."""
    point = json.dumps([position, sorted(acknowledged.items())]).encode()
    return CheckpointRecord(name, hashlib.sha256(point + b"\n" + state).hexdigest(), state)


def beginning() -> CheckpointRecord:
    """The point before the first rollout; it has no name."""
    return checkpoint_record("", 0, {}, b"")
