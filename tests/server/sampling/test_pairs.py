"""Preferences of a group: right way round, no ties, independent of shifts."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay_server.compute import compute

Pairs = list[dict[str, float]]
REWARDS = st.lists(st.integers(-3, 3).map(float), max_size=7)


def pairs(name: str, inputs: dict[str, Json], **params: Json) -> Pairs:
    answer = compute({"id": f"pairs/{name}", "params": params, "inputs": inputs})
    assert "outputs" in answer, answer
    return cast("Pairs", cast("dict[str, Json]", answer["outputs"])["pairs"])


def rewarded(name: str, rewards: list[float], **params: Json) -> Pairs:
    return pairs(name, {"rewards": list(rewards)}, **params)


@given(REWARDS)
def test_the_best_stands_against_the_worst(rewards: list[float]) -> None:
    found = rewarded("best_worst", rewards)
    assert len(found) == (len(set(rewards)) > 1)
    for pair in found:
        assert rewards[int(pair["chosen"])] == max(rewards)
        assert rewards[int(pair["rejected"])] == min(rewards)
        assert pair["margin"] == max(rewards) - min(rewards)


def test_a_margin_must_be_passed_and_ties_go_to_the_first() -> None:
    assert rewarded("best_worst", [1.0, 0.0, 1.0, 0.0]) == [{"chosen": 0, "rejected": 1, "margin": 1.0}]
    assert rewarded("best_worst", [1.0, 0.0], margin=1.0) == []


@given(REWARDS, st.integers(-5, 5).map(float))
def test_differences_do_not_see_a_shift(rewards: list[float], shift: float) -> None:
    found = rewarded("difference", rewards)
    assert found == rewarded("difference", [reward + shift for reward in rewards])
    unequal = sum(a != b for n, a in enumerate(rewards) for b in rewards[:n])
    assert len(found) == unequal
    assert all(pair["margin"] == rewards[int(pair["chosen"])] - rewards[int(pair["rejected"])] > 0 for pair in found)
    assert rewarded("difference", rewards, most=2) == found[:2]
    assert [pair["margin"] for pair in found] == sorted((pair["margin"] for pair in found), reverse=True)


@given(st.lists(st.integers(1, 4), max_size=7))
def test_every_level_stands_against_every_lower_one(levels: list[int]) -> None:
    found = pairs("ordinal_levels", {"levels": list(levels)})
    assert len(found) == sum(a != b for n, a in enumerate(levels) for b in levels[:n])
    for pair in found:
        assert levels[int(pair["chosen"])] < levels[int(pair["rejected"])]
        assert pair["weight"] == (2.5 if levels[int(pair["chosen"])] == 1 else 1.0)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("ordinal_levels", {"levels": [0]}),
        ("ordinal_levels", {"levels": [1.5]}),
        ("difference", {"rewards": [1.0] * 5000}),
        ("best_worst", {}),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, inputs: dict[str, Json]) -> None:
    answer = compute({"id": f"pairs/{name}", "params": {}, "inputs": inputs})
    assert cast("dict[str, Json]", answer["error"])["code"] == 3
