"""Any method by its id, from JSON to JSON: the worked examples, defaults, refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from assay.sdk.samples import Json
from assay_server.compute import COMPUTATIONS, compute

EXAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "estimators_examples.json"


def close(found: Json, expected: Json, tolerance: float) -> bool:
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return type(found) is type(expected) and found == expected
    if isinstance(expected, int | float):
        return isinstance(found, int | float) and abs(found - expected) <= tolerance * max(1, abs(expected))
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(close(a, b, tolerance) for a, b in zip(found, expected, strict=True))
        )
    return (
        isinstance(found, dict)
        and found.keys() == expected.keys()
        and all(close(found[name], expected[name], tolerance) for name in expected)
    )


def test_the_worked_examples() -> None:
    if not EXAMPLES.exists():
        pytest.skip("the shared data is not there: estimators_examples.json")
    cases = json.loads(EXAMPLES.read_text())["cases"]

    assert [case["id"] for case in cases if f"{case['id']}-v1" not in COMPUTATIONS] == []
    wrong = {
        (case["id"], case["case"]): answer
        for case in cases
        if not close((answer := compute(case)).get("outputs"), case["expected"], case["tolerance"])
    }
    assert not wrong


def outputs(id: str, inputs: Mapping[str, Json], **params: Json) -> dict[str, Json]:
    answer = compute({"id": id, "params": params, "inputs": dict(inputs)})
    assert "outputs" in answer, answer
    return cast("dict[str, Json]", answer["outputs"])


def refused(case: Mapping[str, Json]) -> tuple[int, str]:
    """Code and the field that is to blame."""
    answer = json.loads(json.dumps(compute(case)))
    assert set(answer) == {"id", "error"}
    info, *more = answer["error"]["details"]
    assert info["domain"] == "assay"
    assert info["metadata"]["retryable"] == "false"
    return answer["error"]["code"], more[0]["fieldViolations"][0]["field"] if more else ""


def rollouts(*pairs: tuple[Json, float]) -> dict[str, Json]:
    return {"rollouts": [{"group": group, "reward": reward} for group, reward in pairs]}


def test_parameters_left_out_take_their_defaults() -> None:
    inputs = rollouts(("q", 1.0), ("q", 0.0))

    assert outputs("advantage/grpo", inputs) == outputs(
        "advantage/grpo-v1", inputs, ddof=1, eps=1e-6, singleton="zero", min_std=0
    )
    assert compute({"id": "advantage/grpo", "inputs": inputs})["outputs"] == outputs("advantage/grpo", inputs)


def test_answers_are_in_the_order_of_the_inputs_however_groups_interleave() -> None:
    inputs = rollouts(("a", 1.0), ("b", 4.0), ("a", 3.0), ("b", 2.0), *[("c", 0.0)] * 9)

    assert outputs("advantage/grpo_mean_only", inputs)["advantages"] == [-1.0, 1.0, 1.0, -1.0, *[0.0] * 9]


def test_group_keys_are_json_values() -> None:
    inputs = rollouts((1, 1.0), ("1", 5.0), (1.0, 3.0), (True, 7.0))

    assert outputs("advantage/grpo_mean_only", inputs)["advantages"] == [-1.0, 0.0, 1.0, 0.0]


def test_batch_outputs_come_along() -> None:
    assert outputs("advantage/group_mean_batch_std", {"rollouts": []}) == {"advantages": [], "batch_std": 0.0}


def trajectories(*rows: tuple[str, list[tuple[Json, float]]]) -> dict[str, Json]:
    listed: list[Json] = [
        {"group": group, "steps": [{"state": state, "reward": reward} for state, reward in steps]}
        for group, steps in rows
    ]
    return {"trajectories": listed}


def test_gigpo_interleaves_groups_and_takes_structured_states() -> None:
    inputs = trajectories(
        ("a", [({"x": 1, "y": [0]}, 0.0), ("s", 1.0)]),
        ("b", [("s", 5.0)]),
        ("a", [({"y": [0], "x": 1.0}, 0.0)]),
    )

    found = outputs("advantage/gigpo", inputs, gamma=0.5)

    assert found["step_groups"] == [[[0, 0], [2, 0]], [[0, 1]], [[1, 0]]]
    assert found["step_returns"] == [[0.5, 1.0], [5.0], [0.0]]
    assert found["episode_advantages"] == [[0.5, 0.5], [0.0], [-0.5]]
    assert found["step_advantages"] == [[0.25, 0.0], [0.0], [-0.25]]
    assert found["advantages"] == [[0.75, 0.5], [0.0], [-0.75]]


def test_gigpo_similarity_is_greedy_in_row_order_with_difflibs_ratio() -> None:
    inputs = trajectories(("a", [("abcdefgh", 1.0), ("abcdefgx", 0.0)]), ("a", [("abcdefxy", 0.0), ("zz", 0.0)]))

    assert outputs("advantage/gigpo", inputs, similarity=0.8)["step_groups"] == [[[0, 0], [0, 1]], [[1, 0]], [[1, 1]]]


def test_step_group_metrics_with_history() -> None:
    inputs = trajectories(("a", [("s", 0.0), ("t", 0.0)]), ("a", [("u", 0.0), ("t", 0.0)]))

    assert outputs("metric/step_groups", inputs) == {
        "size_histogram": {"1": 2, "2": 1},
        "mean_size": 4 / 3,
        "group_hit_ratio": 1 / 3,
        "step_hit_ratio": 0.5,
    }
    assert outputs("metric/step_groups", inputs, history=1)["size_histogram"] == {"1": 4}
    assert outputs("metric/step_groups", {"trajectories": []})["size_histogram"] == {}


@pytest.mark.parametrize(
    ("samples", "correct", "k", "value"),
    [(8, 2, 4, 1 - 15 / 70), (4, 0, 2, 0.0), (4, 3, 2, 1.0), (5, 5, 1, 1.0), (5, 1, 5, 1.0), (10**9, 1, 1, 1e-9)],
)
def test_pass_at_k(samples: int, correct: int, k: int, value: float) -> None:
    found = outputs("metric/pass_at_k", {"samples": samples, "correct": correct}, k=k)["value"]

    assert found == pytest.approx(value)


def test_pass_at_k_of_huge_numbers_is_quick() -> None:
    found = outputs("metric/pass_at_k", {"samples": 10**9, "correct": 4 * 10**8}, k=4 * 10**8)

    assert found == {"value": 1.0}


def test_effective_gradient_of_lone_and_empty_groups() -> None:
    found = outputs("metric/effective_gradient", {"groups": {"a": [1], "b": [], "c": [1, 0, 0]}})

    assert found == {"ratio": 1 / 3, "expected": {"a": 0.0, "b": 0.0, "c": pytest.approx(1 - 1 / 27 - 8 / 27)}}


def test_tool_productivity_without_calls_is_null() -> None:
    assert outputs("metric/tool_productivity", {"rollouts": [{"correct": True, "tool_calls": 0}]})["value"] is None


def test_filters_report_groups_that_are_empty() -> None:
    found = outputs("select/passrate_band", {"groups": {"a": [], "b": [0.5]}})

    assert found == {"kept": ["b"], "dropped": {"a": "empty"}}


GRPO: dict[str, Json] = {"id": "advantage/grpo"}
GIGPO: dict[str, Json] = {"id": "advantage/gigpo"}


BAD: list[tuple[dict[str, Json], str]] = [
    ({}, "id"),
    ({"id": 3}, "id"),
    ({**GRPO, "params": []}, "params"),
    ({**GRPO, "inputs": None}, "inputs"),
    ({**GRPO, "inputs": {}}, "inputs.rollouts"),
    ({**GRPO, "inputs": {"rollouts": {}}}, "inputs.rollouts"),
    ({**GRPO, "inputs": {"rollouts": [1]}}, "inputs.rollouts[0]"),
    ({**GRPO, "inputs": {"rollouts": [{"reward": 1}]}}, "inputs.rollouts[0].group"),
    ({**GRPO, "inputs": {"rollouts": [{"group": "q"}]}}, "inputs.rollouts[0].reward"),
    ({**GRPO, "inputs": {"rollouts": [{"group": "q", "reward": None}]}}, "inputs.rollouts[0].reward"),
    ({**GRPO, "inputs": {"rollouts": [{"group": "q", "reward": True}]}}, "inputs.rollouts[0].reward"),
    ({**GRPO, "inputs": {"rollouts": [{"group": "q", "reward": "1"}]}}, "inputs.rollouts[0].reward"),
    ({**GRPO, "inputs": {"rollouts": [{"group": "q", "reward": float("nan")}]}}, "inputs.rollouts[0].reward"),
    ({**GRPO, "inputs": {"rollouts": [{"group": "q", "reward": 10**400}]}}, "inputs.rollouts[0].reward"),
    ({**GRPO, "inputs": {"rollouts": [{"group": "q", "reward": 1, "role": "boss"}]}}, "inputs.rollouts[0].role"),
    ({**GRPO, "params": {"ddof": 3}, "inputs": {"rollouts": []}}, "params.ddof"),
    ({**GRPO, "params": {"sigma": 3}, "inputs": {"rollouts": []}}, "params.sigma"),
    ({**GIGPO, "inputs": {"rollouts": []}}, "inputs.trajectories"),
    ({**GIGPO, "inputs": {"trajectories": [{"group": "a", "steps": []}]}}, "inputs.trajectories[0].steps"),
    (
        {**GIGPO, "inputs": {"trajectories": [{"group": "a", "steps": [{"reward": 1}]}]}},
        "inputs.trajectories[0].steps[0].state",
    ),
    (
        {**GIGPO, "inputs": {"trajectories": [{"group": "a", "steps": [{"state": "s", "reward": 1, "valid": 1}]}]}},
        "inputs.trajectories[0].steps[0].valid",
    ),
    (
        {
            **GIGPO,
            "params": {"similarity": 0.9},
            "inputs": {"trajectories": [{"group": "a", "steps": [{"state": [1], "reward": 1}]}]},
        },
        "inputs.trajectories[0].steps[0].anchor.state",
    ),
    (
        {"id": "advantage/negative_enhanced", "inputs": rollouts(("b", 0.0), ("a", 0.0), ("b", 1.5))},
        "inputs.rollouts[2].reward",
    ),
    ({"id": "metric/pass_at_k", "inputs": {"samples": 4, "correct": 1}}, "params.k"),
    ({"id": "metric/pass_at_k", "params": {"k": 5}, "inputs": {"samples": 4, "correct": 1}}, "inputs.samples"),
    ({"id": "metric/pass_at_k", "params": {"k": 1}, "inputs": {"samples": 4, "correct": 5}}, "inputs.correct"),
    ({"id": "metric/effective_gradient", "inputs": {"groups": {"a": ["x"]}}}, "inputs.groups.a[0]"),
    ({"id": "select/passrate_band", "inputs": {"groups": []}}, "inputs.groups"),
    ({"id": "select/abs_advantage", "inputs": {"advantages": [float("inf")]}}, "inputs.advantages[0]"),
]


@pytest.mark.parametrize(("case", "field"), BAD)
def test_bad_input_is_refused_with_the_field_to_blame(case: dict[str, Json], field: str) -> None:
    assert refused(case) == (3, field)


def test_an_unknown_id_is_not_found_and_answered_with_the_nearest() -> None:
    answer = compute({"id": "advantage/gigop", "params": {}, "inputs": {}})

    assert refused({"id": "advantage/gigop"}) == (5, "")
    assert "advantage/gigpo-v1" in json.dumps(answer)


def test_a_state_nested_without_end_is_refused() -> None:
    state: Json = 0
    for _ in range(10_000):
        state = [state]

    code, field = refused({**GIGPO, "inputs": trajectories(("a", [(state, 0.0)]))})

    assert (code, field) == (3, "inputs.trajectories[0].steps[0].anchor.state")
