from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk import Json, RewardDefinition, Sample, Score, Unscorable, Verdict
from assay_server.rewards.gui_action import gui_action
from assay_server.rewards.qa_exact_match import qa_exact_match
from assay_server.rewards.qa_f1 import qa_f1
from assay_server.rewards.qa_multiple_choice import multiple_choice
from assay_server.rewards.rank_agreement import kendall, rank_agreement, spearman
from assay_server.rewards.verify_solver import solver
from assay_server.rewards.vision_interval_iou import vision_interval_iou
from assay_server.rewards.vision_point_in_box import point_in_box


def score(reward: RewardDefinition, response: str, reference: dict[str, Json], **parameters: object) -> Score:
    return reward.function(Sample("r", response, reference), **parameters)


def value(reward: RewardDefinition, response: str, reference: dict[str, Json], **parameters: object) -> float:
    judged = score(reward, response, reference, **parameters)
    assert judged.verdict is not Verdict.UNSPECIFIED
    return judged.value


@pytest.mark.parametrize(
    ("response", "exact", "f1"),
    [
        ("The Eiffel Tower.", 1.0, 1.0),
        ("<answer>eiffel tower</answer>", 1.0, 1.0),
        ("It is \\boxed{\\text{the tower}}", 0.0, None),
        ("Eiffel's big tower", 0.0, 0.4),
        ("London", 0.0, 0.0),
        ("<think>Eiffel Tower", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_question_answering(response: str, exact: float, f1: float | None) -> None:
    reference: dict[str, Json] = {"answers": ["Eiffel Tower", "La dame de fer"]}
    assert value(qa_exact_match, response, reference) == exact
    if f1 is not None:
        assert value(qa_f1, response, reference) == pytest.approx(f1)


def test_gates_and_yes_and_no() -> None:
    assert value(qa_exact_match, "yes", {"answer": "Yes"}) == 1.0
    assert value(qa_exact_match, "yes", {"answer": "Yes"}, gate="answer_tag") == 0.0
    assert value(qa_exact_match, "<answer>yes</answer>", {"answer": "Yes"}, gate="answer_tag") == 1.0
    assert value(qa_f1, "yes it is", {"answer": "yes"}) == 0.0
    assert value(qa_exact_match, "7", {"answer": ["7", 8]}) == 1.0


WORDS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "mat", "Mat."]), min_size=1, max_size=6).map(" ".join)


@settings(max_examples=50)
@given(WORDS, WORDS)
def test_f1_is_symmetric_and_bounded_by_exact_match(one: str, other: str) -> None:
    forward = value(qa_f1, f"<answer>{one}</answer>", {"answers": [other]})
    assert forward == pytest.approx(value(qa_f1, f"<answer>{other}</answer>", {"answers": [one]}))
    assert 0.0 <= value(qa_exact_match, f"<answer>{one}</answer>", {"answers": [other]}) <= forward <= 1.0


@pytest.mark.parametrize(
    ("response", "subset", "jaccard"),
    [("A, C", 1.0, 1.0), ("AC", 1.0, 1.0), ("<answer>(C) and (A)</answer>", 1.0, 1.0), ("A", 0.5, 0.5),
     ("A, B", 0.0, 1 / 3), ("A, B, C", 0.0, 2 / 3), ("\\boxed{\\text{A, C}}", 1.0, 1.0), ("none", 0.0, 0.0)],
)  # fmt: skip
def test_multiple_choice(response: str, subset: float, jaccard: float) -> None:
    reference: dict[str, Json] = {"answer": ["A", "C"]}
    assert value(multiple_choice, response, reference) == subset
    assert value(multiple_choice, response, reference, credit="jaccard") == pytest.approx(jaccard)
    assert value(multiple_choice, response, {"answer": "A, C"}, credit="all") == float(subset == 1.0)


@pytest.mark.parametrize(
    ("response", "iou"),
    [("[2, 6]", 1.0), ("from 2.0s to 6.0s", 1.0), ("<answer>4-8</answer>", 1 / 3), ("7 to 9", 0.0), ("6 to 2", 0.0),
     ("4", None), ("2 6 8", None), ("", None)],
)  # fmt: skip
def test_intervals(response: str, iou: float | None) -> None:
    reference: dict[str, Json] = {"interval": [2, 6]}
    assert value(vision_interval_iou, response, reference) == pytest.approx(iou or 0.0)
    wanted = 0.0 if iou is None else 0.1 + 0.9 * iou
    assert value(vision_interval_iou, response, reference, well_formed=0.1) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("response", "inside"),
    [("(10, 20)", True), ("[30, 40]", True), ('{"x": 15, "y": 25}', True), ("[10, 20, 30, 40]", True),
     ("9.9, 20", False),
     ('```json\n{"point": [12, 22]}\n```', True), ("15", False), ("-15, 25", False), ("", False)],
)  # fmt: skip
def test_points(response: str, inside: bool) -> None:
    assert value(point_in_box, response, {"box": [10, 20, 30, 40]}) == float(inside)
    assert value(point_in_box, response, {"boxes": [[0, 0, 1, 1], [10, 20, 30, 40]]}) == float(inside)


CLICK: dict[str, Json] = {"type": "click", "box": [0, 0, 10, 10]}
TYPE: dict[str, Json] = {"type": "type", "text": "Hello world"}


@pytest.mark.parametrize(
    ("response", "reference", "all_right", "parts"),
    [
        ('{"action": "click", "point": [5, 5]}', CLICK, 1.0, 1.0),
        ("click(x=5, y=5)", CLICK, 1.0, 1.0),
        ("<answer>click(5, 5)</answer>", CLICK, 1.0, 1.0),
        ("click(x=50, y=5)", CLICK, 0.0, 0.5),
        ("scroll(x=5, y=5)", CLICK, 0.0, 0.0),
        ('type(text="hello world")', TYPE, 1.0, 1.0),
        ('type(text="bye")', TYPE, 0.0, 0.5),
        ("click here", CLICK, 0.0, 0.0),
        ("click(5, 5) click(6, 6)", CLICK, 0.0, 0.0),
        ("click(x=5, y=", CLICK, 0.0, 0.0),
    ],
)
def test_actions(response: str, reference: dict[str, Json], all_right: float, parts: float) -> None:
    assert value(gui_action, response, reference) == all_right
    assert value(gui_action, response, reference, credit="parts") == parts


def test_rankings() -> None:
    reference: dict[str, Json] = {"ranking": ["a", "b", "c"]}
    assert value(rank_agreement, "a > b > c", reference) == 1.0
    assert value(rank_agreement, '["c", "b", "a"]', reference) == 0.0
    assert value(rank_agreement, "b, a, c", reference) == pytest.approx(2 / 3)
    assert value(rank_agreement, "b, a, c", reference, measure="spearman") == pytest.approx(0.75)
    assert value(rank_agreement, "a, b", reference) == 0.0
    assert value(rank_agreement, "[1, 1, 1]", {"scores": [3, 2, 1]}) == 0.5
    # 2^score - 1 = 7, 3, 1; discounts 1, 1/log2(3), 1/2
    ideal = 7 + 3 / 1.584962500721156 + 1 / 2
    wanted = (3 + 7 / 1.584962500721156 + 1 / 2) / ideal
    assert value(rank_agreement, "[2, 3, 1]", {"scores": [3, 2, 1]}, measure="ndcg") == pytest.approx(wanted)


@settings(max_examples=50)
@given(st.permutations(range(6)))
def test_reversal_turns_agreement_around(order: list[int]) -> None:
    scores = [float(place) for place in order]
    gold = [float(place) for place in range(6)]
    for measure in (kendall, spearman):
        assert measure(scores, gold) == pytest.approx(-measure([-one for one in scores], gold))
        assert measure(gold, gold) == pytest.approx(1.0)


PROBLEM: dict[str, Json] = {
    "sense": "max",
    "variables": ["x", "y"],
    "objective": [3, 2],
    "constraints": [
        {"coefficients": [1, 1], "sense": "<=", "bound": 4},
        {"coefficients": {"x": 1}, "sense": "<=", "bound": 3},
    ],
    "optimum": 11,
}


@pytest.mark.parametrize(
    ("response", "right", "partial"),
    [("x = 3, y = 1", 1.0, 1.0), ("[3, 1]", 1.0, 1.0), ('{"x": 3, "y": 1.0}', 1.0, 1.0), ("x = 2, y = 2", 0.0, 10 / 11),
     ("x = 4, y = 0", 0.0, 0.0), ("x = -1, y = 1", 0.0, 0.0), ("the optimum is 11", 0.0, 0.0), ("[3]", 0.0, 0.0)],
)  # fmt: skip
def test_optimisation(response: str, right: float, partial: float) -> None:
    assert value(solver, response, PROBLEM) == right
    assert value(solver, response, PROBLEM, credit="gap") == pytest.approx(partial)


def test_integers_and_a_wrong_optimum() -> None:
    half: dict[str, Json] = {"objective": {"x": 1}, "constraints": [], "optimum": 1, "lower": [0.5], "integers": True}
    assert value(solver, "x = 1", half) == 1.0
    assert value(solver, "x = 0.5", half) == 0.0
    with pytest.raises(Unscorable, match="beaten"):
        value(solver, "[3, 1]", {**PROBLEM, "optimum": 5, "objective": [3e6, 2e6]})


BAD: list[tuple[RewardDefinition, dict[str, Json], str]] = [
    (qa_exact_match, {}, "REFERENCE_MISSING"),
    (qa_exact_match, {"answers": []}, "REFERENCE_UNPARSEABLE"),
    (qa_f1, {"answers": [{"a": 1}]}, "REFERENCE_UNPARSEABLE"),
    (qa_f1, {"answers": "x"}, "REFERENCE_UNPARSEABLE"),
    (multiple_choice, {"answer": "blue"}, "REFERENCE_UNPARSEABLE"),
    (multiple_choice, {"answer": "D", "choices": ["x", "y"]}, "REFERENCE_UNPARSEABLE"),
    (vision_interval_iou, {}, "REFERENCE_MISSING"),
    (vision_interval_iou, {"interval": [3, 3]}, "REFERENCE_UNPARSEABLE"),
    (vision_interval_iou, {"interval": "3"}, "REFERENCE_UNPARSEABLE"),
    (point_in_box, {"box": [3, 3, 1, 1]}, "REFERENCE_UNPARSEABLE"),
    (gui_action, {}, "REFERENCE_MISSING"),
    (gui_action, {"type": 3}, "REFERENCE_UNPARSEABLE"),
    (gui_action, {"type": "click", "point": "x"}, "REFERENCE_UNPARSEABLE"),
    (rank_agreement, {"ranking": ["a", "a"]}, "REFERENCE_UNPARSEABLE"),
    (rank_agreement, {"scores": [1, True]}, "REFERENCE_UNPARSEABLE"),
    (solver, {"objective": [1]}, "REFERENCE_MISSING"),
    (solver, {**PROBLEM, "constraints": [3]}, "REFERENCE_UNPARSEABLE"),
    (solver, {**PROBLEM, "objective": [1]}, "REFERENCE_UNPARSEABLE"),
]


@pytest.mark.parametrize(("reward", "reference", "reason"), BAD)
def test_a_bad_reference_is_no_verdict(reward: RewardDefinition, reference: dict[str, Json], reason: str) -> None:
    with pytest.raises(Unscorable) as caught:
        score(reward, "x", reference)
    assert caught.value.reason == reason
