"""What reward functions of other libraries return, as scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat, cast

from assay.sdk import Score, Unscorable


def score_of_number(value: object) -> Score:
    """A number as a score. None is TRL's way of saying that the function does not apply to the sample.

    Raises:
        Unscorable: NOT_APPLICABLE; REWARD_FAILED, it is no number.
    """
    if value is None:
        raise Unscorable("NOT_APPLICABLE", "the function says that it does not apply to this sample")
    if isinstance(value, bool | int | float) or hasattr(value, "__float__"):
        return Score(float(cast("SupportsFloat", value)))
    raise Unscorable("REWARD_FAILED", f"expected a number, got a {type(value).__name__[:80]}")


def score_of_verl(value: object) -> Score:
    """A verl score: a number, or a dict with ``score`` whose other numbers become components.

    Raises:
        Unscorable: REWARD_FAILED, it is neither.
    """
    if not isinstance(value, Mapping):
        return score_of_number(value)
    said = cast("Mapping[str, object]", value)
    if "score" not in said:
        raise Unscorable("REWARD_FAILED", "the returned dict has no 'score'")
    components = {
        str(name): float(part)
        for name, part in said.items()
        if name != "score" and isinstance(part, bool | int | float)
    }
    return Score(score_of_number(said["score"]).value, components=components)
