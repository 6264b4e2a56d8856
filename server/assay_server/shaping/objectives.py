"""Several objectives or judges as one reward: ensembles, dynamic weights, gain in hypervolume."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import listed
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.rows import column_of, numbers_of

_DYNAMIC = "Learning to Optimize Multi-Objective Alignment Through Dynamic Reward Weighting"
_ENSEMBLE = "Reward Model Ensembles Help Mitigate Overoptimization"
_MOST_OBJECTIVES = 8
_MOST_POINTS = 1_000


@method(
    "reward/ensemble_worst_case-v1",
    reach="sample",
    inputs="scores of the ensemble",
    formula="min_i r_i; disagreement = population variance",
    edges="No scores: refused. One score: disagreement 0.",
    source=_ENSEMBLE,
)
def ensemble_worst_case(inputs: Mapping[str, Json]) -> Outputs:
    """The most sceptical judge decides."""
    scores = _scores(inputs)
    return {"reward": float(scores.min()), "disagreement": _variance(scores)}


@method(
    "reward/ensemble_uncertainty_weighted-v1",
    reach="sample",
    inputs="scores of the ensemble",
    formula="mean - coefficient x population variance",
    edges="No scores: refused. One score: its value.",
    source=_ENSEMBLE,
    verify="the variance's ddof",
)
def ensemble_uncertainty_weighted(inputs: Mapping[str, Json], *, coefficient: float = 0.5) -> Outputs:
    """The judges' mean, less what they disagree by."""
    require(coefficient >= 0.0, "coefficient", "a number >= 0", coefficient)
    scores = _scores(inputs)
    variance = _variance(scores)
    return {"reward": float(scores.mean()) - coefficient * variance, "disagreement": variance}


@method(
    "reward/hypervolume_meta-v1",
    reach="run",
    inputs="reference, buffer (Pareto points), point",
    formula="gain = max(0, HV(buffer + point) - HV(buffer)) over the reference; multiplier = 0.5 + 1.5 tanh(gain)",
    edges="A point that is not above the reference in every objective adds nothing. Empty buffer: the point's own "
    "volume.",
    source=_DYNAMIC,
)
def hypervolume_meta(inputs: Mapping[str, Json]) -> Outputs:
    """The next step's multiplier, from how much a validation point extends the Pareto front."""
    reference = column_of(inputs, "reference")
    if not 1 <= len(reference) <= _MOST_OBJECTIVES:
        raise InputError("reference", f"expected 1 to {_MOST_OBJECTIVES} objectives, got {len(reference)}")
    rows = listed(inputs, "buffer")
    if len(rows) > _MOST_POINTS:
        raise InputError("buffer", f"expected up to {_MOST_POINTS} points, got {len(rows)}")
    buffer = [_point(row, f"buffer[{place}]", reference) for place, row in enumerate(rows)]
    point = _point(inputs.get("point"), "point", reference)
    gain = 0.0
    if (point > 0.0).all():
        limited = [np.minimum(known, point) for known in buffer if (known > 0.0).all()]
        gain = max(0.0, float(np.prod(point)) - _hypervolume(limited))
    return {"gain": gain, "multiplier": 0.5 + 1.5 * float(np.tanh(gain))}


@method(
    "weights/dynamic-v1",
    reach="run",
    inputs="weights (positive, sum 1), influence per objective from the client",
    formula="softmax(log w + lr influence / mu)",
    edges="Weights that are not positive or do not sum to 1, or another number of influences: refused.",
    source=_DYNAMIC,
)
def dynamic_weights(inputs: Mapping[str, Json], *, lr: float = 0.1, mu: float = 1.0) -> Outputs:
    """Weights of objectives, moved towards those that help most."""
    require(lr >= 0.0, "lr", "a number >= 0", lr)
    require(mu > 0.0, "mu", "a number > 0", mu)
    weights, influence = column_of(inputs, "weights"), column_of(inputs, "influence")
    if not len(weights) or not (weights > 0.0).all() or abs(float(weights.sum()) - 1.0) > 1e-6:
        raise InputError("weights", "expected positive numbers that sum to 1")
    if len(influence) != len(weights):
        raise InputError("influence", f"expected {len(weights)} numbers, got {len(influence)}")
    logits = np.log(weights) + lr * influence / mu
    raised = np.exp(logits - logits.max())
    return {"weights": (raised / raised.sum()).tolist()}


OBJECTIVE_METHODS = table(ensemble_worst_case, ensemble_uncertainty_weighted, hypervolume_meta, dynamic_weights)


def _scores(inputs: Mapping[str, Json]) -> Floats:
    scores = column_of(inputs, "scores")
    if not len(scores):
        raise InputError("scores", "expected at least one")
    return scores


def _variance(scores: Floats) -> float:
    return 0.0 if scores.min() == scores.max() else float(scores.var())


def _point(value: Json, field: str, reference: Floats) -> Floats:
    """A point relative to the reference."""
    point = numbers_of(value, field)
    if len(point) != len(reference):
        raise InputError(field, f"expected {len(reference)} objectives, got {len(point)}")
    return point - reference


def _hypervolume(points: list[Floats]) -> float:
    """Volume of the union of boxes from 0 to each point: each point's own, less what the later ones cover of it."""
    front = _undominated(points)
    if not front:
        return 0.0
    if len(front[0]) == 1:
        return float(front[0][0])
    front.sort(key=lambda point: float(point[-1]), reverse=True)
    volume = 0.0
    for place, point in enumerate(front):
        rest = [np.minimum(other, point) for other in front[place + 1 :]]
        volume += float(np.prod(point)) - _hypervolume(rest)
    return volume


def _undominated(points: list[Floats]) -> list[Floats]:
    if not points:
        return []
    every = np.unique(np.stack(points), axis=0)
    if every.shape[1] == 1:
        return [every[-1]]
    kept: list[Floats] = []
    for place, point in enumerate(every):
        above = (every >= point).all(axis=1)
        above[place] = False
        if not above.any():
            kept.append(point)
    return kept
