"""Preferences made of scored members of a group: which of them is better than which."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest
from itertools import combinations
from typing import TypeVar

from assay.sdk.samples import Json
from assay_server.estimators.case_values import integer, listed
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import column_of

T = TypeVar("T")

_MOST_MEMBERS = 4096


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


PAIR_METHODS = table(best_worst, difference, ordinal_levels)


def _pair(chosen: int, rejected: int, margin: float) -> Json:
    return {"chosen": chosen, "rejected": rejected, "margin": margin}


def _few(values: list[T], name: str) -> list[T]:
    if len(values) > _MOST_MEMBERS:
        raise InputError(name, f"expected up to {_MOST_MEMBERS}, got {len(values)}")
    return values
