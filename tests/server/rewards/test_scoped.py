"""Trees with rewards of group and batch scope: what is known when, and what the whole is worth at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import FinishedGroup, Lane, Sample, Score, Unscorable, batch_reward, estimator, group_reward, reward
from assay.sdk.spec import Ensemble, EnsembleKind, Gate, Leaf, Product, RewardSpec, Route, WeightedSum
from assay_server.rewards import Catalogue, SpecError, compile_reward
from assay_server.rewards.errors import UnknownReward
from assay_server.rewards.scoped import RewardScope, Stages, standing

ALONE, GROUP, BATCH = RewardScope.SAMPLE, RewardScope.GROUP, RewardScope.BATCH


@reward("test/says-v1", bounds=(-100, 100))
def says(sample: Sample, *, value: float) -> Score:
    """Says what its parameter says."""
    del sample
    return Score(value)


@group_reward("test/grouped-v1", bounds=(-100, 100))
def grouped(group: FinishedGroup, *, value: float = 0.0) -> Sequence[float]:
    """Says the same of all."""
    return [value for _ in group.members]


@batch_reward("test/batched-v1", bounds=(-100, 100), lane=Lane.INLINE)
def batched(groups: Sequence[FinishedGroup], *, value: float = 0.0) -> Sequence[Sequence[float]]:
    """Says the same of all."""
    return [[value for _ in group.members] for group in groups]


@estimator("test/none-v1")
def none(group: FinishedGroup) -> Sequence[float]:
    """No advantage for anyone."""
    return [0.0 for _ in group.members]


CATALOGUE = Catalogue([says, grouped, batched])
_IDS = {ALONE: "test/says", GROUP: "test/grouped", BATCH: "test/batched"}
VALUES = st.integers(-3, 3).map(float)


@st.composite
def trees(draw: st.DrawFn) -> RewardSpec:
    """A tree whose leaves are named ``scope number``, so that no two share a name; each says its parameter."""
    numbers = iter(range(1000))

    def node(depth: int) -> RewardSpec:
        kind = draw(st.sampled_from(("leaf", "sum", "product", "gate", "ensemble") if depth else ("leaf",)))
        if kind == "leaf":
            scope = draw(st.sampled_from(RewardScope))
            return Leaf(_IDS[scope], {"value": draw(VALUES)}, name=f"{scope.name} {next(numbers)}")
        if kind == "gate":
            return Gate(node(depth - 1), node(depth - 1), threshold=draw(VALUES), otherwise=draw(VALUES))
        children = tuple(node(depth - 1) for _ in range(draw(st.integers(1, 3))))
        if kind == "sum":
            return WeightedSum(tuple((draw(VALUES), child) for child in children))
        if kind == "product":
            return Product(children)
        return Ensemble(children, EnsembleKind.MIN, name=f"ensemble {next(numbers)}")

    return node(3)


def worth(spec: RewardSpec, known: RewardScope) -> float | None:
    """The plain definition: what a tree is worth where rewards up to a scope are known; None where nothing is."""
    if isinstance(spec, Leaf):
        value = spec.params["value"]
        assert isinstance(value, float)
        return value if RewardScope[spec.name.split()[0]] <= known else None
    if isinstance(spec, Gate):
        condition, then = worth(spec.condition, known), worth(spec.then, known)
        if condition is None or then is None:
            return then if condition is None else condition
        return then if condition >= spec.threshold else spec.otherwise
    if isinstance(spec, WeightedSum):
        terms = [weight * value for weight, child in spec.terms if (value := worth(child, known)) is not None]
        return sum(terms) if terms else None
    assert isinstance(spec, Product | Ensemble)
    children = spec.factors if isinstance(spec, Product) else spec.members
    values = [value for child in children if (value := worth(child, known)) is not None]
    if not values:
        return None
    return math.prod(values) if isinstance(spec, Product) else min(values)


def components(spec: RewardSpec) -> dict[str, float]:
    """What every leaf says."""
    if isinstance(spec, Leaf):
        return {spec.name: float(str(spec.params["value"]))}
    found: dict[str, float] = {}
    for child in children_of(spec):
        found |= components(child)
    return found


def children_of(spec: RewardSpec) -> Sequence[RewardSpec]:
    match spec:
        case Gate():
            return spec.condition, spec.then
        case WeightedSum():
            return [child for _, child in spec.terms]
        case Product():
            return spec.factors
        case Ensemble():
            return spec.members
        case _:
            raise AssertionError(spec)


def stages_of(spec: RewardSpec) -> Stages:
    stages = compile_reward(spec, CATALOGUE).stages
    assert stages is not None
    return stages


@given(trees())
def test_each_scope_knows_what_the_definition_says(spec: RewardSpec):
    compiled = compile_reward(spec, CATALOGUE)
    said = compiled.evaluate(Sample("r", "", task_type=""))
    alone = worth(spec, ALONE)
    assert math.isnan(said.value) if alone is None else said.value == alone
    if compiled.stages is None:
        return
    everything = components(spec)
    for scope in (GROUP, BATCH):
        now = standing(compiled.stages.at(scope), "", everything).value
        expected = worth(spec, scope)
        assert math.isnan(now) if expected is None else now == expected


@given(trees())
def test_what_a_single_rollout_says_is_enough_for_the_whole(spec: RewardSpec):
    """Leaves that a shut gate keeps from speaking are not missed later: the gate is shut then too."""
    compiled = compile_reward(spec, CATALOGUE)
    said = compiled.evaluate(Sample("r", ""))
    scoped = {name: value for name, value in components(spec).items() if not name.startswith(ALONE.name)}
    if compiled.stages is not None:
        whole = standing(compiled.stages.whole, "", {**said.components, **scoped})
        assert whole.value == worth(spec, BATCH)


def test_a_reward_is_worth_what_it_is_made_of_until_it_speaks():
    made = Leaf("test/batched", of=Leaf("test/grouped", name="g", of=Leaf("test/says", {"value": 2.0})), name="b")
    stages = stages_of(WeightedSum(((3.0, made),)))
    assert [leaf.component for leaf in stages.scoped] == ["g", "b"]
    known: Mapping[str, float] = {"test/says": 2.0, "g": 5.0, "b": 7.0}
    assert [standing(stages.at(scope), "", known).value for scope in RewardScope] == [6.0, 15.0, 21.0]
    assert [standing(stages.told(leaf), "", known).value for leaf in stages.scoped] == [2.0, 5.0]


def test_routes_may_be_silent_where_they_stand_outermost():
    routes = {"math": Leaf("test/says", {"value": 1.0}), "open": Leaf("test/grouped")}
    stages = stages_of(Route(routes))
    assert standing(stages.alone, "math", {"test/says": 1.0}).value == 1.0
    assert math.isnan(standing(stages.alone, "open", {}).value)
    with pytest.raises(SpecError, match="outermost"):
        compile_reward(WeightedSum(((1.0, Route(routes)),)), CATALOGUE)
    with pytest.raises(Unscorable, match="no reward is routed"):
        standing(stages.whole, "other", {})


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (Leaf("test/says", {"value": 1.0}, of=Leaf("test/grouped")), "made of no other reward"),
        (Leaf("test/grouped", of=Leaf("test/batched")), "speaks later"),
        (Leaf("test/grouped", {"vlaue": 1.0}), "unknown parameter"),
        (WeightedSum(((1.0, Leaf("test/grouped")), (1.0, Leaf("test/grouped")))), "used twice"),
    ],
)
def test_what_cannot_be_is_refused(spec: RewardSpec, words: str):
    with pytest.raises(SpecError, match=words):
        compile_reward(spec, CATALOGUE)


def test_a_name_may_pin_its_digest():
    assert CATALOGUE.find(f"test/grouped-v1@{grouped.digest}") is grouped
    assert CATALOGUE.find(f"test/says@{says.digest[:12]}") is says
    for name in (f"test/says@{grouped.digest}", f"test/says@{says.digest[:11]}", "test/says@"):
        with pytest.raises(UnknownReward, match="another digest"):
            CATALOGUE.find(name)
    with pytest.raises(UnknownReward, match="judges no rollout by itself"):
        CATALOGUE.resolve("test/grouped")


def test_only_rewards_are_taken():
    with pytest.raises(TypeError, match="estimator"):
        Catalogue([none])
