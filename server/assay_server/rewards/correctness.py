"""Verdicts for rewards that pay differently for right and wrong answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from assay.sdk import Sample, Score
from assay_server.rewards.choice import choice
from assay_server.rewards.text_exact_match import exact_match
from assay_server.rewards.text_normalised_match import normalised_match
from assay_server.rewards.verify_math import math_exact

Verifier = Literal["math", "choice", "exact_match", "normalised_match"]
"""Verifiers that another reward may ask, with their default parameters."""

_VERIFIERS: Mapping[Verifier, Callable[[Sample], Score]] = {
    "math": math_exact,
    "choice": choice.function,
    "exact_match": exact_match.function,
    "normalised_match": normalised_match.function,
}


def judge(verifier: Verifier, sample: Sample) -> Score:
    """What ``verifier`` says of ``sample``.

    Raises:
        Unscorable: as the verifier does.
    """
    return _VERIFIERS[verifier](sample)
