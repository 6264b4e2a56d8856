"""Step groups: what each recipe keeps apart and what it puts together."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay.sdk.spec import AnchorRecipe, EstimatorChoice, Grouping, SimilarityOrder
from assay_server.estimators import (
    AnchorState,
    Group,
    GroupAdvantages,
    InputError,
    Member,
    ParameterError,
    StepRecord,
    compile_estimator,
)
from assay_server.estimators.canonical import canonical_key

OBSERVATION = Grouping()
PAIR = Grouping(AnchorRecipe.OBSERVATION_AND_INVENTORY)
DIGEST = Grouping(AnchorRecipe.STATE_DIGEST)


def grouped(anchors: Sequence[AnchorState], grouping: Grouping, name: str = "g") -> GroupAdvantages:
    """All anchors as the steps of one trajectory."""
    member = Member("r", 0.0, steps=tuple(StepRecord(anchor) for anchor in anchors))
    (result,) = compile_estimator(EstimatorChoice("gigpo"), grouping).advantages([Group(name, (member,))])
    return result


def partition(anchors: Sequence[AnchorState], grouping: Grouping) -> list[int]:
    return grouped(anchors, grouping).step_group_index.tolist()


def texts(*observations: str) -> list[AnchorState]:
    return [AnchorState(observation=text) for text in observations]


def test_each_recipe_reads_its_own_part_of_the_anchor() -> None:
    anchors = [
        AnchorState("room", "key", "s1"),
        AnchorState("room", "lamp", "s2"),
        AnchorState("hall", "key", "s1"),
        AnchorState("room", "key", "s3"),
    ]

    assert partition(anchors, OBSERVATION) == [0, 0, 1, 0]
    assert partition(anchors, PAIR) == [0, 1, 2, 0]
    assert partition(anchors, DIGEST) == [0, 1, 0, 2]
    assert partition(anchors, Grouping(AnchorRecipe.STATE_AND_HISTORY, 0)) == [0, 0, 1, 0]
    assert partition(anchors, Grouping(AnchorRecipe.STATE_AND_HISTORY, 1)) == [0, 1, 2, 3]


def test_observation_and_inventory_do_not_run_into_each_other() -> None:
    assert partition([AnchorState("ab", "c"), AnchorState("a", "bc")], PAIR) == [0, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, "1"), (1, True), (0, False), (None, "null"), ([1, [2]], [[1], 2]), ([1, 2], [2, 1]), ([], {}), ("", [])],
)
def test_json_types_and_nesting_are_distinct(one: Json, other: Json) -> None:
    assert partition([AnchorState(state=one), AnchorState(state=other)], OBSERVATION) == [0, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (0, -0.0),
        (2**60, float(2**60)),
        ({"a": 1, "b": [True, None]}, {"b": [True, None], "a": 1.0}),
    ],
)
def test_equal_json_values_have_one_key_whatever_their_spelling(one: Json, other: Json) -> None:
    assert partition([AnchorState(state=one), AnchorState(state=other)], OBSERVATION) == [0, 0]


def test_a_text_is_no_structured_state() -> None:
    assert partition([AnchorState("[1]"), AnchorState(state=[1]), AnchorState(state="[1]")], OBSERVATION) == [0, 1, 2]


def test_keys_with_separators_in_them_do_not_collide() -> None:
    hostile: list[Json] = [
        ["a", "b"],
        ["a1:b"],
        ["a", ["b"]],
        {"a": "b"},
        {"a": {"b": 1}},
        "a,b",
        ["", "ab"],
        ["ab", ""],
    ]

    assert len({canonical_key(value) for value in hostile}) == len(hostile)


def test_integers_beyond_floats_are_told_apart() -> None:
    assert canonical_key(2**53 + 1) != canonical_key(float(2**53))
    assert canonical_key(10**5000) != canonical_key(10**5000 + 1)


def nested(depth: int) -> Json:
    value: Json = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("state", [nested(10_000), float("nan"), [float("inf")]])
def test_a_hostile_state_is_refused_with_its_path(state: Json) -> None:
    with pytest.raises(InputError) as refused:
        grouped([AnchorState("fine"), AnchorState(state=state)], OBSERVATION)

    assert refused.value.field == "groups[0].rollouts[0].steps[1].anchor.state"


def test_ids_are_digests_of_their_keys() -> None:
    (first, second) = grouped(texts("a", "b"), OBSERVATION).step_group_ids

    assert [len(first), len(second)] == [32, 32]
    assert grouped(texts("b", "c", "a"), OBSERVATION).step_group_ids[::2] == (second, first)
    assert grouped(texts("a"), OBSERVATION, name="other").step_group_ids != (first,)
    assert grouped(texts("a"), Grouping(AnchorRecipe.STATE_AND_HISTORY, 1)).step_group_ids != (first,)


def test_ids_are_the_same_in_another_process() -> None:
    code = (
        "from assay_server.estimators.anchors import group_keys\n"
        "print(group_keys(['g'], 'observation', ['a', ('b', b'c')], [0, 2]).ids.part(0, 2))"
    )
    seeds = ("1", "2")
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in seeds
    }

    assert len(printed) == 1


def test_lone_surrogates_are_a_text_like_any_other() -> None:
    assert partition(texts("\ud800", "\ud801", "\ud800"), OBSERVATION) == [0, 1, 0]


def test_a_missing_state_digest_is_refused_not_shared() -> None:
    with pytest.raises(InputError) as refused:
        grouped([AnchorState(state_digest="s"), AnchorState("room")], DIGEST)

    assert refused.value.field == "groups[0].rollouts[0].steps[1].anchor.state_digest"


@pytest.mark.parametrize("recipe", [recipe for recipe in AnchorRecipe if recipe is not AnchorRecipe.STATE_DIGEST])
def test_forgotten_anchors_are_refused_not_put_into_one_step_group(recipe: AnchorRecipe) -> None:
    with pytest.raises(InputError, match="no step of this group has an anchor"):
        grouped([AnchorState()] * 2, Grouping(recipe))

    assert partition([AnchorState()], Grouping(recipe)) == [0]
    assert partition(texts("", "a"), Grouping(recipe)) == [0, 1]


def test_similarity_refuses_structured_states() -> None:
    with pytest.raises(InputError, match="compares texts"):
        grouped([AnchorState(state=[1])], Grouping(AnchorRecipe.TEXT_SIMILARITY))


@pytest.mark.parametrize(
    "grouping",
    [
        Grouping(AnchorRecipe.STATE_AND_HISTORY, -1),
        Grouping(AnchorRecipe.STATE_AND_HISTORY, 65),
        Grouping(AnchorRecipe.TEXT_SIMILARITY, similarity_threshold=0.0),
        Grouping(AnchorRecipe.TEXT_SIMILARITY, similarity_threshold=1.0),
        Grouping(AnchorRecipe.TEXT_SIMILARITY, similarity_threshold=float("nan")),
    ],
)
def test_a_grouping_outside_its_bounds_is_refused(grouping: Grouping) -> None:
    with pytest.raises(ParameterError):
        compile_estimator(EstimatorChoice("gigpo"), grouping)


def test_histories_are_nested_and_start_before_the_first_step() -> None:
    def of(*states: str) -> tuple[StepRecord, ...]:
        return tuple(StepRecord(anchor) for anchor in texts(*states))

    group = Group("g", (Member("p", 0.0, steps=of("a", "b", "c")), Member("q", 0.0, steps=of("x", "b", "c"))))

    def index(length: int) -> list[int]:
        grouping = Grouping(AnchorRecipe.STATE_AND_HISTORY, length)
        return compile_estimator(EstimatorChoice("gigpo"), grouping).advantages([group])[0].step_group_index.tolist()

    assert index(0) == [0, 1, 2, 3, 1, 2]
    assert index(1) == [0, 1, 2, 3, 4, 2]
    assert index(2) == index(3) == index(64) == [0, 1, 2, 3, 4, 5]


def test_aliasing_is_the_share_of_steps_in_groups_that_mix_true_states() -> None:
    anchors = [
        AnchorState("room", state_digest="s1"),
        AnchorState("room", state_digest="s2"),
        AnchorState("hall", state_digest="s3"),
        AnchorState("hall", state_digest="s3"),
        AnchorState("hall"),
    ]

    assert grouped(anchors, OBSERVATION).statistics.aliasing_ratio == 0.5
    assert grouped(anchors[:4], DIGEST).statistics.aliasing_ratio == 0.0
    assert grouped(texts("a", "b"), OBSERVATION).statistics.aliasing_ratio is None


def test_hit_ratio_and_histogram() -> None:
    statistics = grouped(texts("a", "b", "a", "c", "a"), OBSERVATION).statistics

    assert statistics.step_groups == 3
    assert statistics.step_hit_ratio == 0.6
    assert statistics.step_group_size_histogram == {1: 2, 3: 1}


RECIPES = [
    OBSERVATION,
    PAIR,
    Grouping(AnchorRecipe.STATE_AND_HISTORY, 2),
    Grouping(AnchorRecipe.TEXT_SIMILARITY, similarity_threshold=0.7),
    Grouping(AnchorRecipe.TEXT_SIMILARITY, 0, 0.7, SimilarityOrder.ARRIVAL),
]


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(st.lists(st.sampled_from(["ab", "abc", "xyz", " "]), min_size=1, max_size=5), max_size=3), max_size=4
    ),
    st.sampled_from(RECIPES),
)
def test_ids_do_not_depend_on_the_other_groups(sets: list[list[list[str]]], grouping: Grouping) -> None:
    groups = [
        Group(
            f"g{number}",
            tuple(
                Member(f"r{place}", 0.0, steps=tuple(StepRecord(anchor) for anchor in texts(*states)))
                for place, states in enumerate(trajectories)
            ),
        )
        for number, trajectories in enumerate(sets)
    ]
    estimator = compile_estimator(EstimatorChoice("gigpo"), grouping)

    together = estimator.advantages(groups)
    apart = [estimator.advantages([group])[0] for group in groups]

    assert [result.step_group_ids for result in together] == [result.step_group_ids for result in apart]
    assert [result.step_group_index.tolist() for result in together] == [
        result.step_group_index.tolist() for result in apart
    ]
