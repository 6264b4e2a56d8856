"""The machinery of the reproduction: its gradient, its statistics, its plan and its pictures."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.embedded import Engine
from benchmarks.drawing.svg import Line, bars, curves, rounded_up
from benchmarks.reproduction.plan import Toy, Way, read_plan
from benchmarks.reproduction.policy import Choice, Learning, Policy, Shape, crossed, hashed, hashed_action
from benchmarks.reproduction.statistics import difference, interval_of, tail
from benchmarks.reproduction.toys import train_toy


def blocks() -> list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    texts = (("a hall. a door", ("north", "south")), ("a cellar, with a key", ("take key", "look", "north")))
    return [crossed(hashed(seen), np.array([hashed_action(one) for one in actions])) for seen, actions in texts]


def objective(policy: Policy, choices: list[Choice], gains: list[float], entropy: float) -> float:
    """The unclipped objective of one pass, as the formula says it."""
    shape = Shape.of([choice.pairs for choice in choices])
    logs = policy.log_probabilities(shape)
    total = 0.0
    for place, (choice, gain) in enumerate(zip(choices, gains, strict=True)):
        start = int(shape.firsts[place])
        here = logs[start : start + len(choice.pairs)]
        total += gain * float(np.exp(here[choice.chosen] - here[choice.chosen])) * float(here[choice.chosen])
        total += entropy * float(-(np.exp(here) * here).sum())
    return total / len(choices)


def test_the_gradient_is_that_of_the_objective() -> None:
    entropy = 0.1
    policy = Policy(Learning(0.1, entropy, 1, 0.2))
    policy.weights += np.random.default_rng(0).normal(0, 0.5, len(policy.weights))
    choices = [Choice(block, place) for place, block in enumerate(blocks())]
    gains = [1.0, -0.5]
    shape = Shape.of([choice.pairs for choice in choices])
    logs = policy.log_probabilities(shape)
    chosen = shape.firsts + np.array([choice.chosen for choice in choices])
    gradient = policy.gradient(shape, logs, chosen, np.array(gains), np.ones(2))
    for place in np.unique(shape.pairs)[:12]:
        sides: list[float] = []
        for shift in (1e-5, -1e-5):
            policy.weights[place] += shift
            sides.append(objective(policy, choices, gains, entropy))
            policy.weights[place] -= shift
        assert gradient[place] == pytest.approx((sides[0] - sides[1]) / 2e-5, abs=1e-7)


def test_the_policy_learns_what_pays_and_repeats_to_the_last_digit() -> None:
    def chance_of_the_first() -> float:
        policy, chance = Policy(Learning(0.1, 0.0, 2, 0.2)), np.random.default_rng(3)
        for _ in range(12):
            acted = policy.act(blocks(), chance)
            policy.learn(
                [Choice(block, chosen) for block, chosen in zip(blocks(), acted, strict=True)],
                [1.0 if chosen == 0 else -1.0 for chosen in acted],
            )
        return float(np.exp(policy.log_probabilities(Shape.of(blocks()))[0]))

    first = chance_of_the_first()
    assert first > 0.9
    assert chance_of_the_first() == first


def test_an_interval_is_students() -> None:
    found = interval_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.mean, round(found.low, 3), round(found.high, 3)) == (3.0, 1.037, 4.963)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=12), st.floats(-5, 5))
def test_a_paired_difference_ignores_what_pairs_share(values: list[float], shift: float) -> None:
    found = difference([value + shift for value in values], values)
    assert found.mean == pytest.approx(shift, abs=1e-9)
    assert found.high - found.low == pytest.approx(0.0, abs=1e-6)


def test_the_tail_is_the_end_of_a_curve() -> None:
    assert tail([0.0] * 8 + [1.0, 3.0], 0.2) == 2.0
    assert tail([5.0], 0.01) == 5.0


def test_the_plan_has_seeds_enough_and_its_comparisons_can_be_made() -> None:
    plan = read_plan()
    methods = {one.name: {method.name for method in one.methods} for one in plan.episodes}
    methods |= {toy.name: set(toy.methods) for toy in plan.toys}
    assert len(set(plan.seeds)) >= 5
    assert all({first, second} <= methods[experiment] for experiment, first, second in plan.comparisons)


@pytest.mark.parametrize(("kind", "measure"), [("sampling", "pass rate"), ("tools", "accuracy")])
def test_a_toy_is_learned_through_the_service(kind: str, measure: str) -> None:
    way = Way(reward="reward/otc_grpo", params={"smooth": 1.0}) if kind == "tools" else Way()
    toy = Toy("toy", "", "tools" if kind == "tools" else "sampling", 3, 4, 4, 0.05, {"way": way})
    with Engine() as engine:
        curve = train_toy(engine, toy, "way", 101)
    assert len(curve.values[measure]) == 3
    assert 0 < curve.waited < curve.seconds


def test_pictures_are_well_formed_whatever_the_names() -> None:
    lines = {"<a & b>": Line([0.0, 0.5], [0.0, 0.4], [0.1, 0.6]), "plain": Line([0.2, 0.1])}
    for drawn in (
        curves({"title": lines}, "steps"),
        bars("title", {"g": {"<x>": 1.0, "y": 1000.0}}, "s", logarithmic=True),
    ):
        assert ET.fromstring(drawn).find("{http://www.w3.org/2000/svg}title") is not None


@given(st.floats(1e-6, 1e9))
def test_an_axis_ends_above_its_largest_value(value: float) -> None:
    assert value * (1 - 1e-6) <= rounded_up(value) <= 10 * value
