"""Rewards of the steps of one rollout: progress, facts found out, labelled thoughts, judged turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, given, integer, listed, mapping, number, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.rows import column_of, number_in, numbers_of, whole_number

_MOST_FACTS = 20
_MOST_ORDERS = 100_000
_LABELS = ("progress", "neutral", "error")
_WORTH = {"progress": 1.0, "neutral": 0.0, "error": -1.0}


@method(
    "reward/progress_attribution-v1",
    reach="sample",
    inputs="contributions c_1 .. c_T of the estimator; grounded: whether each action was executed; final_reward",
    formula="r_t = alpha c_t + beta grounded_t; residual = final_reward - sum of c",
    edges="grounded of another number than contributions: refused. Turn values are never overwritten by the "
    "trajectory's.",
    source="SPA-RL (Stepwise Progress Attribution)",
    verify="alpha and beta; the sum constraint and +0.5 for grounding are exact",
)
def progress_attribution(inputs: Mapping[str, Json], *, alpha: float = 1.0, beta: float = 0.5) -> Outputs:
    """Each step earns its share of the final reward, and something for being executed."""
    contributions = column_of(inputs, "contributions")
    grounded = [boolean(value, f"grounded[{place}]") for place, value in enumerate(listed(inputs, "grounded"))]
    if len(grounded) != len(contributions):
        raise InputError("grounded", f"expected one for each of {len(contributions)} steps, got {len(grounded)}")
    total = float(contributions.sum())
    rewards = alpha * contributions + beta * np.array(grounded, np.float64)
    return {
        "step_rewards": rewards.tolist(),
        "sum": total,
        "residual": number_in(inputs, "final_reward") - total,
    }


@method(
    "reward/shapley_information_gain-v1",
    reach="sample",
    inputs="values: of every coalition of facts, {sorted names joined by +: value}, the empty one as an empty text; "
    "turns: names of the facts that each question brought; orders, how many permutations, and seed, or neither: all",
    formula="phi_f = mean over permutations of the marginal gain of f; a turn earns the sum of phi_f over its new "
    "facts",
    edges="A fact that comes again earns nothing. A coalition without a value: refused. More than 20 facts: refused.",
    source="ProMed (Shapley Information Gain)",
    verify="the sampling of permutations",
)
def shapley_information_gain(inputs: Mapping[str, Json]) -> Outputs:
    """Questions earn the Shapley weights of the facts that they found out."""
    values = {name: number(value, f"values.{name}") for name, value in _values(inputs).items()}
    facts = sorted({name for coalition in values for name in coalition.split("+") if name})
    if len(facts) > _MOST_FACTS:
        raise InputError("values", f"expected up to {_MOST_FACTS} facts, got {len(facts)}")
    shares = dict(zip(facts, _sampled(inputs, facts, values).tolist(), strict=True)) if facts else {}
    seen: set[str] = set()
    rewards: list[float] = []
    for place, turn in enumerate(listed(inputs, "turns")):
        found = [text(name, f"turns[{place}]") for name in listed({"turn": turn}, "turn", f"turns[{place}].")]
        for name in found:
            if name not in shares:
                raise InputError(f"turns[{place}]", f"{name!r} is no fact")
        rewards.append(sum(shares[name] for name in sorted(set(found) - seen)))
        seen |= set(found)
    return {"weights": dict(shares), "step_rewards": list(rewards)}


@method(
    "reward/thought_spans-v1",
    reach="sample",
    inputs="steps [{label: progress, neutral or error, start, end}], outcome; pass_rate of the group, may be left out",
    formula="contiguous steps of one label are one thought; rewards progress 1, neutral 0, error -1; process weight "
    "1 - pass_rate",
    edges="Spans that overlap or run backwards: refused. No pass_rate: process weight 1.",
    source="TP-GRPO (Good Learners Think Their Thinking)",
    verify="the process weight; the spans are exact",
)
def thought_spans(inputs: Mapping[str, Json]) -> Outputs:
    """Labelled steps as thoughts."""
    spans: list[dict[str, Json]] = []
    position = 0
    for place, value in enumerate(listed(inputs, "steps")):
        step = mapping(value, f"steps[{place}]")
        label = text(given(step, "label", f"steps[{place}]."), f"steps[{place}].label")
        start, end = (integer(given(step, name, f"steps[{place}]."), f"steps[{place}].{name}") for name in _ENDS)
        if label not in _LABELS:
            raise InputError(f"steps[{place}].label", f"expected one of {', '.join(_LABELS)}, got {label!r}")
        if not position <= start <= end:
            raise InputError(f"steps[{place}].start", "expected spans that follow each other")
        position = end
        if spans and spans[-1]["label"] == label:
            spans[-1]["end"] = end
        else:
            spans.append({"start": start, "end": end, "label": label, "reward": _WORTH[label]})
    weight = 1.0 - number_in(inputs, "pass_rate", 0.0, 1.0) if inputs.get("pass_rate") is not None else 1.0
    return {"spans": list(spans), "process_weight": weight, "outcome": number_in(inputs, "outcome")}


_ENDS = ("start", "end")


@method(
    "reward/turn_judge-v1",
    reach="sample",
    inputs="scores: of the judge, one per turn",
    formula="(score - lowest) / (highest - lowest) per turn; the rollout's is their mean",
    edges="No turns: refused. A score outside the judge's scale: refused.",
    source="EPO (Explicit Policy Optimization)",
    verify="the grader; process rewards are exact",
)
def turn_judge(inputs: Mapping[str, Json], *, lowest: float = 0.0, highest: float = 10.0) -> Outputs:
    """A grader's score of every turn."""
    require(lowest < highest, "lowest", f"a number < highest ({highest})", lowest)
    scores = numbers_of(given(inputs, "scores"), "scores", lowest, highest)
    if not len(scores):
        raise InputError("scores", "expected at least one turn")
    rewards = (scores - lowest) / (highest - lowest)
    return {"step_rewards": rewards.tolist(), "reward": float(rewards.mean())}


STEP_CREDIT_METHODS = table(progress_attribution, shapley_information_gain, thought_spans, turn_judge)


def _values(inputs: Mapping[str, Json]) -> dict[str, Json]:
    given_ = mapping(given(inputs, "values"), "values")
    return {"+".join(sorted(filter(None, name.split("+")))): value for name, value in given_.items()}


def _sampled(inputs: Mapping[str, Json], facts: list[str], values: Mapping[str, float]) -> Floats:
    """Shapley weights of the facts: over permutations that are drawn, or exactly, over all coalitions."""
    known = _by_mask(facts, values)
    if "orders" not in inputs:
        return _exact(len(facts), known)
    orders = whole_number(inputs, "orders", 1)
    if orders > _MOST_ORDERS:
        raise InputError("orders", f"expected up to {_MOST_ORDERS}, got {orders}")
    generator = np.random.default_rng(whole_number(inputs, "seed"))
    gains = np.zeros(len(facts))
    for _ in range(orders):
        mask = 0
        for fact in cast("list[int]", generator.permutation(len(facts)).tolist()):
            gains[fact] += _value(known, mask | 1 << fact) - _value(known, mask)
            mask |= 1 << fact
    return gains / orders


def _exact(number_of_facts: int, known: Mapping[int, float]) -> Floats:
    every = np.array([_value(known, mask) for mask in range(1 << number_of_facts)])
    masks = np.arange(1 << number_of_facts)
    sizes = np.array([mask.bit_count() for mask in masks.tolist()])
    # 1 / (n C(n-1, s)): the share of the permutations in which exactly these s facts come before
    weights = np.array([_share(number_of_facts, size) for size in range(number_of_facts)])
    found = np.zeros(number_of_facts)
    for fact in range(number_of_facts):
        without = masks[masks & (1 << fact) == 0]
        found[fact] = (weights[sizes[without]] * (every[without | 1 << fact] - every[without])).sum()
    return found


def _share(facts: int, before: int) -> float:
    share = 1.0 / facts
    for place in range(before):
        share *= (place + 1.0) / (facts - 1.0 - place)
    return share


def _by_mask(facts: list[str], values: Mapping[str, float]) -> dict[int, float]:
    places = {name: place for place, name in enumerate(facts)}
    return {sum(1 << places[name] for name in coalition.split("+") if name): v for coalition, v in values.items()}


def _value(known: Mapping[int, float], mask: int) -> float:
    if mask not in known:
        raise InputError("values", "expected a value of every coalition that a permutation passes")
    return known[mask]
