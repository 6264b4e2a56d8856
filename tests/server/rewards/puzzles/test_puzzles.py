"""Every family of puzzles: what a generator makes can be solved, what is right is 1, what is nearly right is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

import pytest

from assay.sdk import Json, RewardDefinition, Sample, Score, Unscorable, Verdict
from assay_server.rewards import builtin_catalogue
from assay_server.rewards.puzzles.families import FAMILIES
from assay_server.rewards.puzzles.tasks import PuzzleTask, drawn
from tests.server.rewards.puzzles.solvers import SOLVERS

JUNK = (
    "", " ", "I do not know.", "<answer></answer>", "<answer>42</answer>", "<answer>?", "\\boxed{}", "<think>hm",
    "1 + 1", "up", "<answer>yes, no, maybe</answer>", "{" * 5000, "(" * 5000, "9" * 5000, "\x00", "١٢٣",
)  # fmt: skip


def reward_of(family: str) -> RewardDefinition:
    return builtin_catalogue().resolve(family)


def score(family: str, response: str, reference: dict[str, Json], **parameters: object) -> Score:
    return reward_of(family).function(Sample("r", response, reference), **parameters)


def value(family: str, response: str, task: PuzzleTask) -> float:
    judged = score(family, response, dict(task.reference))
    assert judged.verdict is (Verdict.CORRECT if judged.value == 1.0 else Verdict.INCORRECT)
    assert all(0.0 <= part <= 4.0 for part in judged.components.values())
    return judged.value


def near_misses(family: str, task: PuzzleTask, rng: Random) -> Iterator[str]:
    """The right answer with one thing changed."""
    inner = task.solution.removeprefix("<answer>").removesuffix("</answer>").strip()
    match family:
        case "puzzles/anagram":
            yield inner[:-1]
            yield inner + inner[0]
            yield f"{inner} or {inner[::-1]}"
        case "puzzles/countdown" | "puzzles/twenty-four":
            numbers = re.findall(r"\d+", inner)
            yield re.sub(r"\d+", str(int(numbers[0]) + 1), inner, count=1)
            yield f"({inner}) + {numbers[0]} - {numbers[0]}"
            yield f"{inner}\n1 + 1"
            yield str(task.reference["target"])
        case "puzzles/knights-and-knaves":
            lines = inner.splitlines()
            at = rng.randrange(len(lines))
            flipped = lines[at].replace("knight", "k-").replace("knave", "knight").replace("k-", "knave")
            yield "\n".join([*lines[:at], flipped, *lines[at + 1 :]])
            yield "\n".join(lines[:at] + lines[at + 1 :])
            yield f"{inner}\n{flipped}"
            yield "\n".join([*lines[:at], lines[at].replace(" is a ", " is not a "), *lines[at + 1 :]])
        case "puzzles/sudoku":
            at = rng.choice([at for at, mark in enumerate(inner) if mark.isdigit()])
            yield inner[:at] + ("1" if inner[at] != "1" else "2") + inner[at + 1 :]
            yield inner[:-1]
            lines = inner.splitlines()
            yield "\n".join([lines[1], lines[0], *lines[2:]])
        case "puzzles/n-queens":
            columns = inner.split(", ")
            yield ", ".join(columns[:-1])
            yield ", ".join([columns[1], *columns[1:]])
            yield ", ".join([*columns, columns[0]])
        case "puzzles/sokoban":
            yield ", ".join(inner.split(", ")[:-1])
            yield inner.replace("left", "right")[: len(inner)] if "left" in inner else "up"
        case _:
            words = inner.split(" -> ")
            yield " -> ".join(words[:-1])
            yield " -> ".join([words[0], *words[2:]])
            yield " -> ".join([words[0], "zzzz"[: len(words[0])], *words[1:]])
            yield " -> ".join(reversed(words))


def check(family: str, level: int, count: int, *, solve: bool = True) -> None:
    rng = Random(level)
    for index in range(count):
        task = drawn(FAMILIES[family], level, 7, index)
        assert value(family, task.solution, task) == 1.0, task
        assert value(family, f"<think>{task.solution}</think>I give up.", task) < 1.0
        for response in near_misses(family, task, rng):
            if response not in task.solution or family != "puzzles/sokoban":
                assert value(family, f"<answer>{response}</answer>", task) < 1.0, (task, response)
        if solve:
            assert value(family, SOLVERS[family](task.reference), task) == 1.0, task


def cases() -> list[tuple[str, int]]:
    return [(name, level) for name, family in FAMILIES.items() for level in range(1, family.levels + 1)]


@pytest.mark.parametrize(("family", "level"), cases())
def test_what_is_drawn_can_be_solved_and_near_misses_are_wrong(family: str, level: int) -> None:
    check(family, level, 3 if family == "puzzles/sokoban" and level > 3 else 8)


@pytest.mark.full
@pytest.mark.parametrize("family", FAMILIES)
def test_a_thousand_of_every_family_can_be_solved(family: str) -> None:
    levels = FAMILIES[family].levels
    for level in range(1, levels + 1):
        check(family, level, -(-1000 // levels))


@pytest.mark.parametrize("family", FAMILIES)
def test_junk_is_wrong(family: str) -> None:
    task = drawn(FAMILIES[family], 2, 0, 0)
    others = [drawn(other, 1, 1, 5).solution for name, other in FAMILIES.items() if name != family]
    for response in (*JUNK, *others):
        assert value(family, response, task) == 0.0, response


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("8/(3-8/3)", 1.0), ("8/(3-8/3) = 24", 1.0), ("8 / (3 - 8 / 3) = 8 / (1 / 3) = 24.", 1.0),
        ("8/(3-8/3)=24!", 1.0), ("8/(3-8/3) = 24.0", 1.0), ("8/(3-8/3) = 25", 0.0), ("8/(3-8/3) = 2.", 0.0),
        ("8/(3-8/3) = 23, so yes", 0.0), ("8/(3-8/3)*1", 0.0), ("3**8-3*8", 0.0), ("88-33-31", 0.0),
        ("8/(3-8/3)/(8-8)", 0.0), ("24 = 24", 0.0),
    ],
)  # fmt: skip
def test_what_an_expression_is_said_to_be_has_to_be_true(answer: str, expected: float) -> None:
    reference: dict[str, Json] = {"numbers": [3, 3, 8, 8], "target": 24}
    assert score("puzzles/twenty-four", f"<answer>{answer}</answer>", reference).value == expected


def test_words_that_are_no_moves_spoil_a_marked_plan() -> None:
    task = drawn(FAMILIES["puzzles/sokoban"], 1, 0, 0)
    plan = task.solution.removeprefix("<answer>").removesuffix("</answer>")
    for right in (plan, plan.upper(), plan.replace(", ", " and then "), f"push {plan}.", plan.replace(", ", "\n")):
        assert value("puzzles/sokoban", f"<answer>{right}</answer>", task) == 1.0, right
    for wrong in (f"{plan}, sideways", f"do not {plan}", f"jump, {plan}", plan.rpartition(",")[0]):
        assert value("puzzles/sokoban", f"<answer>{wrong}</answer>", task) == 0.0, wrong


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_seeds_give_equal_tasks_and_others_others(family: str) -> None:
    tasks = [drawn(FAMILIES[family], FAMILIES[family].levels, 3, index) for index in range(5)]
    assert tasks == [drawn(FAMILIES[family], FAMILIES[family].levels, 3, index) for index in range(5)]
    assert len({task.prompt for task in tasks}) == 5
    assert drawn(FAMILIES[family], 1, 3, 0) != drawn(FAMILIES[family], 1, 4, 0)
    with pytest.raises(ValueError, match="levels 1 to"):
        drawn(FAMILIES[family], FAMILIES[family].levels + 1, 3, 0)


REFERENCES: list[tuple[str, dict[str, Json]]] = [
    ("countdown", {}),
    ("countdown", {"numbers": [1, True], "target": 2}),
    ("countdown", {"numbers": [1, 2], "target": 2.5}),
    ("countdown", {"numbers": [1, 2], "target": 3, "use": "most"}),
    ("twenty-four", {"numbers": [], "target": 24}),
    ("sudoku", {}),
    ("sudoku", {"puzzle": [[1, 2], [2, 1]]}),
    ("sudoku", {"puzzle": "12" * 8 + "x"}),
    ("n-queens", {"queens": []}),
    ("n-queens", {"queens": [1, "a"]}),
    ("knights-and-knaves", {"names": ["Ada"]}),
    ("knights-and-knaves", {"names": ["Ada"], "solution": [1, 0]}),
    ("knights-and-knaves", {"names": [""], "solution": [True]}),
    ("word-ladder", {"start": "cat", "end": "dog"}),
    ("word-ladder", {"start": "cat", "end": "", "words": ["cat"]}),
    ("anagram", {"letters": "abc", "answers": []}),
    ("anagram", {"letters": "abc", "answers": ["cabs"]}),
    ("sokoban", {"room": 7}),
    ("sokoban", {"room": "#####\n#@$ #\n#####"}),
    ("sokoban", {"room": "#" * 100}),
]


@pytest.mark.parametrize(("family", "reference"), REFERENCES)
def test_a_reference_that_is_no_puzzle_is_no_zero(family: str, reference: dict[str, Json]) -> None:
    with pytest.raises(Unscorable) as caught:
        score(f"puzzles/{family}", "<answer>1</answer>", reference)
    assert caught.value.reason in ("REFERENCE_MISSING", "REFERENCE_UNPARSEABLE")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("<answer>(1 + 2) * 3 = 9</answer>", 1.0),
        ("So $(1+2) \\times 3 = 3 \\times 3 = 9$.", 1.0),
        ("\\boxed{3 \\cdot (2 + 1)}", 1.0),
        ("We try 1+2+3 = 6.\nThen (1 + 2) × 3 = 9!", 1.0),
        ("\\boxed{3 \\div \\frac{1}{1 + 2}}", 0.0),
        ("<answer>3 * 3</answer>", 0.0),
        ("<answer>1 + 2 * 3</answer>", 0.0),
        ("<answer>(1+2)*3 or 1+2*3</answer>", 0.0),
        ("<answer>-(1+2)*-3</answer>", 0.0),
        ("<answer>(1 + 2) * 3 / (1 - 1)</answer>", 0.0),
        ("<answer>__import__('os')</answer>", 0.0),
        ("<answer>12 - 3</answer>", 0.0),
        ("<answer>2 ** 3 + 1</answer>", 0.0),
    ],
)
def test_expressions_are_read_as_people_write_them(response: str, expected: float) -> None:
    assert score("puzzles/countdown", response, {"nums": [1, 2, 3], "target": 9}).value == expected


def test_numbers_may_be_left_out_where_the_reference_says_so() -> None:
    reference: dict[str, Json] = {"numbers": [1, 2, 3], "target": 6, "use": "any"}
    assert score("puzzles/countdown", "<answer>2 * 3</answer>", reference).value == 1.0
    assert score("puzzles/countdown", "<answer>2 * 3</answer>", {**reference, "use": "all"}).value == 0.0
    assert score("puzzles/countdown", "<answer>3 + 3</answer>", reference).value == 0.0


@pytest.mark.parametrize(
    ("response", "unit", "trpa"),
    [
        ("<answer>Ada is a knight, Bo is a knave.</answer>", 1.0, 3.0),
        ("<answer>(1) Ada is a knave\n(2) Bo is a knave</answer>", 0.0, -0.5),
        ("<answer>Ada isn't a knave and Bo is not a knight</answer>", 1.0, 3.0),
        ("<answer>Ada is a knight or a knave, Bo is a knave</answer>", 0.0, -0.5),
        ('<answer>{"Ada": "knight", "Bo": "knave"}</answer>', 1.0, 3.0),
        ("<answer>Ada is a knight</answer>", 0.0, -1.0),
        ("Suppose Ada is a knave. Then... So Ada is a knight and Bo is a knave.", 1.0, 3.0),
        ("<answer>Bo and Ada</answer>", 0.0, -3.0),
        ("<answer>If Ada is a knight, Bo is a knave.</answer>", 0.0, -0.5),
        ("<answer>Perhaps Ada is a knight. Bo is a knave.</answer>", 0.0, -0.5),
        ("<answer>Ada is a knight, Bo is a knave, Carl is a knight.</answer>", 0.0, -0.5),
        ("<answer>Ada: knight\nCarl: knave\nBo: knave</answer>", 0.0, -0.5),
        ("<answer>Answer: Ada is a knight, and Bo is a knave. He is a knave.</answer>", 1.0, 3.0),
        ("Ada is a knave.\nIf Ada is a knight, then Bo is a knave.", 0.0, -0.5),
    ],
)
def test_knights_and_knaves(response: str, unit: float, trpa: float) -> None:
    reference: dict[str, Json] = {"names": ["Ada", "Bo"], "solution": [True, False]}
    assert score("puzzles/knights-and-knaves", response, reference).value == unit
    assert score("puzzles/knights-and-knaves", response, reference, scale="trpa").value == trpa
    by_name: dict[str, Json] = {"solution": {"Ada": "knight", "Bo": "knave"}}
    assert score("puzzles/knights-and-knaves", response, by_name).value == unit


def test_a_sudoku_may_be_one_text() -> None:
    reference: dict[str, Json] = {"puzzle": "1.3. 3.1. .1.3 .3.1".replace(" ", "")}
    grid = "1 2 3 4\n3 4 1 2\n2 1 4 3\n4 3 2 1"
    for response in (
        f"<answer>{grid}</answer>",
        f"Row by row:\n```\n{grid}\n```",
        grid.replace(" ", "").replace("\n", ""),
    ):
        assert score("puzzles/sudoku", response, reference).value == 1.0
    judged = score("puzzles/sudoku", f"<answer>{grid[:-1]}2</answer>", reference)
    assert judged.evidence is not None
    assert "row 4, column 4 was given as 1" in judged.evidence.reason
    assert 0.5 < judged.components["filled"] < 1.0


@pytest.mark.parametrize(
    ("response", "placed"),
    [("<answer>right</answer>", 1.0), ("→", 1.0), ("R", 1.0), ("I go up, then right.", 1.0),
     ("<answer>left</answer>", 0.0), ("<answer>right, right</answer>", 0.0)],
)  # fmt: skip
def test_sokoban_moves(response: str, placed: float) -> None:
    judged = score("puzzles/sokoban", response, {"room": "######\n# @$. #\n######"})
    assert (judged.value, judged.components["placed"]) == (placed, placed)
