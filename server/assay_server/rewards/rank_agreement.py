"""``rank/agreement``: does a predicted order agree with the gold order?"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast

from assay.sdk import Evidence, Json, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.numeric_answers import (
    final_text,
    json_in,
    missing,
    number_of,
    numbers_in,
    numbers_of,
    unparseable,
)

_MOST = 500
_SEPARATOR = re.compile(r"[>,;\n]")
_LARGEST_GAIN = 500.0


@reward(
    "rank/agreement-v1",
    bounds=(0.0, 1.0),
    reference_keys=("ranking", "scores"),
    source="reward/rank_agreement (URPO): Kendall's tau-a; Spearman's rho; NDCG (Jarvelin and Kekalainen 2002)",
)
def rank_agreement(sample: Sample, *, measure: Literal["kendall", "spearman", "ndcg"] = "kendall", k: int = 0) -> Score:
    """Agreement in 0..1 of the answer with ``ranking`` (names, best first) or ``scores`` (numbers, higher = better).

    ``kendall``: ``(1 + tau_a) / 2`` over the pairs that the gold orders, a tie in the prediction counting 0;
    ``spearman``: ``(1 + rho) / 2`` with mean ranks of ties; ``ndcg``: of the first ``k`` (0: all), gain
    ``2^score - 1``, a ranking's scores being ``n - place``. The answer is a JSON list, or names split by ``>`` or
    commas; for ``scores`` one number per item. An answer that is no order of exactly these items is 0. CORRECT at 1.
    """
    names, gold = _gold(sample.reference)
    if k < 0:
        raise Unscorable("INVALID_PARAMETER", f"k must not be negative, got {k}")
    judged = final_text(sample)
    predicted = None if judged is None else _predicted(judged.text, names, len(gold))
    if judged is None or predicted is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no order of the items found"))
    if measure == "kendall":
        value = (1.0 + kendall(predicted, gold)) / 2.0
    elif measure == "spearman":
        value = (1.0 + spearman(predicted, gold)) / 2.0
    else:
        value = ndcg(predicted, gold, k or len(gold))
    value = min(1.0, max(0.0, value))
    exact = math.isclose(value, 1.0, abs_tol=1e-12)
    reason = f"{measure} {value:.4g} of 1"
    evidence = Evidence(judged.text[:1000], judged.method, judged.start, judged.end, reason, measure)
    return Score(1.0 if exact else value, Verdict.CORRECT if exact else Verdict.INCORRECT, evidence)


def _gold(reference: Mapping[str, Json]) -> tuple[list[str] | None, list[float]]:
    """Names (None for scores alone), and the gold score of each."""
    ranking, scores = reference.get("ranking"), reference.get("scores")
    if isinstance(scores, dict):
        return _named_scores(scores)
    if scores is not None:
        read = numbers_of(scores)
        if read is None or not _can_be_ordered(read):
            raise unparseable("scores", f"2 to {_MOST} numbers, not all equal")
        return None, read
    if ranking is None:
        raise missing("ranking")
    listed = [str(item) for item in ranking] if isinstance(ranking, list) and all(map(_is_name, ranking)) else []
    names = [_plain(name) for name in listed]
    if not 2 <= len(names) <= _MOST or len(set(names)) < len(names) or "" in names:
        raise unparseable("ranking", f"a list of 2 to {_MOST} different names, best first")
    return names, [float(len(names) - place) for place in range(len(names))]


def _named_scores(scores: Mapping[str, Json]) -> tuple[list[str], list[float]]:
    read = numbers_of(list(scores.values()))
    names = [_plain(name) for name in scores]
    if read is None or not _can_be_ordered(read) or len(set(names)) < len(names) or "" in names:
        raise unparseable("scores", f"2 to {_MOST} numbers by different names, not all equal")
    return names, read


def _can_be_ordered(read: Sequence[float]) -> bool:
    return 2 <= len(read) <= _MOST and len(set(read)) > 1 and max(map(abs, read)) < 1e12


def _is_name(item: Json) -> bool:
    return isinstance(item, str) or (isinstance(item, int) and not isinstance(item, bool))


def _plain(name: str) -> str:
    return name.strip().strip("\"'`*[](). ").casefold()


def _predicted(text: str, names: list[str] | None, count: int) -> list[float] | None:
    """A score for each gold item, in gold's order."""
    held = json_in(text)
    if names is None:
        read = numbers_of(held) if isinstance(held, list) else numbers_in(text)
        return read if read is not None and len(read) == count else None
    if isinstance(held, dict):
        given = {_plain(name): number_of(item) for name, item in held.items()}
        if len(given) != len(held) or given.keys() != set(names) or None in given.values():
            return None
        return [cast("float", given[name]) for name in names]
    if isinstance(held, list):
        listed = [str(item) for item in held if _is_name(item)] if all(map(_is_name, held)) else []
    else:
        listed = _SEPARATOR.split(text)
    order = [_plain(name) for name in listed]
    place = {name: at for at, name in enumerate(order)}
    if len(order) != count or place.keys() != set(names):
        return None
    return [float(count - place[name]) for name in names]


def kendall(predicted: Sequence[float], gold: Sequence[float]) -> float:
    """``(concordant - discordant) / pairs`` over the pairs that ``gold`` orders, at least one."""
    total = agreed = 0
    for i, one in enumerate(gold):
        for j in range(i):
            if one != gold[j]:
                total += 1
                difference = (predicted[i] - predicted[j]) * (1.0 if one > gold[j] else -1.0)
                agreed += (difference > 0.0) - (difference < 0.0)
    return agreed / total


def spearman(predicted: Sequence[float], gold: Sequence[float]) -> float:
    """Pearson's correlation of the ranks; 0 where the prediction ties everything."""
    ours, theirs = _ranks(predicted), _ranks(gold)
    mean = (len(gold) + 1) / 2.0
    both = sum((a - mean) * (b - mean) for a, b in zip(ours, theirs, strict=True))
    spread = sum((a - mean) ** 2 for a in ours) * sum((b - mean) ** 2 for b in theirs)
    return both / math.sqrt(spread) if spread else 0.0


def _ranks(scores: Sequence[float]) -> list[float]:
    """Ranks from 1, ties at the mean of theirs."""
    order = sorted(range(len(scores)), key=lambda at: scores[at])
    ranks = [0.0] * len(scores)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or scores[order[end]] != scores[order[start]]:
            for at in order[start:end]:
                ranks[at] = (start + end + 1) / 2.0
            start = end
    return ranks


def ndcg(predicted: Sequence[float], gold: Sequence[float], k: int) -> float:
    """Discounted gain of the first ``k`` over the best there is; ties go the worse way.

    Raises:
        Unscorable: a gold score below 0 or too large for a gain.
    """
    if min(gold) < 0.0 or max(gold) > _LARGEST_GAIN:
        raise unparseable("scores", f"for ndcg, numbers from 0 to {_LARGEST_GAIN:g}")
    gains = [2.0**score - 1.0 for score in gold]
    order = sorted(range(len(gold)), key=lambda at: (-predicted[at], gold[at]))
    ours = sum(gains[at] / math.log2(place + 2) for place, at in enumerate(order[:k]))
    best = sum(gain / math.log2(place + 2) for place, gain in enumerate(sorted(gains, reverse=True)[:k]))
    return ours / best
