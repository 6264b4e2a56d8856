"""GiGPO: worked numbers, the edges that released code gets wrong, and a plain reference on random trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay.sdk.spec import AnchorRecipe, EstimatorChoice, Grouping
from assay_server.estimators import (
    AnchorState,
    Group,
    GroupAdvantages,
    InputError,
    Member,
    ParameterError,
    Role,
    StepRecord,
    compile_estimator,
)


@dataclass(frozen=True)
class Row:
    """One step of a test: state, reward, validity."""

    state: str
    reward: float
    valid: bool = True


def group(*trajectories: Sequence[Row], name: str = "g") -> Group:
    return Group(name, tuple(member(f"r{place}", rows) for place, rows in enumerate(trajectories)))


def member(name: str, rows: Sequence[Row], role: Role = Role.POLICY) -> Member:
    steps = tuple(StepRecord(AnchorState(observation=row.state), row.reward, row.valid) for row in rows)
    return Member(name, sum(row.reward for row in rows), role=role, steps=steps)


def gigpo(*groups: Group, **params: Json) -> Sequence[GroupAdvantages]:
    return compile_estimator(EstimatorChoice("advantage/gigpo", params)).advantages(groups)


SHOP = group(
    [Row("home", 0), Row("results", 0), Row("item A", 10)], [Row("home", 0), Row("results", 0), Row("item B", 0)]
)


def test_the_papers_shop_example() -> None:
    (result,) = gigpo(SHOP)

    assert result.step_returns.tolist() == pytest.approx([9.025, 9.5, 10.0, 0.0, 0.0, 0.0])
    assert result.step_episode_advantages.tolist() == [5.0] * 3 + [-5.0] * 3
    assert result.step_advantages.tolist() == pytest.approx([4.5125, 4.75, 0.0, -4.5125, -4.75, 0.0])
    assert result.step_totals.tolist() == pytest.approx([9.5125, 9.75, 5.0, -9.5125, -9.75, -5.0])
    assert result.step_group_index.tolist() == [0, 1, 2, 0, 1, 3]
    assert result.step_counts.tolist() == [3, 3]
    assert result.advantages.tolist() == result.episode_advantages.tolist() == [5.0, -5.0]


def test_the_default_discount_is_that_of_the_authors_scripts() -> None:
    (result,) = gigpo(group([Row("a", 0), Row("b", 1)]))

    assert result.step_returns.tolist() == [0.95, 1.0]


def test_a_penalty_touches_only_its_own_row() -> None:
    trajectories = ([Row("a", 0), Row("b", 0, valid=False), Row("c", 1)], [Row("a", 0), Row("b", 0), Row("c", 0)])

    (plain,) = gigpo(group(*trajectories))
    (penalised,) = gigpo(group(*trajectories), invalid_penalty=0.1)

    assert (penalised.step_returns - plain.step_returns).tolist() == pytest.approx([0, -0.1, 0, 0, 0, 0])
    assert (penalised.step_episode_advantages - plain.step_episode_advantages).tolist() == pytest.approx(
        [0, -0.1, 0, 0, 0, 0]
    )
    assert penalised.episode_advantages.tolist() == plain.episode_advantages.tolist()


@pytest.mark.parametrize("norm", ["mean", "mean_std"])
def test_a_penalised_row_of_a_flat_group_keeps_the_penalty_unscaled(norm: str) -> None:
    flat = group([Row("a", 1), Row("b", 0, valid=False)], [Row("a", 1), Row("c", 0)])

    (result,) = gigpo(flat, norm=norm, invalid_penalty=0.1)

    assert result.step_episode_advantages.tolist() == pytest.approx([0.0, -0.1, 0.0, 0.0], abs=0)


def test_a_flat_step_group_is_exactly_zero_however_its_returns_round() -> None:
    rows = [[Row("s", 0.1), Row(f"own {n}", 0.2 + n)] for n in range(3)]

    (result,) = gigpo(group(*rows), gamma=0.0, norm="mean_std", eps=0.0)

    assert result.step_advantages.tolist() == [0.0] * 6


@pytest.mark.parametrize("norm", ["mean", "mean_std"])
@pytest.mark.parametrize("singleton", ["zero", "raw"])
def test_a_step_group_of_one_has_no_step_advantage_in_any_mode(norm: str, singleton: str) -> None:
    (result,) = gigpo(group([Row("a", 1), Row("b", 2)], [Row("c", 4)]), norm=norm, singleton=singleton)

    assert result.step_advantages.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("norm", ["mean", "mean_std"])
@pytest.mark.parametrize("episode_stats", ["trajectory", "first_row"])
def test_a_lone_episode_is_compared_with_itself_or_with_zero(norm: str, episode_stats: str) -> None:
    lone = group([Row("a", 1), Row("b", 2, valid=False)])

    (zero,) = gigpo(lone, norm=norm, episode_stats=episode_stats, invalid_penalty=0.5)
    (raw,) = gigpo(lone, norm=norm, episode_stats=episode_stats, invalid_penalty=0.5, singleton="raw")

    assert zero.step_episode_advantages.tolist() == [0.0, -0.5]
    assert raw.step_episode_advantages.tolist() == [3.0, 2.5]


def test_episode_statistics_over_trajectories_rows_or_first_rows() -> None:
    uneven = group([Row("a", 0), Row("b", 0), Row("c", 3)], [Row("a", 0, valid=False)])

    def episode_part(episode_stats: str) -> list[float]:
        (result,) = gigpo(uneven, episode_stats=episode_stats, invalid_penalty=1.0)
        return result.step_episode_advantages.tolist()

    assert episode_part("trajectory") == [1.5, 1.5, 1.5, -2.5]
    assert episode_part("step_rows") == [1.0, 1.0, 1.0, -3.0]
    assert episode_part("first_row") == [2.0, 2.0, 2.0, -2.0]


def test_a_state_met_twice_in_one_trajectory_is_one_step_group() -> None:
    (result,) = gigpo(group([Row("a", 0), Row("b", 0), Row("a", 1)], [Row("c", 0)]), gamma=1.0)

    assert result.step_group_index.tolist() == [0, 1, 0, 2]
    assert result.step_returns.tolist() == [1.0, 1.0, 1.0, 0.0]
    assert result.statistics.step_group_size_histogram == {1: 2, 2: 1}


def test_step_groups_never_cross_episode_groups() -> None:
    first, second = gigpo(group([Row("s", 1)], name="p"), group([Row("s", 0)], name="q"))

    assert first.step_advantages.tolist() == second.step_advantages.tolist() == [0.0]
    assert first.step_group_ids != second.step_group_ids


def test_other_roles_stay_out_of_step_groups_and_statistics() -> None:
    mixed = Group("g", (*SHOP.members, member("r9", [Row("home", 100)], Role.EXPERT)))

    (with_expert,), (without,) = gigpo(mixed), gigpo(SHOP)

    assert with_expert.step_totals.tolist() == without.step_totals.tolist()
    assert with_expert.step_counts.tolist() == [3, 3, 0]
    assert np.isnan(with_expert.advantages[2])


def test_history_separates_states_that_were_reached_differently() -> None:
    loop = group([Row("a", 0), Row("s", 1)], [Row("b", 0), Row("s", 0)], [Row("a", 0), Row("s", 0)])

    (now,), (recent,) = gigpo(loop), gigpo(loop, history=1)

    assert now.step_group_index.tolist() == [0, 1, 2, 1, 0, 1]
    assert recent.step_group_index.tolist() == [0, 1, 2, 3, 0, 1]


def test_padding_before_the_first_step_is_no_state() -> None:
    starts = group([Row("start", 0), Row("a", 1)], [Row("a", 0), Row("a", 0)])

    (result,) = gigpo(starts, history=1)

    assert len(result.step_group_ids) == 4


def test_similarity_in_the_parameters_is_the_parity_mode() -> None:
    rows = [[Row("you see a red apple 1", 1)], [Row("you see a red apple 2", 0)], [Row("nothing here", 0)]]

    (result,) = gigpo(group(*rows), similarity=0.9)

    assert result.step_group_index.tolist() == [0, 0, 1]
    assert result.step_advantages.tolist() == [0.5, -0.5, 0.0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gamma", 1.5),
        ("gamma", -0.1),
        ("gamma", float("nan")),
        ("gamma", "0.9"),
        ("gamma", True),
        ("w", -1.0),
        ("norm", "std"),
        ("ddof", 2),
        ("ddof", 1.0),
        ("eps", -1e-9),
        ("episode_stats", "rows"),
        ("singleton", None),
        ("invalid_penalty", -0.1),
        ("history", -1),
        ("history", 65),
        ("history", 1.0),
        ("similarity", 0.0),
        ("similarity", 1.0),
        ("similarity", "0.9"),
        ("lambda", 0.9),
        ("eps", 10**400),
    ],
)
def test_a_parameter_outside_its_bounds_is_refused_by_name(name: str, value: Json) -> None:
    with pytest.raises(ParameterError) as refused:
        compile_estimator(EstimatorChoice("advantage/gigpo", {name: value}))

    assert refused.value.field == name


@pytest.mark.parametrize("params", [{"history": 2}, {"similarity": 0.9}])
def test_a_grouping_is_declared_once(params: dict[str, Json]) -> None:
    with pytest.raises(ParameterError):
        compile_estimator(EstimatorChoice("advantage/gigpo", params), Grouping(AnchorRecipe.STATE_DIGEST))


def test_history_and_similarity_exclude_each_other() -> None:
    with pytest.raises(ParameterError, match="either history or similarity"):
        compile_estimator(EstimatorChoice("advantage/gigpo", {"history": 1, "similarity": 0.9}))


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_a_step_reward_that_is_not_finite_is_refused_with_its_path(reward: float) -> None:
    bad = Member("a", 1.0, steps=(StepRecord(), StepRecord(reward=reward)))

    with pytest.raises(InputError) as refused:
        gigpo(SHOP, Group("g", (Member("b", 0.0, steps=(StepRecord(),)), bad)))

    assert refused.value.field == "groups[1].rollouts[1].steps[1].reward"


def test_a_rollout_without_steps_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        gigpo(Group("g", (Member("a", 1.0),)))

    assert refused.value.field == "groups[0].rollouts[0].steps"


def test_no_groups_and_empty_groups_are_reported_not_refused() -> None:
    assert list(gigpo()) == []
    (empty,) = gigpo(Group("g", ()))
    assert (empty.statistics.size, empty.step_group_ids, len(empty.step_totals)) == (0, (), 0)


# ---------------------------------------------------------------- a plain reference


@dataclass(frozen=True)
class Setting:
    """The parameters that the reference takes."""

    gamma: float
    w: float
    norm: str
    episode_stats: str
    singleton: str
    invalid_penalty: float
    history: int
    eps: float = 1e-6


def relative(value: float, sample: Sequence[float], setting: Setting, singleton: str) -> float:
    """``value`` against a sample that need not contain it."""
    if len(sample) == 1:
        return value - (sample[0] if singleton == "zero" else 0.0)
    if max(sample) == min(sample):
        return value - sample[0]
    scale = stdev(sample) + setting.eps if setting.norm == "mean_std" else 1.0
    return (value - sum(sample) / len(sample)) / scale


def reference(trajectories: Sequence[Sequence[Row]], setting: Setting) -> list[list[float]]:
    penalties = [[0.0 if row.valid else setting.invalid_penalty for row in rows] for rows in trajectories]
    totals = [sum(row.reward for row in rows) for rows in trajectories]
    scores = [[total - cost for cost in costs] for total, costs in zip(totals, penalties, strict=True)]
    sample = {
        "trajectory": totals,
        "step_rows": [score for rows in scores for score in rows],
        "first_row": [rows[0] for rows in scores],
    }[setting.episode_stats]
    returns: dict[tuple[int, int], float] = {}
    step_groups: dict[tuple[str | None, ...], list[tuple[int, int]]] = {}
    for i, rows in enumerate(trajectories):
        running = 0.0
        for t in reversed(range(len(rows))):
            running = rows[t].reward + setting.gamma * running
            returns[i, t] = running - penalties[i][t]
        for t in range(len(rows)):
            key = tuple(rows[t - k].state if t >= k else None for k in range(setting.history + 1))
            step_groups.setdefault(key, []).append((i, t))
    among_steps: dict[tuple[int, int], float] = {}
    for places in step_groups.values():
        for place in places:
            among_steps[place] = relative(returns[place], [returns[other] for other in places], setting, "zero")
    return [
        [
            relative(scores[i][t], sample, setting, setting.singleton) + setting.w * among_steps[i, t]
            for t in range(len(rows))
        ]
        for i, rows in enumerate(trajectories)
    ]


rows = st.builds(Row, st.sampled_from("abcd"), st.integers(-8, 8).map(lambda n: n / 4), st.booleans())
trajectory_sets = st.lists(st.lists(rows, min_size=1, max_size=7), min_size=1, max_size=5)
settings_ = st.builds(
    Setting,
    gamma=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    w=st.sampled_from([0.0, 1.0, 0.3]),
    norm=st.sampled_from(["mean", "mean_std"]),
    episode_stats=st.sampled_from(["trajectory", "step_rows", "first_row"]),
    singleton=st.sampled_from(["zero", "raw"]),
    invalid_penalty=st.sampled_from([0.0, 0.125]),
    history=st.integers(0, 2),
)


@settings(max_examples=150)
@given(st.lists(trajectory_sets, min_size=1, max_size=3), settings_)
def test_it_agrees_with_the_plain_reference(sets: list[list[list[Row]]], setting: Setting) -> None:
    groups = [group(*trajectories, name=f"g{n}") for n, trajectories in enumerate(sets)]
    params: dict[str, Json] = {
        "gamma": setting.gamma,
        "w": setting.w,
        "norm": setting.norm,
        "episode_stats": setting.episode_stats,
        "singleton": setting.singleton,
        "invalid_penalty": setting.invalid_penalty,
        "history": setting.history,
    }

    results = gigpo(*groups, **params)

    for result, trajectories in zip(results, sets, strict=True):
        expected = [value for values in reference(trajectories, setting) for value in values]
        assert result.step_totals.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)
