"""Sample-scope formulas that can be computed from plain values, by id without version.

``COMPUTATIONS[id](params, inputs) -> outputs``; parameters are complete, nothing is left to a default except where
the table of docs/rewards.md says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from assay.sdk import Json
from assay_server.rewards import length_formulas, set_formulas
from assay_server.rewards.fields import Fields, InvalidField

Values: TypeAlias = Mapping[str, Json]
Computation: TypeAlias = Callable[[Values, Values], dict[str, Json]]

_STEPS = 100_000


def _cosine_length(params: Values, inputs: Values) -> dict[str, Json]:
    given, chosen = Fields("inputs", inputs), Fields("params", params)
    pair = "correct" if given.boolean("correct") else "wrong"
    ends = {name: chosen.number(name) for name in ("correct_short", "correct_long", "wrong_short", "wrong_long")}
    maximum = chosen.integer("max_length", 1, length_formulas.MAX_TOKENS)
    length = given.number("length", 0.0, length_formulas.MAX_TOKENS)
    return {"reward": length_formulas.cosine_length(length, maximum, ends[f"{pair}_short"], ends[f"{pair}_long"])}


def _token_budget_triangle(params: Values, inputs: Values) -> dict[str, Json]:
    given = Fields("inputs", inputs)
    length = given.number("length", 0.0, length_formulas.MAX_TOKENS)
    budget = given.number("budget", 1.0, length_formulas.MAX_TOKENS)
    return {"reward": length_formulas.budget_triangle(length, budget, Fields("params", params).number("peak"))}


def _token_budget(params: Values, inputs: Values) -> dict[str, Json]:
    chosen = Fields("params", params)
    step = Fields("inputs", inputs).integer("global_step", 0, length_formulas.MAX_TOKENS)
    start = chosen.number("start", 1.0, length_formulas.MAX_TOKENS)
    interval = chosen.integer("interval", 1, length_formulas.MAX_TOKENS)
    if params.get("schedule", "exponential") == "exponential":
        gamma = chosen.number("gamma", 0.0, 1.0)
        return {"budget": length_formulas.token_budget(step, start, gamma, interval)}
    if params["schedule"] != "linear":
        raise InvalidField("params.schedule", "expected exponential or linear")
    end = chosen.number("end", 1.0, length_formulas.MAX_TOKENS)
    total = chosen.integer("total_steps", 1, length_formulas.MAX_TOKENS)
    return {"budget": length_formulas.token_budget(step, start, 1.0, interval, "linear", end, total)}


def _geometric_discount(params: Values, inputs: Values) -> dict[str, Json]:
    given = Fields("inputs", inputs)
    rounds = given.integer("rounds", 0, _STEPS)
    outcome, gamma = given.number("outcome"), Fields("params", params).number("gamma", 0.0, 1.0)
    rewards: list[Json] = [gamma ** (rounds - number) * outcome for number in range(1, rounds + 1)]
    return {"step_rewards": rewards}


def _temporal_iou(params: Values, inputs: Values) -> dict[str, Json]:
    given, chosen = Fields("inputs", inputs), Fields("params", params)
    iou = set_formulas.interval_iou(given.interval("predicted"), given.interval("gold"))
    weighted = chosen.number("iou_weight") * iou + chosen.number("format_weight")
    return {"iou": iou, "reward": weighted if given.boolean("format_ok") else 0.0}


def _set_subset_credit(params: Values, inputs: Values) -> dict[str, Json]:
    del params
    given = Fields("inputs", inputs)
    predicted, gold = given.texts("predicted"), given.texts("gold")
    if not gold:
        raise InvalidField("inputs.gold", "must not be empty")
    return {"reward": set_formulas.subset_credit(predicted, gold)}


COMPUTATIONS: Mapping[str, Computation] = {
    "reward/cosine_length": _cosine_length,
    "reward/geometric_discount": _geometric_discount,
    "reward/set_subset_credit": _set_subset_credit,
    "reward/temporal_iou": _temporal_iou,
    "reward/token_budget_triangle": _token_budget_triangle,
    "schedule/token_budget": _token_budget,
}
"""Each raises :class:`assay_server.rewards.fields.InvalidField` for values that it cannot take."""
