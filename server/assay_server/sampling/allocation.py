"""How many rollouts each prompt gets, and which prompts come next."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, listed
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import column_of, number_in, numbers_of, whole_number
from assay_server.sampling.downsampling import generator_of
from assay_server.sampling.student import student_quantile

_EQUAL_GAIN = 1e-15
_MOST_ROLLOUTS = 10_000_000


@method(
    "allocate/knapsack-v1",
    reach="run",
    inputs="pass_rates, total",
    formula="maximise sum (1 - p^N - (1-p)^N) p (1-p)^2 with sum N = total and low <= N <= high: one rollout at a "
    "time to "
    "the largest gain, which is exact (the value is concave for N >= 1)",
    edges="Gains equal to 1e-15 (so p = 0 and 1 as well): fewest rollouts first, then position. A total that does not "
    "fit, or low < 1: refused.",
    source="Knapsack RL",
    verify="what p = 0 and 1 get; the value is reported",
)
def knapsack(inputs: Mapping[str, Json], *, low: int, high: int) -> Outputs:
    """Rollouts where they are most likely to give a gradient."""
    require(low >= 1, "low", "an integer >= 1", low)
    require(high >= low, "high", f"an integer >= low ({low})", high)
    rates = column_of(inputs, "pass_rates", 0.0, 1.0)
    total = _total(inputs)
    if not low * len(rates) <= total <= high * len(rates):
        raise InputError("total", f"expected {low * len(rates)} to {high * len(rates)}, got {total}")
    rollouts = np.full(len(rates), low, np.int64)
    gains = np.where(rollouts < high, _gain(rates, rollouts), -np.inf)
    for _ in range(total - low * len(rates)):
        equal = np.flatnonzero(gains >= gains.max() - _EQUAL_GAIN)
        chosen = equal[np.argmin(rollouts[equal])]
        rollouts[chosen] += 1
        one = slice(chosen, chosen + 1)
        gains[chosen] = _gain(rates[one], rollouts[one])[0] if rollouts[chosen] < high else -np.inf
    value = (1.0 - rates**rollouts - (1.0 - rates) ** rollouts) * rates * (1.0 - rates) ** 2
    allocated: list[Json] = list(rollouts.tolist())
    return {"rollouts": allocated, "value": float(value.sum())}


@method(
    "allocate/gradient_variance-v1",
    reach="run",
    inputs="gradient_norms G, pass_rates p, total",
    formula="n proportional to G / sqrt(p + a / p^(b-1)), rounded by largest remainders",
    edges="p = 0 or G = 0: none. Equal remainders: by position. Nothing usable: refused.",
    source="GVM-RAFT; the rounding is ours",
)
def gradient_variance(inputs: Mapping[str, Json], *, a: float = 1e-3, b: float = 2.0) -> Outputs:
    """Rollouts where they take most variance out of the gradient."""
    require(a >= 0.0, "a", "a number >= 0", a)
    norms, rates = column_of(inputs, "gradient_norms", 0.0), column_of(inputs, "pass_rates", 0.0, 1.0)
    if len(norms) != len(rates):
        raise InputError("pass_rates", f"expected one for each of {len(norms)} gradient norms, got {len(rates)}")
    total = _total(inputs)
    usable = (rates > 0.0) & (norms > 0.0)
    if not usable.any():
        raise InputError("gradient_norms", "no prompt has both a gradient and a pass rate above 0")
    weights = np.zeros(len(norms))
    weights[usable] = norms[usable] / np.sqrt(rates[usable] + a * rates[usable] ** (1.0 - b))
    exact = total * (weights / weights.sum())
    return {"exact": exact.tolist(), "rollouts": largest_remainders(exact, total).tolist()}


@method(
    "allocate/entropy_balanced-v1",
    reach="group",
    inputs="total, root_entropy, tool_entropies",
    formula="share = sigmoid(beta (root_entropy - mean tool_entropy)); total x share start from the root (exact; "
    "floor it, "
    "at least 1), the rest branch at tool calls",
    edges="No tool call: refused.",
    source="AEPO (Agentic Entropy-Balanced Policy Optimization)",
    verify="the branching, which stays with the caller; the share is reported",
)
def entropy_balanced(inputs: Mapping[str, Json], *, beta: float = 1.0) -> Outputs:
    """How many samples start anew and how many branch."""
    total = _total(inputs)
    root, tools = number_in(inputs, "root_entropy", 0.0), column_of(inputs, "tool_entropies", 0.0)
    if not len(tools):
        raise InputError("tool_entropies", "expected at least one")
    x = beta * (root - float(tools.mean()))
    below = math.exp(-abs(x))
    share = (1.0 if x >= 0.0 else below) / (1.0 + below)
    return {"global_samples_exact": total * share, "global_share": share}


@method(
    "allocate/uncertainty_phased-v1",
    reach="group",
    inputs="rewards[prompt] so far, round (number of rollouts so far, over all prompts), total to allocate",
    formula="h(n) = t_(1-alpha/2, n-1) s / sqrt(n), priority h(n) - h(n+1) + lam sqrt(log(1 + round) / n); the next "
    "rollouts "
    "go to the largest, one at a time",
    edges="Fewer than two rollouts: infinite (null). Equal: fewest rollouts first, then position. Flat: h = 0.",
    source="XRPO",
    verify="the priority; h is reported",
)
def uncertainty_phased(inputs: Mapping[str, Json], *, alpha: float = 0.05, lam: float = 0.1) -> Outputs:
    """Rollouts to the prompts whose mean reward is least certain."""
    require(0.0 < alpha < 1.0, "alpha", "a number in (0, 1)", alpha)
    require(lam >= 0.0, "lam", "a number >= 0", lam)
    rewards = [numbers_of(own, f"rewards[{place}]") for place, own in enumerate(listed(inputs, "rewards"))]
    total, turn = _total(inputs), whole_number(inputs, "round")
    if total and not rewards:
        raise InputError("rewards", "expected a prompt to give rollouts to")
    stds = [float(Partition.single(len(own)).moments(own).std(1)[0]) for own in rewards]
    counts = [len(own) for own in rewards]

    def priority(place: int) -> float:
        n = counts[place]
        if n < 2:
            return math.inf
        narrowed = _width(stds[place], n, alpha) - _width(stds[place], n + 1, alpha)
        return narrowed + lam * math.sqrt(math.log1p(turn) / n)

    first = [priority(place) for place in range(len(rewards))]
    current, given_ = list(first), [0] * len(rewards)
    for _ in range(total):
        chosen = max(range(len(current)), key=lambda place: (current[place], -counts[place], -place))
        given_[chosen] += 1
        counts[chosen] += 1
        current[chosen] = priority(chosen)
    return {"priorities": [None if math.isinf(value) else value for value in first], "rollouts": list(given_)}


@method(
    "sample/tracker_priority-v1",
    reach="run",
    inputs="values of the prompts' trackers, in [0, 1]",
    formula="sqrt(v (1-v)) + epsilon, and its share of the sum",
    edges="All 0: uniform.",
    source="SPO (Single-stream Policy Optimization)",
)
def tracker_priority(inputs: Mapping[str, Json], *, epsilon: float = 0.05) -> Outputs:
    """Prompts of uncertain outcome come more often."""
    require(epsilon >= 0.0, "epsilon", "a number >= 0", epsilon)
    values = column_of(inputs, "values", 0.0, 1.0)
    weights = np.sqrt(values * (1.0 - values)) + epsilon
    total = float(weights.sum())
    shares = weights / total if total > 0.0 else np.full(len(weights), 1.0 / max(len(weights), 1))
    return {"weights": weights.tolist(), "probabilities": shares.tolist()}


@method(
    "sample/variance_promotion-v1",
    reach="run",
    inputs="pass_rates, batch, seed; diversity (one number each), may be left out",
    formula="score = p (1-p) + diversity; floor(share x batch) prompts by score, the rest uniformly from the others",
    edges="Equal scores: earlier first. A batch larger than the prompts: refused.",
    source="MMR1 (variance-aware sampling)",
)
def variance_promotion(inputs: Mapping[str, Json], *, share: float = 0.5) -> Outputs:
    """A part of the batch by promise, the rest by chance."""
    require(0.0 <= share <= 1.0, "share", "a number in [0, 1]", share)
    rates, batch = column_of(inputs, "pass_rates", 0.0, 1.0), whole_number(inputs, "batch")
    diversity = column_of(inputs, "diversity") if "diversity" in inputs else np.zeros(len(rates))
    if len(diversity) != len(rates):
        raise InputError("diversity", f"expected {len(rates)} numbers, got {len(diversity)}")
    if batch > len(rates):
        raise InputError("batch", f"expected 0 to {len(rates)}, got {batch}")
    scores = rates * (1.0 - rates) + diversity
    order = np.argsort(-scores, kind="stable")
    promoted = math.floor(share * batch + 1e-9)
    chance = generator_of(inputs).permutation(np.sort(order[promoted:]))[: batch - promoted]
    return {"scores": scores.tolist(), "promoted": order[:promoted].tolist(), "uniform": np.sort(chance).tolist()}


ALLOCATION_METHODS = table(
    knapsack, gradient_variance, entropy_balanced, uncertainty_phased, tracker_priority, variance_promotion
)


def largest_remainders(exact: Floats, total: int) -> npt.NDArray[np.int64]:
    """Whole numbers near ``exact`` that sum to ``total``; equal remainders by position."""
    whole = np.floor(exact + 1e-9).astype(np.int64)
    missing = total - int(whole.sum())
    order = np.argsort(-np.round(exact - whole, 9), kind="stable")
    whole[order[:missing]] += 1
    return whole


def _total(inputs: Mapping[str, Json]) -> int:
    given(inputs, "total")
    total = whole_number(inputs, "total")
    if total > _MOST_ROLLOUTS:
        raise InputError("total", f"expected up to {_MOST_ROLLOUTS}, got {total}")
    return total


def _gain(rates: Floats, rollouts: npt.NDArray[np.int64]) -> Floats:
    """What one more rollout adds to the value of each prompt."""
    wrong = 1.0 - rates
    return (rates**rollouts * wrong + wrong**rollouts * rates) * rates * wrong**2


def _width(std: float, number: int, alpha: float) -> float:
    return student_quantile(1.0 - alpha / 2.0, number - 1) * std / math.sqrt(number) if std else 0.0
