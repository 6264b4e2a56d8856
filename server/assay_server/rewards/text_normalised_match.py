"""``text/normalised_match``: is the answer the reference once spelling details are set aside?"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from assay.sdk import Evidence, Sample, Score, Verdict, reward
from assay_server.rewards.answers import short_key
from assay_server.rewards.judged_text import judged_text
from assay_server.rewards.references import reference_text

_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)


@reward(
    "text/normalised_match-v1",
    bounds=(0.0, 1.0),
    binary=True,
    aliases=("normalised_match",),
    reference_keys=("answer",),
    source="exact match of SQuAD, with each normalisation a parameter",
)
def normalised_match(
    sample: Sample,
    *,
    part: Literal["whole", "answer"] = "whole",
    compatibility: bool = True,
    ignore_case: bool = True,
    ignore_articles: bool = True,
    ignore_punctuation: bool = True,
    ignore_spaces: bool = True,
) -> Score:
    """1 where both texts are equal after normalisation, else 0.

    ``compatibility`` applies Unicode NFKC; ``ignore_spaces`` reads any run of white space as one space;
    ``part`` as in ``text/exact_match``.
    """

    def normal(text: str) -> str:
        text = unicodedata.normalize("NFKC", text) if compatibility else text
        text = text.casefold() if ignore_case else text
        text = _ARTICLES.sub(" ", text) if ignore_articles else text
        if ignore_punctuation:
            text = "".join(" " if unicodedata.category(character)[0] == "P" else character for character in text)
        return " ".join(text.split()) if ignore_spaces else text.strip()

    expected = normal(reference_text(sample.reference))
    judged = judged_text(sample, part)
    if judged is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no answer found"))
    text = normal(judged.text)
    return judged.score(text == expected, "normalised_text", short_key(text))
