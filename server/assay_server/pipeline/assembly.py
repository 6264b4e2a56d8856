"""Rollouts as stored, put together again. Pure."""

from __future__ import annotations

from assay.v1 import reward_service_pb2, rollout_pb2
from assay_server.store.protocol import StoredRollout


def split_for_growth(rollout: rollout_pb2.Rollout) -> tuple[bytes, tuple[bytes, ...]]:
    """A rollout in progress as its head (no steps) and its steps."""
    head = rollout_pb2.Rollout()
    head.CopyFrom(rollout)
    head.ClearField("steps")
    return head.SerializeToString(deterministic=True), tuple(
        step.SerializeToString(deterministic=True) for step in rollout.steps
    )


def tail_of(append: reward_service_pb2.AppendSteps) -> bytes:
    """What a final append says beside its steps."""
    tail = reward_service_pb2.AppendSteps(final=True, state=append.state)
    if append.HasField("num_tokens"):
        tail.num_tokens = append.num_tokens
    for name, signal in append.signals.items():
        tail.signals[name].CopyFrom(signal)
    return tail.SerializeToString(deterministic=True)


def assemble(stored: StoredRollout) -> rollout_pb2.Rollout:
    """The whole rollout: its head, the steps it grew by and what the final append said."""
    rollout = rollout_pb2.Rollout.FromString(stored.payload)
    if not stored.steps:
        return rollout
    steps = stored.steps[:-1] if stored.final else stored.steps
    for step in steps:
        rollout.steps.add().MergeFromString(step)
    if stored.final:
        tail = reward_service_pb2.AppendSteps.FromString(stored.steps[-1])
        rollout.state = tail.state or rollout_pb2.ROLLOUT_STATE_DONE
        if tail.HasField("num_tokens"):
            rollout.num_tokens = tail.num_tokens
        for name, signal in tail.signals.items():
            rollout.signals[name].CopyFrom(signal)
    return rollout
