"""Advantages of reasoning that may be cut at any of several token budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, listed
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import Singleton
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.rows import column_of, numbers_of

Baseline: TypeAlias = Literal["brpo", "own_trace", "group", "none"]


@method(
    "advantage/budget_relative-v1",
    reach="group",
    inputs="scores[trace][budget][summary], prior over the budgets; end_marks[trace][budget][summary]: how many "
    "end-of-thinking marks, may be left out",
    formula="x = mean over summaries, P = prior / its sum; ret_s = sum_(j>=s) P_j x_j, A = ret_s - (s V1 + (S-s) V2) "
    "/ S; "
    "V1 = sum_(j<s) 2^j x_j / sum_(j<s) 2^j times sum_(j>=s) P_j, V2 = mean of ret_s over traces; summary: score - "
    "mean "
    "of its prefix's summaries",
    edges="s = 0: V1 = 0. One trace: V2 = its own return, or 0 with singleton=raw. One summary each: compared over the "
    "traces. A score counts only with exactly one end mark, else it is 0. baseline own_trace: V1 alone; group: V2 "
    "alone; none: 0. A ragged grid, a prior that is negative or all 0: "
    "refused.",
    source="BRPO (AnytimeReasoner)",
)
def budget_relative(
    inputs: Mapping[str, Json], *, baseline: Baseline = "brpo", singleton: Singleton = "zero"
) -> Outputs:
    """Advantages of each thinking segment by what it does for the answers at all later budgets."""
    scores = _grid(inputs, "scores")
    if "end_marks" in inputs:
        marks = _grid(inputs, "end_marks")
        if marks.shape != scores.shape:
            raise InputError("end_marks", "expected one number for each score")
        scores = np.where(marks == 1.0, scores, 0.0)
    traces, budgets = scores.shape[:2]
    prior = column_of(inputs, "prior", 0.0)
    if len(prior) != budgets and traces:
        raise InputError("prior", f"expected one for each of {budgets} budgets, got {len(prior)}")
    if traces and not prior.sum() > 0.0:
        raise InputError("prior", "expected a positive sum")
    if not traces:
        return {"returns": [], "thinking_advantages": [], "summary_advantages": []}
    prior = prior / prior.sum()
    mean = scores.mean(axis=2)
    returns = _later_sums(prior * mean)
    thinking = returns - _baseline(mean, returns, prior, baseline, singleton)
    return {
        "returns": returns.tolist(),
        "thinking_advantages": thinking.tolist(),
        "summary_advantages": cast("Json", _summaries(scores, singleton).tolist()),
    }


BUDGET_METHODS = table(budget_relative)


def _later_sums(values: Floats) -> Floats:
    """Per budget the sum from it on."""
    return np.flip(np.cumsum(np.flip(values, axis=-1), axis=-1), axis=-1)


def _baseline(mean: Floats, returns: Floats, prior: Floats, kind: Baseline, singleton: Singleton) -> Floats:
    traces, budgets = mean.shape
    own = np.zeros_like(mean)
    earlier = np.zeros(traces)
    weight = 0.0
    for budget in range(1, budgets):
        # weights 2^j relative to the newest: a running average that halves what it had
        earlier, weight = earlier / 2.0 + mean[:, budget - 1], weight / 2.0 + 1.0
        own[:, budget] = earlier / weight
    own *= _later_sums(prior)
    alone = traces == 1 and singleton == "raw"
    group = np.zeros_like(returns) if alone else np.broadcast_to(returns.mean(axis=0), returns.shape)
    if kind == "brpo":
        place = np.arange(budgets, dtype=np.float64)
        return (place * own + (budgets - place) * group) / budgets
    return {"own_trace": own, "group": group, "none": np.zeros_like(own)}[kind]


def _summaries(scores: Floats, singleton: Singleton) -> Floats:
    if scores.shape[2] > 1:
        return scores - scores.mean(axis=2, keepdims=True)
    if scores.shape[0] == 1 and singleton == "raw":
        return scores
    return scores - scores.mean(axis=0, keepdims=True)


def _grid(inputs: Mapping[str, Json], name: str) -> Floats:
    """Traces x budgets x summaries."""
    rows: list[list[Floats]] = []
    for place, trace in enumerate(listed(inputs, name)):
        if not isinstance(trace, list):
            raise InputError(f"{name}[{place}]", "expected a list per budget")
        rows.append([numbers_of(cell, f"{name}[{place}][{budget}]") for budget, cell in enumerate(trace)])
    given(inputs, "prior")
    for place, row in enumerate(rows):
        for budget, cell in enumerate(row):
            if not len(cell) or len(cell) != len(rows[0][0]):
                raise InputError(
                    f"{name}[{place}][{budget}]", "expected as many summaries as in the first, one at least"
                )
        if not row or len(row) != len(rows[0]):
            raise InputError(f"{name}[{place}]", "expected as many budgets as in the first, one at least")
    return np.array(rows, np.float64) if rows else np.empty((0, 0, 0))
