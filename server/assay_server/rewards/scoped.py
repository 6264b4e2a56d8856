"""Rewards of group and batch scope in a tree: what is known before they speak, and what the tree is worth after."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from assay.sdk import PluginDefinition, PluginKind, Sample, Score, Unscorable, Verdict
from assay_server.rewards.nodes import (
    Collected,
    EnsembleNode,
    GateNode,
    LeafNode,
    Node,
    Outcome,
    Plan,
    ProductNode,
    RouteNode,
    SumNode,
)


class RewardScope(IntEnum):
    """What a reward depends on; numbers as on the wire."""

    SAMPLE = 1
    GROUP = 2
    BATCH = 3


_SCOPES = {PluginKind.GROUP_REWARD: RewardScope.GROUP, PluginKind.BATCH_REWARD: RewardScope.BATCH}


@dataclass(frozen=True, slots=True)
class ScopedLeaf:
    """A group or batch reward with its parameters bound. Its values come from where it runs, by component.

    Attributes:
        of: what it is told as each member's reward; None = what of the whole tree is known when it runs.
    """

    component: str
    definition: PluginDefinition
    bound: Mapping[str, object]
    minimum: float
    maximum: float
    execution_timeout: float | None
    pin: str
    of: Node | None

    @property
    def scope(self) -> RewardScope:
        return _SCOPES[self.definition.kind]

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        """What it said of the member.

        Raises:
            Unscorable: it has not said anything.
        """
        del sample
        said = collected.known.get(self.component)
        if not isinstance(said, Score):
            raise Unscorable("REWARD_FAILED", f"{self.component}: it said nothing of this member")
        collected.components[self.component] = said.value
        return said.value, Verdict.UNSPECIFIED

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        if self.of is not None:
            yield from self.of.leaves(sample)

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        if self.of is not None:
            yield from self.of.pending(sample, plan)


@dataclass(frozen=True, slots=True)
class UnsaidNode:
    """What a rollout is worth where nothing can be said of it alone: NaN, which no program mistakes for a reward."""

    def evaluate(self, sample: Sample, collected: Collected) -> Outcome:
        del sample, collected
        return math.nan, Verdict.UNSPECIFIED

    def leaves(self, sample: Sample | None) -> Iterator[LeafNode]:
        del sample
        yield from ()

    def pending(self, sample: Sample, plan: Plan) -> Iterator[LeafNode]:
        del sample, plan
        yield from ()


_UNSAID = UnsaidNode()


@dataclass(frozen=True, slots=True)
class Stages:
    """A tree with rewards of group or batch scope.

    Attributes:
        whole: the tree with all of them.
        alone: what can be said of one rollout.
        scoped: the rewards of group and batch scope; those that others are made of come before these.
    """

    whole: Node
    alone: Node
    scoped: tuple[ScopedLeaf, ...]

    @classmethod
    def of(cls, whole: Node) -> Stages | None:
        """The stages of a tree; None where every reward judges one rollout.

        Raises:
            ValueError: a route that says nothing before the group is complete stands inside another node.
        """
        scoped = tuple(_scoped_leaves(whole))
        return cls(whole, _known_by(whole, RewardScope.SAMPLE) or _UNSAID, scoped) if scoped else None

    def leaves(self, scope: RewardScope) -> tuple[ScopedLeaf, ...]:
        """The rewards of a scope, in the order in which they run."""
        return tuple(leaf for leaf in self.scoped if leaf.scope is scope)

    @property
    def deferred(self) -> bool:
        """Whether the value is known at the barrier only."""
        return any(leaf.scope is RewardScope.BATCH for leaf in self.scoped)

    def told(self, leaf: ScopedLeaf) -> Node:
        """What a member's reward is when this leaf is called."""
        return leaf.of or self.at(RewardScope(leaf.scope - 1))

    def at(self, scope: RewardScope) -> Node:
        """The tree as far as it is known once the rewards of a scope have spoken."""
        return _known_by(self.whole, scope) or _UNSAID


@dataclass(frozen=True, slots=True)
class Standing:
    """What a tree is worth for a member, with all components."""

    value: float
    components: Mapping[str, float]


def standing(node: Node, task_type: str, components: Mapping[str, float]) -> Standing:
    """What the tree says of a member whose rewards have these values.

    Raises:
        Unscorable: the combined value is not finite, or a reward that counts said nothing.
    """
    known: dict[str, Score | Unscorable] = {name: Score(value) for name, value in components.items()}
    for leaf in node.leaves(None):
        known.setdefault(leaf.component, _NOT_RUN)
    collected = Collected(known=known)
    value, _ = node.evaluate(Sample("", "", task_type=task_type), collected)
    return Standing(value, collected.components)


_NOT_RUN = Unscorable("REWARD_FAILED", "it was not run, because nothing needed it")


def _scoped_leaves(node: Node) -> Iterator[ScopedLeaf]:
    if isinstance(node, ScopedLeaf):
        if node.of is not None:
            yield from _scoped_leaves(node.of)
        yield node
    for child in _children(node):
        yield from _scoped_leaves(child)


def _children(node: Node) -> Sequence[Node]:
    match node:
        case SumNode():
            return [child for _, child in node.terms]
        case ProductNode():
            return node.factors
        case EnsembleNode():
            return node.members
        case GateNode():
            return node.condition, node.then
        case RouteNode():
            return [*node.routes.values(), *(() if node.fallback is None else (node.fallback,))]
        case _:
            return ()


def widest(node: Node) -> RewardScope:
    """The widest scope of a tree's rewards."""
    return max((leaf.scope for leaf in _scoped_leaves(node)), default=RewardScope.SAMPLE)


def _known_by(node: Node, scope: RewardScope) -> Node | None:
    """The tree without what is not known once rewards up to ``scope`` have spoken; None where nothing is.

    A sum is that of its known terms, and so on; a reward that is not known yet is worth what it is made of; a gate of
    which only one side is known is worth that side.
    """
    match node:
        case ScopedLeaf():
            if node.scope <= scope:
                return node
            return None if node.of is None else _known_by(node.of, scope)
        case SumNode():
            terms = [(weight, known) for weight, child in node.terms if (known := _known_inside(child, scope))]
            return replace(node, terms=tuple(terms)) if terms else None
        case ProductNode():
            factors = _all_known(node.factors, scope)
            return replace(node, factors=factors) if factors else None
        case EnsembleNode():
            members = _all_known(node.members, scope)
            return replace(node, members=members) if members else None
        case GateNode():
            condition, then = _known_inside(node.condition, scope), _known_inside(node.then, scope)
            return replace(node, condition=condition, then=then) if condition and then else condition or then
        case RouteNode():
            return _known_route(node, scope)
        case _:
            return node


def _all_known(nodes: Sequence[Node], scope: RewardScope) -> tuple[Node, ...]:
    return tuple(known for child in nodes if (known := _known_inside(child, scope)))


def _known_inside(node: Node, scope: RewardScope) -> Node | None:
    known = _known_by(node, scope)
    if isinstance(known, RouteNode) and _silent(known):
        raise ValueError(
            "a route of which a task type has group rewards only stands inside another node; put it outermost, or give "
            "that task type a reward of one rollout too"
        )
    return known


def _silent(node: Node) -> bool:
    return node is _UNSAID or (isinstance(node, RouteNode) and any(map(_silent, _children(node))))


def _known_route(node: RouteNode, scope: RewardScope) -> Node:
    routes = {name: _known_by(child, scope) or _UNSAID for name, child in node.routes.items()}
    fallback = None if node.fallback is None else _known_by(node.fallback, scope) or _UNSAID
    return replace(node, routes=routes, fallback=fallback)
