"""Majority and novelty: rewards without a reference answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay_server.estimators.case_values import listed, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.shaping.group_rewards import square

_LARGEST_SIMILARITY = 1e6
_CLOSE = 1e-12


@method(
    "reward/majority_novelty-v1",
    reach="group",
    inputs="answer_keys (null: no answer), similarity[i][j] of the responses; the reference answer is never read",
    formula="novelty = 1 - mean similarity inside the answer class / 2 - largest similarity to any other / 2, scaled "
    "to u "
    "in [0, 1] inside the class; the largest class earns 0.5 + 0.5 u, others -1 + 0.5 u",
    edges="Similarities are clipped to [0, 1]. Equal classes: the first seen wins. Alone in its class: mean over all "
    "others, u = 1. Equal novelty: u = 0.5. No answer: -1, and left out of all similarities.",
    source="EVOL-RL (Evolving Language Models without Labels)",
)
def majority_novelty(inputs: Mapping[str, Json]) -> Outputs:
    """Agreement earns most; among those who agree, and among those who do not, the unusual ones earn more."""
    keys = answer_keys(inputs)
    similarity = np.clip(square(inputs, "similarity", -_LARGEST_SIMILARITY, _LARGEST_SIMILARITY), 0.0, 1.0)
    if len(similarity) != len(keys):
        raise InputError("similarity", f"expected {len(keys)} rows, got {len(similarity)}")
    rewards = np.full(len(keys), -1.0)
    classes = _classes(keys)
    majority = max(classes, key=lambda key: len(classes[key])) if classes else None
    answered = np.array(sorted(place for places in classes.values() for place in places), np.intp)
    for key, members in classes.items():
        share = _scaled(_novelty(similarity, np.array(members, np.intp), answered))
        rewards[members] = (0.5 if key == majority else -1.0) + 0.5 * share
    return {"majority": majority, "rewards": rewards.tolist()}


VOTE_METHODS = table(majority_novelty)


def answer_keys(inputs: Mapping[str, Json]) -> list[str | None]:
    """Answer classes of all samples; None where no answer was extracted."""
    values = listed(inputs, "answer_keys")
    return [
        text(value, f"answer_keys[{place}]") or None if value is not None else None
        for place, value in enumerate(values)
    ]


def _classes(keys: list[str | None]) -> dict[str, list[int]]:
    classes: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        if key is not None:
            classes.setdefault(key, []).append(place)
    return classes


def _novelty(similarity: Floats, members: npt.NDArray[np.intp], answered: npt.NDArray[np.intp]) -> Floats:
    if len(answered) < 2:
        return np.ones(len(members))
    to_all = similarity[np.ix_(members, answered)].copy()
    itself = members[:, None] == answered[None, :]
    nearest = np.where(itself, -1.0, to_all).max(axis=1)
    inside = np.isin(answered, members) if len(members) > 1 else np.ones(len(answered), np.bool_)
    counted = inside[None, :] & ~itself
    mean = np.where(counted, to_all, 0.0).sum(axis=1) / counted.sum(axis=1)
    return 1.0 - mean / 2.0 - nearest / 2.0


def _scaled(novelty: Floats) -> Floats:
    if len(novelty) == 1:
        return np.ones(1)
    low, high = float(novelty.min()), float(novelty.max())
    if high - low <= _CLOSE:
        return np.full(len(novelty), 0.5)
    return (novelty - low) / (high - low)
