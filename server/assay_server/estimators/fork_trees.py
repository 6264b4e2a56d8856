"""Estimators over the tree that rollouts make when they branch off one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.sdk.spec import Grouping
from assay_server.estimators.anchors import group_numbers
from assay_server.estimators.columns import Columns
from assay_server.estimators.definition import (
    Method,
    Parts,
    Singleton,
    StepParts,
    estimator,
    require_scale,
    step_estimator,
)
from assay_server.estimators.forks import ForkTree, Ints, fork_tree
from assay_server.estimators.gigpo import step_rows
from assay_server.estimators.partition import Partition
from assay_server.estimators.trees import Subgroups, Weighting, segment_tree, tree_subgroup


@estimator(
    "advantage/tree_subgroup-v1",
    formula=tree_subgroup.formula,
    edges="The tree is told by parent_rollout_id and fork_step; without them it is the group. "
    "Deeper subgroups of one are left out, with drop_zero_std flat ones too. Lone root: 0, or its reward with "
    "singleton=raw. A parent that does not count in the group: refused.",
    source=tree_subgroup.source,
)
def tree_subgroup_of_forks(
    *, weighting: Weighting = "group_size", drop_zero_std: bool = False, singleton: Singleton = "zero"
) -> Method:
    """Reward of a rollout relative to the mean reward of those that share each prefix of it."""
    subgroups = Subgroups(weighting, drop_zero_std, singleton)

    def method(columns: Columns) -> Parts:
        levels = _levels(columns)
        return Parts(subgroups.advantages(columns.counted_rewards, levels))

    return method


@step_estimator(
    "advantage/segment_tree-v1",
    formula="V(leaf) = reward, V(node) = mean of its children; a step of a segment gets V(segment) - V(parent), with "
    "normalise over the population std of the siblings + eps",
    edges="The tree is told by parent_rollout_id and fork_step. Steps of a segment that rollouts share stand in one "
    "step group. Segments of equal value: 0. A member's own advantage is the mean over its steps.",
    source=segment_tree.source,
)
def segment_tree_of_forks(grouping: Grouping, *, normalise: bool = False, eps: float = 1e-8) -> Method:
    """Value of a segment relative to the mean of the segments that continue the same steps; anchors are not read."""
    del grouping
    require_scale(eps)
    return SegmentTree(normalise, eps)


FORK_ESTIMATORS = (tree_subgroup_of_forks, segment_tree_of_forks)


@dataclass(frozen=True, slots=True)
class SegmentTree:
    """SPO-tree with its parameters."""

    normalise: bool
    eps: float

    def __call__(self, columns: Columns) -> Parts:
        rows = step_rows(columns)
        tree = fork_tree(columns)
        values = tree.values(columns.counted_rewards)
        nodes = np.flatnonzero(tree.parent >= 0)
        siblings = Partition(tree.parent[nodes], len(tree.parent))
        moments = siblings.moments(values[nodes])
        of_node = np.zeros(len(values))
        of_node[nodes] = moments.deviation
        if self.normalise:
            of_node[nodes] /= moments.divisor(0, self.eps)[siblings.index]
        node = tree.node_of_steps(rows.counts)
        groups = [group.group_id for group in columns.groups]
        keyed = group_numbers(
            groups, "tree_segment", node, lambda steps: _segment_names(columns, tree, node[steps]), rows.bounds
        )
        advantages = of_node[node]
        own = np.add.reduceat(advantages, rows.first_row) / rows.counts if len(advantages) else advantages
        return Parts(
            own,
            StepParts(
                counts=rows.counts,
                returns=values[node],
                episode=np.zeros(len(advantages)),
                advantages=advantages,
                totals=advantages,
                index=keyed.index,
                ids=keyed.ids,
                group_starts=keyed.group_starts,
                state_digests=[],
            ),
        )


def _segment_names(columns: Columns, tree: ForkTree, nodes: Ints) -> list[str]:
    members = columns.counted_members
    return [
        f"{start}/{members[owner].rollout_id}"
        for owner, start in zip(tree.owner[nodes].tolist(), tree.start[nodes].tolist(), strict=True)
    ]


def _levels(columns: Columns) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], int]]:
    tree = fork_tree(columns)
    for nodes in tree.ancestors():
        here = np.flatnonzero(nodes >= 0)
        yield here, nodes[here], len(tree.parent)
