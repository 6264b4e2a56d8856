"""The tree of rollouts that branch off one another: against paths written out, and by hand."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice
from assay_server.compute import compute
from assay_server.estimators import Group, InputError, Member, StepRecord, compile_estimator

STEPS = 4
SUBGROUPS = compile_estimator(EstimatorChoice("advantage/tree_subgroup"))
SEGMENTS = compile_estimator(EstimatorChoice("advantage/segment_tree"))


def member(name: str, reward: float, parent: str = "", fork: int = 0) -> Member:
    steps = tuple(StepRecord() for _ in range(STEPS))
    return Member(name, reward, steps=steps, parent_rollout_id=parent, fork_step=fork)


Shape = list[tuple[int, int, float]]
shapes = st.lists(
    st.tuples(st.integers(-1, 6), st.integers(0, STEPS), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=7
)


def grown(shape: Shape) -> list[Member]:
    """Member i branches off an earlier one, or begins anew."""
    names = "abcdefg"
    return [
        member(names[i], reward, names[parent] if 0 <= parent < i else "", fork if 0 <= parent < i else 0)
        for i, (parent, fork, reward) in enumerate(shape)
    ]


def paths_of(members: list[Member]) -> list[str]:
    """Each leaf's path, from the steps that it shares: a step is who took it first, and when."""
    taken: dict[str, list[str]] = {}
    for one in members:
        shared = taken[one.parent_rollout_id][: one.fork_step] if one.parent_rollout_id else []
        taken[one.rollout_id] = [*shared, *(f"{one.rollout_id}{step}" for step in range(len(shared), STEPS))]
    full = {name: [*steps, f"end of {name}"] for name, steps in taken.items()}
    found: list[str] = []
    for steps in full.values():
        nodes = ["q"]
        for depth, step in enumerate(steps):
            together = [other for other in full.values() if other[: depth + 1] == steps[: depth + 1]]
            parts = len(together) == 1 or len({tuple(other[: depth + 2]) for other in together}) > 1
            if parts:  # the end of a segment
                nodes.append(step)
                if len(together) == 1:
                    break
        found.append("#".join(nodes))
    return found


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_a_tree_of_forks_is_that_of_its_paths(shape: Shape) -> None:
    members = grown(shape)
    (found,) = SUBGROUPS.advantages([Group("g", tuple(members))])
    leaves: list[Json] = [
        {"path": path, "reward": one.reward} for path, one in zip(paths_of(members), members, strict=True)
    ]
    outputs = cast(
        "dict[str, Json]", compute({"id": "advantage/tree_subgroup", "inputs": {"leaves": leaves}})["outputs"]
    )
    assert found.advantages.tolist() == pytest.approx(outputs["advantages"])


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_values_are_means_of_children_and_shared_steps_stand_together(shape: Shape) -> None:
    members = grown(shape)
    (found,) = SEGMENTS.advantages([Group("g", tuple(members))])
    total = found.step_totals.reshape(len(members), STEPS)
    index = found.step_group_index.reshape(len(members), STEPS)
    for place, one in enumerate(members):
        if one.parent_rollout_id:
            parent = "abcdefg".index(one.parent_rollout_id)
            assert index[place, : one.fork_step].tolist() == index[parent, : one.fork_step].tolist()
            assert total[place, : one.fork_step].tolist() == total[parent, : one.fork_step].tolist()
    values = found.step_returns
    assert ((values >= 0.0) & (values <= 1.0)).all()
    assert np.isfinite(total).all()


def test_without_forks_a_tree_is_the_group() -> None:
    group = Group("g", tuple(member(name, reward) for name, reward in (("a", 1.0), ("b", 0.0), ("c", 0.0))))
    plain = compile_estimator(EstimatorChoice("advantage/grpo_mean_only")).advantages([group])[0]
    assert SUBGROUPS.advantages([group])[0].advantages.tolist() == pytest.approx(plain.advantages.tolist())
    assert SEGMENTS.advantages([group])[0].advantages.tolist() == pytest.approx(plain.advantages.tolist())


def test_groups_do_not_see_each_other() -> None:
    one = Group("g", (member("a", 1.0), member("b", 0.0, "a", 2), member("c", 0.0)))
    other = Group("h", (member("a", 0.0), member("b", 1.0, "a", 1)))
    for estimator in (SUBGROUPS, SEGMENTS):
        alone = [estimator.advantages([group])[0] for group in (one, other)]
        both = estimator.advantages([one, other])
        for a, b in zip(alone, both, strict=True):
            assert a.advantages.tolist() == b.advantages.tolist()
            assert a.step_group_ids == b.step_group_ids


@pytest.mark.parametrize(
    ("parent", "fork", "path"),
    [("z", 1, "parent_rollout_id"), ("b", 1, "parent_rollout_id"), ("a", -1, "fork_step")],
)
def test_a_branch_that_leads_nowhere_is_refused(parent: str, fork: int, path: str) -> None:
    with pytest.raises(InputError) as caught:
        SUBGROUPS.advantages([Group("g", (member("a", 1.0), member("b", 0.0, parent, fork)))])
    assert caught.value.field == f"groups[0].rollouts[1].{path}"
