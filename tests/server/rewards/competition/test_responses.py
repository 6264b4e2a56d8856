"""Whole responses, asked of all layers."""

from __future__ import annotations

import pytest

from assay.sdk import Sample, Verdict
from assay_server.execution.symbolic import SympySymbolic
from assay_server.rewards.verify_math import math_score

from .responses import CUT, RESPONSES, Response

SYMBOLIC = SympySymbolic()


@pytest.mark.parametrize("response", RESPONSES, ids=lambda response: f"{response.reason} | {response.text[-60:]}")
def test_the_answer_is_found_and_nothing_else_passes_for_it(response: Response) -> None:
    score = math_score(Sample("r", response.text, {"answer": response.reference}), SYMBOLIC)
    assert (score.verdict is Verdict.CORRECT) is response.right, score.evidence


@pytest.mark.parametrize("text", CUT)
def test_a_response_that_was_cut_has_no_answer(text: str) -> None:
    score = math_score(Sample("r", text, {"answer": "42"}, truncated=True), SYMBOLIC)
    assert (score.verdict, score.evidence and score.evidence.reason) == (Verdict.INCORRECT, "no answer found")


def test_the_question_said_again_is_no_answer() -> None:
    prompt = "What is 6 times 7? Put your answer in a box, such as \\boxed{41}."
    for text in (prompt, f"Question: {prompt}", f"{prompt}\n\nI will think about it."):
        score = math_score(Sample("r", text, {"answer": "41"}, prompt=prompt), SYMBOLIC)
        assert score.verdict is Verdict.INCORRECT, text
