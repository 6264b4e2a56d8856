"""``verify/math``: is the final answer the reference's?"""

from __future__ import annotations

from typing import Literal

from assay.sdk import Evidence, Sample, Score, Verdict, reward
from assay_server.rewards.answers import Answer, compare, read_answer
from assay_server.rewards.boxes import boxed_answers
from assay_server.rewards.extraction import Extraction, extract_answer
from assay_server.rewards.references import reference_answer
from assay_server.rewards.regions import answer_region

_LONGEST_WHOLE = 100
_LONGEST_SHOWN = 1000


@reward(
    "verify/math-v1",
    bounds=(0.0, 1.0),
    binary=True,
    aliases=("math",),
    reference_keys=("answer",),
    source="verify/math (GSM8K, MATH and most of the field)",
)
def math(sample: Sample, *, last_characters: int | None = None, boxes: Literal["last", "agree"] = "last") -> Score:
    """1 where the final answer equals the reference, else 0; no answer at all is 0 too.

    The answer is the last ``\\boxed{}`` or ``<answer>``, else the last "the answer is" / ``####`` / ``A:``, else the
    last number. It is compared as an exact number, then as an unordered list, then as normalised text.
    ``last_characters`` looks only at the end of the response; ``boxes="agree"`` refuses boxes that differ.
    """
    reference, reference_key = reference_answer(sample.reference)
    skipped = 0 if last_characters is None else max(0, len(sample.response) - max(0, last_characters))
    response = sample.response[skipped:] if skipped else sample.response
    found = extract_answer(response, prompt=sample.prompt, truncated=sample.truncated)
    if reference.number is None and (found is None or found.method == "last_number"):
        found = _whole_text(response, sample) or found
    if found is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no answer found"))
    answer = read_answer(found.text)
    equal, layer = compare(answer, reference)
    reason = "equals the reference" if equal else "differs from the reference"
    if equal and boxes == "agree" and not _boxes_agree(response, sample.prompt, reference):
        equal, layer, reason = False, "boxes", "boxes with different answers"
    evidence = Evidence(
        extracted=found.text[:_LONGEST_SHOWN],
        method=found.method,
        start=found.start + skipped,
        end=found.end + skipped,
        reason=reason,
        layer=layer,
    )
    if equal:
        return Score(1.0, Verdict.CORRECT, evidence, reference_key)
    key = answer.key()
    return Score(0.0, Verdict.INCORRECT, evidence, f"{key} {layer}" if key == reference_key else key)


def _whole_text(response: str, sample: Sample) -> Extraction | None:
    """A short response without any mark is itself a text answer."""
    region = None if sample.truncated else answer_region(response, sample.prompt)
    text = "" if region is None else region.strip()
    if region is None or not text or len(text) > _LONGEST_WHOLE or "\n" in text or "\\boxed" in text:
        return None
    start = region.find(text)
    return Extraction(text, "whole_text", start, start + len(text))


def _boxes_agree(response: str, prompt: str, reference: Answer) -> bool:
    region = answer_region(response, prompt) or ""
    return all(compare(read_answer(box[0]), reference)[0] for box in boxed_answers(region, prompt))
