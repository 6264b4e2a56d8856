from __future__ import annotations

from typing import Literal

import pytest

from assay.sdk import Json, Sample, Score, Unscorable, Verdict
from assay_server.execution.symbolic import SympySymbolic
from assay_server.rewards.numeric_tolerance import numeric_tolerance
from assay_server.rewards.text_exact_match import exact_match
from assay_server.rewards.text_normalised_match import normalised_match
from assay_server.rewards.verify_math import MathParameters, math_score


def sample(response: str, answer: Json) -> Sample:
    return Sample("r", response, {"answer": answer})


def math_of(
    sample: Sample, *, boxes: Literal["last", "all_agree"] = "last", last_characters: int | None = None
) -> Score:
    """All stages in this process."""
    return math_score(sample, SympySymbolic(), params=MathParameters("default", boxes, last_characters))


@pytest.mark.parametrize(
    ("response", "answer", "params", "value"),
    [
        ("blue", "blue", {}, 1.0),
        (" blue\n", "blue", {}, 1.0),
        (" blue", "blue", {"strip": False}, 0.0),
        ("Blue", "blue", {}, 0.0),
        ("<think>x</think>blue", "blue", {}, 1.0),
        ("<think>blue", "blue", {}, 0.0),
        ("The answer is blue", "blue", {}, 0.0),
        ("The answer is blue", "blue", {"part": "answer"}, 1.0),
        ("18", 18, {}, 1.0),
        ("", "blue", {}, 0.0),
    ],
)
def test_exact_match(response: str, answer: Json, params: dict[str, object], value: float) -> None:
    score = exact_match.function(sample(response, answer), **params)
    assert score.value == value
    assert score.verdict is (Verdict.CORRECT if value else Verdict.INCORRECT)


@pytest.mark.parametrize(
    ("response", "answer", "off", "value"),
    [
        ("The  Blue, car!", "blue car", "", 1.0),
        ("Blue", "blue", "ignore_case", 0.0),
        ("the car", "car", "ignore_articles", 0.0),
        ("car!", "car", "ignore_punctuation", 0.0),
        ("blue  car", "blue car", "ignore_spaces", 0.0),
        ("ｂｌｕｅ", "blue", "", 1.0),
        ("ｂｌｕｅ", "blue", "compatibility", 0.0),
        ("theory", "ory", "", 0.0),
        ("red", "blue", "", 0.0),
        ("STRASSE", "straße", "", 1.0),
    ],
)
def test_each_normalisation_can_be_switched_off(response: str, answer: str, off: str, value: float) -> None:
    params = {off: False} if off else {}
    assert normalised_match.function(sample(response, answer), **params).value == value


@pytest.mark.parametrize(
    ("response", "answer", "params", "value"),
    [
        ("A: 18.0000001", 18, {}, 1.0),
        ("A: 18.1", 18, {}, 0.0),
        ("A: 18.25", 18, {"absolute": 0.25}, 1.0),
        ("A: 110", 100, {"relative": 0.125}, 1.0),
        ("A: -110", 100, {"relative": 0.125}, 0.0),
        ("A: 0.333", "1/3", {"absolute": 0.001}, 1.0),
        ("A: 50.4%", "50%", {"absolute": 0.5}, 1.0),
        ("A: blue", 100, {}, 0.0),
        ("A: 7 or 8", 8, {"absolute": 5.0}, 0.0),
        ("no number", 8, {}, 0.0),
    ],
)
def test_numeric_tolerance(response: str, answer: Json, params: dict[str, float], value: float) -> None:
    assert numeric_tolerance.function(sample(response, answer), **params).value == value


def test_tolerances_and_references_are_checked() -> None:
    with pytest.raises(Unscorable, match="negative"):
        numeric_tolerance.function(sample("18", 18), absolute=-1.0)
    with pytest.raises(Unscorable, match="expected a number"):
        numeric_tolerance.function(sample("18", "blue"))


@pytest.mark.parametrize("function", [math_of, exact_match.function, normalised_match.function])
@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ({}, "REFERENCE_MISSING"),
        ({"answer": None}, "REFERENCE_MISSING"),
        ({"answer": " "}, "REFERENCE_MISSING"),
        ({"answer": True}, "REFERENCE_UNPARSEABLE"),
        ({"answer": ["18"]}, "REFERENCE_UNPARSEABLE"),
        ({"answer": {"a": 1}}, "REFERENCE_UNPARSEABLE"),
        ({"answer": float("nan")}, "REFERENCE_UNPARSEABLE"),
        ({"answer": float("inf")}, "REFERENCE_UNPARSEABLE"),
    ],
)
def test_a_bad_reference_is_no_verdict(function: object, reference: dict[str, Json], reason: str) -> None:
    assert callable(function)
    with pytest.raises(Unscorable) as caught:
        function(Sample("r", "18", reference))
    assert (caught.value.reason, caught.value.field) == (reason, "reference.answer")


@pytest.mark.parametrize("answer", ["so\n####", "$$", "...", "\\boxed{}"])
def test_math_refuses_a_reference_that_says_nothing(answer: str) -> None:
    with pytest.raises(Unscorable) as caught:
        math_of(sample("18", answer))
    assert caught.value.reason == "REFERENCE_UNPARSEABLE"


def test_math_says_where_it_found_what() -> None:
    score = math_of(sample("so\n\\boxed{\\frac{6}{8}} it is", "3/4"))
    assert score.evidence is not None
    assert (score.evidence.extracted, score.evidence.method, score.evidence.layer) == (
        "\\frac{6}{8}",
        "boxed",
        "exact_number",
    )
    assert (score.evidence.start, score.evidence.end) == (10, 21)
    assert score.answer_key == "3/4"


def test_no_answer_is_the_models_failure() -> None:
    score = math_of(sample("I do not know", "18"))
    assert (score.value, score.verdict, score.answer_key) == (0.0, Verdict.INCORRECT, "")
    assert score.evidence is not None
    assert score.evidence.reason == "no answer found"


def test_math_can_look_at_the_end_only_and_ask_boxes_to_agree() -> None:
    early = sample("\\boxed{18}" + " x" * 300, "18")
    assert math_of(early).value == 1.0
    assert math_of(early, last_characters=300).value == 0.0
    late = math_of(sample("x" * 500 + "\\boxed{18}", "18"), last_characters=300)
    assert late.evidence is not None
    assert (late.value, late.evidence.start, late.evidence.end) == (1.0, 507, 509)
    two = sample("\\boxed{7} no, \\boxed{18}", "18")
    assert math_of(two).value == 1.0
    assert math_of(two, boxes="all_agree").value == 0.0
    assert math_of(sample("\\boxed{18.0} that is \\boxed{18}", "18"), boxes="all_agree").value == 1.0


def test_long_wrong_answers_have_short_keys_and_evidence() -> None:
    score = math_of(sample("\\boxed{" + "word " * 1500 + "}", "18"))
    assert score.evidence is not None
    assert len(score.evidence.extracted) == 1000
    assert len(score.answer_key) < 250
