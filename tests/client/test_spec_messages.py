from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from assay import (
    AnchorRecipe,
    DeliveryMode,
    Ensemble,
    EnsembleKind,
    EstimatorChoice,
    FilterChoice,
    Gate,
    Grouping,
    InvalidArgument,
    JudgeQuota,
    Leaf,
    Product,
    RolloutRole,
    Route,
    RunConfig,
    SimilarityOrder,
    Task,
    UnscoredPolicy,
    WeightedSum,
)
from assay.runs import estimator_choice, reward_spec
from assay.sdk.spec import RewardSpec
from assay.spec_messages import (
    MAX_NESTING,
    SpecError,
    estimator_from_message,
    estimator_message,
    filter_from_message,
    filter_message,
    grouping_from_message,
    grouping_message,
    reward_from_message,
    reward_message,
)
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as run

names = st.text("abc/-", min_size=1, max_size=6)
numbers = st.floats(-10, 10, allow_nan=False)
params = st.dictionaries(names, st.integers() | numbers | st.lists(st.booleans(), max_size=2), max_size=2)
timeouts = st.none() | st.integers(0, 10**6).map(lambda millis: millis / 1000)
leaves = st.builds(Leaf, names, params, names | st.just(""), timeouts)


def nodes(members: st.SearchStrategy[RewardSpec]) -> st.SearchStrategy[RewardSpec]:
    several = st.lists(members, min_size=1, max_size=2).map(tuple)
    weighted = st.lists(st.tuples(numbers, members), min_size=1, max_size=2).map(tuple)
    return st.one_of(
        st.builds(WeightedSum, weighted, names),
        st.builds(Product, several, names),
        st.builds(Gate, members, members, numbers, numbers, names),
        st.builds(Ensemble, several, st.sampled_from(EnsembleKind), numbers, names),
        st.builds(Route, st.dictionaries(names, members, min_size=1, max_size=2), st.none() | members, names),
    )


trees: st.SearchStrategy[RewardSpec] = st.recursive(leaves, nodes, max_leaves=6)


@given(trees)
def test_reward_specs_survive_the_way_through_messages(tree: RewardSpec):
    message = reward_message(tree)
    assert reward_from_message(run.RewardNode.FromString(message.SerializeToString())) == tree


def test_a_threshold_of_zero_is_not_the_default():
    gate = Gate(Leaf("a"), Leaf("b"), threshold=0.0)
    assert reward_from_message(reward_message(gate)) == gate
    unsaid = run.Gate(condition=reward_message("a"), then=reward_message("b"))
    assert reward_from_message(run.RewardNode(gate=unsaid)) == Gate(Leaf("a"), Leaf("b"))


@given(
    st.builds(
        Grouping,
        st.sampled_from(AnchorRecipe),
        st.integers(0, 9),
        st.floats(0.01, 0.99),
        st.sampled_from(SimilarityOrder),
    )
)
def test_groupings_survive_the_way_through_messages(grouping: Grouping):
    assert grouping_from_message(grouping_message(grouping)) == grouping


def test_an_empty_grouping_means_the_defaults():
    assert grouping_from_message(v1.GroupingSpec()) == Grouping()


@given(names, params)
def test_choices_survive_the_way_through_messages(name: str, given_params: dict[str, int]):
    estimator = EstimatorChoice(name, given_params)
    assert estimator_from_message(estimator_message(estimator)) == estimator
    choice = FilterChoice(name, given_params)
    assert filter_from_message(filter_message(choice)) == choice


def deep(levels: int) -> RewardSpec:
    tree: RewardSpec = Leaf("x")
    for _ in range(levels - 1):
        tree = Product((tree,))
    return tree


def test_nesting_is_capped_both_ways():
    assert reward_from_message(reward_message(deep(MAX_NESTING))) == deep(MAX_NESTING)
    with pytest.raises(InvalidArgument, match="nested deeper"):
        reward_message(deep(MAX_NESTING + 1))
    node = run.RewardNode()
    inner = node
    for _ in range(MAX_NESTING):
        inner = inner.product.factors.add()
    inner.leaf.id = "x"
    with pytest.raises(SpecError, match="nested deeper"):
        reward_from_message(node)


@pytest.mark.parametrize(
    ("node", "field"),
    [
        (run.RewardNode(), "reward"),
        (run.RewardNode(leaf=run.RewardLeaf()), "reward.leaf.id"),
        (run.RewardNode(leaf=run.RewardLeaf(id="x", params_json="{")), "reward.leaf.params"),
        (run.RewardNode(leaf=run.RewardLeaf(id="x", params_json="[1]")), "reward.leaf.params"),
        (run.RewardNode(leaf=run.RewardLeaf(id="x", params_json='{"a":NaN}')), "reward.leaf.params"),
        (
            run.RewardNode(leaf=run.RewardLeaf(id="x", execution_timeout=Duration(seconds=-1))),
            "reward.leaf.execution_timeout",
        ),
        (run.RewardNode(weighted_sum=run.WeightedSum()), "reward.weighted_sum.terms"),
        (run.RewardNode(product=run.Product(factors=[run.RewardNode()])), "reward.product.factors[0]"),
        (run.RewardNode(gate=run.Gate()), "reward.gate.condition"),
        (run.RewardNode(ensemble=run.Ensemble()), "reward.ensemble.members"),
        (run.RewardNode(route=run.TaskTypeRoute()), "reward.route.routes"),
        (run.RewardNode(route=run.TaskTypeRoute(routes={"a": run.RewardNode()})), "reward.route.routes[a]"),
    ],
)
def test_bad_reward_messages_are_refused_with_their_field(node: run.RewardNode, field: str):
    with pytest.raises(SpecError) as caught:
        reward_from_message(node)
    assert caught.value.field == field


def test_unknown_enum_values_are_refused():
    ensemble = run.RewardNode.FromString(
        run.RewardNode(ensemble=run.Ensemble(members=[reward_message("x")])).SerializeToString()
    )
    ensemble.ensemble.ParseFromString(ensemble.ensemble.SerializeToString() + b"\x08\x63")
    with pytest.raises(SpecError, match="unknown value 99"):
        reward_from_message(ensemble)
    for data in (b"\x08\x63", b"\x20\x63"):
        with pytest.raises(SpecError, match="unknown value 99"):
            grouping_from_message(v1.GroupingSpec.FromString(data))


@pytest.mark.parametrize("grouping", [v1.GroupingSpec(history_length=-1), v1.GroupingSpec(similarity_threshold=1.0)])
def test_bad_groupings_are_refused(grouping: v1.GroupingSpec):
    with pytest.raises(SpecError):
        grouping_from_message(grouping)


def test_choices_without_an_id_are_refused():
    with pytest.raises(SpecError, match=r"estimator\.id"):
        estimator_from_message(v1.EstimatorSpec())
    with pytest.raises(SpecError, match=r"filter\.id"):
        filter_from_message(run.FilterSpec())


@pytest.mark.parametrize(
    "tree",
    [
        Leaf("x", {"a": float("nan")}),
        Leaf("x", execution_timeout=-1.0),
        Leaf("x", execution_timeout=float("nan")),
        Product((3,)),  # pyright: ignore[reportArgumentType] - that is the point
    ],
)
def test_specs_that_cannot_be_sent_are_refused(tree: RewardSpec):
    with pytest.raises(InvalidArgument):
        reward_message(tree)


# ---------------------------------------------------------------- runs


def test_a_run_configuration_says_everything():
    config = RunConfig(
        run_id="r",
        reward="math",
        params={"mode": "strict"},
        estimator="advantage/gigpo",
        estimator_params={"gamma": 0.9},
        filters=(FilterChoice("select/mixed_outcome"),),
        unscored=UnscoredPolicy.FAIL,
        group_deadline=1.5,
        counted_roles=(RolloutRole.POLICY, RolloutRole.EXPERT),
        delivery=DeliveryMode.CONSUMER,
        deliver_to="driver",
        retention=60,
        sampling_policy={"kind": "uniform"},
        state_policy={"kind": "none"},
        judge_quota=JudgeQuota(calls=0, cost=1.5),
    )
    request = config.to_message()
    spec = request.spec
    assert request.run_id == "r"
    assert spec.reward.leaf.params_json == '{"mode":"strict"}'
    assert spec.estimator == v1.EstimatorSpec(id="advantage/gigpo", params_json='{"gamma":0.9}')
    assert spec.filters[0].id == "select/mixed_outcome"
    assert spec.groups.unscored == run.UNSCORED_POLICY_FAIL
    assert (spec.groups.deadline.seconds, spec.groups.deadline.nanos) == (1, 500_000_000)
    assert list(spec.groups.counted_roles) == [v1.ROLLOUT_ROLE_POLICY, v1.ROLLOUT_ROLE_EXPERT]
    assert (spec.delivery, spec.deliver_to) == (run.DELIVERY_MODE_CONSUMER, "driver")
    assert spec.record_retention.seconds == 60
    assert spec.sampling_policy_json == '{"kind":"uniform"}'
    assert spec.judge_quota == run.JudgeQuota(calls=0, cost=1.5)
    assert spec.judge_quota.HasField("calls")
    assert not spec.judge_quota.HasField("tokens")
    assert not RunConfig(reward="math").to_message().spec.HasField("judge_quota")


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(reward="math", group_deadline=-1),
        RunConfig(reward="math", run_id="\ud800"),
        RunConfig(reward="math", group_min_size="2"),  # pyright: ignore[reportArgumentType] - that is the point
        RunConfig(reward=Leaf("math"), params={"a": 1}),
        RunConfig(reward="math", estimator=EstimatorChoice("x"), estimator_params={"a": 1}),
    ],
)
def test_configurations_that_cannot_be_sent_are_refused(config: RunConfig):
    with pytest.raises(InvalidArgument):
        config.to_message()


@given(trees, st.floats(0.001, 100))
def test_a_timeout_reaches_every_leaf_that_has_none(tree: RewardSpec, seconds: float):
    def leaves_of(spec: RewardSpec) -> list[Leaf]:
        if isinstance(spec, Leaf):
            return [spec]
        if isinstance(spec, WeightedSum):
            return [leaf for _, term in spec.terms for leaf in leaves_of(term)]
        if isinstance(spec, Product):
            return [leaf for factor in spec.factors for leaf in leaves_of(factor)]
        if isinstance(spec, Gate):
            return leaves_of(spec.condition) + leaves_of(spec.then)
        if isinstance(spec, Ensemble):
            return [leaf for member in spec.members for leaf in leaves_of(member)]
        routed = [leaf for member in spec.routes.values() for leaf in leaves_of(member)]
        return routed + (leaves_of(spec.fallback) if spec.fallback is not None else [])

    before, after = leaves_of(tree), leaves_of(reward_spec(tree, None, seconds))
    wanted = [leaf.execution_timeout if leaf.execution_timeout is not None else seconds for leaf in before]
    assert [leaf.execution_timeout for leaf in after] == wanted


def test_choices_pass_through():
    choice = EstimatorChoice("x", {"a": 1})
    assert estimator_choice(choice) is choice


def test_tasks_are_checked():
    assert Task("t", {"answer": 1}, "math", {"a": 2}).to_message().reference_json == '{"answer":1}'
    with pytest.raises(InvalidArgument):
        Task("t", {"answer": float("inf")}).to_message()


@pytest.mark.parametrize(
    ("text", "words"),
    [("{,}", "at character 2"), ("9" * 5000, "too many digits"), ("NaN", "NaN is not JSON"), ("[" * 100_000, "nested")],
)
def test_parameters_that_are_no_json_are_refused_in_our_own_words(text: str, words: str) -> None:
    message = estimator_message(EstimatorChoice("advantage/grpo", {}))
    message.params_json = text
    with pytest.raises(SpecError, match=words) as refusal:
        estimator_from_message(message)
    assert "line 1 column" not in str(refusal.value)
    assert "set_int_max_str_digits" not in str(refusal.value)
