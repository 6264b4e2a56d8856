"""Rewards and verdicts from plain facts, by hand: gates, credit of steps, outcomes, texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import pytest

from assay.sdk.samples import Json
from assay_server.compute import compute


def answer(id: str, inputs: Mapping[str, object], **params: object) -> dict[str, Json]:
    return compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})


def outputs(id: str, inputs: Mapping[str, object], **params: object) -> dict[str, Json]:
    found = answer(id, inputs, **params)
    assert "outputs" in found, found
    return cast("dict[str, Json]", found["outputs"])


def refused(id: str, inputs: Mapping[str, object], **params: object) -> bool:
    error = answer(id, inputs, **params).get("error")
    return isinstance(error, dict) and error["code"] == 3


REWARDS: list[tuple[str, dict[str, object], dict[str, object], float]] = [
    ("reward/gate_and", {"format_ok": True, "correct": True}, {}, 1.0),
    ("reward/gate_and", {"format_ok": False, "correct": True}, {}, 0.0),
    ("reward/posterior_gated_process", {"format": 0.5, "correct": True, "thinking": 0.25}, {}, 1.75),
    ("reward/posterior_gated_process", {"format": 0.5, "correct": False}, {}, 0.5),
    ("reward/answer_consistency", {"correct": True, "format_ok": False, "consistent": True}, {}, 1.0),
    (
        "reward/cot_trigger_penalty",
        {"base": 1.0, "missed": True, "over": 0, "format_error": 0.5},
        {"missing_weight": 0.3, "over_weight": 9, "format_weight": 0.2},
        0.6,
    ),
    ("reward/multi_aspect", {"aspects": {"a": 2.0, "b": -1.0}}, {"weights": {"a": 0.5, "b": 2.0}}, -1.0),
    ("reward/judge_rationale", {"verdicts": [1, "A", True], "labels": [1, "B", 1]}, {}, 1 / 3),
    ("reward/flawed_positive", {"correct": False}, {}, -1.0),
    ("reward/flawed_positive", {"correct": True, "first_error": -1}, {}, 1.0),
    ("reward/flawed_positive", {"correct": True, "first_error": 2}, {}, 0.0),
    ("reward/first_error_index", {"predicted": -1, "gold": -1, "steps": 4}, {}, 1.0),
    ("reward/first_error_index", {"predicted": 0, "gold": 3, "steps": 4}, {}, 0.25),
    ("reward/first_error_index", {"predicted": -1, "gold": 3, "steps": 4}, {}, -1.0),
    ("reward/first_error_index", {"predicted": None, "gold": 3, "steps": 4}, {}, -1.0),
    ("reward/alfworld_success", {"won": True}, {}, 10.0),
    ("reward/alfworld_success", {"won": False, "goal_condition_rate": 0.5}, {"multimodal": True}, 0.5),
    ("reward/webshop_success", {"done": True, "task_score": 1}, {}, 10.0),
    ("reward/webshop_success", {"done": True, "task_score": 0.99}, {}, 0.0),
    (
        "reward/state_tests",
        {"tests": [True, True, False, True], "exec_failures": 2, "missing_code": 1},
        {"exec_penalty": 0.1, "code_penalty": 0.2},
        0.35,
    ),
    ("reward/state_tests", {"tests": [False], "exec_failures": 9, "missing_code": 0}, {"exec_penalty": 1}, 0.0),
    ("verify/code_tests", {"tests": [True, False]}, {}, 0.0),
    ("verify/code_tests", {"tests": [True, False], "timeouts": 1}, {"credit": "fraction"}, 0.5),
    ("verify/lean_proof", {"status": "elaborated", "trailing_text": True}, {}, 1.0),
    ("verify/lean_proof", {"status": "elaborated", "trailing_text": True}, {"trailing": "refused"}, 0.0),
    ("verify/program_return", {"returns": [1.0, 0.0, 0.5]}, {}, 0.5),
    ("verify/solver", {"objective": 10.0000001, "optimum": 10, "feasible": True}, {}, 1.0),
    ("verify/solver", {"objective": 10.1, "optimum": 10, "feasible": True}, {}, 0.0),
    ("reward/turn_judge", {"scores": [0, 5, 10]}, {}, 0.5),
    ("verify/math", {"response": "so A: 18", "reference": {"answer": "18"}}, {}, 1.0),
    ("verify/choice", {"response": "The answer is B", "reference": {"answer": "B"}}, {}, 1.0),
    ("verify/domain_math", {"response": "A: C", "reference": {"answer": "C", "choices": ["x", "y", "z"]}}, {}, 1.0),
    ("verify/numeric_tolerance", {"response": "A: 3.05", "reference": {"answer": 3}}, {"absolute": 0.1}, 1.0),
    ("reward/format_tags", {"response": "<think>a</think><answer>b</answer>"}, {}, 1.0),
    ("reward/qa_f1", {"response": "the red fox", "reference": {"answer": "a fox"}}, {}, 2 / 3),
    (
        "verify/tool_call",
        {"response": "f(a=1)", "reference": {"calls": [{"name": "f", "arguments": {"a": 1}}]}},
        {},
        1.0,
    ),
]


@pytest.mark.parametrize(("id", "inputs", "params", "reward"), REWARDS)
def test_what_it_is_worth(id: str, inputs: dict[str, object], params: dict[str, object], reward: float) -> None:
    assert outputs(id, inputs, **params)["reward"] == pytest.approx(reward)


def test_a_gate_that_is_shut_asks_nobody_and_an_open_one_needs_an_answer() -> None:
    assert outputs("reward/posterior_gated_process", {"format": 0, "correct": False})["gate_open"] is False
    assert refused("reward/posterior_gated_process", {"format": 0, "correct": True})
    assert refused("reward/flawed_positive", {"correct": True})


def test_the_next_segment_is_sampled_cold_after_code() -> None:
    facts = {"correct": True, "format_ok": True, "consistent": True}
    assert outputs("reward/answer_consistency", {**facts, "code_tag": True})["next_temperature"] == 0.0
    assert outputs("reward/answer_consistency", facts)["next_temperature"] == 1.0


@pytest.mark.parametrize(("gate", "reward"), [("zero", 0.0), ("drop", None), ("negative", -0.5)])
def test_a_violation_earns_no_positive_credit(gate: str, reward: float | None) -> None:
    told = {"score": 2.0, "baseline_score": 2.0, "constraints": {"polite": True, "safe": False}}
    found = outputs("reward/constraint_mixture", told, gate=gate)
    assert (found["calibrated"], found["violated"], found["reward"]) == (0.5, ["safe"], reward)
    kept = outputs("reward/constraint_mixture", {"score": 1.0, "baseline_score": 0.0}, gate=gate)
    assert kept["reward"] == pytest.approx(1 / (1 + math.exp(-1)))


def test_aspects_and_weights_have_the_same_names() -> None:
    assert refused("reward/multi_aspect", {"aspects": {"a": 1.0}}, weights={"b": 1.0})


def test_progress_and_its_residual() -> None:
    told = {"contributions": [0.25, 0.5], "grounded": [True, False], "final_reward": 1.0}
    found = outputs("reward/progress_attribution", told)
    assert found == {"step_rewards": [0.75, 0.5], "sum": 0.75, "residual": 0.25}


def test_shapley_weights_sum_to_the_whole_and_a_fact_counts_once() -> None:
    values = {"": 0.0, "a": 1.0, "b": 0.0, "a+b": 3.0}
    found = outputs("reward/shapley_information_gain", {"values": values, "turns": [["a"], ["a", "b"], []]})
    assert found == {"weights": {"a": 2.0, "b": 1.0}, "step_rewards": [2.0, 1.0, 0]}


def test_sampled_shapley_weights_are_of_the_seed_and_sum_to_the_whole() -> None:
    told = {"values": {"": 0.0, "a": 1.0, "b": 0.0, "b+a": 3.0}, "turns": [["a", "b"]], "orders": 7, "seed": 3}
    one, again = (outputs("reward/shapley_information_gain", told) for _ in range(2))
    assert one == again
    assert cast("list[float]", one["step_rewards"])[0] == pytest.approx(3.0)
    assert refused("reward/shapley_information_gain", {"values": {"": 0.0, "a+b": 1.0}, "turns": []})


def test_steps_of_one_label_are_one_thought() -> None:
    labels = ("progress", "progress", "error", "progress")
    steps = [{"label": label, "start": 10 * i, "end": 10 * i + 10} for i, label in enumerate(labels)]
    found = outputs("reward/thought_spans", {"steps": steps, "outcome": 1.0, "pass_rate": 0.25})
    spans = cast("list[dict[str, Json]]", found["spans"])
    assert [(span["start"], span["end"], span["reward"]) for span in spans] == [
        (0, 20, 1.0),
        (20, 30, -1.0),
        (30, 40, 1.0),
    ]
    assert found["process_weight"] == 0.75
    assert refused("reward/thought_spans", {"steps": [steps[1], steps[0]], "outcome": 1.0})


def test_a_solvers_statuses_are_distinct() -> None:
    optimum = {"optimum": 1.0}
    told = (
        {**optimum, "feasible": True, "objective": 1.0},
        {**optimum, "feasible": False},
        {**optimum, "feasible": True, "timed_out": True},
    )
    found = [outputs("verify/solver", one)["status"] for one in told]
    assert found == ["feasible", "infeasible", "timeout"]


def test_a_simulation_is_several_numbers() -> None:
    metrics = cast("dict[str, float | None]", outputs("verify/simulation", {"values": [100, 110, 99, 121]})["metrics"])
    assert metrics["return"] == pytest.approx(0.21)
    assert metrics["drawdown"] == pytest.approx(0.1)
    daily = (0.1, -0.1, 121 / 99 - 1)
    assert metrics["sortino"] == pytest.approx(sum(daily) / 3 / math.sqrt(0.01 / 3))
    assert cast("dict[str, Json]", outputs("verify/simulation", {"values": [1, 2]})["metrics"])["sortino"] is None


def test_a_translation_is_in_its_language() -> None:
    told = {"source_language": "python", "target_language": "rust", "language": "python", "tests": [True]}
    assert outputs("verify/code_translation", told)["reward"] == 0.0
    assert outputs("verify/code_translation", {**told, "language": "rust"})["reward"] == 1.0


def test_a_gold_answer_that_cannot_be_read_is_an_error_and_no_zero() -> None:
    assert "error" in answer("verify/math", {"response": "A: 1", "reference": {}})


def test_actions_are_projected_and_parity_is_an_option() -> None:
    name, written = "steps/action_projection", "I think that I should rather open the door now"
    said = {"response": "<think>x</think> <action>open door</action>", "admissible": ["open door"]}
    assert outputs(name, said) == {"action": "open door", "valid": True}
    assert outputs(name, {**said, "admissible": ["go"]})["valid"] is False
    assert outputs(name, {"response": written}) == {"action": None, "valid": False}
    released = outputs(name, {"response": written}, fallback="last_characters", characters=20)
    assert released == {"action": "ther open the door now"[-20:], "valid": False}
