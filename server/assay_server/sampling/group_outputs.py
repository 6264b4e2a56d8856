"""What else is told of a finished group beside its advantages: preference pairs and token weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias, cast

import numpy as np

from assay.sdk.parameters import Parameter
from assay.sdk.samples import Json, Verdict
from assay.sdk.spec import OutputChoice
from assay_server.estimators.columns import columns_of
from assay_server.estimators.declared import DeclaredMethod
from assay_server.estimators.definition import bind
from assay_server.estimators.errors import InputError, UnknownMethod
from assay_server.estimators.forks import ForkTree, fork_tree
from assay_server.estimators.groups import Group, GroupAdvantages, Member, MemberOutcome, Role
from assay_server.estimators.token_weights import (
    conflict_weights,
    decision_mask,
    entropy_topk,
    probability_mask,
)
from assay_server.sampling.pairs import best_worst, difference, equivalence, ordinal_levels

_EVERY_ROLE = frozenset(Role)
_MOST_LEAVES = 256


@dataclass(frozen=True, slots=True)
class Pair:
    """One of two rollouts is preferred. ``fork_step``: the steps before it are common to both; None = not siblings."""

    chosen: str
    rejected: str
    weight: float = 1.0
    margin: float = 0.0
    fork_step: int | None = None


@dataclass(frozen=True, slots=True)
class GroupOutputs:
    """What methods say of one group; ``weights`` per rollout, one number a token."""

    pairs: tuple[Pair, ...] = ()
    weights: Mapping[str, Sequence[float]] | None = None


@dataclass(frozen=True, slots=True)
class CountedGroup:
    """The members that count, in order of ``rollout_id``, with their advantages; NaN where there are none."""

    members: Sequence[Member]
    advantages: Sequence[float]

    @property
    def rewards(self) -> list[Json]:
        """Of each."""
        return [member.reward for member in self.members]

    def signal(self, name: str) -> list[Json]:
        """One signal of each, as JSON.

        Raises:
            InputError: a member lacks it.
        """
        found: list[Json] = []
        for member in self.members:
            if name not in member.signals:
                raise InputError(f"{member.rollout_id}.signals.{name}", "the trainer must send it")
            found.append(np.asarray(member.signals[name]).tolist())
        return found


Tell: TypeAlias = Callable[[CountedGroup, Mapping[str, Json]], GroupOutputs]


@dataclass(frozen=True, slots=True)
class GroupOutput:
    """A method that can be asked for by id."""

    id: str
    parameters: tuple[Parameter, ...]
    required_signals: tuple[str, ...]
    tell: Tell


class UnknownOutput(UnknownMethod):
    """No output of groups has this id."""

    kind = "output"


@dataclass(frozen=True, slots=True)
class CompiledOutputs:
    """A run's outputs, checked."""

    chosen: tuple[tuple[GroupOutput, Mapping[str, Json]], ...] = ()

    @property
    def required_signals(self) -> tuple[str, ...]:
        """Signals that something in it reads."""
        return tuple(dict.fromkeys(name for output, _ in self.chosen for name in output.required_signals))

    def of(self, group: Group, numbers: GroupAdvantages) -> GroupOutputs:
        """All that is told of a group; weights of several methods multiply.

        Raises:
            InputError: a member lacks what a method reads.
        """
        counted = _counted(group, numbers)
        pairs: list[Pair] = []
        weights: dict[str, Sequence[float]] = {}
        for output, params in self.chosen:
            told = output.tell(counted, params)
            pairs.extend(told.pairs)
            for name, own in (told.weights or {}).items():
                known = weights.get(name)
                if known is not None and len(known) != len(own):
                    raise InputError(f"{name}.signals", f"{output.id} sees {len(own)} tokens, others {len(known)}")
                weights[name] = own if known is None else [a * b for a, b in zip(known, own, strict=True)]
        return GroupOutputs(tuple(pairs), weights)


NO_OUTPUTS = CompiledOutputs()


def compile_outputs(choices: Sequence[OutputChoice]) -> CompiledOutputs:
    """Check what is asked for.

    Raises:
        UnknownOutput: no such id; carries the nearest ones.
        ParameterError: a parameter is unknown, missing or of the wrong type.
    """
    chosen: list[tuple[GroupOutput, Mapping[str, Json]]] = []
    for choice in choices:
        output = GROUP_OUTPUTS.get(choice.id) or GROUP_OUTPUTS.get(f"{choice.id}-v1")
        if output is None:
            raise UnknownOutput(choice.id, GROUP_OUTPUTS)
        bind(output.parameters, choice.params)
        chosen.append((output, choice.params))
    return CompiledOutputs(tuple(chosen))


def _counted(group: Group, numbers: GroupAdvantages) -> CountedGroup:
    members = {member.rollout_id: member for member in group.members}
    rows = zip(numbers.rollout_ids, numbers.outcomes.tolist(), numbers.advantages.tolist(), strict=True)
    counted = [(members[name], advantage) for name, outcome, advantage in rows if outcome == MemberOutcome.COUNTED]
    return CountedGroup([member for member, _ in counted], [advantage for _, advantage in counted])


# ---------------------------------------------------------------- pairs


def _pairs_of(method: DeclaredMethod, inputs_of: Callable[[CountedGroup], Mapping[str, Json]]) -> GroupOutput:
    def tell(group: CountedGroup, params: Mapping[str, Json]) -> GroupOutputs:
        pairs = cast("list[dict[str, Json]]", method(params, inputs_of(group))["pairs"])
        return GroupOutputs(tuple(_named(group.members, pair) for pair in pairs))

    return GroupOutput(method.id, method.parameters, (), tell)


def _named(members: Sequence[Member], pair: Mapping[str, Json]) -> Pair:
    chosen, rejected = members[cast("int", pair["chosen"])], members[cast("int", pair["rejected"])]
    margin = (chosen.reward or 0.0) - (rejected.reward or 0.0)
    return Pair(chosen.rollout_id, rejected.rollout_id, cast("float", pair.get("weight", 1.0)), margin)


def _rewards(group: CountedGroup) -> dict[str, Json]:
    return {"rewards": group.rewards}


def _levels(group: CountedGroup) -> dict[str, Json]:
    return {"levels": [int(cast("float", level)) for level in group.signal("level")]}


def _answers(group: CountedGroup) -> dict[str, Json]:
    return {
        "samples": [{"answer_key": member.answer_key or None, "correct": _right(member)} for member in group.members]
    }


def _right(member: Member) -> bool:
    if member.verdict is Verdict.UNSPECIFIED:
        return (member.reward or 0.0) > 0.0
    return member.verdict is Verdict.CORRECT


def _siblings(group: CountedGroup, params: Mapping[str, Json]) -> GroupOutputs:
    """At every fork the rollout of the best branch against that of the worst, V backed up from the leaves."""
    del params
    tree, values = _tree(group)
    children: dict[int, list[int]] = {}
    parents: list[int] = tree.parent.tolist()
    for node, above in enumerate(parents):
        if above >= 0:
            children.setdefault(above, []).append(node)
    owner: list[int] = tree.owner.tolist()
    start: list[int] = tree.start.tolist()
    pairs: list[Pair] = []
    for _, own in sorted(children.items()):
        best, worst = max(own, key=lambda node: values[node]), min(own, key=lambda node: values[node])
        if values[best] > values[worst]:
            chosen, rejected = group.members[owner[best]], group.members[owner[worst]]
            margin = values[best] - values[worst]
            pairs.append(Pair(chosen.rollout_id, rejected.rollout_id, 1.0, margin, start[best]))
    return GroupOutputs(tuple(pairs))


def _ranked_tree(group: CountedGroup, params: Mapping[str, Json]) -> GroupOutputs:
    """Every two leaves of different reward, the better one first, with the step at which they part."""
    del params
    if len(group.members) > _MOST_LEAVES:
        raise InputError("rollouts", f"expected up to {_MOST_LEAVES} leaves, got {len(group.members)}")
    tree, values = _tree(group)
    start: list[int] = tree.start.tolist()
    levels: list[list[int]] = [nodes.tolist() for nodes in tree.ancestors()]
    leaves: list[int] = tree.leaf.tolist()
    rewards = [values[leaf] for leaf in leaves]
    order = sorted(range(len(rewards)), key=lambda place: -rewards[place])
    pairs: list[Pair] = []
    for better, worse in combinations(order, 2):
        if rewards[better] > rewards[worse]:
            parted = next(nodes[better] for nodes in levels if nodes[better] != nodes[worse])
            chosen, rejected = group.members[better].rollout_id, group.members[worse].rollout_id
            pairs.append(Pair(chosen, rejected, 1.0, rewards[better] - rewards[worse], start[parted]))
    return GroupOutputs(tuple(pairs))


def _tree(group: CountedGroup) -> tuple[ForkTree, list[float]]:
    flat = columns_of([Group("group", tuple(group.members))], _EVERY_ROLE)
    tree = fork_tree(flat)
    values: list[float] = tree.values(flat.counted_rewards).tolist()
    return tree, values


# ---------------------------------------------------------------- token weights


def _weights(group: CountedGroup, rows: Sequence[Sequence[float]]) -> GroupOutputs:
    names = [member.rollout_id for member in group.members]
    return GroupOutputs(weights={name: list(map(float, row)) for name, row in zip(names, rows, strict=True)})


def _told_of_groups(method: DeclaredMethod, column: str, signal: str, output: str) -> GroupOutput:
    """A method over ``rollouts {advantage, column}``."""

    def tell(group: CountedGroup, params: Mapping[str, Json]) -> GroupOutputs:
        values = zip(group.advantages, group.signal(signal), strict=True)
        rows: list[Json] = [{"group": "group", "advantage": a, column: value} for a, value in values if a == a]
        if len(rows) < len(group.members):
            raise InputError("advantages", f"{method.id} weighs tokens by advantages, and there are none yet")
        return _weights(group, cast("list[list[float]]", method(params, {"rollouts": rows})[output]))

    return GroupOutput(method.id, method.parameters, (signal,), tell)


def _probability_mask(group: CountedGroup, params: Mapping[str, Json]) -> GroupOutputs:
    told = [probability_mask(params, {"logprobs": own})["mask"] for own in group.signal("token_logprobs")]
    return _weights(group, cast("list[list[float]]", told))


def _suffix_only(group: CountedGroup, params: Mapping[str, Json]) -> GroupOutputs:
    """Retries and branches are trained from the token ``pivot_token`` on."""
    del params
    rows: list[list[float]] = []
    for member, pivot in zip(group.members, group.signal("pivot_token"), strict=True):
        length = _length(member)
        rows.append([float(place >= cast("float", pivot)) for place in range(length)])
    return _weights(group, rows)


def _decision_mask(group: CountedGroup, params: Mapping[str, Json]) -> GroupOutputs:
    rows: list[list[float]] = []
    for member, place in zip(group.members, group.signal("decision_token"), strict=True):
        length = _length(member)
        told = decision_mask(params, {"length": length, "decision": int(cast("float", place))})
        row = [0.0] * length
        for start, end in cast("list[list[int]]", told["spans"]):
            row[start:end] = [1.0] * (end - start)
        rows.append(row)
    return _weights(group, rows)


def _length(member: Member) -> int:
    if member.num_tokens is None:
        raise InputError(f"{member.rollout_id}.num_tokens", "the trainer must send it")
    return member.num_tokens


GROUP_OUTPUTS: Mapping[str, GroupOutput] = {
    output.id: output
    for output in (
        _pairs_of(best_worst, _rewards),
        _pairs_of(difference, _rewards),
        _pairs_of(equivalence, _answers),
        GroupOutput(ordinal_levels.id, ordinal_levels.parameters, ("level",), _pairs_of(ordinal_levels, _levels).tell),
        GroupOutput("pairs/siblings-v1", (), (), _siblings),
        GroupOutput("pairs/ranked_tree-v1", (), (), _ranked_tree),
        _told_of_groups(conflict_weights, "tokens", "token_ids", "weights"),
        _told_of_groups(entropy_topk, "entropy", "token_entropies", "mask"),
        GroupOutput(probability_mask.id, probability_mask.parameters, ("token_logprobs",), _probability_mask),
        GroupOutput("token/suffix_only-v1", (), ("pivot_token",), _suffix_only),
        GroupOutput(decision_mask.id, decision_mask.parameters, ("decision_token",), _decision_mask),
    )
}
"""By versioned id."""
