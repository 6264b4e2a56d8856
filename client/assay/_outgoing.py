"""What a user sends on a stream, as items of its state. Shared by the sync and the asyncio stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from assay import _stream_frames as frames
from assay._requests import MAX_ROLLOUT_BYTES
from assay.errors import invalid
from assay.rollout_messages import rollout_message
from assay.rollouts import RolloutLike, RolloutState, StepLike
from assay.signals import SignalValue
from assay.v1 import reward_service_pb2 as service


def serialized_rollout(rollout: RolloutLike, wanted: Collection[str]) -> tuple[str, bytes]:
    """A rollout's id and bytes, with the wanted signals only.

    Raises:
        InvalidArgument: it cannot be sent.
    """
    message = rollout_message(rollout, wanted=wanted)
    if not message.rollout_id:
        raise invalid("rollout.rollout_id", "must be given")
    data = message.SerializeToString()
    if len(data) > MAX_ROLLOUT_BYTES:
        raise invalid("rollout", f"{len(data)} bytes; a rollout may have {MAX_ROLLOUT_BYTES}: send tasks and blobs")
    return message.rollout_id, data


def append_request(
    rollout_id: str,
    from_index: int,
    steps: Sequence[StepLike],
    *,
    final: bool,
    state: RolloutState | None,
    num_tokens: int | None,
    signals: Mapping[str, SignalValue] | None,
    wanted: Collection[str],
) -> bytes:
    """An AppendSteps request.

    Raises:
        InvalidArgument: it cannot be sent.
    """
    if not rollout_id:
        raise invalid("rollout_id", "must be given")
    if from_index < 0:
        raise invalid("from_index", f"expected >= 0, got {from_index}")
    kept = [(name, value) for name, value in (signals or {}).items() if name in wanted]
    return _checked(
        "append",
        lambda: frames.append_frame(
            rollout_id, from_index, steps, final=final, state=state, num_tokens=num_tokens, signals=kept
        ),
    )


def barrier_request(
    barrier_id: str,
    participants: Iterable[str],
    *,
    count: int | None,
    kept_groups: int | None,
    all_participants: bool,
) -> bytes:
    """A Barrier request.

    Raises:
        InvalidArgument: not exactly one of ``count``, ``kept_groups`` and ``all_participants`` is given.
    """
    if (count is not None) + (kept_groups is not None) + all_participants != 1:
        raise invalid("barrier", "give exactly one of count, kept_groups and all_participants=True")
    barrier = service.Barrier()
    if count is not None:
        barrier.count = count
    elif kept_groups is not None:
        barrier.kept_groups = kept_groups
    else:
        barrier.all_participants = True

    def build() -> bytes:
        barrier.barrier_id = barrier_id
        barrier.participants.extend(participants)
        return frames.barrier_frame(barrier)

    return _checked("barrier", build)


def close_group_request(group_id: str, expected: Iterable[str] | None) -> bytes:
    """A request that fixes a group's members."""
    return _checked("close_group", lambda: frames.close_group_frame(group_id, expected or ()))


def abort_group_request(group_id: str, reason: str) -> bytes:
    """A request that gives a group up."""
    return _checked("abort_group", lambda: frames.abort_group_frame(group_id, reason))


def cancel_request(rollout_ids: Iterable[str], reason: str) -> bytes:
    """A request that takes rollouts back."""
    return _checked("cancel", lambda: frames.cancel_frame(rollout_ids, reason))


def _checked(field: str, build: Callable[[], bytes]) -> bytes:
    try:
        return build()
    except (TypeError, ValueError) as error:
        raise invalid(field, str(error)) from error
