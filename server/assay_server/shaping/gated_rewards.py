"""Rewards made of several verdicts of one response: gates, sums with bonuses, penalties."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, given, listed, mapping, number
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import number_in, whole_number


@method(
    "reward/gate_and-v1",
    reach="sample",
    inputs="format_ok, correct",
    formula="1 if format and answer are right, else 0",
    edges="One of them missing: refused.",
    source="Vision-R1 (hard formatting result reward)",
    verify="the exact form; the abstract names it",
)
def gate_and(inputs: Mapping[str, Json]) -> Outputs:
    """A right answer counts in the right form only."""
    return {"reward": float(_flag(inputs, "format_ok") and _flag(inputs, "correct"))}


@method(
    "reward/posterior_gated_process-v1",
    reach="sample",
    inputs="format, correct; thinking, the reasoning model's score, which is read only behind an open gate",
    formula="format + outcome + outcome x thinking, outcome 1 or 0",
    edges="Wrong: gate_open is false, and thinking need not be there. Right without thinking: refused.",
    source="Posterior-GRPO (Rewarding Reasoning Processes in Code Generation)",
    verify="the sum; the gate is exact",
)
def posterior_gated_process(inputs: Mapping[str, Json]) -> Outputs:
    """Good reasoning is rewarded where it led to a right answer."""
    outcome = _flag(inputs, "correct")
    thinking = number_in(inputs, "thinking") if outcome else 0.0
    return {"gate_open": outcome, "reward": number_in(inputs, "format") + float(outcome) + thinking}


@method(
    "reward/answer_consistency-v1",
    reach="sample",
    inputs="correct, format_ok, consistent; code_tag, whether the last segment opened code, may be left out",
    formula="answer 1 + format (0.5 or -0.5) + 0.5 if the judge finds reasoning and answer consistent",
    edges="next_temperature: 0 after the code tag, else 1.",
    source="Thyme (Think Beyond Images)",
)
def answer_consistency(inputs: Mapping[str, Json]) -> Outputs:
    """Right, well-formed, and what was reasoned is what was answered."""
    parts = {
        "answer": 1.0 if _flag(inputs, "correct") else 0.0,
        "format": 0.5 if _flag(inputs, "format_ok") else -0.5,
        "consistency": 0.5 if _flag(inputs, "consistent") else 0.0,
    }
    code = boolean(inputs.get("code_tag", False), "code_tag")
    return {"components": dict(parts), "reward": sum(parts.values()), "next_temperature": 0.0 if code else 1.0}


@method(
    "reward/cot_trigger_penalty-v1",
    reach="sample",
    inputs="base; missed, over and format_error: 0 or 1, or how much",
    formula="base - missing_weight missed - over_weight over - format_weight format_error",
    edges="The weights have no default and may change from step to step.",
    source="AdaCoT",
    verify="the sum",
)
def cot_trigger_penalty(
    inputs: Mapping[str, Json], *, missing_weight: float, over_weight: float, format_weight: float
) -> Outputs:
    """What a response earns, less for a thought that was missing, or for one too many."""
    missed, over, error = (_amount(inputs, name) for name in ("missed", "over", "format_error"))
    reward = number_in(inputs, "base") - missing_weight * missed - over_weight * over - format_weight * error
    return {"reward": reward}


@method(
    "reward/constraint_mixture-v1",
    reach="sample",
    inputs="score and baseline_score of the reward model; constraints {name: kept}",
    formula="sigmoid(score - baseline_score); a violating sample earns no positive credit: gate zero 0, drop none, "
    "negative -reward",
    edges="No constraints: nothing is violated.",
    source="CGPO (The Perfect Blend), HarmonyGuard",
    verify="the calibration; the structure is exact",
)
def constraint_mixture(inputs: Mapping[str, Json], *, gate: Literal["zero", "drop", "negative"] = "zero") -> Outputs:
    """A calibrated reward that no violation of a constraint can buy."""
    difference = number_in(inputs, "score") - number_in(inputs, "baseline_score")
    below = math.exp(-abs(difference))
    calibrated = (1.0 if difference >= 0.0 else below) / (1.0 + below)
    constraints = mapping(inputs.get("constraints", {}), "constraints")
    violated = [name for name, kept in constraints.items() if not boolean(kept, f"constraints.{name}")]
    reward: Json = calibrated
    if violated:
        reward = {"zero": 0.0, "drop": None, "negative": -calibrated}[gate]
    named: list[Json] = list(violated)
    return {"calibrated": calibrated, "violated": named, "kept": reward is not None, "reward": reward}


@method(
    "reward/multi_aspect-v1",
    reach="sample",
    inputs="aspects {name: score}",
    formula="sum of weight x score",
    edges="An aspect without a weight, or a weight without its aspect: refused. All aspects are returned.",
    source="Multi-Objective GRPO (Optimizing Safe and Aligned Language Generation)",
)
def multi_aspect(inputs: Mapping[str, Json], *, weights: dict[str, float]) -> Outputs:
    """Several model scores as one."""
    aspects = mapping(given(inputs, "aspects"), "aspects")
    for name in sorted(set(aspects) ^ set(weights)):
        raise InputError(f"aspects.{name}", "expected the aspects that have a weight, and no others")
    scores: dict[str, Json] = {name: number(value, f"aspects.{name}") for name, value in aspects.items()}
    total = sum(weights[name] * number(score, f"aspects.{name}") for name, score in scores.items())
    return {"aspects": scores, "reward": total}


@method(
    "reward/judge_rationale-v1",
    reach="sample",
    inputs="verdicts: of the judge, one per dimension or question; labels: what they should be",
    formula="share of verdicts that equal their label",
    edges="No verdicts: refused. Another number of labels: refused.",
    source="UnifiedReward-Think, SPARK (exact match of its own verdicts)",
)
def judge_rationale(inputs: Mapping[str, Json]) -> Outputs:
    """The judge's verdicts are verified themselves."""
    verdicts, labels = listed(inputs, "verdicts"), listed(inputs, "labels")
    if not verdicts or len(verdicts) != len(labels):
        raise InputError("labels", f"expected one for each of {len(verdicts)} verdicts, one at least")
    matches = [type(a) is type(b) and a == b for a, b in zip(verdicts, labels, strict=True)]
    return {"matches": list(matches), "reward": sum(matches) / len(matches)}


@method(
    "reward/flawed_positive-v1",
    reach="sample",
    inputs="correct; first_error, the judge's index of the first wrong step (-1: none), read only where correct",
    formula="1 if right, -1 if wrong; 0 if right and first_error is not -1",
    edges="Wrong: the judge is not asked. Right without first_error: refused.",
    source="FAPO (Flawed-Aware Policy Optimization)",
)
def flawed_positive(inputs: Mapping[str, Json]) -> Outputs:
    """A right answer by a wrong way earns nothing."""
    if not _flag(inputs, "correct"):
        return {"flawed_positive": False, "reward": -1.0}
    flawed = whole_number(inputs, "first_error", -1) != -1
    return {"flawed_positive": flawed, "reward": 0.0 if flawed else 1.0}


@method(
    "reward/first_error_index-v1",
    reach="sample",
    inputs="predicted: index of the first wrong step, -1 for none, null where it cannot be read; gold: the same; steps",
    formula="-1 if unreadable or wrong about whether there is an error; 1 for a sound solution that was recognised; "
    "else 1 - |predicted - gold| / steps",
    edges="gold not below steps, or no steps where there is an error: refused.",
    source="FAPO (the judge's own reward)",
)
def first_error_index(inputs: Mapping[str, Json]) -> Outputs:
    """What a critique is worth."""
    steps, gold = whole_number(inputs, "steps"), whole_number(inputs, "gold", -1)
    if gold >= steps:
        raise InputError("gold", f"expected -1 to {steps - 1}, got {gold}")
    if given(inputs, "predicted") is None:
        return {"reward": -1.0}
    predicted = whole_number(inputs, "predicted", -1)
    if (predicted == -1) != (gold == -1):
        return {"reward": -1.0}
    return {"reward": 1.0 if gold == -1 else 1.0 - abs(predicted - gold) / steps}


GATED_METHODS = table(
    gate_and,
    posterior_gated_process,
    answer_consistency,
    cot_trigger_penalty,
    constraint_mixture,
    multi_aspect,
    judge_rationale,
    flawed_positive,
    first_error_index,
)


def _flag(inputs: Mapping[str, Json], name: str) -> bool:
    return boolean(given(inputs, name), name)


def _amount(inputs: Mapping[str, Json], name: str) -> float:
    value = given(inputs, name)
    if isinstance(value, bool):
        return float(value)
    amount = number_in(inputs, name)
    if amount < 0.0:
        raise InputError(name, f"expected a number >= 0, got {amount:g}")
    return amount
