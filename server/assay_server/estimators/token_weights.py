"""Which tokens a loss looks at, and with what weight; the client applies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows, column_of, number_in, numbers_of, whole_number

_Flags = npt.NDArray[np.bool_]
_Tokens = npt.NDArray[np.int64]


@method(
    "token/conflict_weights-v1",
    reach="group",
    inputs="rollouts {group, advantage, tokens}",
    formula="a (position, token) pair conflicts if a positive and a negative member of the group have it; the run of "
    "conflicts from the start, and the one from the end (positions counted from the end of each response), weigh "
    "positive_weight in positive and negative_weight in negative members, else 1; both runs multiply",
    edges="A = 0: weight 1, and the member defines no conflict. No padding.",
    source="GTPO (Trajectory-Based Policy Optimization)",
)
def conflict_weights(
    inputs: Mapping[str, Json], *, positive_weight: float = 2.0, negative_weight: float = 0.0
) -> Outputs:
    """Weights that spare what right and wrong responses have in common at both ends."""
    require(positive_weight >= 0.0, "positive_weight", "a number >= 0", positive_weight)
    require(negative_weight >= 0.0, "negative_weight", "a number >= 0", negative_weight)
    rows = Rows(inputs)
    sign = np.sign(rows.numbers("advantage"))
    tokens = rows.tokens().parts()
    weight = np.where(sign > 0.0, positive_weight, np.where(sign < 0.0, negative_weight, 1.0))
    forward = _runs(tokens, sign, rows.partition)
    backward = [run[::-1] for run in _runs([own[::-1] for own in tokens], sign, rows.partition)]
    weights: list[Json] = [
        (np.where(first, own, 1.0) * np.where(last, own, 1.0)).tolist()
        for first, last, own in zip(forward, backward, weight.tolist(), strict=True)
    ]
    return {"weights": weights}


@method(
    "token/entropy_topk-v1",
    reach="sample",
    inputs="rollouts {advantage, entropy per token}",
    formula="keep the round-up of share x tokens with the largest |A| H over all rollouts",
    edges="Equal |A| H: earlier first. share outside [0, 1]: refused.",
    source="D3S (Learning More with Less)",
    verify="the schedule of the share, which is given here",
)
def entropy_topk(inputs: Mapping[str, Json], *, share: float) -> Outputs:
    """The tokens that matter most: of large advantages and high entropy."""
    require(0.0 <= share <= 1.0, "share", "a number in [0, 1]", share)
    rows = Rows(inputs)
    advantages = np.abs(rows.numbers("advantage"))
    entropies = [
        numbers_of(value, rows.path(place, "entropy"), 0.0) for place, value in enumerate(rows.values("entropy"))
    ]
    scores = np.concatenate(
        [np.empty(0), *(own * entropy for own, entropy in zip(advantages.tolist(), entropies, strict=True))]
    )
    kept = np.zeros(len(scores), np.bool_)
    kept[np.argsort(-scores, kind="stable")[: int(np.ceil(share * len(scores) - 1e-9))]] = True
    return {"mask": _split(kept, [len(own) for own in entropies])}


@method(
    "token/probability_mask-v1",
    reach="sample",
    inputs="logprobs per token of one response",
    formula="credit the tokens with probability < below; they are the candidates, and every interval-th of them cuts",
    edges="A log-probability above 0: refused. interval 0: no cuts.",
    source="SPO (Segment Policy Optimization)",
)
def probability_mask(inputs: Mapping[str, Json], *, below: float = 0.9, interval: int = 0) -> Outputs:
    """The tokens where the policy was unsure, and the places where segments end."""
    require(0.0 < below <= 1.0, "below", "a number in (0, 1]", below)
    require(interval >= 0, "interval", "an integer >= 0", interval)
    unsure = np.exp(column_of(inputs, "logprobs", high=0.0)) < below
    cuts: list[int] = np.flatnonzero(unsure)[interval - 1 :: interval].tolist() if interval else []
    return {"mask": unsure.tolist(), "cuts": list(cuts)}


@method(
    "token/suffix_only-v1",
    reach="sample",
    inputs="length, pivot (first token that is trained)",
    formula="the span [pivot, length)",
    edges="A pivot behind the end: refused.",
    source="R^3L",
)
def suffix_only(inputs: Mapping[str, Json]) -> Outputs:
    """Train a retry from its pivot on."""
    length, pivot = whole_number(inputs, "length"), whole_number(inputs, "pivot")
    if pivot > length:
        raise InputError("pivot", f"expected 0 to {length}, got {pivot}")
    return {"spans": [[pivot, length]] if pivot < length else []}


@method(
    "token/decision_mask-v1",
    reach="sample",
    inputs="length, decision (position of the token that decides, such as the one after the opening think tag)",
    formula="all tokens but the deciding one: [0, decision) and [decision + 1, length)",
    edges="A position outside the response: refused.",
    source="AdaCoT",
)
def decision_mask(inputs: Mapping[str, Json]) -> Outputs:
    """Leave out the token that triggers thinking, so that the trigger does not collapse."""
    length, decision = whole_number(inputs, "length"), whole_number(inputs, "decision")
    if decision >= length:
        raise InputError("decision", f"expected 0 to {length - 1}, got {decision}")
    spans: list[Json] = [[start, end] for start, end in ((0, decision), (decision + 1, length)) if start < end]
    return {"spans": spans}


@method(
    "weight/positive_length-v1",
    reach="group",
    inputs="rollouts {group, correct, length}; max_length",
    formula="over the correct members of a group w proportional to exp((1 - length / max_length) / temperature), sum "
    "1; "
    "wrong: 0",
    edges="A group with one outcome is not valid. A length above max_length: refused.",
    source="DRPO (Decoupled Reward Policy Optimization)",
)
def positive_length(inputs: Mapping[str, Json], *, temperature: float = 0.1) -> Outputs:
    """Weights of right answers that prefer the short ones."""
    require(temperature > 0.0, "temperature", "a number > 0", temperature)
    rows = Rows(inputs)
    longest = number_in(inputs, "max_length", 1e-9)
    lengths = rows.numbers("length", 0.0, longest)
    correct, partition = rows.flags("correct"), rows.partition
    shortest = np.full(partition.count, np.inf)
    np.minimum.at(shortest, partition.index[correct], lengths[correct])
    shortest = np.where(np.isfinite(shortest), shortest, 0.0)
    relative = np.exp(np.minimum((shortest[partition.index] - lengths) / longest / temperature, 0.0))
    weights = np.where(correct, relative, 0.0)
    sums = partition.sums(weights)
    right = np.bincount(partition.index, weights=correct, minlength=partition.count)
    valid: list[bool] = ((right > 0) & (right < partition.size)).tolist()
    return {
        "valid": dict(zip(rows.names, valid, strict=True)),
        "weights": (weights / np.where(sums > 0.0, sums, 1.0)[partition.index]).tolist(),
    }


@method(
    "advantage/none-v1",
    reach="group",
    inputs="rollouts {group, correct}",
    formula="no advantage: the label 1 or 0, whether the group has both outcomes, its share of right answers",
    edges="A group with one outcome is not valid.",
    source="DisCO, NFT",
)
def no_advantage(inputs: Mapping[str, Json]) -> Outputs:
    """Labels for losses that need no advantage."""
    rows = Rows(inputs)
    labels = rows.flags("correct").astype(np.float64)
    accuracy = rows.partition.moments(labels).mean.tolist()
    return {
        "labels": labels.astype(int).tolist(),
        "valid": {name: 0.0 < share < 1.0 for name, share in zip(rows.names, accuracy, strict=True)},
        "accuracy": dict(zip(rows.names, accuracy, strict=True)),
    }


TOKEN_METHODS = table(
    conflict_weights, entropy_topk, probability_mask, suffix_only, decision_mask, positive_length, no_advantage
)


def _runs(tokens: Sequence[_Tokens], sign: Floats, partition: Partition) -> list[_Flags]:
    """Per member the run of conflicting tokens from its start."""
    counts = np.array([len(own) for own in tokens], np.intp)
    if not counts.sum():
        return [np.empty(0, np.bool_) for _ in tokens]
    owner = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    _, code = np.unique(np.concatenate(tokens), return_inverse=True)
    key = (partition.index[owner] * (int(place.max()) + 1) + place) * (int(code.max()) + 1) + code.reshape(-1)
    distinct, pair = np.unique(key, return_inverse=True)
    pairs = Partition(pair.reshape(-1), len(distinct))
    positive, negative = (pairs.sums((side * sign[owner] > 0.0).astype(np.float64)) > 0.0 for side in (1.0, -1.0))
    conflict = (positive & negative)[pairs.index] & (sign[owner] != 0.0)
    ended = np.where(conflict, len(owner), place)
    length = np.full(len(counts), len(owner))
    np.minimum.at(length, owner, ended)
    run = place < length[owner]
    return list(np.split(run, np.cumsum(counts)[:-1]))


def _split(flags: _Flags, counts: Sequence[int]) -> list[Json]:
    return [part.tolist() for part in np.split(flags, np.cumsum(counts)[:-1])] if counts else []
