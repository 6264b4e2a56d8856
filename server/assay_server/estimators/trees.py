"""Advantages in trees of responses: leaves against the leaves below each ancestor, children against their parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json
from assay_server.estimators.case_values import listed, mapping, number, text
from assay_server.estimators.columns import LARGEST
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import Singleton, require_scale
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition
from assay_server.estimators.rows import Rows, column_of, number_in, numbers_of

_DEEPEST = 1_000

Weighting: TypeAlias = Literal["group_size", "average"]
Level: TypeAlias = "tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], int]"
"""Of one depth: the leaves that reach it, the node of each, and how many numbers there are for nodes."""


@method(
    "advantage/tree_subgroup-v1",
    reach="group",
    inputs="leaves {path q#i#j, reward}; length with whiten",
    formula="sum_d |G_d| (R - mean_d) / sum_d |G_d| over the ancestors d of a leaf, G_d = leaves below it; "
    "weighting=average: the plain mean of R - mean_d",
    edges="The root always counts; deeper subgroups of one are left out, with drop_zero_std flat ones too. Lone root: "
    "0, "
    "or its reward with singleton=raw. A path twice: refused. whiten: to mean 0 and std 1 over all tokens.",
    source="TreePO",
)
def tree_subgroup(
    inputs: Mapping[str, Json],
    *,
    weighting: Weighting = "group_size",
    drop_zero_std: bool = False,
    singleton: Singleton = "zero",
    whiten: bool = False,
) -> Outputs:
    """Reward of a leaf relative to the mean reward below each of its ancestors."""
    rows = Rows(inputs, "leaves")
    rewards = rows.numbers("reward")
    levels = _levels(leaf_paths(rows))
    advantages = Subgroups(weighting, drop_zero_std, singleton).advantages(rewards, levels)
    return {"advantages": (_whitened(advantages, rows) if whiten else advantages).tolist()}


@dataclass(frozen=True, slots=True)
class Subgroups:
    """TreePO with its parameters."""

    weighting: Weighting
    drop_zero_std: bool
    singleton: Singleton

    def advantages(self, rewards: Floats, levels: Iterable[Level]) -> Floats:
        """Of the leaves; levels from the root down."""
        total, weights = np.zeros(len(rewards)), np.zeros(len(rewards))
        for depth, (here, nodes, count) in enumerate(levels):
            below = Partition(nodes, count)
            moments = below.moments(rewards[here])
            counts = np.ones(count, np.bool_) if depth == 0 else moments.size > 1
            if self.drop_zero_std and depth > 0:
                counts &= ~moments.flat
            weight = np.where(counts, moments.size if self.weighting == "group_size" else 1, 0)[nodes]
            relative = moments.deviation
            if depth == 0 and self.singleton == "raw":
                relative = np.where(moments.lone[nodes], rewards[here], relative)
            total[here] += weight * relative
            weights[here] += weight
        return total / np.maximum(weights, 1.0)


@method(
    "advantage/segment_tree-v1",
    reach="group",
    inputs="tree {id, reward | children}",
    formula="V(leaf) = reward, V(node) = mean of its children (not of its leaves); A(child) = V(child) - V(parent), "
    "with "
    "normalise over the population std of the children + eps",
    edges="Children of equal value: 0. Edges with A = 0 are not kept. A node with both or neither of reward and "
    "children, "
    "or an id twice: refused.",
    source="SPO-tree (Segment Policy Optimization)",
)
def segment_tree(inputs: Mapping[str, Json], *, normalise: bool = False, eps: float = 1e-8) -> Outputs:
    """Value of a segment relative to the mean of the segments that continue the same text."""
    require_scale(eps)
    tree = backed_up(inputs.get("tree"))
    advantages: dict[str, float] = {}
    for children in tree.children.values():
        if children:
            values = np.array([tree.values[child] for child in children])
            moments = Partition.single(len(children)).moments(values)
            own = moments.deviation / (moments.divisor(0, eps)[0] if normalise else 1.0)
            advantages.update(zip(children, own.tolist(), strict=True))
    names = tree.order[1:]
    return {
        "values": {name: tree.values[name] for name in tree.order},
        "advantages": {name: advantages[name] for name in names},
        "kept": [name for name in names if advantages[name] != 0.0],
    }


@method(
    "advantage/segment_chain-v1",
    reach="sample",
    inputs="boundary_rewards: per boundary the rewards of K continuations; final_reward",
    formula="V_k = mean reward of boundary k's continuations, the last V = final_reward; A_k = V_(k+1) - V_k",
    edges="No boundaries: no segments. A boundary without continuations: refused.",
    source="SPO-chain (Segment Policy Optimization)",
)
def segment_chain(inputs: Mapping[str, Json]) -> Outputs:
    """What each segment of one response changed in the chance of success."""
    values: list[float] = []
    for place, rewards in enumerate(listed(inputs, "boundary_rewards")):
        found = numbers_of(rewards, f"boundary_rewards[{place}]")
        if not len(found):
            raise InputError(f"boundary_rewards[{place}]", "expected at least one continuation")
        values.append(float(found.mean()))
    values.append(number_in(inputs, "final_reward"))
    advantages = np.diff(np.array(values))
    return {"values": cast("list[Json]", values), "advantages": advantages.tolist()}


@method(
    "advantage/value_difference-v1",
    reach="sample",
    inputs="values per step boundary, one more than there are steps",
    formula="A_t = V_(t+1) - V_t",
    edges="Fewer than one boundary: refused.",
    source="Direct Advantage Policy Optimization",
    verify="that the advantage is the plain difference",
)
def value_difference(inputs: Mapping[str, Json]) -> Outputs:
    """What each step changed in the estimated value."""
    values = column_of(inputs, "values")
    if not len(values):
        raise InputError("values", "expected at least one boundary")
    return {"advantages": np.diff(values).tolist()}


TREE_METHODS = table(tree_subgroup, segment_tree, segment_chain, value_difference)


@dataclass(frozen=True, slots=True)
class ValuedTree:
    """A tree with a value at every node: a leaf's reward, the mean of a node's children.

    Attributes:
        order: all names, every parent before its children, in reading order.
    """

    order: list[str]
    children: Mapping[str, tuple[str, ...]]
    parents: Mapping[str, str]
    values: Mapping[str, float]

    def path(self, name: str) -> list[str]:
        """The names from the root to a node."""
        found = [name]
        while found[-1] in self.parents:
            found.append(self.parents[found[-1]])
        return found[::-1]


def backed_up(tree: Json) -> ValuedTree:
    """The values of a tree ``{id, reward | children}``, from its leaves up.

    Raises:
        InputError: a node with both or neither of reward and children, or an id twice.
    """
    nodes = _nodes(tree)
    values: dict[str, float] = {}
    for node in reversed(nodes):
        if node.reward is not None:
            values[node.id] = node.reward
        else:
            below = np.array([values[child] for child in node.children])
            values[node.id] = float(Partition.single(len(below)).moments(below).mean[0])
    return ValuedTree(
        [node.id for node in nodes],
        {node.id: node.children for node in nodes},
        {child: node.id for node in nodes for child in node.children},
        values,
    )


@dataclass(frozen=True, slots=True)
class _Node:
    id: str
    reward: float | None
    children: tuple[str, ...]


def _levels(paths: Sequence[Sequence[str]]) -> Iterator[Level]:
    depths = np.array([len(path) for path in paths], np.intp)
    node = np.zeros(len(paths), np.intp)
    for depth in range(int(depths.max(initial=0))):
        here = np.flatnonzero(depths > depth)
        numbers: dict[tuple[int, str], int] = {}
        keys = [(int(node[place]), paths[place][depth]) for place in here.tolist()]
        node[here] = [numbers.setdefault(key, len(numbers)) for key in keys]
        yield here, node[here], len(numbers)


def leaf_paths(rows: Rows) -> list[list[str]]:
    """The names on the way to each leaf, from the root.

    Raises:
        InputError: a path without a name, too long, or twice.
    """
    found: list[list[str]] = []
    seen: set[str] = set()
    for place, value in enumerate(rows.values("path")):
        path = text(value, rows.path(place, "path"))
        parts = path.split("#")
        if "" in parts or len(parts) > _DEEPEST:
            raise InputError(rows.path(place, "path"), f"expected up to {_DEEPEST} names with # between them")
        if path in seen:
            raise InputError(rows.path(place, "path"), f"{path!r} came twice: leaves are unique")
        seen.add(path)
        found.append(parts)
    return found


def _whitened(advantages: Floats, rows: Rows) -> Floats:
    lengths = rows.lengths()
    tokens = float(lengths.sum())
    if tokens <= 1.0:
        return np.zeros_like(advantages)
    centred = advantages - float((lengths * advantages).sum()) / tokens
    variance = float((lengths * centred**2).sum()) / (tokens - 1.0)
    return centred / np.sqrt(variance + 1e-8)


def _nodes(tree: Json) -> list[_Node]:
    """All nodes, every parent before its children, in reading order; no recursion on depth."""
    nodes: list[_Node] = []
    seen: set[str] = set()
    waiting: list[tuple[Json, str]] = [(tree, "tree")]
    while waiting:
        value, path = waiting.pop()
        item = mapping(value, path)
        name = text(item.get("id"), f"{path}.id")
        if name in seen:
            raise InputError(f"{path}.id", f"{name!r} came twice")
        seen.add(name)
        if ("reward" in item) == ("children" in item):
            raise InputError(path, "expected either reward or children")
        if "reward" in item:
            nodes.append(_Node(name, _reward(item["reward"], f"{path}.reward"), ()))
            continue
        children = listed(item, "children", f"{path}.")
        if not children:
            raise InputError(f"{path}.children", "expected at least one child")
        nodes.append(_Node(name, None, _names(children, f"{path}.children")))
        waiting.extend((child, f"{path}.children[{place}]") for place, child in reversed(list(enumerate(children))))
    return nodes


def _names(children: Sequence[Json], path: str) -> tuple[str, ...]:
    return tuple(
        text(mapping(child, f"{path}[{place}]").get("id"), f"{path}[{place}].id")
        for place, child in enumerate(children)
    )


def _reward(value: Json, field: str) -> float:
    reward = number(value, field)
    if abs(reward) > LARGEST:
        raise InputError(field, f"expected a number up to {LARGEST:g}")
    return reward
