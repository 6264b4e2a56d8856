"""Estimators of whole episodes: worked numbers, rules and edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice
from assay_server.estimators import Group, InputError, Member, MemberOutcome, ParameterError, Role, compile_estimator

GROUP_SCOPE = ["grpo", "grpo_mean_only", "leave_one_out", "opmd", "asymre", "negative_enhanced"]
SINGLETON_AWARE = [*GROUP_SCOPE, "positive_amplification"]


def group(*rewards: float | None, name: str = "g") -> Group:
    return Group(name, tuple(Member(f"r{place:02d}", reward) for place, reward in enumerate(rewards)))


def advantages(method: str, *groups: Group, **params: Json) -> list[list[float]]:
    estimator = compile_estimator(EstimatorChoice(f"advantage/{method}", params))
    return [result.advantages.tolist() for result in estimator.advantages(groups)]


def test_grpo_divides_by_the_sample_std_plus_eps() -> None:
    (computed,) = advantages("grpo", group(1.0, 0.0, 0.0, 1.0))

    scale = stdev([1, 0, 0, 1]) + 1e-6
    assert computed == pytest.approx([0.5 / scale, -0.5 / scale, -0.5 / scale, 0.5 / scale], abs=1e-12)


def test_ddof_and_eps_are_parameters() -> None:
    (computed,) = advantages("grpo", group(1.0, 0.0), ddof=0, eps=0)

    assert computed == [1.0, -1.0]


def test_grpo_takes_tiny_gaps_for_flat_where_told() -> None:
    close, apart = group(0.5, 0.5001), group(0.0, 1.0)

    assert advantages("grpo", close, apart, min_std=0.01)[0] == [0.0, 0.0]
    assert advantages("grpo", close, apart, min_std=0.01)[1] == advantages("grpo", apart)[0]
    assert advantages("grpo", group(0.003), min_std=0.01, singleton="raw") == [[0.003]]


def test_leave_one_out_compares_with_the_others() -> None:
    (computed,) = advantages("leave_one_out", group(1.0, 0.0, 0.5))

    assert computed == pytest.approx([1.0 - 0.25, 0.0 - 0.75, 0.5 - 0.5])


def test_batch_std_is_of_raw_rewards_or_of_centred_ones() -> None:
    groups = (group(1.0, 0.0, name="a"), group(1.0, 1.0, 0.0, name="b"), group(5.0, 5.0, name="c"))
    rewards = [1, 0, 1, 1, 0, 5, 5]
    centred = [0.5, -0.5, 1 / 3, 1 / 3, -2 / 3, 0, 0]

    for std_of, sample in (("rewards", rewards), ("centred", centred)):
        computed = advantages("group_mean_batch_std", *groups, std_of=std_of)
        flat = [value for values in computed for value in values]
        assert flat == pytest.approx([value / (stdev(sample) + 1e-6) for value in centred])
        assert computed[2] == [0.0, 0.0]


def test_a_flat_batch_is_all_zero() -> None:
    assert advantages("group_mean_batch_std", group(1.0, 1.0), group(1.0), singleton="raw") == [[0.0, 0.0], [0.0]]
    assert advantages("reinforce_batch", group(0.3, 0.3), group(0.3), scale="batch_std") == [[0.0, 0.0], [0.0]]


def test_batch_baseline_reinforce() -> None:
    groups = (group(1.0, 1.0), group(0.0, 4.0))
    scale = stdev([1, 1, 0, 4]) + 1e-6

    assert advantages("reinforce_batch", *groups) == [[-0.5, -0.5], [-1.5, 2.5]]
    scaled = advantages("reinforce_batch", *groups, scale="batch_std")
    assert scaled[1] == pytest.approx([-1.5 / scale, 2.5 / scale])


def test_any_centre_goes_with_any_scale() -> None:
    groups = (group(1.0, 0.0, 0.0), group(2.0, 2.0))

    def computed(**params: Json) -> list[list[float]]:
        return advantages("centre_scale", *groups, **params)

    assert computed(centre="group", scale="group_std") == advantages("grpo", *groups)
    assert computed(centre="leave_one_out") == advantages("leave_one_out", *groups)
    assert computed(centre="group", scale="batch_std") == advantages("group_mean_batch_std", *groups)
    assert computed(centre="batch", scale="batch_std") == advantages("reinforce_batch", *groups, scale="batch_std")
    assert computed(centre="none") == [[1.0, 0.0, 0.0], [2.0, 2.0]]


def test_greedy_baseline_compares_with_the_greedy_rollout_which_gets_none() -> None:
    members = (Member("a", 1.0), Member("b", 0.0), Member("c", 0.75, Role.GREEDY), Member("d", 9.0, Role.EXPERT))

    (result,) = compile_estimator(EstimatorChoice("greedy_baseline")).advantages([Group("g", members)])

    assert result.advantages.tolist()[:2] == [0.25, -0.75]
    assert np.isnan(result.advantages[2:]).all()
    assert result.outcomes.tolist() == [
        MemberOutcome.COUNTED,
        MemberOutcome.COUNTED,
        MemberOutcome.NO_ADVANTAGE,
        MemberOutcome.ROLE_EXCLUDED,
    ]


@pytest.mark.parametrize("greedy", [[], [1.0, 0.0], [None]])
def test_not_exactly_one_scored_greedy_rollout_is_refused(greedy: list[float | None]) -> None:
    members = [Member("a", 1.0), *(Member(f"g{n}", reward, Role.GREEDY) for n, reward in enumerate(greedy))]

    with pytest.raises(InputError, match="exactly one"):
        compile_estimator(EstimatorChoice("greedy_baseline")).advantages([Group("g", tuple(members))])


def test_opmd_soft_maximum_does_not_overflow() -> None:
    rewards = [1000.0, 0.0, 999.0]
    soft = 1000.0 + 0.5 * math.log((1 + math.exp(-2000) + math.exp(-2)) / 3)

    (computed,) = advantages("opmd", group(*rewards), baseline="logavgexp", tau=0.5)

    assert computed == pytest.approx([reward - soft for reward in rewards])


def test_asymre_keeps_its_shift_in_flat_groups_but_not_for_lone_members() -> None:
    assert advantages("asymre", group(1.0, 1.0), group(3.0)) == [[0.1, 0.1], [0.0]]
    assert advantages("asymre", group(3.0), singleton="raw", shift=0.5) == [[3.0]]


def test_negative_enhanced_learns_from_equal_failures() -> None:
    (wrong, right) = advantages("negative_enhanced", group(*[0.0] * 8), group(1.0, 1.0))

    assert wrong == pytest.approx([-1 / 3] * 8, abs=1e-5)
    assert right == [0.0, 0.0]


def test_negative_enhanced_counts_its_virtual_members() -> None:
    sample = [0.0, 0.5, 2.0, 2.0, 2.0]

    (computed,) = advantages("negative_enhanced", group(0.0, 0.5), max_reward=2.0, virtual=3)

    assert computed == pytest.approx([(r - mean(sample)) / (stdev(sample) + 1e-6) for r in (0.0, 0.5)])


def test_a_reward_above_the_declared_maximum_is_refused_with_its_path() -> None:
    with pytest.raises(InputError) as refused:
        advantages("negative_enhanced", group(0.0), group(0.5, 1.5))

    assert refused.value.field == "groups[1].rollouts[1].reward"


def test_positive_amplification_lets_a_partial_success_pass_a_full_one() -> None:
    (computed,) = advantages("positive_amplification", group(1.0, 0.9, 0.0, 0.0, 0.0))

    assert computed[0] == 1.0
    assert computed[1] == pytest.approx(3 * (0.9 - 0.38))
    assert computed[1] > 1.0
    assert computed[2:] == pytest.approx([-0.38] * 3)


# ---------------------------------------------------------------- rules that hold for all


@pytest.mark.parametrize("method", ["grpo", "grpo_mean_only", "leave_one_out", "opmd", "group_mean_batch_std"])
def test_a_flat_group_is_exactly_zero(method: str) -> None:
    flat = group(*[0.1] * 7)

    assert advantages(method, flat, group(0.0, 1.0))[0] == [0.0] * 7


@pytest.mark.parametrize("method", SINGLETON_AWARE)
def test_a_lone_member_is_compared_with_itself_or_passes_unchanged(method: str) -> None:
    lone = group(0.25)

    assert advantages(method, lone) == [[0.0]]
    raw = advantages(method, lone, singleton="raw")
    assert raw == [[0.75]] if method == "positive_amplification" else raw == [[0.25]]


@pytest.mark.parametrize("method", [*SINGLETON_AWARE, "group_mean_batch_std", "reinforce_batch", "centre_scale"])
def test_nothing_in_nothing_out(method: str) -> None:
    assert advantages(method) == []
    assert advantages(method, group(), group(0.0, 1.0), group())[0] == []


@pytest.mark.parametrize("method", ["grpo", "group_mean_batch_std", "reinforce_batch", "leave_one_out", "opmd"])
def test_members_that_could_not_be_scored_are_left_out_not_zero(method: str) -> None:
    (with_gap,) = advantages(method, group(1.0, None, 0.5))
    (without,) = advantages(method, group(1.0, 0.5))

    assert [with_gap[0], with_gap[2]] == without
    assert math.isnan(with_gap[1])


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), -float("inf")])
def test_a_reward_that_is_not_finite_is_refused_with_its_path(reward: float) -> None:
    members = (Member("b", reward), Member("a", 0.0))

    with pytest.raises(InputError) as refused:
        advantages("grpo", group(1.0, None), Group("h", members))

    assert refused.value.field == "groups[1].rollouts[0].reward"


def test_rewards_whose_squares_overflow_are_refused_not_turned_into_zero() -> None:
    with pytest.raises(InputError, match=r"1e\+150"):
        advantages("grpo", group(1.7e308, -1.7e308))


def test_an_advantage_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="overflow"):
        advantages("positive_amplification", group(1e150, 0.0), alpha=1e300, full_reward=1e200)


def test_a_large_common_offset_costs_no_precision() -> None:
    small, large = advantages("grpo", group(1.0, 0.0, 0.0), group(1e9 + 1, 1e9, 1e9))

    assert large == pytest.approx(small, abs=1e-6)


def test_a_rollout_id_twice_in_a_group_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        advantages("grpo", Group("g", (Member("a", 1.0), Member("a", 0.0))))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("grpo", {"ddof": 2}),
        ("grpo", {"eps": -1.0}),
        ("grpo", {"min_std": -1.0}),
        ("grpo", {"singleton": "mean"}),
        ("grpo_mean_only", {"eps": 1e-6}),
        ("leave_one_out", {"ddof": 1}),
        ("group_mean_batch_std", {"std_of": "raw"}),
        ("reinforce_batch", {"scale": "group_std"}),
        ("greedy_baseline", {"singleton": "zero"}),
        ("opmd", {"tau": 0.0}),
        ("opmd", {"baseline": "median"}),
        ("asymre", {"shift": None}),
        ("negative_enhanced", {"virtual": -1}),
        ("negative_enhanced", {"virtual": 1.5}),
        ("positive_amplification", {"alpha": -1.0}),
        ("positive_amplification", {"full_reward": float("nan")}),
    ],
)
def test_parameters_outside_their_bounds_are_refused_by_name(method: str, params: dict[str, Json]) -> None:
    with pytest.raises(ParameterError) as refused:
        compile_estimator(EstimatorChoice(method, params))

    assert refused.value.field == next(iter(params))


# ---------------------------------------------------------------- algebra

eighths = st.integers(-80, 80).map(lambda n: n / 8)
reward_lists = st.lists(eighths, min_size=1, max_size=9)


@settings(max_examples=60)
@given(reward_lists, st.data(), st.sampled_from([*GROUP_SCOPE, "group_mean_batch_std"]))
def test_the_order_of_arrival_changes_nothing(rewards: list[float], data: st.DataObject, method: str) -> None:
    members = [Member(f"r{place:02d}", reward) for place, reward in enumerate(rewards)]
    shuffled = data.draw(st.permutations(members))
    params: dict[str, Json] = {"max_reward": 100.0} if method == "negative_enhanced" else {}

    assert advantages(method, Group("g", tuple(members)), **params) == advantages(
        method, Group("g", tuple(shuffled)), **params
    )


@settings(max_examples=60)
@given(reward_lists, eighths, st.sampled_from(["grpo", "grpo_mean_only", "leave_one_out", "opmd", "asymre"]))
def test_shifting_all_rewards_changes_nothing(rewards: list[float], shift: float, method: str) -> None:
    (plain,) = advantages(method, group(*rewards))
    (shifted,) = advantages(method, group(*[reward + shift for reward in rewards]))

    assert shifted == pytest.approx(plain, abs=1e-9)


@settings(max_examples=60)
@given(reward_lists, st.sampled_from([0.25, 2.0, 16.0]), st.sampled_from(["grpo_mean_only", "leave_one_out"]))
def test_unscaled_methods_are_linear_and_grpo_without_eps_is_scale_free(
    rewards: list[float], factor: float, method: str
) -> None:
    scaled = [reward * factor for reward in rewards]

    assert advantages(method, group(*scaled))[0] == pytest.approx(
        [value * factor for value in advantages(method, group(*rewards))[0]], abs=1e-9
    )
    assert advantages("grpo", group(*scaled), eps=0)[0] == pytest.approx(
        advantages("grpo", group(*rewards), eps=0)[0], abs=1e-9
    )


@settings(max_examples=60)
@given(st.lists(st.lists(st.floats(-1e3, 1e3), max_size=6), max_size=5), st.sampled_from(GROUP_SCOPE))
def test_group_scope_gives_the_same_numbers_however_groups_are_batched(sets: list[list[float]], method: str) -> None:
    groups = [group(*rewards, name=str(place)) for place, rewards in enumerate(sets)]
    params: dict[str, Json] = {"max_reward": 1e3} if method == "negative_enhanced" else {}

    together = advantages(method, *groups, **params)

    assert together == [advantages(method, one, **params)[0] for one in groups]


@settings(max_examples=60)
@given(reward_lists)
def test_relative_advantages_sum_to_zero(rewards: Sequence[float]) -> None:
    for method in ("grpo", "grpo_mean_only", "leave_one_out", "reinforce_batch"):
        assert sum(advantages(method, group(*rewards))[0]) == pytest.approx(0.0, abs=1e-9)
