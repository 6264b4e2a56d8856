"""Preferences that come from a judge's comparisons, and from ranking the paths of a tree."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, listed, mapping
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import number_in, whole_number
from assay_server.estimators.trees import backed_up
from assay_server.sampling.downsampling import generator_of

_MOST_MEMBERS = 4096
_MOST_PATHS = 256
_EVEN = 0.5


@method(
    "pairs/judged-v1",
    reach="group",
    inputs="comparisons [{one, other, forward: P(one wins) asked with one first, backward: P(other wins) asked with "
    "other first}]; or members, how many, and seed: which to ask",
    formula="P = (forward + 1 - backward) / 2; the one with P > 0.5 + margin is chosen; members: up to most pairs, "
    "drawn by the seed, each asked in both orders",
    edges="Orders that disagree are a flip; P within margin of 0.5: no pair. The same pair twice: refused (ask the "
    "cache).",
    source="SPARK, URPO, CGPO",
)
def judged(inputs: Mapping[str, Json], *, margin: float = 0.0, most: int = 64) -> Outputs:
    """A judge's preferences, asked in both orders."""
    require(0.0 <= margin < _EVEN, "margin", "a number in [0, 0.5)", margin)
    require(most >= 0, "most", "an integer >= 0", most)
    if "comparisons" not in inputs:
        return {"ask": _schedule(inputs, most)}
    pairs: list[Json] = []
    seen: set[tuple[int, int]] = set()
    flips = 0
    for place, value in enumerate(listed(inputs, "comparisons")):
        path = f"comparisons[{place}]"
        one, other, forward, backward = _comparison(value, path)
        if one == other or (min(one, other), max(one, other)) in seen:
            raise InputError(path, "expected two members that were not compared yet")
        seen.add((min(one, other), max(one, other)))
        flips += (forward - _EVEN) * (backward - _EVEN) > 0.0
        won = (forward + 1.0 - backward) / 2.0
        if abs(won - _EVEN) > margin:
            chosen, rejected = (one, other) if won > _EVEN else (other, one)
            pairs.append({"chosen": chosen, "rejected": rejected, "margin": abs(2.0 * won - 1.0)})
    return {"pairs": pairs, "flips": flips, "queries": 2 * len(seen)}


@method(
    "pairs/ranked_tree-v1",
    reach="group",
    inputs="tree {id, reward | children}",
    formula="the paths from the root to the leaves, best reward first; step reward of a node = V(node) - V(parent), "
    "V(node) = mean V of its children; each path against the next worse ones, margin = reward difference",
    edges="Equal rewards share a rank and make no pair; the earlier leaf comes first. shared: nodes that both paths "
    "have in common.",
    source="TPO (Aligning Large Language Models with Multi-branch & Multi-step Preference Trees)",
    verify="the adaptive step rewards; that paths are ranked as a list is exact",
)
def ranked_tree(inputs: Mapping[str, Json]) -> Outputs:
    """The paths of a tree as a ranked list with a reward for each step."""
    tree = backed_up(inputs.get("tree"))
    leaves = [name for name in tree.order if not tree.children[name]]
    if len(leaves) > _MOST_PATHS:
        raise InputError("tree", f"expected up to {_MOST_PATHS} leaves, got {len(leaves)}")
    order = sorted(leaves, key=lambda name: -tree.values[name])
    paths = {name: tree.path(name) for name in leaves}
    ranked: list[Json] = [
        {
            "path": list(paths[name]),
            "reward": tree.values[name],
            "rank": 1 + sum(tree.values[other] > tree.values[name] for other in leaves),
            "step_rewards": [
                tree.values[below] - tree.values[above]
                for above, below in zip(paths[name], paths[name][1:], strict=False)
            ],
        }
        for name in order
    ]
    pairs: list[Json] = [
        {
            "chosen": better,
            "rejected": worse,
            "margin": tree.values[better] - tree.values[worse],
            "shared": sum(a == b for a, b in zip(paths[better], paths[worse], strict=False)),
        }
        for better, worse in combinations(order, 2)
        if tree.values[better] > tree.values[worse]
    ]
    return {"values": {name: tree.values[name] for name in tree.order}, "ranked": ranked, "pairs": pairs}


COMPARED_PAIR_METHODS = table(judged, ranked_tree)


def _schedule(inputs: Mapping[str, Json], most: int) -> list[Json]:
    members = whole_number(inputs, "members")
    if members > _MOST_MEMBERS:
        raise InputError("members", f"expected up to {_MOST_MEMBERS}, got {members}")
    every = list(combinations(range(members), 2))
    if len(every) > most:
        chosen: list[int] = generator_of(inputs).choice(len(every), most, replace=False).tolist()
        every = [every[place] for place in sorted(chosen)]
    return [[one, other] for one, other in every]


def _comparison(value: Json, path: str) -> tuple[int, int, float, float]:
    item = mapping(value, path)
    for name in ("one", "other", "forward", "backward"):
        given(item, name, f"{path}.")
    try:
        one, other = whole_number(item, "one"), whole_number(item, "other")
        forward, backward = number_in(item, "forward", 0.0, 1.0), number_in(item, "backward", 0.0, 1.0)
    except InputError as error:
        raise InputError(f"{path}.{error.field}", error.message) from error
    return one, other, forward, backward
