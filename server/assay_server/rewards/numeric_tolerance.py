"""``verify/numeric_tolerance``: is the number close enough?"""

from __future__ import annotations

from fractions import Fraction

from assay.sdk import Evidence, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.answers import read_answer
from assay_server.rewards.extraction import extract_answer
from assay_server.rewards.references import reference_answer


@reward(
    "verify/numeric_tolerance-v1",
    bounds=(0.0, 1.0),
    binary=True,
    aliases=("numeric_tolerance",),
    reference_keys=("answer",),
    source="verify/numeric_tolerance (Q-Insight)",
)
def numeric_tolerance(sample: Sample, *, absolute: float = 0.0, relative: float = 1e-6) -> Score:
    """1 where ``|x - gold| <= max(absolute, relative * |gold|)``, else 0; compared exactly, without rounding.

    A reference with a percent sign is read as the response is: ``49%`` against ``50%``, ``0.49`` against a half.
    """
    if absolute < 0.0 or relative < 0.0:
        raise Unscorable("INVALID_PARAMETER", f"tolerances must not be negative, got {absolute} and {relative}")
    reference, _ = reference_answer(sample.reference)
    if reference.number is None:
        message = f"reference 'answer': expected a number, got {reference.text[:80]!r}"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.answer")
    found = extract_answer(sample.response, prompt=sample.prompt, truncated=sample.truncated)
    if found is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no answer found"))
    answer = read_answer(found.text)
    close = False
    reason = "the answer is not a number"
    if answer.number is not None:
        both_percent = answer.number.percent == reference.number.percent
        ours = (answer.number.value,) if both_percent else answer.number.readings()
        golds = (reference.number.value,) if both_percent else reference.number.readings()
        close = any(_close(x, gold, absolute, relative) for x in ours for gold in golds)
        reason = "within the tolerance" if close else "outside the tolerance"
    evidence = Evidence(found.text[:1000], found.method, found.start, found.end, reason, "tolerance")
    verdict = Verdict.CORRECT if close else Verdict.INCORRECT
    return Score(1.0 if close else 0.0, verdict, evidence, answer.key())


def _close(x: Fraction, gold: Fraction, absolute: float, relative: float) -> bool:
    return abs(x - gold) <= max(Fraction(absolute), Fraction(relative) * abs(gold))
