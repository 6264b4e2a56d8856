"""All real model solutions through a real stream: verdicts equal their labels, advantages equal the formula."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from assay.v1 import rollout_pb2

from .rollouts import step
from .server import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOLUTIONS = Path(__file__).resolve().parents[3] / "shared" / "data" / "gsm8k_model_solutions.jsonl"
EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution with the label that people gave it."""

    rollout: rollout_pb2.Rollout
    correct: bool


def _solutions() -> list[Solution]:
    if not SOLUTIONS.exists():
        pytest.skip(f"the shared data is absent: {SOLUTIONS}")
    found: list[Solution] = []
    for number, line in enumerate(SOLUTIONS.read_text(encoding="utf-8").splitlines()):
        problem = json.loads(line)
        texts = problem["solutions"]
        for index, solution in enumerate(texts):
            rollout = rollout_pb2.Rollout(
                rollout_id=f"p{number}/{index}",
                group_id=f"p{number}",
                group_size=len(texts),
                prompt_id=f"p{number}",
                reference_json=json.dumps({"answer": problem["answer"]}),
                steps=[step(0, solution["text"])],
            )
            rollout.prompt.parts.add().text = problem["question"]
            found.append(Solution(rollout, solution["is_correct"]))
    return found


def grpo(rewards: list[float]) -> list[float]:
    """The formula in plain Python."""
    if max(rewards) == min(rewards):
        return [0.0] * len(rewards)
    mean, deviation = statistics.fmean(rewards), statistics.stdev(rewards)
    return [(reward - mean) / (deviation + EPS) for reward in rewards]


async def test_every_verdict_equals_its_label_and_every_advantage_the_formula(server: Service) -> None:
    solutions = _solutions()
    await server.create_run("gsm8k")
    async with server.stream("gsm8k", "a") as stream:
        await stream.send(*(solution.rollout for solution in solutions))
        await stream.finish()
    assert (len(stream.samples), len(stream.groups), stream.last) == (2640, 660, 3300)
    wrong = [
        solution.rollout.rollout_id
        for solution in solutions
        if (stream.samples[solution.rollout.rollout_id].score.verdict == rollout_pb2.VERDICT_CORRECT)
        is not solution.correct
    ]
    assert not wrong
    labels = {solution.rollout.rollout_id: float(solution.correct) for solution in solutions}
    for group in stream.groups.values():
        assert len(group.rollout_ids) == 4
        expected = grpo([labels[name] for name in group.rollout_ids])
        assert list(group.advantages) == pytest.approx(expected, abs=1e-9, rel=0)
