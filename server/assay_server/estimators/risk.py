"""Risk-sensitive advantages over bundles of questions, and the quantiles that they are measured by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, mapping
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import Ddof, require, require_scale
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import column_of, numbers_of

Credit: TypeAlias = Literal["uniform", "score", "std", "sum_mean"]

_NEGLIGIBLE_SUM = 1e-8
_SMALLEST_STD = 1e-3
_LEVELS = 19


@method(
    "advantage/risk_mvar-v1",
    reach="run",
    inputs="bundle {question: rewards}; tracked [q_low, q_high] where quantiles is tracked or mix",
    formula="paper k = k-th response of each question, S = its sum; A_r = ((S-q_lo)+ - (S-q_hi)+ + q_lo - q_hi)/(high "
    "- "
    "low + eps), A_c = -(q_lo - S)+/(low + eps), A = (weight A_c + A_r)/(weight + 1) / (std of S + eps), never "
    "positive",
    edges="Papers = fewest responses of a question; unpaired responses get 0. One paper, or all S equal: not scaled. "
    "credit: uniform A; score 0.5 A if r > 0 else 1.5 A; std A / (question std + eps), std <= 1e-3 counts as 1; "
    "sum_mean A times the share of r - question mean, equal shares where these sum to 0 (a share can be negative).",
    source="RiskPO",
)
def risk_mvar(
    inputs: Mapping[str, Json],
    *,
    low: float = 0.2,
    high: float = 0.8,
    weight: float = 1.5,
    quantiles: Literal["batch", "tracked", "mix"] = "batch",
    scale: Literal["std", "none"] = "std",
    credit: Credit = "uniform",
    ddof: Ddof = 1,
    eps: float = 1e-6,
) -> Outputs:
    """Advantages of bundles of questions that weigh the lower tail of the bundle's score."""
    require(0.0 < low < 1.0, "low", "a number in (0, 1)", low)
    require(low < high < 1.0, "high", f"a number in (low = {low}, 1)", high)
    require(weight >= 0.0, "weight", "a number >= 0", weight)
    require_scale(eps)
    questions = _bundle(inputs)
    papers = min(map(len, questions.values()), default=0)
    paired = np.array([rewards[:papers] for rewards in questions.values()], np.float64).reshape(len(questions), papers)
    scores = paired.sum(axis=0)
    lower, upper = _quantiles(inputs, scores, low, high, quantiles)
    between = np.maximum(scores - lower, 0.0) - np.maximum(scores - upper, 0.0) + lower - upper
    tail = -np.maximum(lower - scores, 0.0)
    advantages = (weight * tail / (low + eps) + between / (high - low + eps)) / (weight + 1.0)
    if scale == "std":
        advantages = advantages / Partition.single(papers).moments(scores).divisor(ddof, eps)[0]
    shares = _credit(list(questions.values()), paired, credit, ddof, eps)
    return {
        "paper_scores": scores.tolist(),
        "quantiles": [lower, upper],
        "paper_advantages": (advantages + 0.0).tolist(),
        "advantages": {
            name: [*(advantages * share + 0.0).tolist(), *([0.0] * (len(rewards) - papers))]
            for (name, rewards), share in zip(questions.items(), shares, strict=True)
        },
    }


@method(
    "tracker/quantile_sgd-v1",
    reach="run",
    inputs="quantiles; scores; levels (0.05, 0.10 .. 0.95 where left out)",
    formula="q <- q + lr (level - share of scores strictly below q)",
    edges="No scores: nothing moves. Levels outside (0, 1) or of another number than quantiles: refused.",
    source="RiskPO",
)
def quantile_sgd(inputs: Mapping[str, Json], *, lr: float = 0.1) -> Outputs:
    """Quantiles of a run's scores, moved towards their levels."""
    require(lr > 0.0, "lr", "a number > 0", lr)
    quantiles, scores = column_of(inputs, "quantiles"), column_of(inputs, "scores")
    levels = np.arange(1, _LEVELS + 1) / (_LEVELS + 1)
    if "levels" in inputs:
        levels = column_of(inputs, "levels", 0.0, 1.0)
    if not ((levels > 0.0) & (levels < 1.0)).all():
        raise InputError("levels", "expected numbers strictly between 0 and 1")
    if len(levels) != len(quantiles):
        raise InputError("quantiles", f"expected one for each of {len(levels)} levels, got {len(quantiles)}")
    if not len(scores):
        return {"quantiles": quantiles.tolist()}
    below = np.searchsorted(np.sort(scores), quantiles, side="left") / len(scores)
    return {"quantiles": (quantiles + lr * (levels - below)).tolist()}


RISK_METHODS = table(risk_mvar, quantile_sgd)


def _bundle(inputs: Mapping[str, Json]) -> dict[str, Floats]:
    bundle = mapping(given(inputs, "bundle"), "bundle")
    return {name: numbers_of(rewards, f"bundle.{name}") for name, rewards in bundle.items()}


def _quantiles(
    inputs: Mapping[str, Json], scores: Floats, low: float, high: float, kind: Literal["batch", "tracked", "mix"]
) -> tuple[float, float]:
    own = np.quantile(scores, [low, high]) if len(scores) else np.zeros(2)
    if kind == "batch":
        return float(own[0]), float(own[1])
    tracked = _tracked(given(inputs, "tracked"), low, high)
    chosen = tracked if kind == "tracked" else (own + tracked) / 2.0
    return float(chosen[0]), float(chosen[1])


def _tracked(value: Json, low: float, high: float) -> Floats:
    """The two quantiles themselves, or those of a tracker's levels, linear in between."""
    if isinstance(value, dict):
        levels, quantiles = column_of(value, "levels"), column_of(value, "quantiles")
        if not len(levels) or len(levels) != len(quantiles) or (np.diff(levels) <= 0.0).any():
            raise InputError("tracked", "expected rising levels with a quantile each")
        return np.interp([low, high], levels, quantiles)
    pair = numbers_of(value, "tracked")
    if len(pair) != 2 or pair[0] > pair[1]:
        raise InputError("tracked", "expected [lower quantile, upper quantile]")
    return pair


def _credit(questions: list[Floats], paired: Floats, credit: Credit, ddof: Ddof, eps: float) -> Floats:
    """Questions x papers: by what a member's paper advantage is multiplied."""
    if credit == "score":
        return np.where(paired > 0.0, 0.5, 1.5)
    if credit == "std":
        stds = np.array([float(Partition.single(len(own)).moments(own).std(ddof)[0]) for own in questions])
        return np.ones_like(paired) / (np.where(stds <= _SMALLEST_STD, 1.0, stds) + eps)[:, None]
    if credit == "sum_mean":
        means = np.array([float(own.mean()) if len(own) else 0.0 for own in questions])
        above = paired - means[:, None]
        total = above.sum(axis=0)
        even = np.abs(total) <= _NEGLIGIBLE_SUM
        return np.where(even, 1.0 / max(len(questions), 1), above / np.where(even, 1.0, total))
    return np.ones_like(paired)
