"""Rewards with a judge, against a judge that answers what it is told to and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from assay.sdk import (
    Json,
    JudgeRequest,
    JudgeVerdict,
    Lane,
    RewardDefinition,
    Sample,
    Score,
    Unscorable,
    Verdict,
)
from assay_server.rewards import builtin_catalogue
from assay_server.rewards.judged_correctness import correctness
from assay_server.rewards.judged_flawed_positive import flawed_positive
from assay_server.rewards.judged_pairwise import pairwise
from assay_server.rewards.judged_rubric import rubric

QUESTION = "What is 9 + 9?"


@dataclass
class Told:
    """Ports with this judge and nothing else."""

    verdicts: list[Mapping[str, Json]]
    asked: list[JudgeRequest] = field(default_factory=list[JudgeRequest])

    async def ask(self, request: JudgeRequest) -> JudgeVerdict:
        self.asked.append(request)
        return JudgeVerdict({"rationale": "because", **self.verdicts.pop(0)}, "judge-1", False, 10, 5)

    @property
    def judge(self) -> Told:
        return self


def sample(response: str = "It is 18.", answer: Json = "18") -> Sample:
    return Sample("r", response, {"answer": answer}, prompt=QUESTION)


async def said(definition: RewardDefinition, told: Told, one: Sample, **parameters: object) -> Score:
    function = cast("Callable[..., Awaitable[Score]]", definition.function)
    return await function(one, told, endpoint="strict", **parameters)


async def refused(definition: RewardDefinition, told: Told, one: Sample, **parameters: object) -> str:
    with pytest.raises(Unscorable) as caught:
        await said(definition, told, one, **parameters)
    return caught.value.reason


@pytest.mark.parametrize(
    ("score", "lowest", "highest", "value"), [(10, 0, 10, 1.0), (0, 0, 10, 0.0), (2.5, 0, 10, 0.25), (4, 1, 5, 0.75)]
)
async def test_a_rubric_score_is_mapped_to_the_unit_interval(score: float, lowest: int, highest: int, value: float):
    told = Told([{"score": score}])
    result = await said(rubric, told, sample(), rubric="Be brief.", lowest=lowest, highest=highest)
    assert result.value == value
    assert result.evidence is not None
    assert (result.evidence.reason, result.evidence.layer) == ("because", "judge")
    assert result.evidence.detail == {
        "judge": "strict",
        "model": "judge-1",
        "cached": False,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "score": score,
    }
    (asked,) = told.asked
    assert "Be brief." in asked.instructions
    assert asked.graded == {"question": QUESTION, "response": "It is 18."}
    assert (asked.endpoint, asked.temperature, asked.seed) == ("strict", 0.0, 0)


async def test_a_rubric_may_show_the_reference_and_the_thoughts():
    told = Told([{"score": 1}])
    one = sample("<think>hm</think> 18")
    await said(rubric, told, one, rubric="x", with_reference=True, thoughts=True, temperature=1.0, seed=3)
    assert told.asked[0].graded == {"question": QUESTION, "reference": "18", "response": "<think>hm</think> 18"}
    assert (told.asked[0].temperature, told.asked[0].seed) == (1.0, 3)


async def test_a_rubric_refuses_a_scale_upside_down_and_a_judge_that_cannot_tell():
    assert await refused(rubric, Told([]), sample(), rubric="x", lowest=5, highest=5) == "INVALID_PARAMETER"
    assert await refused(rubric, Told([{"score": None}]), sample(), rubric="x") == "JUDGE_UNDECIDED"


@pytest.mark.parametrize("definition", [rubric, correctness, pairwise])
@pytest.mark.parametrize("response", ["", "  ", "<think>18", "<think>18</think> "])
async def test_nothing_said_is_worth_nothing_and_costs_nothing(definition: RewardDefinition, response: str):
    told = Told([])
    parameters = {"rubric": "x"} if definition is rubric else {}
    result = await said(definition, told, sample(response), **parameters)
    assert (result.value, told.asked) == (0.0, [])


@pytest.mark.parametrize("definition", [correctness, pairwise])
async def test_without_a_reference_there_is_no_score(definition: RewardDefinition):
    assert await refused(definition, Told([]), sample(answer=None)) == "REFERENCE_MISSING"


@pytest.mark.parametrize(
    ("word", "value", "verdict"), [("correct", 1.0, Verdict.CORRECT), ("incorrect", 0.0, Verdict.INCORRECT)]
)
async def test_correctness_is_the_judges_word(word: str, value: float, verdict: Verdict):
    told = Told([{"verdict": word}])
    result = await said(correctness, told, sample("<think>no</think>Eighteen."))
    assert (result.value, result.verdict) == (value, verdict)
    assert told.asked[0].graded == {"question": QUESTION, "reference": "18", "response": "Eighteen."}


async def test_correctness_that_is_unclear_is_a_status():
    assert await refused(correctness, Told([{"verdict": "unclear"}]), sample()) == "JUDGE_UNDECIDED"


PAIRS = [
    # response first, response second, tie, mean, flip
    ("A", "B", 1.0, 1.0, 0.0),
    ("B", "A", 0.0, 0.0, 0.0),
    ("tie", "tie", 0.5, 0.5, 0.0),
    ("A", "A", 0.5, 0.5, 1.0),
    ("B", "B", 0.5, 0.5, 1.0),
    ("A", "tie", 0.5, 0.75, 0.0),
    ("tie", "A", 0.5, 0.25, 0.0),
]


@pytest.mark.parametrize(("first", "second", "tie", "mean", "flip"), PAIRS)
async def test_pairs_are_judged_in_both_orders(first: str, second: str, tie: float, mean: float, flip: float):
    for policy, value in (("tie", tie), ("mean", mean)):
        told = Told([{"winner": first}, {"winner": second}])
        result = await said(pairwise, told, sample("nine and nine"), on_disagreement=policy, criterion="Truth?")
        assert (result.value, result.components) == (value, {"flip": flip})
        assert result.evidence is not None
        assert result.evidence.detail["flipped"] is bool(flip)
        assert result.evidence.detail["prompt_tokens"] == 20
        assert [(one.graded["answer A"], one.graded["answer B"]) for one in told.asked] == [
            ("nine and nine", "18"),
            ("18", "nine and nine"),
        ]
        assert all("Truth?" in one.instructions for one in told.asked)
    told = Told([{"winner": first}, {"winner": second}])
    if tie == mean and not flip:
        assert (await said(pairwise, told, sample(), on_disagreement="unscorable")).value == tie
    else:
        assert await refused(pairwise, told, sample(), on_disagreement="unscorable") == "JUDGE_DISAGREES"


async def test_the_places_are_in_the_evidence():
    result = await said(pairwise, Told([{"winner": "A"}, {"winner": "tie"}]), sample())
    assert result.evidence is not None
    assert {name: result.evidence.detail[name] for name in ("response_first", "response_second")} == {
        "response_first": "win",
        "response_second": "tie",
    }


async def test_a_pair_of_which_one_order_is_unclear_is_a_status():
    assert await refused(pairwise, Told([{"winner": "A"}, {"winner": "unclear"}]), sample()) == "JUDGE_UNDECIDED"


SOLUTION = "Nine is odd.\n\nNine and nine is 17, plus one.\n \nSo the answer is 18."


async def test_only_right_answers_go_to_the_judge():
    told = Told([])
    result = await said(flawed_positive, told, sample("so A: 17"))
    assert (result.value, result.verdict, result.answer_key) == (-1.0, Verdict.INCORRECT, "17")
    assert (result.components, told.asked) == ({"rule": -1.0}, [])
    quick = flawed_positive.quick
    assert quick is not None
    assert quick(sample("so A: 17"), endpoint="strict") == result
    assert quick(sample(SOLUTION), endpoint="strict") is None


async def test_a_sound_solution_is_worth_one():
    told = Told([{"first_error": -1}])
    result = await said(flawed_positive, told, sample(SOLUTION))
    assert (result.value, result.verdict, result.answer_key) == (1.0, Verdict.CORRECT, "18")
    assert result.components == {"rule": 1.0, "flawed_positive": 0.0, "first_error": -1.0}
    assert result.spans == ()
    assert dict(told.asked[0].graded) == {
        "question": QUESTION,
        "reference": "18",
        "paragraph 0": "Nine is odd.",
        "paragraph 1": "Nine and nine is 17, plus one.",
        "paragraph 2": "So the answer is 18.",
    }
    properties = cast("dict[str, dict[str, Json]]", told.asked[0].schema["properties"])
    assert (properties["first_error"]["minimum"], properties["first_error"]["maximum"]) == (-1, 2)


@pytest.mark.parametrize("before", ["", " \n", "<think>a\n\nb</think>\n"])
async def test_a_flawed_positive_is_worth_zero_and_its_error_is_shown(before: str):
    result = await said(flawed_positive, Told([{"first_error": 1.0}]), sample(before + SOLUTION))
    assert (result.value, result.verdict) == (0.0, Verdict.CORRECT)
    assert result.components == {"rule": 1.0, "flawed_positive": 1.0, "first_error": 1.0}
    (span,) = result.spans
    assert (before + SOLUTION)[span.start : span.end] == "Nine and nine is 17, plus one."
    assert (span.label, span.reward) == ("first_error", -1.0)
    assert result.evidence is not None
    assert result.evidence.extracted == "Nine and nine is 17, plus one."
    assert (before + SOLUTION)[result.evidence.start : result.evidence.end] == result.evidence.extracted
    assert result.evidence.detail["first_error"] == 1


async def test_a_solution_of_very_many_paragraphs_is_asked_about_whole():
    told = Told([{"first_error": None}])
    many = "\n\n".join(f"line {number}" for number in range(1000)) + "\n\nA: 18"
    assert await refused(flawed_positive, told, sample(many)) == "JUDGE_UNDECIDED"
    graded = told.asked[0].graded
    assert len(graded) == 2 + 256
    assert graded["paragraph 255"].startswith("line 255\n\nline 256")
    assert graded["paragraph 255"].endswith("A: 18")


def test_they_are_built_in_and_declare_what_they_are():
    catalogue = builtin_catalogue()
    for name in ("judge/rubric", "judge/pairwise", "judge/correctness", "reward/flawed_positive"):
        definition = catalogue.resolve(name)
        assert (definition.lane, definition.deterministic, definition.wants_ports) == (Lane.IO, False, True)
