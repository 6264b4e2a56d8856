"""Environments: pure state machines with anchors."""

from assay_server.environments.keydoor import KeyDoor
from assay_server.environments.protocol import (
    Environment,
    EpisodeOver,
    InvalidOptions,
    ResetResult,
    StepResult,
    StopReason,
)

__all__ = ["Environment", "EpisodeOver", "InvalidOptions", "KeyDoor", "ResetResult", "StepResult", "StopReason"]
