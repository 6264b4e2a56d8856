"""Environments: pure state machines with anchors."""

from assay_server.environments.keydoor import KeyDoor
from assay_server.environments.protocol import (
    Carrying,
    Dumping,
    Environment,
    EpisodeOver,
    InvalidDump,
    InvalidOptions,
    ResetResult,
    StepResult,
    StopReason,
)

__all__ = [
    "Carrying",
    "Dumping",
    "Environment",
    "EpisodeOver",
    "InvalidDump",
    "InvalidOptions",
    "KeyDoor",
    "ResetResult",
    "StepResult",
    "StopReason",
]
