"""What offered steps mean for a rollout in progress: the same in every backend."""

from __future__ import annotations

from collections.abc import Sequence

from .protocol import AppendCode


def judge_append(
    held: Sequence[bytes],
    held_tail: bytes | None,
    *,
    frozen: bool,
    from_index: int,
    steps: Sequence[bytes],
    tail: bytes | None,
) -> AppendCode:
    """Whether the steps continue the rollout, repeat what is held, or neither.

    Args:
        held: the steps held.
        held_tail: the tail of the final append, None if there was none.
        frozen: the content is complete.
        from_index: index of the first offered step.
        steps: the offered steps.
        tail: the offered tail, None if the append is not final.
    """
    end = from_index + len(steps)
    if from_index < 0 or from_index > len(held):
        return AppendCode.ABORTED
    if from_index == len(held) and not frozen and (steps or tail is not None):
        return AppendCode.APPENDED
    repeated = end <= len(held) and list(held[from_index:end]) == list(steps)
    if tail is not None:
        repeated = repeated and end == len(held) and tail == held_tail
    return AppendCode.DUPLICATE if repeated else AppendCode.ABORTED
