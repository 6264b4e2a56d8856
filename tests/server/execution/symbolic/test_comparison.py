"""The symbolic layer: what it decides, which stage says so, and what it refuses before computing."""

from __future__ import annotations

import pytest

from assay.sdk import Sample, Unscorable, Verdict
from assay_server.execution.symbolic import SympySymbolic
from assay_server.rewards.verify_math import MathParameters, math_quick, math_score

SYMBOLIC = SympySymbolic()

DECIDED = [
    ("\\sin 2x", "2\\sin x\\cos x", True, "symbolic"),
    ("\\sin^2 x+\\cos^2 x", "1", True, "symbolic"),
    ("\\int_0^1 x^2 dx", "\\frac13", True, "symbolic"),
    ("\\sum_{k=1}^{n} k", "\\frac{n(n+1)}{2}", True, "symbolic"),
    ("\\sum_{k=1}^{n} k^2", "\\frac{n(n+1)}{2}", False, "symbolic"),
    ("\\lim_{x\\to 0}\\frac{\\sin x}{x}", "1", True, "symbolic"),
    ("1/2004!", "1/2006!", False, "numeric"),
    ("2\\arctan\\frac13", "\\arctan\\frac34", True, "numeric"),
    ("\\sqrt{2+\\sqrt{2+\\sqrt2}}", "2\\cos\\frac{\\pi}{16}", True, "numeric"),
    ("\\sqrt[3]{2+\\sqrt5}+\\sqrt[3]{2-\\sqrt5}", "1", True, "numeric"),
    ("y=\\sin^2 x", "y=1-\\cos^2 x", True, "symbolic"),
    ("\\{\\sin 1,\\ln(x^2+\\sin 1)\\}", "\\{\\ln(\\sin 1+x^2), \\sin 1\\}", True, "symbolic"),
]


@pytest.mark.parametrize(("prediction", "reference", "equal", "layer"), DECIDED)
def test_what_is_decided_and_by_which_stage(prediction: str, reference: str, equal: bool, layer: str) -> None:
    for left, right in ((prediction, reference), (reference, prediction)):
        verdict = SYMBOLIC.compare(left, right)
        assert (verdict.equal, verdict.layer) == (equal, layer), verdict.reason


REFUSED = [
    "9^{9^{9^9}}!",
    "\\sin(9^{9^{9^9}})",
    "10000000!+\\sin 1",
    "(10^9)!\\cdot\\sin 1",
    "\\binom{10^{10}}{10^9}+\\sin 1",
    "\\sum_{k=1}^{1000000000} k^k",
    "\\prod_{k=1}^{1000000000} (k+\\sin k)",
    "7^{10^{12}}\\sin 1",
]


@pytest.mark.parametrize("prediction", REFUSED)
def test_what_would_not_end_is_refused_without_computing(prediction: str) -> None:
    for left, right in ((prediction, "3"), ("\\sin 2", prediction)):
        verdict = SYMBOLIC.compare(left, right)
        assert verdict.equal is not True


def test_undecided_is_a_status_and_never_a_zero() -> None:
    sample = Sample("r", "\\boxed{10000001!}", {"answer": "10000000!"})
    assert math_quick(sample) is None
    with pytest.raises(Unscorable, match="no layer could tell") as caught:
        math_score(sample, SYMBOLIC)
    assert caught.value.reason == "UNDECIDED"


@pytest.mark.parametrize(
    ("response", "reference", "reason"),
    [
        ("\\boxed{\\oint_C x}", "2\\pi", "PREDICTION_UNPARSEABLE"),
        ("\\boxed{x^2+1}", "\\nabla f", "REFERENCE_UNPARSEABLE"),
    ],
)
def test_notation_that_is_not_read_is_a_status(response: str, reference: str, reason: str) -> None:
    with pytest.raises(Unscorable) as caught:
        math_score(Sample("r", response, {"answer": reference}), SYMBOLIC)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "response", ["\\boxed{\\text{I give up}}", "\\boxed{((}", "\\boxed{\\frac{1}{}}", "no idea", ""]
)
def test_garbage_is_a_wrong_answer(response: str) -> None:
    assert math_score(Sample("r", response, {"answer": "2\\pi"}), SYMBOLIC).verdict is Verdict.INCORRECT


def test_the_symbolic_verdict_names_its_layer_and_the_key_of_the_reference() -> None:
    sample = Sample("r", "\\boxed{\\sin 2x}", {"answer": "2\\sin x\\cos x"})
    score = math_score(sample, SYMBOLIC)
    evidence = score.evidence
    assert evidence is not None
    assert (score.verdict, evidence.layer, evidence.extracted) == (Verdict.CORRECT, "symbolic", "\\sin 2x")
    echo = math_score(Sample("r", "\\boxed{2\\sin x\\cos x}", {"answer": "2\\sin x\\cos x"}), SYMBOLIC)
    assert score.answer_key == echo.answer_key


@pytest.mark.parametrize(("boxes", "correct"), [("last", True), ("all_agree", False), ("reject", False)])
def test_several_boxes_follow_the_policy(boxes: str, correct: bool) -> None:
    assert boxes in ("last", "all_agree", "reject")
    params = MathParameters(boxes=boxes)
    sample = Sample("r", "first \\boxed{7}, no: that was wrong. It is \\boxed{\\sin 2x}", {"answer": "2\\sin x\\cos x"})
    assert (math_score(sample, SYMBOLIC, params=params).value == 1.0) is correct
