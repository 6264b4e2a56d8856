from __future__ import annotations

import re
import subprocess
import sys

import pytest

from assay.sdk import Sample, Verdict
from assay_server.demo.problems import load_problems
from assay_server.rewards.choice import choice
from assay_server.rewards.verify_math import math_exact


@pytest.fixture(scope="module")
def output() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "assay_server.demo"], capture_output=True, check=False, timeout=120, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_shows_scores_groups_step_groups_diagnostics_and_throughput(output: str):
    for part in (
        "Scores with their evidence", "REFERENCE_MISSING", "One group and its advantages", "222 of 222 verdicts agree",
        "open green door", "How many steps share a state", "mixed with others", "rollouts/s", "What to try next",
    ):  # fmt: skip
        assert part in output


def test_it_reads_well_in_a_pipe(output: str):
    assert max(len(line) for line in output.splitlines()) <= 100
    assert "\x1b" not in output


def test_the_right_action_in_the_shown_state_has_the_best_advantage(output: str):
    """The table's claim: among the actions at the locked door, opening it is worth most."""
    rows = re.findall(r"(open green door|go north|look|inventory) +\d+ +[\d.]+ +([+-][\d.]+)", output)
    at_the_door = rows[[action for action, _ in rows].index("open green door") :][:4]
    assert len(at_the_door) == 4
    assert max(at_the_door, key=lambda row: float(row[1]))[0] == "open green door"


def test_every_bundled_answer_is_judged_as_a_person_judges_it():
    for problem in load_problems():
        reward = {"math": math_exact, "choice": choice.function}[problem.type]
        for index, sample in enumerate(problem.samples):
            score = reward(Sample(str(index), sample.text, problem.reference, prompt=problem.question))
            assert (score.verdict is Verdict.CORRECT) == sample.correct, (problem.id, index)
