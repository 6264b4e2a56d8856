"""Preferences made of scored members of a group: which of them is better than which."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest
from itertools import combinations, pairwise
from typing import TypeVar

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, given, integer, listed, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import Rows, column_of, number_in, numbers_of

T = TypeVar("T")

_MOST_MEMBERS = 4096
_ANSWERS = {"match": (2.0, 1), "mismatch": (-1.5, 2), "unparsable": (-2.0, 3)}


@method(
    "pairs/best_worst-v1",
    reach="group",
    inputs="rewards",
    formula="the first largest against the first smallest, if they differ by more than margin",
    edges="Equal rewards, or fewer than two members: no pair.",
    source="RLHF Workflow; INPO",
    verify="the margin filter",
)
def best_worst(inputs: Mapping[str, Json], *, margin: float = 0.0) -> Outputs:
    """The clearest preference of a group."""
    require(margin >= 0.0, "margin", "a number >= 0", margin)
    rewards = column_of(inputs, "rewards").tolist()
    if not rewards:
        return {"pairs": []}
    best, worst = rewards.index(max(rewards)), rewards.index(min(rewards))
    gap = rewards[best] - rewards[worst]
    return {"pairs": [_pair(best, worst, gap)] if gap > margin else []}


@method(
    "pairs/difference-v1",
    reach="group",
    inputs="rewards",
    formula="every two members, the larger reward first; margin = reward difference (a shift of all changes nothing)",
    edges="Equal rewards: no pair. most keeps the largest margins, earlier members first.",
    source="CoPG (Contrastive Policy Gradient), P3O (Pairwise Proximal Policy Optimization)",
)
def difference(inputs: Mapping[str, Json], *, most: int = 1024) -> Outputs:
    """All preferences of a group by the difference of their rewards."""
    require(most >= 0, "most", "an integer >= 0", most)
    rewards = _few(column_of(inputs, "rewards").tolist(), "rewards")
    ordered = (
        (left, right) if rewards[left] > rewards[right] else (right, left)
        for left, right in combinations(range(len(rewards)), 2)
        if rewards[left] != rewards[right]
    )
    told = nlargest(most, ordered, key=lambda pair: (rewards[pair[0]] - rewards[pair[1]], -pair[0], -pair[1]))
    return {"pairs": [_pair(better, worse, rewards[better] - rewards[worse]) for better, worse in told]}


@method(
    "pairs/ordinal_levels-v1",
    reach="group",
    inputs="levels (1 = best)",
    formula="all pairs of members at different levels; weight best_weight where the winner is at level 1, else 1",
    edges="Fewer than two members, or one level: no pair. A level below 1: refused.",
    source="TRPA (Trust Region Preference Approximation)",
)
def ordinal_levels(inputs: Mapping[str, Json], *, best_weight: float = 2.5) -> Outputs:
    """All preferences between members of different levels."""
    require(best_weight > 0.0, "best_weight", "a number > 0", best_weight)
    levels = _few(
        [integer(value, f"levels[{place}]") for place, value in enumerate(listed(inputs, "levels"))], "levels"
    )
    for place, level in enumerate(levels):
        if level < 1:
            raise InputError(f"levels[{place}]", f"expected an integer >= 1, got {level}")
    pairs: list[Json] = [
        {"chosen": better, "rejected": worse, "weight": best_weight if levels[better] == 1 else 1.0}
        for better in range(len(levels))
        for worse in range(len(levels))
        if levels[better] < levels[worse]
    ]
    return {"pairs": pairs}


@method(
    "pairs/equivalence-v1",
    reach="group",
    inputs="samples {answer_key (null: none), correct}",
    formula="every right member against every wrong one; and the pairs of right members that share a class: equivalent",
    edges="Nobody right or nobody wrong: no pair. Members without an answer are wrong.",
    source="OORL / GEPO",
)
def equivalence(inputs: Mapping[str, Json]) -> Outputs:
    """Preferences of the right class over the others, and what is mutually equivalent inside it."""
    rows = Rows(inputs, "samples")
    _few(rows.items, "samples")
    right = rows.flags("correct").tolist()
    keys = rows.values("answer_key")
    good = [place for place, correct in enumerate(right) if correct]
    same: list[Json] = [
        [one, two] for one, two in combinations(good, 2) if keys[one] is not None and keys[one] == keys[two]
    ]
    pairs: list[Json] = [
        {"chosen": better, "rejected": worse} for better in good for worse, correct in enumerate(right) if not correct
    ]
    return {"pairs": pairs, "equivalent": same}


@method(
    "pairs/win_matrix-v1",
    reach="group",
    inputs="probabilities[i][j] that i beats j",
    formula="P~ = (P_ij + 1 - P_ji) / 2 with debias, 0.5 on the diagonal; row means over the others; queries asked",
    edges="A lone member: mean 0.5. Not square, or outside [0, 1]: refused.",
    source="SPPO, Nash Learning from Human Feedback, Direct Nash Optimization, EGPO",
)
def win_matrix(inputs: Mapping[str, Json], *, debias: bool = True) -> Outputs:
    """How often each member beats each other one."""
    rows = _few(listed(inputs, "probabilities"), "probabilities")
    number = len(rows)
    matrix = np.full((number, number), 0.5)
    for place, row in enumerate(rows):
        own = numbers_of(row, f"probabilities[{place}]", 0.0, 1.0)
        if len(own) != number:
            raise InputError(f"probabilities[{place}]", f"expected {number} numbers, got {len(own)}")
        matrix[place] = own
    matrix = (matrix + 1.0 - matrix.T) / 2.0 if debias else matrix
    np.fill_diagonal(matrix, 0.5)
    means = (matrix.sum(axis=1) - 0.5) / (number - 1) if number > 1 else np.full(number, 0.5)
    queries = number * (number - 1) // (1 if debias else 2)
    table_: list[Json] = [row.tolist() for row in matrix]
    return {"matrix": table_, "means": means.tolist(), "queries": queries}


@method(
    "pairs/siblings-v1",
    reach="group",
    inputs="nodes {id, parent (null: root), outcome (of leaves), evaluation (may be left out)}",
    formula="Q of a leaf = outcome + weight x evaluation, of a node mean Q of its children + weight x evaluation; of "
    "each node's children the highest Q against the lowest",
    edges="Equal Q, or one child: no pair. Equal highest (lowest): the first. A parent that is not there, or comes "
    "after its child: refused.",
    source="MCTS-DPO (Monte Carlo Tree Search Boosts Reasoning via Iterative Preference Learning)",
    verify="how outcome and self-evaluation are weighed",
)
def siblings(inputs: Mapping[str, Json], *, weight: float = 1.0) -> Outputs:
    """At every fork of a tree the best branch against the worst."""
    rows = Rows(inputs, "nodes")
    names = [text(value, rows.path(place, "id")) for place, value in enumerate(rows.values("id"))]
    places = {name: place for place, name in enumerate(names)}
    children: list[list[int]] = [[] for _ in names]
    for place, parent in enumerate(rows.values("parent")):
        if parent is None:
            continue
        above = places.get(text(parent, rows.path(place, "parent")), place)
        if above >= place:
            raise InputError(rows.path(place, "parent"), "expected a node that comes earlier")
        children[above].append(place)
    quality = [0.0] * len(names)
    for place in reversed(range(len(names))):
        item = rows.items[place]
        evaluation = number_in(item, "evaluation") if item.get("evaluation") is not None else 0.0
        below = [quality[child] for child in children[place]]
        outcome = sum(below) / len(below) if below else number_in(item, "outcome")
        quality[place] = outcome + weight * evaluation
    pairs: list[Json] = []
    for place, own in enumerate(children):
        if not own:
            continue
        best, worst = max(own, key=lambda child: quality[child]), min(own, key=lambda child: quality[child])
        if quality[best] > quality[worst]:
            margin = quality[best] - quality[worst]
            pairs.append({"parent": names[place], "chosen": names[best], "rejected": names[worst], "margin": margin})
    return {"q": list(quality), "pairs": pairs}


@method(
    "pairs/revision-v1",
    reach="group",
    inputs="rewards of an answer and its revisions, in order",
    formula="each answer with its revision: win if the revision is worth more, loss if less, else tie",
    edges="Fewer than two: no pair.",
    source="SRPO (Self-Improving Robust Preference Optimization)",
)
def revision(inputs: Mapping[str, Json]) -> Outputs:
    """Whether each revision of an answer made it better."""
    rewards = column_of(inputs, "rewards").tolist()
    pairs: list[Json] = [
        {"answer": place, "revision": place + 1, "label": _label(after - before), "margin": after - before}
        for place, (before, after) in enumerate(pairwise(rewards))
    ]
    return {"pairs": pairs}


@method(
    "pairs/corrected_prefix-v1",
    reach="sample",
    inputs="safe: per step",
    formula="the first unsafe step is rejected, its replacement chosen, after the steps before it",
    edges="All safe: nothing to correct.",
    source="Intervened preference optimisation (Towards Safe Reasoning in Large Reasoning Models)",
)
def corrected_prefix(inputs: Mapping[str, Json]) -> Outputs:
    """Where a trajectory is corrected."""
    safe = [boolean(value, f"safe[{place}]") for place, value in enumerate(listed(inputs, "safe"))]
    if all(safe):
        return {"needed": False, "prefix": len(safe), "rejected_step": None}
    return {"needed": True, "prefix": safe.index(False), "rejected_step": safe.index(False)}


@method(
    "levels/preference-v1",
    reach="sample",
    inputs="format_ok; answer: match, mismatch or unparsable",
    formula="format +1 or -1; answer +2, -1.5, -2 (unparsable, or bad format): totals 3, -0.5, -1, -3; levels 1 right, "
    "2 wrong, 3 incomplete, 4 bad format",
    edges="The released comment says -1 for a bad format; its arithmetic gives -3.",
    source="TRPA (Trust Region Preference Approximation)",
)
def preference_level(inputs: Mapping[str, Json]) -> Outputs:
    """The level of a response, for ``pairs/ordinal_levels``."""
    answer = text(given(inputs, "answer"), "answer")
    if answer not in _ANSWERS:
        raise InputError("answer", f"expected one of {', '.join(_ANSWERS)}, got {answer!r}")
    if not boolean(given(inputs, "format_ok"), "format_ok"):
        return {"reward": -3.0, "level": 4}
    reward, level = _ANSWERS[answer]
    return {"reward": 1.0 + reward, "level": level}


PAIR_METHODS = table(
    best_worst,
    difference,
    ordinal_levels,
    equivalence,
    win_matrix,
    siblings,
    revision,
    corrected_prefix,
    preference_level,
)


def _pair(chosen: int, rejected: int, margin: float) -> Json:
    return {"chosen": chosen, "rejected": rejected, "margin": margin}


def _label(gain: float) -> str:
    if gain == 0.0:
        return "tie"
    return "win" if gain > 0.0 else "loss"


def _few(values: list[T], name: str) -> list[T]:
    if len(values) > _MOST_MEMBERS:
        raise InputError(name, f"expected up to {_MOST_MEMBERS}, got {len(values)}")
    return values
