"""What reward functions of other libraries return, as scores."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import SupportsFloat, cast

from assay.sdk import Evidence, Json, Score, Unscorable

_LONGEST_TEXT = 2000


def score_of_number(value: object) -> Score:
    """A number as a score. None is TRL's way of saying that the function does not apply to the sample.

    Raises:
        Unscorable: NOT_APPLICABLE; REWARD_FAILED, it is no number.
    """
    if value is None:
        raise Unscorable("NOT_APPLICABLE", "the function says that it does not apply to this sample")
    number = _number(value)
    if number is None:
        raise Unscorable("REWARD_FAILED", f"expected a number, got a {type(value).__name__[:80]}")
    return Score(number)


def score_of_verl(value: object) -> Score:
    """A verl score: a number, a sequence that begins with it, or a dict with ``score``.

    The other numbers of a dict become components, its texts evidence.

    Raises:
        Unscorable: REWARD_FAILED, it is none of these.
    """
    if isinstance(value, tuple | list) and value:
        return score_of_number(cast("Sequence[object]", value)[0])
    if not isinstance(value, Mapping):
        return score_of_number(cast("object", value))
    said = cast("Mapping[str, object]", value)
    if "score" not in said:
        raise Unscorable("REWARD_FAILED", "the returned dict has no 'score'")
    rest = {str(name): part for name, part in said.items() if name != "score"}
    components = {name: number for name, part in rest.items() if (number := _number(part)) is not None}
    texts: dict[str, Json] = {name: part[:_LONGEST_TEXT] for name, part in rest.items() if isinstance(part, str)}
    return Score(
        score_of_number(said["score"]).value, components=components, evidence=Evidence(detail=texts) if texts else None
    )


def _number(value: object) -> float | None:
    """A Python number, or a scalar of another library; None for anything else."""
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        return None
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return float(cast("SupportsFloat", value))
    return None
