from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import Evidence, Json, Sample, Score, SpanReward, Unscorable, Verdict, reward
from assay.sdk.spec import Ensemble, EnsembleKind, Gate, Leaf, Product, RewardSpec, Route, WeightedSum
from assay_server.rewards import Assessment, Catalogue, SpecError, builtin_catalogue, compile_reward


@reward("test/says-v1", bounds=(-100.0, 100.0), aliases=("says",))
def says(
    sample: Sample, *, value: float, verdict: str = "", key: str = "", parts: dict[str, float] | None = None
) -> Score:
    """Says what its parameters say."""
    judged = {"": Verdict.UNSPECIFIED, "right": Verdict.CORRECT, "wrong": Verdict.INCORRECT}[verdict]
    span = SpanReward(0, 0, len(sample.response), "all", value)
    return Score(value, judged, Evidence(reason=f"says {value}"), key, parts or {}, {"kept": value > 0}, (span,))


@reward("test/unscorable-v1", bounds=(0.0, 1.0))
def unscorable(sample: Sample) -> Score:
    """Never scores."""
    raise Unscorable("NO_IDEA", f"cannot score {sample.rollout_id}", field="reference", retryable=True)


@reward("test/broken-v1", bounds=(0.0, 1.0))
def broken(sample: Sample) -> Score:
    """Fails."""
    raise RuntimeError(f"secret {sample.response}")


@reward("test/number-v1", bounds=(0.0, 1.0))
def number(sample: Sample) -> Score:
    """Returns the number in the reference, whatever it is."""
    return Score(sample.reference["value"])  # type: ignore[arg-type]  # the point of it


@reward("test/parts-v1", bounds=(0.0, 1.0))
def parts(sample: Sample) -> Score:
    """Returns the number in the reference as a part."""
    return Score(1.0, components={"part": sample.reference["value"]})  # type: ignore[dict-item]  # the point of it


@reward("test/signal-v1", bounds=(-math.inf, math.inf), required_signals=("entropy", "num_tokens"))
def signal(sample: Sample) -> Score:
    """Returns a signal."""
    return Score(float(sample.signals["entropy"]) * (sample.num_tokens or 0))


CATALOGUE = Catalogue([says, unscorable, broken, number, parts, signal])
SAMPLE = Sample("r1", "text")


def leaf(value: float, name: str, verdict: str = "", key: str = "", parts: Mapping[str, Json] | None = None) -> Leaf:
    return Leaf("says", {"value": value, "verdict": verdict, "key": key, "parts": dict(parts or {})}, name=name)


def evaluate(spec: RewardSpec, sample: Sample = SAMPLE) -> Assessment:
    return compile_reward(spec, CATALOGUE).evaluate(sample)


def test_a_leaf_is_its_reward_with_everything_it_said() -> None:
    assessment = evaluate(leaf(0.5, "mine", "right", "k", {"a": 1.0}))
    assert assessment.value == 0.5
    assert assessment.verdict is Verdict.CORRECT
    assert assessment.components == {"mine": 0.5, "mine/a": 1.0}
    assert assessment.evidence["mine"].reason == "says 0.5"
    assert assessment.constraints == {"kept": True}
    assert assessment.answer_key == "k"
    assert assessment.rewards == (f"test/says-v1@{says.digest[:12]}",)
    assert [span.label for span in assessment.spans] == ["all"]


def test_the_component_of_an_unnamed_leaf_is_the_id_as_written() -> None:
    assert evaluate(Leaf("says", {"value": 1.0})).components == {"says": 1.0}
    assert evaluate(Leaf("test/says", {"value": 1.0})).components == {"test/says": 1.0}


def test_a_sum_weighs_its_terms_and_takes_the_first_verdict_and_key() -> None:
    spec = WeightedSum(
        ((2.0, leaf(1.0, "a")), (-0.5, leaf(3.0, "b", "wrong", "kb")), (1.0, leaf(0.0, "c", "right", "kc")))
    )
    assessment = evaluate(spec)
    assert assessment.value == 0.5
    assert assessment.verdict is Verdict.INCORRECT
    assert assessment.answer_key == "kb"
    assert assessment.components == {"a": 1.0, "b": 3.0, "c": 0.0}
    assert assessment.constraints == {"kept": False}
    assert len(assessment.spans) == 3
    assert assessment.rewards == (f"test/says-v1@{says.digest[:12]}",)


def test_a_named_node_is_a_component_too() -> None:
    assert evaluate(WeightedSum(((2.0, leaf(1.0, "a")),), name="total")).components == {"a": 1.0, "total": 2.0}


def test_a_product_multiplies_and_a_zero_hides_no_component() -> None:
    assessment = evaluate(Product((leaf(0.0, "a"), leaf(3.0, "b", "right"))))
    assert (assessment.value, assessment.verdict) == (0.0, Verdict.CORRECT)
    assert assessment.components == {"a": 0.0, "b": 3.0}


def test_an_open_gate_is_then_and_its_verdict() -> None:
    assessment = evaluate(Gate(leaf(1.0, "format", "right"), leaf(0.25, "math", "wrong")))
    assert (assessment.value, assessment.verdict) == (0.25, Verdict.INCORRECT)
    without = evaluate(Gate(leaf(1.0, "format", "right"), leaf(0.25, "length")))
    assert without.verdict is Verdict.CORRECT


def test_a_shut_gate_is_otherwise_and_still_shows_what_then_says() -> None:
    assessment = evaluate(Gate(leaf(0.5, "format"), leaf(1.0, "math", "right", "18"), otherwise=-1.0))
    assert (assessment.value, assessment.verdict) == (-1.0, Verdict.INCORRECT)
    assert assessment.components == {"format": 0.5, "math": 1.0}
    assert assessment.answer_key == "18"
    assert evaluate(Gate(leaf(0.5, "f", "right"), leaf(1.0, "m"))).verdict is Verdict.CORRECT


def test_behind_a_shut_gate_a_failure_is_a_note() -> None:
    then = WeightedSum(((1.0, Leaf("test/unscorable")), (1.0, leaf(2.0, "b"))))
    assessment = evaluate(Gate(leaf(0.0, "format"), then))
    assert assessment.value == 0.0
    assert assessment.components == {"format": 0.0, "b": 2.0}
    assert "cannot score r1" in assessment.evidence["test/unscorable"].reason
    assert assessment.evidence["test/unscorable"].detail == {"unscorable": "NO_IDEA"}


def test_behind_an_open_gate_and_as_its_condition_a_failure_is_a_failure() -> None:
    for spec in (Gate(leaf(1.0, "f"), Leaf("test/unscorable")), Gate(Leaf("test/unscorable"), leaf(1.0, "f"))):
        with pytest.raises(Unscorable, match="test/unscorable: cannot score r1"):
            evaluate(spec)


@pytest.mark.parametrize(
    "spec",
    [
        Leaf("test/unscorable", name="mine"),
        WeightedSum(((0.0, leaf(1.0, "a")), (0.0, Leaf("test/unscorable", name="mine")))),
        Product((leaf(0.0, "a"), Leaf("test/unscorable", name="mine"))),
        Ensemble((leaf(0.0, "a"), Leaf("test/unscorable", name="mine"))),
        Route({"": Leaf("test/unscorable", name="mine")}),
    ],
)
def test_a_needed_leaf_that_cannot_score_makes_the_sample_unscorable(spec: RewardSpec) -> None:
    with pytest.raises(Unscorable) as caught:
        evaluate(spec)
    assert (caught.value.reason, caught.value.field, caught.value.retryable) == ("NO_IDEA", "reference", True)
    assert caught.value.message == "mine: cannot score r1"


def test_an_ensemble_is_the_minimum_or_the_mean_minus_variance() -> None:
    members = (leaf(0.2, "a"), leaf(0.9, "b", "right"), leaf(0.5, "c"))
    lowest = evaluate(Ensemble(members))
    assert lowest.value == 0.2
    assert lowest.verdict is Verdict.CORRECT
    assert lowest.components["ensemble/variance"] == pytest.approx(0.08222222222222224, abs=1e-12)
    weighted = evaluate(Ensemble(members, EnsembleKind.MEAN_MINUS_VARIANCE, 0.5, name="judges"))
    assert weighted.value == pytest.approx(0.4922222222222222, abs=1e-12)
    assert set(weighted.components) == {"a", "b", "c", "judges", "judges/variance"}


def test_a_route_takes_the_reward_of_the_task_type() -> None:
    spec = Route({"math": leaf(1.0, "a", "right"), "code": Leaf("test/unscorable")}, fallback=leaf(3.0, "c"))
    taken = evaluate(spec, Sample("r", "", task_type="math"))
    assert (taken.value, taken.verdict, taken.components) == (1.0, Verdict.CORRECT, {"a": 1.0})
    assert evaluate(spec, Sample("r", "", task_type="other")).components == {"c": 3.0}


def test_an_unknown_task_type_cannot_be_scored() -> None:
    with pytest.raises(Unscorable, match="'sql'") as caught:
        evaluate(Route({"math": leaf(1.0, "a")}), Sample("r", "", task_type="sql"))
    assert (caught.value.reason, caught.value.field) == ("UNKNOWN_TASK_TYPE", "task_type")


@pytest.mark.parametrize("value", [2.0, -0.1, math.nan, math.inf, -math.inf])
def test_a_value_out_of_bounds_is_a_defect_and_no_score(value: float) -> None:
    with pytest.raises(Unscorable) as caught:
        evaluate(Leaf("test/number"), Sample("r", "", {"value": value}))
    assert caught.value.reason == "REWARD_OUT_OF_BOUNDS"


def test_a_part_that_is_not_finite_is_a_defect() -> None:
    with pytest.raises(Unscorable) as caught:
        evaluate(Leaf("test/parts"), Sample("r", "", {"value": math.nan}))
    assert caught.value.reason == "REWARD_OUT_OF_BOUNDS"


def test_a_sum_that_overflows_cannot_be_scored() -> None:
    spec = WeightedSum(((1e308, leaf(50.0, "a")), (1e308, leaf(50.0, "b"))))
    with pytest.raises(Unscorable) as caught:
        evaluate(spec)
    assert caught.value.reason == "REWARD_OUT_OF_BOUNDS"


@pytest.mark.parametrize("spec", [Leaf("test/broken"), Leaf("test/number")])
def test_what_an_author_did_not_expect_stays_inside(spec: Leaf) -> None:
    with pytest.raises(Unscorable) as caught:
        evaluate(spec, Sample("r", "text", {"value": "no number"}))
    assert caught.value.reason == "REWARD_FAILED"
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_missing_signals_are_named() -> None:
    cases = [
        (Sample("r", "", num_tokens=3), "signals.entropy"),
        (Sample("r", "", signals={"entropy": 1.0}), "num_tokens"),
    ]
    for sample, field in cases:
        with pytest.raises(Unscorable) as caught:
            evaluate(Leaf("test/signal"), sample)
        assert (caught.value.reason, caught.value.field) == ("MISSING_SIGNAL", field)
    assert evaluate(Leaf("test/signal"), Sample("r", "", num_tokens=3, signals={"entropy": 2.0})).value == 6.0


def test_pins_and_required_signals_cover_every_leaf() -> None:
    compiled = compile_reward(Gate(Leaf("test/signal"), Product((leaf(1.0, "a"), leaf(2.0, "b")))), CATALOGUE)
    assert compiled.pins == (f"test/signal-v1@{signal.digest}", f"test/says-v1@{says.digest}")
    assert compiled.required_signals == ("entropy", "num_tokens")
    assert [node.component for node in compiled.leaves] == ["test/signal", "a", "b"]
    assert compiled.inline


def nested(depth: int) -> RewardSpec:
    spec: RewardSpec = leaf(1.0, "a")
    for _ in range(depth - 1):
        spec = Product((spec,))
    return spec


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        (Leaf("sayz"), "reward.leaf.id", "nearest: says"),
        (Leaf("says"), "reward.leaf.params", "must be given"),
        (Leaf("says", {"value": "1"}), "reward.leaf.params", "expected number"),
        (Leaf("says", {"value": 1, "more": 2}), "reward.leaf.params", "unknown parameter 'more'"),
        (Leaf("says", {"value": 1}, execution_timeout=-1.0), "reward.leaf.execution_timeout", "positive"),
        (WeightedSum(()), "reward.weighted_sum.terms", "at least one"),
        (WeightedSum(((math.nan, leaf(1, "a")),)), "reward.weighted_sum.terms[0].weight", "finite"),
        (WeightedSum(((1.0, Leaf("x")),)), "reward.weighted_sum.terms[0].reward.leaf.id", "no reward"),
        (Product(()), "reward.product.factors", "at least one"),
        (Product((leaf(1, "a"), leaf(1, "a"))), "reward.product.factors[1].name", "used twice"),
        (Product((leaf(1, "a"),), name="a"), "reward.product.factors[0].name", "used twice"),
        (Gate(leaf(1, "a"), leaf(1, "b"), threshold=math.inf), "reward.gate.threshold", "finite"),
        (Gate(leaf(1, "a"), Leaf("x")), "reward.gate.then.leaf.id", "no reward"),
        (Gate(Leaf("x"), leaf(1, "a")), "reward.gate.condition.leaf.id", "no reward"),
        (Ensemble(()), "reward.ensemble.members", "at least one"),
        (Ensemble((leaf(1, "a"),), coefficient=math.nan), "reward.ensemble.coefficient", "finite"),
        (
            Product((Ensemble((leaf(1, "a"),)), Ensemble((leaf(1, "b"),)))),
            "reward.product.factors[1].ensemble.name",
            "twice",
        ),
        (Route({}), "reward.route", "at least one"),
        (Route({"m": Leaf("x")}), "reward.route.routes['m'].leaf.id", "no reward"),
        (Route({}, fallback=Leaf("x")), "reward.route.fallback.leaf.id", "no reward"),
        (nested(33), "reward" + ".product.factors[0]" * 32, "nested deeper"),
        (Product(tuple(leaf(1, str(i)) for i in range(1025))), "reward.product.factors[1024]", "more than"),
    ],
)
def test_a_mistake_in_a_spec_is_found_at_once_with_its_place(spec: RewardSpec, field: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_reward(spec, CATALOGUE)
    assert caught.value.field == field
    assert message in caught.value.message


def test_the_deepest_spec_allowed_works_and_a_hostile_one_is_refused() -> None:
    assert evaluate(nested(32)).value == 1.0
    with pytest.raises(SpecError, match="nested deeper"):
        compile_reward(nested(10_000), CATALOGUE)


NUMBERS = st.floats(-10, 10)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_sums_and_products_agree_with_arithmetic(terms: list[tuple[float, float]]) -> None:
    leaves = [leaf(value, f"n{index}") for index, (_, value) in enumerate(terms)]
    summed = evaluate(WeightedSum(tuple((weight, node) for (weight, _), node in zip(terms, leaves, strict=True))))
    assert summed.value == pytest.approx(math.fsum(weight * value for weight, value in terms), abs=1e-9)
    assert evaluate(Product(tuple(leaves))).value == pytest.approx(math.prod(value for _, value in terms), abs=1e-6)
    assert list(summed.components.values()) == [value for _, value in terms]


OPERATIONS = st.tuples(st.sampled_from(["sum", "product", "gate", "ensemble"]), st.booleans(), st.floats(-1, 1))


def build(start: float, operations: list[tuple[str, bool, float]]) -> RewardSpec:
    spec: RewardSpec = leaf(start, "leaf")
    for index, (kind, swapped, value) in enumerate(operations):
        other = leaf(value, f"leaf{index}")
        first, second = (other, spec) if swapped else (spec, other)
        nodes: dict[str, RewardSpec] = {
            "sum": WeightedSum(((1.0, first), (0.5, second))),
            "product": Product((first, second)),
            "gate": Gate(first, second, threshold=0.0),
            "ensemble": Ensemble((first, second), EnsembleKind.MEAN_MINUS_VARIANCE, 0.1, name=f"ensemble{index}"),
        }
        spec = nodes[kind]
    return spec


@given(st.floats(-1, 1), st.lists(OPERATIONS, max_size=10))
def test_every_component_of_any_tree_is_returned(start: float, operations: list[tuple[str, bool, float]]) -> None:
    compiled = compile_reward(build(start, operations), CATALOGUE)
    assessment = compiled.evaluate(SAMPLE)
    assert {node.component for node in compiled.leaves} <= set(assessment.components)
    assert math.isfinite(assessment.value)


def test_a_gate_in_front_of_the_built_ins_is_the_hard_format_reward() -> None:
    spec = Gate(Leaf("format_tags"), Leaf("math"))
    compiled = compile_reward(spec, builtin_catalogue())
    good = compiled.evaluate(Sample("r", "<think>9*2</think><answer>18</answer>", {"answer": "18"}))
    bare = compiled.evaluate(Sample("r", "18", {"answer": "18"}))
    assert (good.value, good.verdict) == (1.0, Verdict.CORRECT)
    assert (bare.value, bare.verdict, bare.components["math"]) == (0.0, Verdict.INCORRECT, 1.0)
