"""Which text of a response a text reward compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.sdk import Evidence, Sample, Score, Verdict
from assay_server.rewards.extraction import extract_answer
from assay_server.rewards.regions import answer_region

_LONGEST_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class JudgedText:
    """Text of the response at ``start:end``, and how it was found."""

    text: str
    method: str
    start: int
    end: int

    def score(self, equal: bool, layer: str, answer_key: str) -> Score:
        """1 or 0 with the evidence."""
        evidence = Evidence(
            extracted=self.text[:_LONGEST_SHOWN],
            method=self.method,
            start=self.start,
            end=self.end,
            reason="equals the reference" if equal else "differs from the reference",
            layer=layer,
        )
        return Score(1.0 if equal else 0.0, Verdict.CORRECT if equal else Verdict.INCORRECT, evidence, answer_key)


def judged_text(sample: Sample, part: Literal["whole", "answer"]) -> JudgedText | None:
    """The response outside thoughts (``whole``) or its extracted final answer; None where there is none."""
    if part == "answer":
        found = extract_answer(sample.response, prompt=sample.prompt, truncated=sample.truncated)
        return None if found is None else JudgedText(found.text, found.method, found.start, found.end)
    region = answer_region(sample.response)
    if region is None or not region.strip():
        return None
    thought = len(region) - len(region.lstrip(" "))
    start = thought if region != sample.response else 0
    return JudgedText(region[start:], "whole_text", start, len(region))
