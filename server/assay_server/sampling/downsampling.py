"""Which samples of many are trained on: the most varied, the most telling, those that are accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, integer, listed
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows, column_of, number_in, numbers_of, whole_number

Form: TypeAlias = Literal["pow", "max_min", "max_random", "best_of_n", "best_random", "best_worst"]

_EQUAL = 1e-12
_MAX_SHARE = 0.4
_OTHER_SHARE = 0.1
_MOST_DRAWN = 1_000_000


@method(
    "select/max_variance-v1",
    reach="group",
    inputs="values (advantages or rewards)",
    formula="the subset of size keep with the largest population variance: the top j and the bottom keep - j for the "
    "best j",
    edges="Equal variance: more from the top. Equal values: earlier first. keep outside 1 to n: refused.",
    source="D3S (Learning More with Less)",
)
def max_variance(inputs: Mapping[str, Json], *, keep: int) -> Outputs:
    """The samples that differ most from each other."""
    values = column_of(inputs, "values")
    require(1 <= keep <= len(values), "keep", f"an integer from 1 to {len(values)}", keep)
    down, up = np.argsort(-values, kind="stable"), np.argsort(values, kind="stable")
    centred = values - values.mean()
    top = np.arange(keep + 1)
    sums, squares = (
        np.concatenate([[0.0], np.cumsum(high[down])])[top] + np.concatenate([[0.0], np.cumsum(high[up])])[keep - top]
        for high in (centred, centred * centred)
    )
    variances = squares / keep - (sums / keep) ** 2
    best = float(variances.max())
    number = int(np.flatnonzero(variances >= best - _EQUAL * max(1.0, best))[-1])
    chosen = down[:number].tolist()
    taken = set(chosen)
    rest = [place for place in up.tolist() if place not in taken][: keep - number]
    kept = sorted([*chosen, *rest])
    moments = Partition.single(keep).moments(values[kept])
    return {"kept": kept, "variance": float(moments.std(0)[0]) ** 2}


@method(
    "select/policy_filtration-v1",
    reach="group",
    inputs="scores; draw and seed, to draw that many with replacement",
    formula="weights: pow |s|^power; max_min 1 for every copy of the largest and smallest, else 0; max_random 0.4 for "
    "every copy of the largest, 0.1 for others; best_of_n 1 for the first largest; best_worst the first largest and "
    "the "
    "first smallest; best_random the first largest, and 1/(n-1) for each other; probability = (weight + floor) / sum",
    edges="All weights 0: uniform. No scores: empty.",
    source="PF-PPO (Policy Filtration in RLHF)",
)
def policy_filtration(
    inputs: Mapping[str, Json], *, form: Form = "pow", power: float = 2.0, floor: float = 1e-8
) -> Outputs:
    """How often each sample is drawn again, by how reliable its score is."""
    require(power >= 0.0, "power", "a number >= 0", power)
    require(floor >= 0.0, "floor", "a number >= 0", floor)
    scores = column_of(inputs, "scores")
    weights = _filtration(scores, form, power)
    if not np.isfinite(weights.sum()):
        raise InputError("scores", f"the weights of |score|^{power:g} are not finite")
    shares = weights + floor
    if not shares.sum() > 0.0:
        shares = np.ones(len(scores))
    probabilities = shares / max(float(shares.sum()), np.finfo(np.float64).tiny)
    found: Outputs = {"weights": weights.tolist(), "probabilities": probabilities.tolist()}
    if "draw" in inputs:
        found["drawn"] = _drawn(inputs, probabilities)
    return found


@method(
    "select/rejection_probability-v1",
    reach="group",
    inputs="scores; keep and seed, to accept until that many are there",
    formula="accept with probability exp((r - max r) / beta)",
    edges="The best is always accepted. No scores: empty. keep: rounds over what has not been accepted, in order of "
    "position, until keep are accepted; more than there are: refused.",
    source="RSO (Statistical Rejection Sampling Improves Preference Optimization)",
    verify="the iteration to keep",
)
def rejection_probability(inputs: Mapping[str, Json], *, beta: float = 0.5) -> Outputs:
    """The chance of each sample to be accepted as if the optimal policy had written it."""
    require(beta > 0.0, "beta", "a number > 0", beta)
    scores = column_of(inputs, "scores")
    accept = np.exp((scores - scores.max(initial=-np.inf)) / beta) if len(scores) else scores
    found: Outputs = {"accept": accept.tolist()}
    if "keep" in inputs:
        found["accepted"] = _accepted(inputs, accept)
    return found


@method(
    "select/overlong-v1",
    reach="sample",
    inputs="rollouts {truncated}",
    formula="keep what was not truncated; mode=mask keeps all and masks the truncated",
    edges="Reason: overlong.",
    source="Tricks or Traps, T-PPO",
)
def overlong(inputs: Mapping[str, Json], *, mode: Literal["drop", "mask"] = "drop") -> Outputs:
    """Responses that were cut say nothing about the answer."""
    cut = Rows(inputs).flags("truncated")
    named = dict.fromkeys(map(str, np.flatnonzero(cut).tolist()), "overlong")
    if mode == "mask":
        return {"kept": list(range(len(cut))), "masked": dict(named)}
    kept: list[Json] = list(np.flatnonzero(~cut).tolist())
    return {"kept": kept, "dropped": dict(named)}


@method(
    "select/entropy_cutoff-v1",
    reach="group",
    inputs="entropies (mean per rollout); initial_mean, the mean when training began (null: no condition); advantages, "
    "may be left out",
    formula="drop entropy > cutoff, only if initial_mean < cutoff; advantages: 0 where dropped, then A - weight x "
    "entropy",
    edges="Reason: entropy. The released code cuts at 0.7.",
    source="GTPO (Trajectory-Based Policy Optimization); inpainting guided optimisation",
)
def entropy_cutoff(inputs: Mapping[str, Json], *, cutoff: float = 0.6931471805599453, weight: float = 0.1) -> Outputs:
    """Rollouts that have lost their thread teach nothing."""
    require(cutoff > 0.0, "cutoff", "a number > 0", cutoff)
    entropies = column_of(inputs, "entropies", 0.0)
    initial = None if inputs.get("initial_mean") is None else number_in(inputs, "initial_mean", 0.0)
    dropped = (entropies > cutoff) & (initial is None or initial < cutoff)
    kept: list[Json] = list(np.flatnonzero(~dropped).tolist())
    found: Outputs = {
        "kept": kept,
        "dropped": dict.fromkeys(map(str, np.flatnonzero(dropped).tolist()), "entropy"),
    }
    if "advantages" in inputs:
        advantages = column_of(inputs, "advantages")
        if len(advantages) != len(entropies):
            raise InputError("advantages", f"expected {len(entropies)} numbers, got {len(advantages)}")
        found["advantages"] = (np.where(dropped, 0.0, advantages) - weight * entropies).tolist()
    return found


@method(
    "select/score_variance-v1",
    reach="batch",
    inputs="scores[task]: repeated scores of each task",
    formula="keep the tasks with the largest variance (ddof 1) of their scores, in order of position",
    edges="Equal variance: earlier first. One score: variance 0. keep outside 0 to n: refused. Reason: low_variance.",
    source="Temporal-R1",
)
def score_variance(inputs: Mapping[str, Json], *, keep: int) -> Outputs:
    """The tasks whose outcome is least settled."""
    scores = [numbers_of(own, f"scores[{place}]") for place, own in enumerate(listed(inputs, "scores"))]
    require(0 <= keep <= len(scores), "keep", f"an integer from 0 to {len(scores)}", keep)
    variances = np.array([float(Partition.single(len(own)).moments(own).std(1)[0]) ** 2 for own in scores])
    order = np.argsort(-variances, kind="stable")
    return {
        "kept": np.sort(order[:keep]).tolist(),
        "dropped": {str(place): "low_variance" for place in np.sort(order[keep:]).tolist()},
        "variances": variances.tolist(),
    }


DOWNSAMPLING_METHODS = table(
    max_variance, policy_filtration, rejection_probability, overlong, entropy_cutoff, score_variance
)


def generator_of(inputs: Mapping[str, Json]) -> np.random.Generator:
    """The generator of a decision's seed: the same seed decides the same."""
    return np.random.default_rng(whole_number(inputs, "seed"))


def _filtration(scores: Floats, form: Form, power: float) -> Floats:
    if form == "pow":
        with np.errstate(over="ignore"):
            return np.abs(scores) ** power
    if not len(scores):
        return scores
    best, worst = scores == scores.max(), scores == scores.min()
    if form == "max_min":
        return (best | worst).astype(np.float64)
    if form == "max_random":
        return np.where(best, _MAX_SHARE, _OTHER_SHARE)
    weights = np.full(len(scores), 1.0 / max(len(scores) - 1, 1) if form == "best_random" else 0.0)
    weights[np.argmax(best)] = 1.0
    if form == "best_worst":
        weights[np.argmax(worst)] = 1.0
    return weights


def _drawn(inputs: Mapping[str, Json], probabilities: Floats) -> list[Json]:
    number = integer(given(inputs, "draw"), "draw")
    if not 0 <= number <= _MOST_DRAWN or (number and not len(probabilities)):
        raise InputError("draw", f"expected 0 to {_MOST_DRAWN}, and scores to draw from")
    if not number:
        return []
    return generator_of(inputs).choice(len(probabilities), number, p=probabilities / probabilities.sum()).tolist()


def _accepted(inputs: Mapping[str, Json], accept: Floats) -> list[Json]:
    keep = whole_number(inputs, "keep")
    if keep > len(accept):
        raise InputError("keep", f"expected 0 to {len(accept)}, got {keep}")
    generator = generator_of(inputs)
    waiting: npt.NDArray[np.intp] = np.arange(len(accept))
    accepted: list[int] = []
    while len(accepted) < keep:
        likely = accept[waiting] / accept[waiting].max() if accept[waiting].max() > 0.0 else np.ones(len(waiting))
        lucky = generator.random(len(waiting)) < likely
        accepted.extend(waiting[lucky].tolist()[: keep - len(accepted)])
        waiting = waiting[~lucky]
    return list(accepted)
