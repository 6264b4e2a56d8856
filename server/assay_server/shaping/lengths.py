"""Rewards that prefer short answers, by group, by batch and by declared budget. Lengths are in tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, given
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows, column_of, number_in
from assay_server.estimators.strata import RELEASED_PI

_MOST_TOKENS = 2.0**40


@method(
    "reward/length_relative-v1",
    reach="group",
    inputs="rollouts {group, correct, length}",
    formula="x = 0.5 - (length - min) / (max - min) of the group; correct: x, wrong: min(0, x)",
    edges="All of one length, or a lone member: 0. Minimum and maximum are the group's, never the batch's.",
    source="Kimi k1.5, as in Open-RS",
)
def length_relative(inputs: Mapping[str, Json]) -> Outputs:
    """Shorter answers than those of the group earn more, and wrong ones never gain."""
    rows = Rows(inputs)
    lengths, correct, partition = rows.lengths(), rows.flags("correct"), rows.partition
    low, high = np.full(partition.count, np.inf), np.full(partition.count, -np.inf)
    np.minimum.at(low, partition.index, lengths)
    np.maximum.at(high, partition.index, lengths)
    spread = (high - low)[partition.index]
    relative = 0.5 - (lengths - low[partition.index]) / np.where(spread > 0.0, spread, 1.0)
    rewards = np.where(correct, relative, np.minimum(relative, 0.0))
    return {"rewards": np.where(spread > 0.0, rewards, 0.0).tolist()}


@method(
    "reward/length_penalty_switch-v1",
    reach="batch",
    inputs="rollouts {group, correct, length}",
    formula="groups by share of right answers; the top floor(share x groups) keep a length penalty: correct members "
    "earn "
    "1 - alpha sigmoid((length - mean) / std) over the correct members of the group; the rest 0 or 1",
    edges="Equal shares of right answers: by position. Std (ddof 1) of 0: no penalty.",
    source="GRPO-lambda (Stable Reinforcement Learning for Efficient Reasoning)",
    verify="the sigmoid and the rounding of the top share",
)
def length_penalty_switch(inputs: Mapping[str, Json], *, share: float = 0.2, alpha: float = 0.2) -> Outputs:
    """Only the groups that already succeed are asked to be short."""
    require(0.0 <= share <= 1.0, "share", "a number in [0, 1]", share)
    require(0.0 <= alpha <= 1.0, "alpha", "a number in [0, 1]", alpha)
    rows = Rows(inputs)
    lengths, correct, partition = rows.lengths(), rows.flags("correct"), rows.partition
    accuracy = partition.moments(correct.astype(np.float64)).mean
    penalised = np.zeros(partition.count, np.bool_)
    penalised[np.argsort(-accuracy, kind="stable")[: math.floor(share * partition.count + 1e-9)]] = True
    among = Partition(partition.index[correct], partition.count)
    moments = among.moments(lengths[correct])
    scaled = moments.deviation / moments.divisor(1, 0.0)[among.index]
    penalty = np.where(moments.flat[among.index], 0.0, alpha / (1.0 + np.exp(-scaled)))
    rewards = correct.astype(np.float64)
    rewards[correct] -= np.where(penalised[among.index], penalty, 0.0)
    modes: dict[str, Json] = {
        name: "length_penalty" if chosen else "plain"
        for name, chosen in zip(rows.names, penalised.tolist(), strict=True)
    }
    return {"modes": modes, "rewards": rewards.tolist()}


@method(
    "reward/budget_hierarchical-v1",
    reach="sample",
    inputs="correct, length, budget (null: none); parsable, true where left out",
    formula="n tokens of at most limit L: without budget 4 cos(pi n / 2L); with budget b "
    "min(4 cos(pi n / 2L) - |b - n| / L, 4 cos(pi b / 2L))",
    edges="Wrong, or n > L: 0. An answer that could not be parsed: -1. compat=released: pi = 3.1416, rounded to 2 "
    "decimals, "
    "no budget means L.",
    source="HBPO",
)
def budget_hierarchical(
    inputs: Mapping[str, Json], *, limit: float = 4096.0, compat: Literal["none", "released"] = "none"
) -> Outputs:
    """Right answers earn more the shorter they are, up to what their token budget promises."""
    require(0.0 < limit <= _MOST_TOKENS, "limit", "a number of tokens > 0", limit)
    correct, length = boolean(given(inputs, "correct"), "correct"), number_in(inputs, "length", 0.0)
    budget = None if inputs.get("budget") is None else number_in(inputs, "budget", 0.0)
    if budget is not None and budget > limit:
        raise InputError("budget", f"expected 0 to {limit:g}, got {budget:g}")
    if not boolean(inputs.get("parsable", True), "parsable"):
        return {"reward": -1.0}
    if not correct or length > limit:
        return {"reward": 0.0}
    pi = RELEASED_PI if compat == "released" else math.pi
    if compat == "released" and budget is None:
        budget = limit
    reward = 4.0 * math.cos(pi * length / (2.0 * limit))
    if budget is not None:
        reward = min(reward - abs(budget - length) / limit, 4.0 * math.cos(pi * budget / (2.0 * limit)))
    return {"reward": round(reward, 2) if compat == "released" else reward}


@method(
    "reward/conciseness-v1",
    reach="batch",
    inputs="lengths of the batch",
    formula="1 if length < mean of the batch, else 0",
    edges="Batch of one, or all of one length: 0.",
    source="Learning to Optimize Multi-Objective Alignment Through Dynamic Reward Weighting",
)
def conciseness(inputs: Mapping[str, Json]) -> Outputs:
    """Shorter than the batch's mean."""
    moments = Partition.single(len(lengths := column_of(inputs, "lengths", 0.0))).moments(lengths)
    return {"rewards": (moments.deviation < 0.0).astype(np.float64).tolist()}


LENGTH_METHODS = table(length_relative, length_penalty_switch, budget_hierarchical, conciseness)
