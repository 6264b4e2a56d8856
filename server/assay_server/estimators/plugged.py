"""Estimators that are declared with the SDK: they run elsewhere, and this puts their numbers into results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from assay.sdk import FinishedGroup, GroupMember, PluginDefinition, Sample
from assay_server.estimators.columns import columns_of
from assay_server.estimators.definition import Parts, Scope
from assay_server.estimators.errors import InputError
from assay_server.estimators.groups import Group, GroupAdvantages, Member, Role
from assay_server.estimators.results import results_of

_MEMBER_FIELDS = ("num_tokens", "num_tool_calls")
"""Names in ``required_signals`` that are fields of the member itself."""

_NO_SAMPLES: Mapping[str, Sample] = {}


@dataclass(frozen=True, slots=True)
class PluggedEstimator:
    """A declared estimator with its parameters. Who computes with it calls its function on :meth:`told`, where that can
    be killed, and hands the numbers to :meth:`results`.

    Attributes:
        bound: every keyword argument of its function.
    """

    definition: PluginDefinition
    bound: Mapping[str, object]
    counted_roles: frozenset[Role]

    @property
    def id(self) -> str:
        return self.definition.id

    @property
    def pin(self) -> str:
        """``id@digest``: what a run holds on to."""
        return f"{self.definition.id}@{self.definition.digest}"

    @property
    def scope(self) -> Scope:
        return Scope.GROUP

    @property
    def reads_steps(self) -> bool:
        return False

    @property
    def required_signals(self) -> tuple[str, ...]:
        return self.definition.required_signals

    def told(self, groups: Sequence[Group]) -> list[FinishedGroup]:
        """What its function is called with, group by group.

        Raises:
            InputError: a reward is not finite, two members have one id, or a signal is missing.
        """
        columns = columns_of(groups, self.counted_roles)
        members = columns.counted_members
        missing = missing_signal(members, self.required_signals)
        if missing is not None:
            place, name = missing
            raise InputError(columns.field(place, name), f"{self.id} reads this; the trainer must send it")
        cuts = np.searchsorted(columns.counted, columns.starts).tolist()
        return [told_of(group, members[a:b]) for group, (a, b) in zip(groups, pairwise(cuts), strict=True)]

    def results(self, groups: Sequence[Group], advantages: Sequence[Sequence[float]]) -> Sequence[GroupAdvantages]:
        """Results of groups whose counted members got these advantages, in order of ``rollout_id``."""
        flat = np.array([value for values in advantages for value in values], np.float64)
        return results_of(columns_of(groups, self.counted_roles), Parts(flat))


def told_of(group: Group, members: Sequence[Member], samples: Mapping[str, Sample] = _NO_SAMPLES) -> FinishedGroup:
    """A group as functions over finished groups see it.

    Args:
        members: those that count, in order of ``rollout_id``.
        samples: the rollouts with their texts, by id, where they are at hand.
    """
    return FinishedGroup(
        group_id=group.group_id,
        members=tuple(_told_member(member, samples.get(member.rollout_id)) for member in members),
        prompt_id=next((member.prompt_id for member in members), ""),
        global_step=group.global_step,
    )


def missing_signal(members: Sequence[Member], names: Sequence[str]) -> tuple[int, str] | None:
    """Place of the first member that lacks one of these signals, with the path of the signal; None: all are there."""
    for name in names:
        for place, member in enumerate(members):
            if name in _MEMBER_FIELDS:
                if getattr(member, name) is None:
                    return place, name
            elif name not in member.signals:
                return place, f"signals.{name}"
    return None


def _told_member(member: Member, sample: Sample | None) -> GroupMember:
    return GroupMember(
        rollout_id=member.rollout_id,
        reward=math.nan if member.reward is None else member.reward,
        verdict=member.verdict,
        components=member.components,
        answer_key=member.answer_key,
        num_tokens=member.num_tokens,
        num_tool_calls=member.num_tool_calls,
        signals=member.signals,
        sample=sample,
    )
