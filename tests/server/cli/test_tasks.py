"""``assay tasks``: lines that a trainer can send, judged by the reward of their name."""

from __future__ import annotations

import json
from typing import cast

import pytest

from assay.sdk import Json
from tests.server.cli.command import assay


def test_what_is_drawn_is_scored_by_the_reward_of_its_name() -> None:
    drawn = assay("tasks", "generate", "puzzles/twenty-four", "--level", "2", "--count", "3", "--seed", "5")
    assert drawn.code == 0
    rollouts = [
        {"rolloutId": str(number), "reference": task["reference"], "steps": [{"action": text}]}
        for number, task in enumerate(drawn.lines)
        for text in (task["solution"], "24")
    ]
    scored = assay("score", "--reward", "puzzles/twenty-four", stdin="\n".join(map(json.dumps, rollouts)).encode())
    assert [cast("dict[str, Json]", line["score"])["value"] for line in scored.lines] == [1.0, 0.0] * 3
    assert assay("tasks", "generate", "puzzles/twenty-four", "--level", "2", "--count", "3", "--seed", "5") == drawn
    assert drawn.lines[0]["taskId"] == "puzzles/twenty-four/2/5/0"
    assert drawn.lines[0]["extra"] == {"level": 2, "seed": 5, "index": 0}


def test_families_are_listed() -> None:
    listed = assay("tasks", "list", "--json")
    assert {"name", "summary", "levels"} == listed.lines[0].keys()
    assert "puzzles/sudoku" in [line["name"] for line in listed.lines]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("puzzles/sudok",), "puzzles/sudoku"), (("puzzles/sudoku", "--level", "9"), "levels 1 to 5")],
)
def test_what_there_is_not_is_told(arguments: tuple[str, ...], told: str) -> None:
    done = assay("tasks", "generate", *arguments)
    assert done.code == 2
    assert told in done.stderr
