"""Estimators and metrics by id as plain functions from JSON to JSON.

Inputs of estimators are ``rollouts: [{group, reward, ...}]``; of those that read steps ``trajectories: [{group, steps:
[{state, reward, valid?}]}]``. Outputs are in the order of the inputs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice
from assay_server.estimators.advantage_shapes import SHAPE_METHODS
from assay_server.estimators.answer_metrics import METRIC_METHODS
from assay_server.estimators.budget_grid import BUDGET_METHODS
from assay_server.estimators.canonical import canonical_key
from assay_server.estimators.case_columns import case_columns
from assay_server.estimators.case_values import (
    Computation,
    boolean,
    computation,
    given,
    integer,
    listed,
    mapping,
    number,
    reward_groups,
)
from assay_server.estimators.catalogue import ESTIMATORS, BatchAdvantages, Estimator, compile_estimator, spread
from assay_server.estimators.critics import CRITIC_METHODS
from assay_server.estimators.definition import EstimatorDefinition
from assay_server.estimators.errors import InputError
from assay_server.estimators.group_keys import GROUP_KEY_METHODS
from assay_server.estimators.groups import AnchorState, Floats, Group, GroupAdvantages, Member, StepRecord
from assay_server.estimators.metrics import expected_gradient, has_variance, pass_at_k, step_group_metrics
from assay_server.estimators.risk import RISK_METHODS
from assay_server.estimators.rows import group_name
from assay_server.estimators.step_index import STEP_INDEX_METHODS
from assay_server.estimators.subgoals import SUBGOAL_METHODS
from assay_server.estimators.token_weights import TOKEN_METHODS
from assay_server.estimators.trackers import TRACKER_METHODS
from assay_server.estimators.trees import TREE_METHODS

_GROUP = re.compile(r"groups\[\d+\]\.rollouts$")
_PLACE = re.compile(r"groups\[(\d+)\]\.rollouts\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class _Case:
    """Groups made of a flat list, and where each member stood in it."""

    groups: list[Group]
    places: list[list[int]]
    names: list[str]

    def computed(self, estimator: Estimator, named: str) -> BatchAdvantages:
        """Advantages; paths in refusals name the flat list."""
        try:
            return estimator.evaluate(self.groups)
        except InputError as error:
            field = _PLACE.sub(lambda hit: self._path(hit, named), error.field).replace(".signals.", ".")
            raise InputError(_GROUP.sub(named, field), error.message) from error

    def _path(self, hit: re.Match[str], named: str) -> str:
        return f"{named}[{self.places[int(hit[1])][int(hit[2])]}]"

    def in_order(self, per_group: Sequence[Sequence[Json]]) -> list[Json]:
        """Values per group and member, in the order of the flat list."""
        flat: list[Json] = [None] * sum(map(len, self.places))
        for places, values in zip(self.places, per_group, strict=True):
            for place, value in zip(places, values, strict=True):
                flat[place] = value
        return flat


def _episode_computation(definition: EstimatorDefinition) -> Computation:
    def compute(params: Mapping[str, Json], inputs: Mapping[str, Json]) -> dict[str, Json]:
        estimator = compile_estimator(EstimatorChoice(definition.id, params))
        columns = case_columns(inputs, definition, estimator.counted_roles)
        parts = estimator.parts(columns)
        listed_: list[Json] = columns.scattered(parts.advantages).tolist()
        members = {name: columns.in_order(spread(columns, values)) for name, values in parts.member_outputs.items()}
        names = columns.rows.names
        return {
            "advantages": columns.in_order(_nullable(listed_) if len(columns.counted) < len(listed_) else listed_),
            **parts.outputs,
            **_nested_by_name(members),
            **{name: dict(zip(names, values.tolist(), strict=True)) for name, values in parts.group_outputs.items()},
        }

    return compute


def _step_computation(definition: EstimatorDefinition) -> Computation:
    def compute(params: Mapping[str, Json], inputs: Mapping[str, Json]) -> dict[str, Json]:
        estimator = compile_estimator(EstimatorChoice(definition.id, params))
        case = _trajectories(inputs, as_texts=params.get("similarity") is not None, with_rewards=True)
        result = case.computed(estimator, "trajectories")
        groups = result.groups
        return {
            "step_returns": case.in_order([_nested(group, group.step_returns) for group in groups]),
            "step_groups": _step_groups(groups, case.places),
            "episode_advantages": case.in_order([_nested(group, group.step_episode_advantages) for group in groups]),
            "step_advantages": case.in_order([_nested(group, group.step_advantages) for group in groups]),
            "advantages": case.in_order([_nested(group, group.step_totals) for group in groups]),
            **result.outputs,
        }

    return compute


def _nested_by_name(outputs: Mapping[str, list[Json]]) -> dict[str, Json]:
    """``{"a": .., "b.c": .., "b.d": ..}`` as ``{"a": .., "b": {"c": .., "d": ..}}``."""
    found: dict[str, Json] = {}
    for name, values in outputs.items():
        outer, dot, inner = name.partition(".")
        if dot:
            cast("dict[str, Json]", found.setdefault(outer, {}))[inner] = values
        else:
            found[name] = values
    return found


def _nested(group: GroupAdvantages, values: Floats) -> list[Json]:
    """Step values as one list per member."""
    return [part.tolist() for part in np.split(values, np.cumsum(group.step_counts)[:-1])]


def _step_groups(groups: Sequence[GroupAdvantages], places: Sequence[Sequence[int]]) -> list[Json]:
    """All step groups as sorted lists of [trajectory, step]."""
    found: list[list[list[int]]] = []
    for group, own in zip(groups, places, strict=True):
        members: list[list[list[int]]] = [[] for _ in range(group.statistics.step_groups)]
        counts: list[int] = group.step_counts.tolist()
        rows = [[place, step] for place, count in zip(own, counts, strict=True) for step in range(count)]
        for number_, row in zip(group.step_group_index.tolist(), rows, strict=True):
            members[number_].append(row)
        found.extend(members)
    return cast("list[Json]", sorted(found))


def _trajectories(inputs: Mapping[str, Json], *, as_texts: bool, with_rewards: bool) -> _Case:
    names: list[Json] = []
    members: list[Member] = []
    for place, item in enumerate(listed(inputs, "trajectories")):
        path = f"trajectories[{place}]"
        names.append(given(mapping(item, path), "group", f"{path}."))
        steps = tuple(
            _step(step, f"{path}.steps[{index}]", as_texts, with_rewards)
            for index, step in enumerate(listed(mapping(item, path), "steps", f"{path}."))
        )
        members.append(Member(f"{place:012d}", sum(step.reward for step in steps), steps=steps))
    return _case(names, members)


def _step(value: Json, path: str, as_texts: bool, with_rewards: bool) -> StepRecord:
    step = mapping(value, path)
    state = given(step, "state", f"{path}.")
    anchor = AnchorState(observation=state) if as_texts and isinstance(state, str) else AnchorState(state=state)
    reward = number(given(step, "reward", f"{path}."), f"{path}.reward") if with_rewards else 0.0
    return StepRecord(anchor, reward, boolean(step.get("valid", True), f"{path}.valid"))


def _case(names: Sequence[Json], members: Sequence[Member]) -> _Case:
    places: dict[bytes, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(canonical_key(name), []).append(place)
    groups = [
        Group(key.decode("utf-8", "surrogatepass"), tuple(members[place] for place in own))
        for key, own in places.items()
    ]
    return _Case(groups, list(places.values()), [group_name(names[own[0]]) for own in places.values()])


def _nullable(values: Sequence[Json]) -> list[Json]:
    return [None if value != value else value for value in values]


def _step_group_metric(
    inputs: Mapping[str, Json], *, history: int = 0, similarity: float | None = None
) -> dict[str, Json]:
    estimator = compile_estimator(EstimatorChoice("advantage/gigpo", {"history": history, "similarity": similarity}))
    case = _trajectories(inputs, as_texts=similarity is not None, with_rewards=False)
    histogram: Counter[int] = Counter()
    for group in case.computed(estimator, "trajectories").groups:
        histogram.update(group.statistics.step_group_size_histogram)
    metrics = step_group_metrics(histogram)
    return {
        "size_histogram": {str(size): count for size, count in sorted(histogram.items())},
        "mean_size": metrics.mean_size,
        "group_hit_ratio": metrics.group_hit_ratio,
        "step_hit_ratio": metrics.step_hit_ratio,
    }


def _pass_at_k(inputs: Mapping[str, Json], *, k: int) -> dict[str, Json]:
    samples = integer(given(inputs, "samples"), "samples")
    return {"value": pass_at_k(samples, integer(given(inputs, "correct"), "correct"), k)}


def _effective_gradient(inputs: Mapping[str, Json]) -> dict[str, Json]:
    groups = reward_groups(inputs)
    effective = sum(map(has_variance, groups.values()))
    return {
        "ratio": effective / len(groups) if groups else 0.0,
        "expected": {name: expected_gradient(rewards) for name, rewards in groups.items()},
    }


def _tool_productivity(inputs: Mapping[str, Json]) -> dict[str, Json]:
    correct = calls = 0
    for place, item in enumerate(listed(inputs, "rollouts")):
        path = f"rollouts[{place}]"
        rollout = mapping(item, path)
        correct += boolean(given(rollout, "correct", f"{path}."), f"{path}.correct")
        number_ = integer(given(rollout, "tool_calls", f"{path}."), f"{path}.tool_calls")
        if number_ < 0:
            raise InputError(f"{path}.tool_calls", "expected an integer >= 0")
        calls += number_
    return {"correct": correct, "tool_calls": calls, "value": correct / calls if calls else None}


COMPUTATIONS: Mapping[str, Computation] = {
    **{
        name: (_step_computation if definition.reads_steps else _episode_computation)(definition)
        for name, definition in ESTIMATORS.items()
    },
    **STEP_INDEX_METHODS,
    **TRACKER_METHODS,
    **RISK_METHODS,
    **CRITIC_METHODS,
    **BUDGET_METHODS,
    **TREE_METHODS,
    **SHAPE_METHODS,
    **TOKEN_METHODS,
    **METRIC_METHODS,
    **GROUP_KEY_METHODS,
    **SUBGOAL_METHODS,
    "metric/step_groups-v1": computation(_step_group_metric),
    "metric/pass_at_k-v1": computation(_pass_at_k),
    "metric/effective_gradient-v1": computation(_effective_gradient),
    "metric/tool_productivity-v1": computation(_tool_productivity),
}
"""By versioned id."""
