"""Finding estimators, what they declare, and the form of their results."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice
from assay_server.estimators import (
    ESTIMATORS,
    Group,
    GroupAdvantages,
    InputError,
    Member,
    MemberOutcome,
    Role,
    Scope,
    StepRecord,
    UnknownEstimator,
    compile_estimator,
    find_estimator,
)


@pytest.mark.parametrize("id", ["grpo", "advantage/grpo", "advantage/grpo-v1"])
def test_an_estimator_is_found_by_any_of_its_names(id: str) -> None:
    estimator = compile_estimator(EstimatorChoice(id))

    assert estimator.id == "advantage/grpo-v1"
    assert estimator.pin.startswith("advantage/grpo-v1@")
    assert len(estimator.pin.partition("@")[2]) == 64


@pytest.mark.parametrize(("id", "nearest"), [("advantage/gigpoo", "gigpo-v1"), ("grpo_mean", "grpo_mean_only")])
def test_an_unknown_id_is_answered_with_the_nearest(id: str, nearest: str) -> None:
    with pytest.raises(UnknownEstimator) as unknown:
        find_estimator(id)

    assert any(nearest in name for name in unknown.value.nearest)
    assert nearest in str(unknown.value)


@pytest.mark.parametrize("id", ["", "advantage/", "advantage/grpo-v2", "select/grpo", "x" * 100_000])
def test_other_unknown_ids_are_refused_shortly(id: str) -> None:
    with pytest.raises(UnknownEstimator) as unknown:
        find_estimator(id)

    assert len(str(unknown.value)) < 1_000


@pytest.mark.parametrize("id", sorted(ESTIMATORS))
def test_every_row_says_what_it_is_and_works_with_its_defaults(id: str) -> None:
    definition = ESTIMATORS[id]
    greedy = (Member("z", 0.5, Role.GREEDY),) if definition.reference_roles else ()
    required: dict[str, Json] = {"alpha": 0.5} if id == "advantage/stratified-v1" else {}
    members = tuple(
        Member(
            f"r{n}",
            n / 4,
            steps=(StepRecord(reward=n / 4),),
            signals={"token_ids": np.array([n]), "budget": 512.0},
            components={"math": n / 4},
            num_tool_calls=n // 2,
        )
        for n in range(4)
    )

    (result,) = compile_estimator(EstimatorChoice(id, required)).advantages([Group("g", (*members, *greedy))])

    assert definition.summary.endswith(".")
    assert definition.formula
    assert definition.edges
    assert definition.source
    assert np.isfinite(result.advantages[:4]).all()
    assert result.advantages[3] > result.advantages[0]


def test_definitions_have_different_digests() -> None:
    assert len({definition.digest for definition in ESTIMATORS.values()}) == len(ESTIMATORS)


def test_scopes() -> None:
    batch = {name for name, definition in ESTIMATORS.items() if definition.scope is Scope.BATCH}

    assert batch == {
        "advantage/asymmetric_grae-v1",
        "advantage/beta_normalised-v1",
        "advantage/centre_scale-v1",
        "advantage/consistency_blend-v1",
        "advantage/group_mean_batch_std-v1",
        "advantage/per_component-v1",
        "advantage/reinforce_batch-v1",
    }


def test_a_result_lists_members_by_id_with_outcomes_and_statistics() -> None:
    members = (
        Member("d", None),
        Member("b", 3.0),
        Member("a", 1.0),
        Member("c", 100.0, Role.EXPERT),
        Member("e", None, Role.RETRY),
    )

    (result,) = compile_estimator(EstimatorChoice("grpo_mean_only")).advantages([Group("g", members)])

    assert result.rollout_ids == ("a", "b", "c", "d", "e")
    assert result.outcomes.tolist() == [
        MemberOutcome.COUNTED,
        MemberOutcome.COUNTED,
        MemberOutcome.ROLE_EXCLUDED,
        MemberOutcome.NOT_SCORED,
        MemberOutcome.ROLE_EXCLUDED,
    ]
    assert result.advantages.tolist()[:2] == [-1.0, 1.0]
    assert np.isnan(result.advantages[2:]).all()
    assert result.rewards.tolist()[:3] == [1.0, 3.0, 100.0]
    assert np.isnan(result.rewards[3:]).all()
    statistics = result.statistics
    assert (statistics.size, statistics.reward_mean, statistics.reward_min, statistics.reward_max) == (2, 2.0, 1.0, 3.0)
    assert statistics.reward_std == pytest.approx(2**0.5)


def test_a_group_that_nobody_counts_in_is_reported() -> None:
    (empty, unscored) = compile_estimator(EstimatorChoice("grpo")).advantages(
        [Group("a", ()), Group("b", (Member("r", None),))]
    )

    assert (empty.rollout_ids, empty.statistics.size) == ((), 0)
    assert unscored.outcomes.tolist() == [MemberOutcome.NOT_SCORED]
    assert np.isnan(unscored.advantages).all()
    assert (unscored.statistics.reward_mean, unscored.statistics.reward_std) == (0.0, 0.0)


def test_more_roles_can_count() -> None:
    group = Group("g", (Member("a", 1.0), Member("b", 0.0, Role.RETRY)))
    estimator = compile_estimator(EstimatorChoice("grpo_mean_only"), counted_roles=frozenset({Role.POLICY, Role.RETRY}))

    assert estimator.advantages([group])[0].advantages.tolist() == [0.5, -0.5]


def test_results_cannot_be_written_to() -> None:
    group = Group("g", (Member("a", 1.0, steps=(StepRecord(),)),))

    for name in ("grpo", "gigpo"):
        (result,) = compile_estimator(EstimatorChoice(name)).advantages([group])
        arrays = [getattr(result, field) for field in inspect.get_annotations(GroupAdvantages)]
        assert not any(array.flags.writeable for array in arrays if isinstance(array, np.ndarray))


def test_a_method_reports_what_else_it_computed() -> None:
    groups = [Group("g", (Member("a", 0.0), Member("b", 2.0)))]

    batch = compile_estimator(EstimatorChoice("group_mean_batch_std")).evaluate(groups)

    assert batch.outputs == {"batch_std": pytest.approx(2**0.5)}


def test_a_missing_signal_is_refused_with_its_path() -> None:
    estimator = compile_estimator(EstimatorChoice("grpo"))
    reading = replace(estimator, definition=replace(estimator.definition, required_signals=("entropy",)))
    complete = Member("a", 1.0, signals={"entropy": 0.5})

    with pytest.raises(InputError) as refused:
        reading.advantages([Group("g", (complete, Member("b", 0.0)))])

    assert refused.value.field == "groups[0].rollouts[1].signals.entropy"
    assert reading.required_signals == ("entropy",)
    assert len(reading.advantages([Group("g", (complete, Member("b", None)))])) == 1
