"""Rewards of parts, of steps and of comparisons, against a judge that says what it is told to."""

from __future__ import annotations

import pytest

from assay.sdk import Json, JudgeRequest, JudgeVerdict, Sample, Step, Unscorable, Verdict
from assay_server.rewards.process.first_error import first_error_index
from assay_server.rewards.process.grounding import grounding
from assay_server.rewards.process.thought_spans import thought_spans
from assay_server.rewards.process.turn_judge import turn_judge
from assay_server.rewards.process.win_rate import win_rate
from tests.server.rewards.test_judged_rewards import QUESTION, Told, refused, said


@pytest.mark.parametrize(
    ("response", "gold", "value", "verdict"),
    [
        ("No error: \\boxed{-1}", -1, 1.0, Verdict.CORRECT),
        ("The first error is in paragraph <answer>2</answer>", 2, 1.0, Verdict.CORRECT),
        ("<answer>4</answer>", 2, 0.6, Verdict.INCORRECT),
        ('```json\n{"first_error": 0}\n```', 2, 0.6, Verdict.INCORRECT),
        ("<answer>-1</answer>", 2, -1.0, Verdict.INCORRECT),
        ("<answer>2</answer>", -1, -1.0, Verdict.INCORRECT),
        ("<answer>5</answer>", 2, -1.0, Verdict.INCORRECT),
        ("<answer>2 or 3</answer>", 2, -1.0, Verdict.INCORRECT),
        ("It is wrong somewhere.", 2, -1.0, Verdict.INCORRECT),
        ("<answer>2.5</answer>", 2, -1.0, Verdict.INCORRECT),
        ("", -1, -1.0, Verdict.INCORRECT),
    ],
)
def test_the_index_of_the_first_error(response: str, gold: int, value: float, verdict: Verdict) -> None:
    judged = first_error_index.function(Sample("r", response, {"first_error": gold, "steps": 5}))
    assert (judged.value, judged.verdict) == (pytest.approx(value), verdict)


NO_GOLD: list[dict[str, Json]] = [
    {},
    {"steps": 5},
    {"first_error": 1},
    {"first_error": 5, "steps": 5},
    {"first_error": 1.5, "steps": 5},
    {"first_error": -2, "steps": 5},
    {"first_error": 0, "steps": 0},
]


@pytest.mark.parametrize("reference", NO_GOLD)
def test_an_index_that_cannot_be_compared_is_no_score(reference: dict[str, Json]) -> None:
    with pytest.raises(Unscorable):
        first_error_index.function(Sample("r", "<answer>1</answer>", reference))


def episode() -> Sample:
    steps = (Step(3, "go north", "A wall."), Step(4, "fly", action_valid=False), Step(5, "take lamp", "Taken."))
    return Sample("r", "take lamp", prompt=QUESTION, steps=steps)


def test_grounding_is_a_reward_of_every_step() -> None:
    judged = grounding.function(episode(), valid=0.5, invalid=-1.0)
    assert judged.value == pytest.approx(0.0)
    assert [(span.step_index, span.start, span.end, span.label, span.reward) for span in judged.spans] == [
        (3, 0, 8, "grounded", 0.5),
        (4, 0, 3, "ungrounded", -1.0),
        (5, 0, 9, "grounded", 0.5),
    ]
    assert judged.components == {"invalid": 1.0}
    assert grounding.function(Sample("r", "x")).value == 1.0


SOLUTION = "Nine is odd.\n\nSo is seven.\n\nNine and nine is 17.\n\nHence 18."


async def test_equal_neighbours_are_one_thought() -> None:
    told = Told([{"labels": ["progress", "progress", "error", "neutral"]}])
    before = "<think>hm</think>\n"
    one = Sample("r", before + SOLUTION, prompt=QUESTION, steps=(Step(7, before + SOLUTION),))
    judged = await said(thought_spans, told, one)
    assert [(span.step_index, span.label, span.reward) for span in judged.spans] == [
        (7, "progress", 1.0),
        (7, "error", -1.0),
        (7, "neutral", 0.0),
    ]
    assert [one.response[span.start : span.end] for span in judged.spans] == [
        "Nine is odd.\n\nSo is seven.",
        "Nine and nine is 17.",
        "Hence 18.",
    ]
    assert judged.value == 0.0
    assert judged.components == {"thoughts": 3.0, "errors": 1.0, "first_error": 2.0}
    assert [*told.asked[0].graded] == ["question", "paragraph 0", "paragraph 1", "paragraph 2", "paragraph 3"]


async def test_no_labels_are_a_status_and_no_text_costs_nothing() -> None:
    assert await refused(thought_spans, Told([{"labels": None}]), Sample("r", SOLUTION)) == "JUDGE_UNDECIDED"
    told = Told([])
    assert (await said(thought_spans, told, Sample("r", "<think>only</think>"))).value == 0.0
    assert told.asked == []


async def test_every_turn_is_scored() -> None:
    told = Told([{"scores": [0, 2.5, 10]}])
    judged = await said(turn_judge, told, episode(), rubric="Does it help?")
    assert [(span.step_index, span.end, span.reward) for span in judged.spans] == [
        (3, 8, 0.0),
        (4, 3, 0.25),
        (5, 9, 1.0),
    ]
    assert judged.value == pytest.approx(1.25 / 3)
    assert judged.components == {"lowest": 0.0, "highest": 1.0}
    assert dict(told.asked[0].graded) == {
        "question": QUESTION,
        "action 0": "go north",
        "answer 0": "A wall.",
        "action 1": "fly",
        "action 2": "take lamp",
        "answer 2": "Taken.",
    }
    assert await refused(turn_judge, Told([{"scores": None}]), episode(), rubric="x") == "JUDGE_UNDECIDED"
    assert await refused(turn_judge, Told([]), episode(), rubric="x", lowest=3, highest=3) == "INVALID_PARAMETER"


async def test_long_episodes_are_asked_about_in_parts() -> None:
    steps = tuple(Step(index, f"step {index}") for index in range(40))
    first: list[Json] = [10] * 32
    told = Told([{"scores": first}, {"scores": [0, 0, 0, 0, 0, 0, 0, 0]}])
    judged = await said(turn_judge, told, Sample("r", "x", steps=steps), rubric="x")
    assert judged.value == 0.8
    assert len(judged.spans) == 40
    assert "action 32" in told.asked[1].graded


class Longest(Told):
    """A judge that finds the longer text better, and the first one where both are as long."""

    async def ask(self, request: JudgeRequest) -> JudgeVerdict:
        self.asked.append(request)
        first, second = request.graded["answer A"], request.graded["answer B"]
        winner = "A" if len(first) >= len(second) else "B"
        return JudgeVerdict({"rationale": "longer", "winner": winner}, "judge-1", False, 1, 1)


def met(response: str, *opponents: str, seed: int = 0) -> Sample:
    return Sample("r", response, {"opponents": [*opponents]}, prompt=QUESTION, seed=seed)


async def test_a_win_rate_is_the_mean_over_opponents_in_both_orders() -> None:
    told = Longest([])
    judged = await said(win_rate, told, met("four", "a", "sixsix", "five", "four"))
    assert judged.value == (1.0 + 0.0 + 0.5 + 0.5) / 4
    assert judged.components == {"opponents": 4.0, "flips": 0.25}
    assert len(told.asked) == 6  # the response's equal is a tie


async def test_win_rates_of_a_group_sum_up_to_half_of_its_pairs() -> None:
    texts = ["a", "bb", "cc", "dddd", "eeeee"]
    rates = [
        (await said(win_rate, Longest([]), met(text, *(other for other in texts if other != text)))).value
        for text in texts
    ]
    assert sum(rates) == pytest.approx(len(texts) / 2)
    assert rates[-1] == 1.0
    assert rates[1] == rates[2]


async def test_opponents_are_drawn_by_the_seed_and_capped() -> None:
    opponents = [f"{'x' * number}" for number in range(1, 30)]
    first, again, other = [Longest([]) for _ in range(3)]
    for told, seed in ((first, 1), (again, 1), (other, 2)):
        judged = await said(win_rate, told, met("response", *opponents, seed=seed), most=3)
        assert judged.components["opponents"] == 3.0
    assert [one.graded for one in first.asked] == [one.graded for one in again.asked]
    assert [one.graded for one in first.asked] != [one.graded for one in other.asked]


async def test_win_rates_need_opponents() -> None:
    assert await refused(win_rate, Told([]), Sample("r", "x")) == "REFERENCE_MISSING"
    assert await refused(win_rate, Told([]), Sample("r", "x", {"opponents": [""]})) == "REFERENCE_UNPARSEABLE"
    assert await refused(win_rate, Told([]), met("x", "y"), most=0) == "INVALID_PARAMETER"
    assert (await said(win_rate, Told([]), met("", "y"))).value == 0.0
