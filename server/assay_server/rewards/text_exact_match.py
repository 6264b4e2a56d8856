"""``text/exact_match``: is the answer the reference, character by character?"""

from __future__ import annotations

from typing import Literal

from assay.sdk import Evidence, Sample, Score, Verdict, reward
from assay_server.rewards.answers import short_key
from assay_server.rewards.judged_text import judged_text
from assay_server.rewards.references import reference_text


@reward(
    "text/exact_match-v1",
    bounds=(0.0, 1.0),
    binary=True,
    aliases=("exact_match",),
    reference_keys=("answer",),
    source="string equality",
)
def exact_match(sample: Sample, *, part: Literal["whole", "answer"] = "whole", strip: bool = True) -> Score:
    """1 where the text equals the reference, else 0.

    ``part`` is what is compared: the whole response (outside thoughts) or only its extracted final answer.
    ``strip`` ignores white space around both.
    """
    expected = reference_text(sample.reference)
    judged = judged_text(sample, part)
    if judged is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no answer found"))
    text = judged.text.strip() if strip else judged.text
    equal = text == (expected.strip() if strip else expected)
    return judged.score(equal, "exact_text", short_key(text))
