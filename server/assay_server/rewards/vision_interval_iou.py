"""``vision/interval-iou``: how well do two intervals of time overlap?"""

from __future__ import annotations

import re

from assay.sdk import Evidence, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.numeric_answers import final_text, json_in, numbers_in, numbers_of, reference_numbers
from assay_server.rewards.set_formulas import interval_iou

_DASH = re.compile(r"(?<=\d)s?\s*+[-\u2013]\s*+(?=[\d.])")


@reward(
    "vision/interval-iou-v1",
    bounds=(0.0, 1.0),
    reference_keys=("interval",),
    source="reward/temporal_iou (Reinforcement Learning Tuning for VideoLLMs)",
)
def vision_interval_iou(sample: Sample, *, well_formed: float = 0.0, correct_from: float = 0.5) -> Score:
    """``well_formed + (1 - well_formed) IoU`` of the answer's two numbers and ``interval``; 0 without two numbers.

    The paper's reward has ``well_formed`` 0.1. CORRECT where the IoU reaches ``correct_from``. A reference without
    length, or whose end comes before its start, has no IoU with anything and is refused.
    """
    if not 0.0 <= well_formed <= 1.0:
        raise Unscorable("INVALID_PARAMETER", f"well_formed must be from 0 to 1, got {well_formed}")
    start, end = reference_numbers(sample.reference, "interval", 2)
    if not start < end:
        message = "interval: expected a start before an end"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.interval")
    judged = final_text(sample)
    read = None if judged is None else numbers_of(json_in(judged.text), 2) or _two(judged.text)
    if judged is None or read is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no interval of two numbers found"))
    overlap = interval_iou((read[0], read[1]), (start, end))
    verdict = Verdict.CORRECT if overlap >= correct_from and overlap > 0.0 else Verdict.INCORRECT
    evidence = Evidence(judged.text[:1000], judged.method, judged.start, judged.end, f"IoU {overlap:.4g}", "interval")
    earned = well_formed + (1.0 - well_formed) * overlap
    return Score(earned, verdict, evidence, f"{read[0]:g},{read[1]:g}", {"iou": overlap})


def _two(text: str) -> list[float] | None:
    """Exactly two numbers; ``3-7`` and ``3 to 7`` are two."""
    read = numbers_in(_DASH.sub(" to ", text))
    return read if len(read) == 2 else None
