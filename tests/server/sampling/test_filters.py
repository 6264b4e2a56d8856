"""Filters and selections: what is kept, and the reason for what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice, FilterChoice
from assay_server.estimators import (
    Group,
    GroupAdvantages,
    InputError,
    Member,
    ParameterError,
    UnknownFilter,
    compile_estimator,
)
from assay_server.sampling import Decision, compile_filters, select_by_magnitude

KEPT = Decision(True, "")


def group(*rewards: float | None) -> GroupAdvantages:
    members = tuple(Member(f"r{place}", reward) for place, reward in enumerate(rewards))
    return compile_estimator(EstimatorChoice("grpo")).advantages([Group("g", members)])[0]


def decide(id: str, *rewards: float | None, **params: Json) -> Decision:
    return compile_filters([FilterChoice(id, params)]).decide(group(*rewards))


@pytest.mark.parametrize(
    ("rewards", "reason"),
    [
        ((1.0, 0.0, 0.0, 0.0), ""),
        ((1.0, 1.0, 1.0, 1.0, 0.0), ""),
        ((0.1, 0.2, 0.3), ""),
        ((1.0,) * 4, "too_easy"),
        ((0.0,) * 4, "too_hard"),
    ],
)
def test_passrate_band_includes_its_ends(rewards: tuple[float, ...], reason: str) -> None:
    assert decide("select/passrate_band", *rewards) == Decision(not reason, reason)


def test_passrate_band_forgives_rounding_at_its_ends() -> None:
    assert decide("select/passrate_band", *[0.1] * 3, low=0.1 + 5e-10) == KEPT
    assert decide("select/passrate_band", *[0.1] * 3, low=0.1 + 5e-9).reason == "too_hard"


@pytest.mark.parametrize(
    ("mode", "rewards", "reason"),
    [
        ("any", (1.0, 0.0), ""),
        ("any", (1.0, 1.0), "all_correct"),
        ("any", (0.0, 0.0), "zero_variance"),
        ("any", (0.5,), "zero_variance"),
        ("any", (1.0,), "all_correct"),
        ("all_correct", (0.0, 0.0), ""),
        ("all_correct", (0.5,), ""),
        ("all_correct", (1.0, 1.0), "all_correct"),
    ],
)
def test_mixed_outcome(mode: str, rewards: tuple[float, ...], reason: str) -> None:
    assert decide("select/mixed_outcome", *rewards, mode=mode) == Decision(not reason, reason)


def test_only_members_that_count_are_looked_at() -> None:
    assert decide("select/mixed_outcome", 1.0, None, 1.0).reason == "all_correct"
    assert decide("select/mixed_outcome", None, None).reason == "empty"


def test_the_first_filter_that_drops_says_why_and_none_keeps_all() -> None:
    both = [FilterChoice("select/mixed_outcome"), FilterChoice("select/passrate_band-v1")]

    assert compile_filters(both).decide(group(0.0, 0.0)).reason == "zero_variance"
    assert compile_filters(both[::-1]).decide(group(0.0, 0.0)).reason == "too_hard"
    assert compile_filters([]).decide(group()) == KEPT


@pytest.mark.parametrize(
    ("id", "params", "field"),
    [
        ("select/passrate_band", {"low": 0.9, "high": 0.1}, "low"),
        ("select/passrate_band", {"low": "0.1"}, "low"),
        ("select/mixed_outcome", {"mode": "all"}, "mode"),
        ("select/mixed_outcome", {"max": 1.0}, "max"),
    ],
)
def test_parameters_are_checked_by_name(id: str, params: dict[str, Json], field: str) -> None:
    with pytest.raises(ParameterError) as refused:
        compile_filters([FilterChoice(id, params)])

    assert refused.value.field == field


def test_an_unknown_filter_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownFilter) as unknown:
        compile_filters([FilterChoice("select/mixed_outcomes")])

    assert unknown.value.nearest == ("select/mixed_outcome-v1",)


def test_small_advantages_go_then_the_rest_of_the_division() -> None:
    selection = select_by_magnitude([0.5, 0.001, -0.7, 0.0, 0.5, float("nan")], multiple_of=2)

    assert selection.kept == (0, 2)
    assert selection.dropped == {
        1: "below_threshold",
        3: "below_threshold",
        4: "remainder",
        5: "no_advantage",
    }


def test_an_advantage_at_the_threshold_is_kept() -> None:
    assert select_by_magnitude([0.01, -0.01]).kept == (0, 1)


@given(st.lists(st.floats(-2, 2), max_size=20), st.integers(1, 6))
def test_what_is_kept_is_a_multiple_and_no_smaller_than_what_is_not(values: list[float], multiple: int) -> None:
    selection = select_by_magnitude(values, threshold=0.1, multiple_of=multiple)

    assert len(selection.kept) % multiple == 0
    assert sorted([*selection.kept, *selection.dropped]) == list(range(len(values)))
    largest_dropped = max((abs(values[place]) for place in selection.dropped), default=0.0)
    assert all(abs(values[place]) >= largest_dropped for place in selection.kept)


def test_bad_selections_are_refused() -> None:
    with pytest.raises(ParameterError, match="multiple_of"):
        select_by_magnitude([1.0], multiple_of=0)
    with pytest.raises(ParameterError, match="threshold"):
        select_by_magnitude([1.0], threshold=-1.0)
    with pytest.raises(InputError, match=r"advantages\[1\]"):
        select_by_magnitude([1.0, float("inf")])
