"""Metrics of batches of rollouts: answers, flags, advantages, judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.answers import answer_classes, class_entropies
from assay_server.estimators.canonical import canonical_key
from assay_server.estimators.case_values import boolean, given, listed, mapping, number, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows, column_of, number_in, numbers_of, whole_number

_LN2 = float(np.log(2.0))
_FEWEST_POINTS = 3


def _samples(inputs: Mapping[str, Json], k: int) -> Rows:
    rows = Rows(inputs, "samples")
    require(1 <= k <= len(rows), "k", f"an integer from 1 to {len(rows)} (samples)", k)
    rows.items = rows.items[:k]
    return rows


def _majority_correct(inputs: Mapping[str, Json], k: int) -> Outputs:
    rows = _samples(inputs, k)
    correct = rows.flags("correct")
    keys = [
        None if value is None else text(value, rows.path(place, "answer_key")) or None
        for place, value in enumerate(rows.values("answer_key"))
    ]
    counts = Counter(key for key in keys if key is not None)
    if not counts:
        return {"majority": None, "value": 0.0}
    winner = max(counts, key=counts.__getitem__)
    return {"majority": winner, "value": float(correct[keys.index(winner)])}


@method(
    "metric/maj_at_k-v1",
    reach="group",
    inputs="samples {answer_key (null: none), correct}",
    formula="1 if the largest answer class of the first k samples is correct, else 0",
    edges="Equal classes: the first seen. Unextracted answers never win; nothing else there: 0. k outside 1 to n: "
    "refused.",
    source="SPO (Single-stream Policy Optimization)",
)
def maj_at_k(inputs: Mapping[str, Json], *, k: int) -> Outputs:
    """Whether the majority of k samples is right."""
    return _majority_correct(inputs, k)


@method(
    "metric/cons_at_k-v1",
    reach="group",
    inputs="samples {answer_key (null: none), correct}",
    formula="as metric/maj_at_k",
    edges="As metric/maj_at_k.",
    source="XRPO",
)
def cons_at_k(inputs: Mapping[str, Json], *, k: int) -> Outputs:
    """Whether the consensus of k samples is right."""
    return _majority_correct(inputs, k)


@method(
    "metric/avg_at_k-v1",
    reach="group",
    inputs="rewards",
    formula="mean of the first k",
    edges="k outside 1 to n: refused.",
    source="DCPO",
)
def avg_at_k(inputs: Mapping[str, Json], *, k: int) -> Outputs:
    """Mean reward of k samples."""
    rewards = column_of(inputs, "rewards")
    require(1 <= k <= len(rewards), "k", f"an integer from 1 to {len(rewards)}", k)
    return {"value": float(rewards[:k].mean())}


@method(
    "metric/answer_entropy-v1",
    reach="group",
    inputs="answer_keys (null: none; all such form one class)",
    formula="-sum p ln p over the answer classes; in bits as well",
    edges="No answers: 0.",
    source="COPO",
)
def answer_entropy(inputs: Mapping[str, Json]) -> Outputs:
    """How much the answers of a group disagree."""
    keys = _keys(inputs)
    if not keys:
        return {"value": 0.0, "bits": 0.0}
    entropy = float(class_entropies(Partition.single(len(keys)), answer_classes(keys, own_class=False))[0])
    return {"value": entropy, "bits": entropy / _LN2}


@method(
    "metric/majority_ratio-v1",
    reach="group",
    inputs="answer_keys (null: none)",
    formula="size of the largest answer class / number of samples",
    edges="No samples: null. Unextracted answers form no class.",
    source="EVOL-RL",
)
def majority_ratio(inputs: Mapping[str, Json]) -> Outputs:
    """How large the majority is."""
    keys = _keys(inputs)
    counts = Counter(key for key in keys if key is not None)
    return {"value": max(counts.values(), default=0) / len(keys) if keys else None}


def _share(inputs: Mapping[str, Json], name: str, of: str = "") -> Outputs:
    """Share of rows with the flag ``name`` among those with the flag ``of``; null where there are none."""
    rows = Rows(inputs)
    flags = rows.flags(name)
    among = rows.flags(of) if of else np.ones(len(rows), np.bool_)
    total = int(among.sum())
    return {"value": int((flags & among).sum()) / total if total else None}


@method(
    "metric/flawed_positive-v1",
    reach="batch",
    inputs="rollouts {correct, flawed}",
    formula="flawed positives / positives",
    edges="No positives: null.",
    source="FAPO",
)
def flawed_positive(inputs: Mapping[str, Json]) -> Outputs:
    """Share of right answers that were reached by a flawed way."""
    return _share(inputs, "flawed", "correct")


@method(
    "metric/skip_rate-v1",
    reach="batch",
    inputs="rollouts {empty_thought}",
    formula="share with an empty thought",
    edges="No rollouts: null.",
    source="TON",
)
def skip_rate(inputs: Mapping[str, Json]) -> Outputs:
    """How often the policy does not think."""
    return _share(inputs, "empty_thought")


@method(
    "metric/trigger_rate-v1",
    reach="batch",
    inputs="rollouts {thought}",
    formula="share with a thought",
    edges="No rollouts: null.",
    source="AdaCoT",
)
def trigger_rate(inputs: Mapping[str, Json]) -> Outputs:
    """How often the policy thinks."""
    return _share(inputs, "thought")


@method(
    "metric/valid_action-v1",
    reach="batch",
    inputs="steps as rollouts {valid}",
    formula="valid actions / actions",
    edges="No actions: null.",
    source="GiGPO",
)
def valid_action(inputs: Mapping[str, Json]) -> Outputs:
    """Share of valid actions."""
    return _share(inputs, "valid")


@method(
    "metric/grounding-v1",
    reach="batch",
    inputs="steps as rollouts {executed}",
    formula="executed actions / actions",
    edges="No actions: null.",
    source="SPA-RL",
)
def grounding(inputs: Mapping[str, Json]) -> Outputs:
    """Share of executed actions."""
    return _share(inputs, "executed")


@method(
    "metric/reward_r2-v1",
    reach="batch",
    inputs="proxy, verified: one number each per sample",
    formula="squared correlation of proxy reward and verifier",
    edges="Fewer than 3 points, or one of them without variance: null.",
    source="PF-PPO",
)
def reward_r2(inputs: Mapping[str, Json]) -> Outputs:
    """How much of the verifier's judgement the proxy reward explains."""
    proxy, verified = column_of(inputs, "proxy"), column_of(inputs, "verified")
    if len(proxy) != len(verified):
        raise InputError("verified", f"expected {len(proxy)} numbers, got {len(verified)}")
    single = Partition.single(len(proxy))
    left, right = single.moments(proxy), single.moments(verified)
    if len(proxy) < _FEWEST_POINTS or left.flat[0] or right.flat[0]:
        return {"value": None}
    ratio = (left.deviation / left.std(0)[0]) @ (right.deviation / right.std(0)[0]) / len(proxy)
    return {"value": float(min(ratio * ratio, 1.0))}


@method(
    "metric/clip_mass-v1",
    reach="batch",
    inputs="advantages (null: none)",
    formula="sum of the positive and sum of the negative advantages, and their shares of sum |A|",
    edges="All 0: shares null.",
    source="BAPO",
)
def clip_mass(inputs: Mapping[str, Json]) -> Outputs:
    """Where the weight of a batch lies."""
    values = [
        0.0 if value is None else number(value, f"advantages[{place}]")
        for place, value in enumerate(listed(inputs, "advantages"))
    ]
    positive, negative = sum(max(value, 0.0) for value in values), sum(min(value, 0.0) for value in values)
    total = positive - negative
    return {
        "positive": positive,
        "negative": negative,
        "positive_share": positive / total if total else None,
        "negative_share": -negative / total if total else None,
    }


@method(
    "metric/disagreement-v1",
    reach="batch",
    inputs="scores[sample]: of each judge; swaps [[verdict, verdict after the swap]], may be left out",
    formula="population variance per sample and its mean; flip rate = share of verdicts that a swap of the order "
    "changes",
    edges="No samples, or no swaps: null.",
    source="Reward Model Ensembles; judges asked in both orders",
)
def disagreement(inputs: Mapping[str, Json]) -> Outputs:
    """How far judges agree with each other and with themselves."""
    scores = [numbers_of(own, f"scores[{place}]") for place, own in enumerate(listed(inputs, "scores"))]
    variances = [float(Partition.single(len(own)).moments(own).std(0)[0]) ** 2 for own in scores]
    swaps = listed(inputs, "swaps") if "swaps" in inputs else []
    flips = [_flipped(pair, f"swaps[{place}]") for place, pair in enumerate(swaps)]
    return {
        "variances": list(variances),
        "mean": sum(variances) / len(variances) if variances else None,
        "flip_rate": sum(flips) / len(flips) if flips else None,
    }


@method(
    "metric/rejection-v1",
    reach="batch",
    inputs="generated, kept, reasons {id: reason}",
    formula="dropped = generated - kept, share kept, number of groups per reason",
    edges="Nothing generated: share null. kept above generated: refused.",
    source="all filters",
)
def rejection(inputs: Mapping[str, Json]) -> Outputs:
    """What filters cost."""
    generated, kept = whole_number(inputs, "generated"), whole_number(inputs, "kept")
    if kept > generated:
        raise InputError("kept", f"expected 0 to {generated}, got {kept}")
    reasons = mapping(inputs.get("reasons", {}), "reasons")
    counts = Counter(text(reason, f"reasons.{name}") for name, reason in reasons.items())
    return {
        "dropped": generated - kept,
        "kept_share": kept / generated if generated else None,
        "reasons": dict(sorted(counts.items())),
    }


@method(
    "metric/dataset_coverage-v1",
    reach="batch",
    inputs="pairs [[state, action]], returns, reference {pairs, lowest, highest}",
    formula="SACo = unique (state, action) / reference pairs; TQ = (mean return - lowest) / (highest - lowest)",
    edges="No returns: TQ null. Reference without pairs, or lowest >= highest: refused.",
    source="A Dataset Perspective on Offline Reinforcement Learning",
)
def dataset_coverage(inputs: Mapping[str, Json]) -> Outputs:
    """How much of the space a stored data set has seen, and how good it was."""
    seen = {canonical_key(pair) for pair in listed(inputs, "pairs")}
    returns = column_of(inputs, "returns")
    reference = mapping(given(inputs, "reference"), "reference")
    pairs = whole_number(reference, "pairs", 1)
    low, high = number_in(reference, "lowest"), number_in(reference, "highest")
    if low >= high:
        raise InputError("reference.highest", f"expected a number > lowest ({low:g})")
    quality = (float(returns.mean()) - low) / (high - low) if len(returns) else None
    return {"coverage": len(seen) / pairs, "quality": quality}


@method(
    "metric/entropy_by_step-v1",
    reach="batch",
    inputs="entropies[rollout][environment step]",
    formula="mean over the rollouts that have the step, per step",
    edges="No rollouts: empty.",
    source="EPO (Entropy-regularized Policy Optimization)",
)
def entropy_by_step(inputs: Mapping[str, Json]) -> Outputs:
    """How entropy develops over an episode."""
    rows = [numbers_of(own, f"entropies[{place}]", 0.0) for place, own in enumerate(listed(inputs, "entropies"))]
    index = np.concatenate([np.empty(0, np.intp), *(np.arange(len(own)) for own in rows)]).astype(np.intp)
    steps = Partition(index, max(map(len, rows), default=0))
    return {"means": steps.moments(np.concatenate([np.empty(0), *rows])).mean.tolist()}


METRIC_METHODS = table(
    maj_at_k,
    cons_at_k,
    avg_at_k,
    answer_entropy,
    majority_ratio,
    flawed_positive,
    skip_rate,
    trigger_rate,
    valid_action,
    grounding,
    reward_r2,
    clip_mass,
    disagreement,
    rejection,
    dataset_coverage,
    entropy_by_step,
)


def _keys(inputs: Mapping[str, Json]) -> list[str | None]:
    values = listed(inputs, "answer_keys")
    return [None if key is None else text(key, f"answer_keys[{place}]") or None for place, key in enumerate(values)]


def _flipped(pair: Json, field: str) -> bool:
    if not isinstance(pair, list) or len(pair) != 2:
        raise InputError(field, "expected [verdict, verdict after the swap]")
    first, second = (boolean(verdict, f"{field}[{place}]") for place, verdict in enumerate(pair))
    return first != second
