"""Every method of the literature that Assay implements has an id, and its id can be computed with.

The table is the project's own list of methods: by family, the names that papers and their readers call them.
"""

from __future__ import annotations

import pytest

from assay_server.compute import COMPUTATIONS, compute

METHODS: dict[str, str] = {
    "group": (
        "episode anchor anchor_history anchor_similar prefix_tree tree_path serial budget stratum step_index "
        "bundle arms role equivalence rounds"
    ),
    "advantage": (
        "gigpo grpo grpo_mean_only leave_one_out group_mean_batch_std greedy_baseline opmd asymre "
        "negative_enhanced asymmetric_grae beta_normalised per_component positive_amplification stratified "
        "semantic_entropy_scaled consistency_blend risk_mvar single_stream smooth_cumulative hgpo "
        "step_index_group turn_return foresight_subgoal value_difference prefix_tree_td tree_subgroup "
        "segment_chain segment_tree budget_relative gae action_decomposed_gae budget_hierarchical none"
    ),
    "select": (
        "abs_advantage max_variance passrate_band mixed_outcome overlong entropy_cutoff policy_filtration "
        "rejection_probability score_variance"
    ),
    "token": "suffix_only conflict_weights entropy_topk probability_mask decision_mask",
    "tracker": "quantile_sgd warm_start",
    "reward": (
        "geometric_discount information_gain budget_hierarchical majority_novelty set_subset_credit "
        "temporal_iou format_tags gate_and cosine_length token_budget_triangle posterior_gated_process "
        "sql_partial sql_schema_jaccard sql_ngram_jaccard gui_action alfworld_success webshop_success "
        "webshop_product state_tests qa_f1 otc_ppo flawed_positive first_error_index thought_spans turn_judge "
        "progress_attribution shapley_information_gain cot_trigger_penalty multi_aspect constraint_mixture "
        "ensemble_worst_case ensemble_uncertainty_weighted judge_rationale rank_agreement answer_consistency "
        "otc_grpo serial_decay unlikeliness format_diversity_scale length_relative length_penalty_switch "
        "group_contrastive diversity_bonus win_rate conciseness hypervolume_meta running_normaliser"
    ),
    "shape": "tool_position novelty_sharpen entropy_bonus external_multiplier",
    "weight": "positive_length",
    "verify": (
        "math domain_math numeric_tolerance choice code_tests code_translation tool_call lean_proof "
        "knights_and_knaves program_return solver simulation"
    ),
    "schedule": "token_budget",
    "levels": "preference",
    "weights": "dynamic",
    "sample": "tracker_priority variance_promotion curriculum_stage task_space",
    "allocate": "knapsack gradient_variance uncertainty_phased entropy_balanced",
    "rescue": (
        "hint_tiers partial_solution inpainting exemplar_seed replay_injection ground_truth_member "
        "reflect_retry dataset_reset privileged_prompt"
    ),
    "library": "experience",
    "export": "rollouts",
    "pairs": (
        "ordinal_levels best_worst siblings ranked_tree equivalence win_matrix difference revision "
        "corrected_prefix judged"
    ),
    "metric": (
        "pass_at_k maj_at_k cons_at_k avg_at_k tool_productivity effective_gradient step_groups valid_action "
        "grounding flawed_positive reward_r2 answer_entropy majority_ratio skip_rate trigger_rate "
        "dataset_coverage clip_mass entropy_by_step disagreement rejection"
    ),
}
IDS = [f"{family}/{name}" for family, names in METHODS.items() for name in names.split()]


def test_nothing_is_listed_twice() -> None:
    assert len(IDS) == len(set(IDS))


@pytest.mark.parametrize("name", IDS)
def test_every_method_has_an_id_that_computes(name: str) -> None:
    assert f"{name}-v1" in COMPUTATIONS

    answer = compute({"id": name, "params": {}, "inputs": {}})

    assert "error" in answer  # nothing was given
    error = answer["error"]
    assert isinstance(error, dict)
    assert error["code"] == 3, error
    assert ":" in str(error["message"])  # what is missing has a name
