"""The tree that rollouts of a group make when they branch off one another, as arrays over all groups.

A node is a segment of one rollout: from where it branched off, or from where another branched off it, to the next such
place. Each rollout is one leaf, so each leaf is verified once; what it shares with others stands above it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, repeat
from operator import attrgetter
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from assay_server.estimators.columns import Columns
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Floats
from assay_server.estimators.partition import Partition

_DEEPEST = 1_000
_NONE = -1
_parent_rollout_id = attrgetter("parent_rollout_id")

Ints: TypeAlias = "npt.NDArray[np.intp]"


@dataclass(frozen=True, slots=True)
class ForkTree:
    """Nodes are numbered segment by segment, rollout after rollout; after them the groups' roots.

    Attributes:
        parent: of each node; -1 for a root.
        owner: the counted member whose segment it is; -1 for a root.
        start: first step of the segment.
        leaf: the last segment of each counted member.
        depth: 0 for a root.
    """

    parent: Ints
    owner: Ints
    start: Ints
    leaf: Ints
    depth: Ints

    def ancestors(self) -> list[Ints]:
        """Per depth, from the roots down, the node of each counted member there; -1 below its leaf."""
        levels: list[Ints] = []
        of_leaf = self.depth[self.leaf]
        for depth in range(int(of_leaf.max(initial=_NONE)), _NONE, -1):
            known = levels[-1] if levels else np.full(len(self.leaf), _NONE)
            above = np.where(known >= 0, self.parent[np.maximum(known, 0)], _NONE)
            levels.append(np.where(of_leaf == depth, self.leaf, above))
        return levels[::-1]

    def values(self, rewards: Floats) -> Floats:
        """Of each node: a leaf's reward, the mean of a node's children."""
        found = np.zeros(len(self.parent))
        found[self.leaf] = rewards
        inner = np.ones(len(self.parent), np.bool_)
        inner[self.leaf] = False
        for depth in range(int(self.depth.max(initial=0)), 0, -1):
            children = np.flatnonzero(self.depth == depth)
            below = Partition(self.parent[children], len(self.parent))
            mean = below.moments(found[children]).mean
            found = np.where(inner & (below.size > 0), mean, found)
        return found

    def node_of_steps(self, counts: Ints) -> Ints:
        """The segment that each step of the counted members is in, ``counts`` steps each."""
        node = np.repeat(self.leaf, counts)
        step = np.arange(len(node)) - np.repeat(np.cumsum(counts) - counts, counts)
        above = np.flatnonzero(self.start[node] > step)
        while len(above):
            node[above] = self.parent[node[above]]
            above = above[self.start[node[above]] > step[above]]
        return node


def fork_tree(columns: Columns) -> ForkTree:
    """The tree of the counted members of each group.

    Raises:
        InputError: a parent that does not count or is of another group, parents in a circle, or a negative fork step.
    """
    parent, fork = _branches(columns)
    parent = _climbed(columns, parent, fork)
    number = len(parent)
    branched = np.flatnonzero(parent >= 0)
    span = int(fork.max(initial=0)) + 1
    places = np.unique(parent[branched] * span + fork[branched])
    cuts_of, cut_at = places // span, places % span
    segments = np.bincount(cuts_of, minlength=number) + 1
    first = np.cumsum(segments) - segments
    total = int(segments.sum())
    owner = np.repeat(np.arange(number), segments)
    start = np.repeat(fork, segments)
    rank = np.arange(len(places)) - (first - np.arange(number))[cuts_of] if len(places) else places
    start[first[cuts_of] + rank + 1] = cut_at
    above = np.arange(total) - 1
    above[first] = total + columns.partition.index
    place = np.searchsorted(places, parent[branched] * span + fork[branched])
    above[first[branched]] = first[parent[branched]] + rank[place]
    roots = np.full(columns.partition.count, _NONE)
    every = np.concatenate([above, roots])
    return ForkTree(
        parent=every,
        owner=np.concatenate([owner, roots]),
        start=np.concatenate([start, np.zeros(len(roots), np.intp)]),
        leaf=first + segments - 1,
        depth=_depths(every),
    )


def _branches(columns: Columns) -> tuple[Ints, Ints]:
    """The number of each counted member's parent among those that count, -1 for none, and its fork step."""
    members = columns.counted_members
    parent = np.full(len(members), _NONE)
    fork = np.zeros(len(members), np.intp)
    named = list(map(_parent_rollout_id, members))
    told = np.flatnonzero(np.fromiter(map(bool, named), np.bool_, len(named)))
    if not len(told):
        return parent, fork
    told_places: list[int] = told.tolist()
    number = np.full(len(columns.members), _NONE)
    number[columns.counted] = np.arange(len(members))
    positions = np.array(_positions(columns, told, [named[place] for place in told_places]))
    parent[told] = np.where(positions >= 0, number[positions], _NONE)
    steps = [members[place].fork_step for place in told_places]
    if (parent[told] < 0).any() or min(steps) < 0:
        raise _bad_branch(columns, parent, told_places)
    fork[told] = steps
    return parent, fork


def _positions(columns: Columns, told: Ints, parents: Sequence[str]) -> list[int]:
    """Where among all members those stand that counted members branched off; -1 for none of their group."""
    of_group: list[int] = np.bincount(columns.partition.index[told], minlength=columns.partition.count).tolist()
    found: list[int] = []
    for ids, start, number in zip(columns.ids, columns.starts, of_group, strict=False):
        if number:
            own = parents[len(found) : len(found) + number]
            found += map(dict(zip(ids, count(start))).get, own, repeat(_NONE))
    return found


def _bad_branch(columns: Columns, parent: Ints, told: Sequence[int]) -> InputError:
    place = next(place for place in told if parent[place] < 0 or columns.counted_members[place].fork_step < 0)
    member = columns.counted_members[place]
    if parent[place] < 0:
        message = f"{member.parent_rollout_id[:80]!r} does not count in this group"
        return InputError(columns.field(place, "parent_rollout_id"), message)
    return InputError(columns.field(place, "fork_step"), f"expected a step >= 0, got {member.fork_step}")


def _climbed(columns: Columns, parent: Ints, fork: Ints) -> Ints:
    """Who a member really branched off: a branch before its parent's own is one of the parent's parent."""
    circling = parent
    for _ in range(_DEEPEST):
        if (circling < 0).all():
            break
        circling = np.where(circling >= 0, parent[np.maximum(circling, 0)], _NONE)
    else:
        place = int(np.argmax(circling >= 0))
        raise InputError(
            columns.field(place, "parent_rollout_id"), f"parents in a circle, or more than {_DEEPEST} deep"
        )
    found = parent
    for _ in range(_DEEPEST):
        high = (found >= 0) & (fork <= fork[np.maximum(found, 0)])
        if not high.any():
            break
        found = np.where(high, parent[np.maximum(found, 0)], found)
    return found


def _depths(parent: Ints) -> Ints:
    depth = np.zeros(len(parent), np.intp)
    here = parent
    while (here >= 0).any():
        depth += here >= 0
        here = np.where(here >= 0, parent[np.maximum(here, 0)], _NONE)
    return depth
