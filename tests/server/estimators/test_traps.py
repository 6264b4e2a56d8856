"""What released code of these methods gets wrong: each is done right here, or is an option with a name."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import cast

import pytest

from assay.sdk.samples import Json
from assay_server.compute import compute


def outputs(id: str, inputs: Mapping[str, object], **params: object) -> dict[str, list[float]]:
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    assert "outputs" in answer, answer
    return cast("dict[str, list[float]]", answer["outputs"])


def code(id: str, inputs: Mapping[str, object], **params: object) -> object:
    answer = compute({"id": id, "params": cast("Json", params), "inputs": cast("Json", dict(inputs))})
    return cast("dict[str, object]", answer["error"])["code"]


def rewarded(*rewards: float, group: str = "q", **columns: object) -> dict[str, object]:
    return {"rollouts": [{"group": group, "reward": reward, **columns} for reward in rewards]}


EPISODE_METHODS: dict[str, dict[str, object]] = {
    "advantage/grpo": {},
    "advantage/asymmetric_grae": {},
    "advantage/beta_normalised": {},
    "advantage/group_mean_batch_std": {},
    "advantage/stratified": {"alpha": 0.5},
    "advantage/semantic_entropy_scaled": {"base": "grpo"},
    "advantage/consistency_blend": {},
}


@pytest.mark.parametrize("name", EPISODE_METHODS)
def test_01_rounding_noise_is_never_divided(name: str) -> None:
    inputs = rewarded(*[0.1] * 7, stratum=0, answer_key="a")

    assert outputs(name, inputs, **EPISODE_METHODS[name])["advantages"] == [0.0] * 7


def one_step(*steps: tuple[str, float, bool]) -> dict[str, object]:
    return {
        "trajectories": [
            {"group": "q", "steps": [{"state": state, "reward": reward, "valid": valid}]}
            for state, reward, valid in steps
        ]
    }


def test_02_a_penalty_in_a_flat_group_is_not_scaled() -> None:
    flat = one_step(("s", 0.0, False), ("t", 0.0, True))
    found = outputs("advantage/gigpo", flat, norm="mean_std", invalid_penalty=0.1)

    assert cast("object", found["episode_advantages"]) == [[-0.1], [0.0]]


def test_03_episode_statistics_are_an_option() -> None:
    steps: list[dict[str, object]] = [{"state": state, "reward": 1.0 * (state == "t")} for state in "stu"]
    steps[0]["valid"] = False
    inputs = {"trajectories": [{"group": "q", "steps": steps}, {"group": "q", "steps": [{"state": "s", "reward": 0}]}]}
    found = {
        kind: outputs("advantage/gigpo", inputs, episode_stats=kind, invalid_penalty=0.5)["episode_advantages"]
        for kind in ("trajectory", "step_rows", "first_row")
    }

    assert cast("object", found) == {
        "trajectory": [[0.0, 0.5, 0.5], [-0.5]],  # returns 1 and 0
        "step_rows": [[-0.125, 0.375, 0.375], [-0.625]],  # scores 0.5, 1, 1 and 0
        "first_row": [[0.25, 0.75, 0.75], [-0.25]],  # scores 0.5 and 0
    }


def test_04_a_penalty_is_felt_by_its_row_only() -> None:
    steps = [{"state": "s", "reward": 0.0}, {"state": "t", "reward": 1.0, "valid": False}]
    found = outputs(
        "advantage/gigpo", {"trajectories": [{"group": "q", "steps": steps}]}, gamma=1.0, invalid_penalty=0.1
    )

    assert cast("object", found["step_returns"]) == [[1.0, 0.9]]


@pytest.mark.parametrize("name", ["advantage/grpo", "advantage/beta_normalised", "advantage/budget_hierarchical"])
def test_05_a_lone_member_is_0_and_never_nan(name: str) -> None:
    found = outputs(name, rewarded(0.5, budget=512))["advantages"]
    raw = outputs(name, rewarded(0.5, budget=512), singleton="raw")["advantages"]

    assert found == [0.0]
    assert math.isfinite(raw[0])
    assert raw[0] > 0.0


def test_05_a_lone_member_reuses_no_other_groups_term() -> None:
    both = {
        "rollouts": [
            *cast("list[object]", rewarded(1.0, 0.0, budget=512)["rollouts"]),
            *cast("list[object]", rewarded(3.0, group="lone", budget=512)["rollouts"]),
        ]
    }

    assert outputs("advantage/budget_hierarchical", both)["intra"][2] == 0.0


def test_06_step_groups_stay_in_their_task() -> None:
    inputs = one_step(("s", 1.0, True), ("s", 0.0, True))
    cast("list[dict[str, object]]", inputs["trajectories"])[1]["group"] = "other"

    assert cast("object", outputs("advantage/gigpo", inputs)["step_groups"]) == [[[0, 0]], [[1, 0]]]


def test_07_gamma_is_the_authors() -> None:
    steps = [{"state": "s", "reward": 0.0}, {"state": "t", "reward": 1.0}]
    found = outputs("advantage/gigpo", {"trajectories": [{"group": "q", "steps": steps}]})

    assert cast("object", found["step_returns"]) == [[0.95, 1.0]]


def test_09_states_keep_their_types_and_shapes() -> None:
    states: list[object] = [1, "1", True, [1, 2, 3, 4], [[1, 2], [3, 4]], 1.0]
    steps = [{"state": state, "reward": 0.0} for state in states]
    found = outputs("metric/step_groups", {"trajectories": [{"group": "q", "steps": steps}]})

    assert cast("object", found["size_histogram"]) == {"1": 4, "2": 1}


def test_12_divisor_is_an_option() -> None:
    tree = {"id": "r", "children": [{"id": "a", "reward": 1.0}, {"id": "b", "reward": 0.0}]}
    scaled = cast("dict[str, float]", outputs("advantage/segment_tree", {"tree": tree}, normalise=True)["advantages"])

    assert scaled["a"] == pytest.approx(0.5 / (0.5 + 1e-8), abs=1e-15)
    assert outputs("advantage/grpo", rewarded(1.0, 0.0), ddof=0, eps=0)["advantages"] == [1.0, -1.0]


def test_13_equal_group_means_divide_nothing_by_zero() -> None:
    groups = [*cast("list[object]", rewarded(1.0, 0.0)["rollouts"])]
    groups += cast("list[object]", rewarded(0.0, 1.0, 0.5, group="p")["rollouts"])

    found = outputs("advantage/beta_normalised", {"rollouts": groups})

    assert (found["alpha"], found["beta"]) == cast("object", (1.0, 1.0))
    assert found["advantages"] == [0.5, -0.5, -0.5, 0.5, 0.0]


def test_14_negative_rewards_are_refused_before_a_root_is_taken() -> None:
    assert code("advantage/asymmetric_grae", rewarded(-1.0, 1.0)) == 3


def test_15_the_second_term_is_added_once() -> None:
    once = outputs("advantage/budget_hierarchical", rewarded(1.0, 0.0, budget=1024))

    assert once["advantages"] == pytest.approx([a + b for a, b in zip(once["inter"], once["intra"], strict=True)])


def test_16_a_gate_has_one_spelling() -> None:
    inputs = rewarded(1.0, 0.0, answer_key="a")

    assert code("advantage/consistency_blend", inputs, gate="soft-wrong") == 3
    assert outputs("advantage/consistency_blend", inputs, gate="soft_wrong")["local_weights"][1] == 0.0


def test_17_a_partial_success_can_exceed_a_full_one() -> None:
    found = outputs("advantage/positive_amplification", rewarded(1.0, 0.9, 0.0, 0.0))["advantages"]

    assert found[1] > found[0] == 1.0


def test_18_ranks_count_everyone_and_negative_rewards_shrink() -> None:
    inputs = {"rollouts": [{"group": "q", "reward": r, "mean_logprob": lp} for r, lp in ((-1, 0), (0, -2), (0, -1))]}

    assert outputs("reward/unlikeliness", inputs)["rewards"][0] == pytest.approx(-1 * (1 - 0.25 * 2 / 3))


def test_19_a_groups_size_is_its_own() -> None:
    sizes = {"a": 4, "b": 2}
    rows = [
        {"group": group, "format": "code" if place == 0 else "text", "reward": 1.0}
        for group, size in sizes.items()
        for place in range(size)
    ]
    found = outputs("reward/format_diversity_scale", {"rollouts": rows, "global_step": 0}, total_steps=10)

    assert found["scales"][0] == 4.0
    assert found["scales"][4] == 2.0


def test_20_depth_is_each_leafs_own_and_a_bare_root_is_no_nan() -> None:
    shallow = [{"path": "q#0", "reward": 1.0}, {"path": "q#1", "reward": 0.0}]
    deep = [{"path": "p#0#0#0", "reward": 1.0}, {"path": "bare", "reward": 1.0}]
    name = "advantage/tree_subgroup"

    alone = outputs(name, {"leaves": shallow}, weighting="average")["advantages"]
    beside = outputs(name, {"leaves": shallow + deep}, weighting="average")["advantages"]

    assert beside == [*alone, 0.0, 0.0]


def test_21_bundles_pair_by_index_and_never_praise() -> None:
    found = outputs("advantage/risk_mvar", {"bundle": {"a": [5.0, 0.0], "b": [5.0, 0.0, 9.0]}})

    assert max(found["paper_advantages"]) <= 0.0
    assert cast("dict[str, list[float]]", found["advantages"])["b"][2] == 0.0


def test_23_relative_length_never_looks_at_other_prompts() -> None:
    rows = [{"group": g, "correct": True, "length": length} for g, length in (("a", 1), ("a", 3), ("b", 900))]

    assert outputs("reward/length_relative", {"rollouts": rows})["rewards"] == [0.5, -0.5, 0.0]


def test_26_votes_are_of_classes_and_each_member_gets_its_own_reward() -> None:
    similarity = [[1.0] * 3 for _ in range(3)]
    found = outputs("reward/majority_novelty", {"answer_keys": ["1/2", "1/2", "7"], "similarity": similarity})

    assert found["rewards"] == [0.75, 0.75, -0.5]


def test_28_trackers_continue_bit_for_bit() -> None:
    name = "advantage/smooth_cumulative"
    start = {"visits": 0, "mean": 0.0, "std": 0.0}
    first = outputs(name, {"rewards": [1.0, 0.0, 0.3], "state": start})
    saved = json.dumps(first["state"])

    going_on = outputs(name, {"rewards": [0.2, 0.9], "state": first["state"]})
    resumed = outputs(name, {"rewards": [0.2, 0.9], "state": json.loads(saved)})
    forgetful = outputs(name, {"rewards": [0.2, 0.9], "state": start})

    assert resumed == going_on != forgetful
    assert cast("dict[str, float]", resumed["state"])["visits"] == 2


def test_29_twelve_hint_levels_are_twelve() -> None:
    inputs = {"rewards": [0.0], "global_step": 99}
    tiers = [
        cast("object", outputs("rescue/hint_tiers", {**inputs, "succeeded": [False] * tried})["tier"])
        for tried in range(12)
    ]

    assert tiers == ["knowledge"] * 4 + ["planning"] * 4 + ["solution"] * 4


def test_33_the_last_characters_are_an_action_only_where_parity_is_asked_for() -> None:
    name, inputs = "steps/action_projection", {"response": "I would rather go and open the door"}
    released = outputs(name, inputs, fallback="last_characters", characters=20)

    assert outputs(name, inputs) == cast("object", {"action": None, "valid": False})
    assert released == cast("object", {"action": " go and open the door"[-20:], "valid": False})
    tagged = {"response": "<action>fly</action>", "admissible": ["open door"]}
    assert cast("object", outputs(name, tagged)["valid"]) is False
    assert cast("object", outputs(name, tagged, admissibility="unchecked")["valid"]) is True


def test_38_a_score_counts_with_exactly_one_end_of_thinking_mark() -> None:
    scores = [[[1.0], [1.0]], [[1.0], [1.0]]]
    marks = [[[1], [2]], [[0], [1]]]
    name = "advantage/budget_relative"

    counted = outputs(name, {"scores": scores, "prior": [1, 1], "end_marks": marks})
    by_hand = outputs(name, {"scores": [[[1.0], [0.0]], [[0.0], [1.0]]], "prior": [1, 1]})

    assert counted == by_hand
    assert code(name, {"scores": scores, "prior": [1, 1], "end_marks": [[[1]]]}) == 3


def test_37_the_backward_run_is_aligned_at_each_end_and_both_runs_multiply() -> None:
    rows = [{"group": "q", "advantage": 1.0, "tokens": [7]}, {"group": "q", "advantage": -1.0, "tokens": [7]}]
    uneven = [
        {"group": "q", "advantage": 1.0, "tokens": [1, 2, 3, 9]},
        {"group": "q", "advantage": -1.0, "tokens": [4, 9]},
    ]

    assert cast("object", outputs("token/conflict_weights", {"rollouts": rows})["weights"]) == [[4.0], [0.0]]
    assert cast("object", outputs("token/conflict_weights", {"rollouts": uneven})["weights"]) == [
        [1.0, 1.0, 1.0, 2.0],
        [1.0, 0.0],
    ]


def test_40_turns_are_centred_per_position_only_where_asked() -> None:
    inputs = {"trajectories": [{"group": "q", "step_rewards": [1.0, 0.0]}, {"group": "q", "step_rewards": [0.0, 0.0]}]}
    released = outputs("advantage/turn_return", inputs, order="sum_then_centre")["advantages"]

    assert cast("object", released) == [[0.5, 0.0], [-0.5, 0.0]]
    assert outputs("advantage/turn_return", inputs)["advantages"] != released
