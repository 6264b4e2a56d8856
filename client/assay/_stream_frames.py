"""Requests of StreamRollouts as bytes: a rollout is serialised once, a batch is put together around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from assay.rollout_messages import steps_messages
from assay.rollouts import RolloutState, StepLike
from assay.signals import SignalValue, fill_signal
from assay.v1 import reward_service_pb2 as service
from assay.v1 import rollout_pb2 as v1

_BATCH_TAG = b"\x12"  # StreamRolloutsRequest.rollouts
_ROLLOUT_TAG = b"\x0a"  # RolloutBatch.rollouts


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def rollout_field(serialized: bytes) -> bytes:
    """A serialised rollout as an element of a batch."""
    return b"".join((_ROLLOUT_TAG, _varint(len(serialized)), serialized))


def batch_frame(fields: Sequence[bytes]) -> bytes:
    """A RolloutBatch request of elements made by :func:`rollout_field`."""
    size = sum(map(len, fields))
    return b"".join((_BATCH_TAG, _varint(size), *fields))


def ack_frame(sequence: int) -> bytes:
    """An Ack request."""
    return service.StreamRolloutsRequest(ack=service.Ack(sequence=sequence)).SerializeToString()


def append_frame(
    rollout_id: str,
    from_index: int,
    steps: Sequence[StepLike],
    *,
    final: bool,
    state: RolloutState | None,
    num_tokens: int | None,
    signals: Iterable[tuple[str, SignalValue]],
) -> bytes:
    """An AppendSteps request."""
    append = service.AppendSteps(rollout_id=rollout_id, from_index=from_index, final=final, num_tokens=num_tokens)
    append.steps.extend(steps_messages(steps, from_index))
    if state is not None:
        append.state = cast("v1.RolloutState", state)
    for name, value in signals:
        fill_signal(append.signals[name], value, f"signals[{name}]")
    return service.StreamRolloutsRequest(append_steps=append).SerializeToString()


def close_group_frame(group_id: str, expected: Iterable[str]) -> bytes:
    """A GroupControl request that fixes the members."""
    close = service.CloseGroup(expected_rollout_ids=expected)
    control = service.GroupControl(group_id=group_id, close=close)
    return service.StreamRolloutsRequest(group_control=control).SerializeToString()


def abort_group_frame(group_id: str, reason: str) -> bytes:
    """A GroupControl request that gives a group up."""
    control = service.GroupControl(group_id=group_id, abort=service.AbortGroup(reason=reason))
    return service.StreamRolloutsRequest(group_control=control).SerializeToString()


def cancel_frame(rollout_ids: Iterable[str], reason: str) -> bytes:
    """A Cancel request."""
    cancel = service.Cancel(rollout_ids=rollout_ids, reason=reason)
    return service.StreamRolloutsRequest(cancel=cancel).SerializeToString()


def barrier_frame(barrier: service.Barrier) -> bytes:
    """A Barrier request."""
    return service.StreamRolloutsRequest(barrier=barrier).SerializeToString()
