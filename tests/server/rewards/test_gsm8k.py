"""All real model solutions: the verdict of ``math`` is the label people gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.sdk import Sample, Verdict
from assay.sdk.spec import Leaf
from assay_server.rewards import builtin_catalogue, compile_reward

SOLUTIONS = Path(__file__).resolve().parents[4] / "shared" / "data" / "gsm8k_model_solutions.jsonl"


def test_every_verdict_equals_its_label() -> None:
    if not SOLUTIONS.exists():
        pytest.skip(f"the shared data is absent: {SOLUTIONS}")
    math = compile_reward(Leaf("math"), builtin_catalogue())
    judged = wrong = 0
    for line in SOLUTIONS.read_text(encoding="utf-8").splitlines():
        problem = json.loads(line)
        for solution in problem["solutions"]:
            sample = Sample("r", solution["text"], {"answer": problem["answer"]}, prompt=problem["question"])
            correct = math.evaluate(sample).verdict is Verdict.CORRECT
            judged += 1
            wrong += correct is not solution["is_correct"]
    assert (judged, wrong) == (2640, 0)
