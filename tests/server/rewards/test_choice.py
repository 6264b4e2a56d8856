from __future__ import annotations

import pytest

from assay.sdk import Json, Sample, Unscorable, Verdict
from assay_server.rewards.choice import choice

OPTIONS: dict[str, Json] = {"answer": "B", "choices": ["red", "blue", "green", "none of them"]}


def verdict(response: str, reference: dict[str, Json], *, truncated: bool = False) -> tuple[Verdict, str]:
    score = choice.function(Sample("r", response, reference, truncated=truncated))
    assert score.value == float(score.verdict is Verdict.CORRECT)
    return score.verdict, score.answer_key


@pytest.mark.parametrize(
    "response",
    [
        "B", "(B)", "B.", "B)", "[B]", "**B**", "b", "Answer: B", "Answer: (B)", "The answer is B.",
        "The answer is (B) because", "the correct answer is option B", "The correct option is B.",
        "I choose B.", "I pick option B", "\\boxed{B}",
        "\\boxed{\\text{B}}", "\\boxed{(B)}", "\\boxed{\\text{(B)}}", "<answer>B</answer>", "<answer>(B) blue</answer>",
        "<think>A or C</think>B", "A is wrong, C is wrong.\nSo (B)", "Answer: B. blue", "Final answer: option B",
        "$\\boxed{B}$", "The answer is **B**", "Option B is right", "The answer is B: blue",
    ],
)  # fmt: skip
def test_forms_of_a_letter(response: str) -> None:
    assert verdict(response, {"answer": "B"}) == (Verdict.CORRECT, "B")
    assert verdict(response, {"answer": "C"}) == (Verdict.INCORRECT, "B")


@pytest.mark.parametrize(
    "response",
    [
        "", "I do not know", "A or B", "Answer: A or B", "\\boxed{A or B}", "Answer: (A) or (B)", "(A) or (B)",
        "Answer: A, B",
        "<think>B</think>", "<think>B", "A apple", "Because of that", "Better not", "K", "18", "so it is either A or B",
    ],
)  # fmt: skip
def test_what_is_no_choice(response: str) -> None:
    assert verdict(response, {"answer": "B"}) == (Verdict.INCORRECT, "")


@pytest.mark.parametrize(
    "response", ["blue", "The answer is blue.", "\\boxed{\\text{Blue}}", "<answer>blue</answer>", "B"]
)
def test_the_text_of_an_option_is_its_letter(response: str) -> None:
    assert verdict(response, OPTIONS) == (Verdict.CORRECT, "B")
    assert verdict(response, {**OPTIONS, "answer": "blue"}) == (Verdict.CORRECT, "B")


def test_another_option_is_wrong_and_two_equal_options_are_none() -> None:
    assert verdict("The answer is red", OPTIONS) == (Verdict.INCORRECT, "A")
    assert verdict("<answer>red</answer>", {"answer": "B", "choices": ["red", "red"]}) == (Verdict.INCORRECT, "")
    assert verdict("red", {"answer": "A", "choices": {"A": "red", "b": "blue"}}) == (Verdict.CORRECT, "A")


def test_a_truncated_response_needs_a_mark() -> None:
    assert verdict("and so B", {"answer": "B"}, truncated=True) == (Verdict.INCORRECT, "")
    assert verdict("\\boxed{B} and", {"answer": "B"}, truncated=True) == (Verdict.CORRECT, "B")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ({}, "REFERENCE_MISSING"),
        ({"answer": ""}, "REFERENCE_MISSING"),
        ({"answer": "blue"}, "REFERENCE_UNPARSEABLE"),
        ({"answer": "K"}, "REFERENCE_UNPARSEABLE"),
        ({"answer": True}, "REFERENCE_UNPARSEABLE"),
        ({"answer": "D", "choices": ["red", "blue"]}, "REFERENCE_UNPARSEABLE"),
        ({"answer": "A", "choices": "red"}, "REFERENCE_UNPARSEABLE"),
        ({"answer": "A", "choices": []}, "REFERENCE_UNPARSEABLE"),
        ({"answer": "A", "choices": {"Z": "red"}}, "REFERENCE_UNPARSEABLE"),
    ],
)
def test_a_bad_reference_is_no_verdict(reference: dict[str, Json], reason: str) -> None:
    with pytest.raises(Unscorable) as caught:
        verdict("B", reference)
    assert caught.value.reason == reason
