"""Groups of one run: holds what their members are worth until they are ready, then turns them into results."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from assay.sdk.spec import EstimatorChoice, Grouping
from assay.v1 import rollout_pb2, run_service_pb2
from assay_server.estimators import (
    Estimator,
    Group,
    GroupAdvantages,
    InputError,
    Member,
    MemberOutcome,
    Scope,
    compile_estimator,
)
from assay_server.pipeline.assembly import assemble
from assay_server.pipeline.barriers import FinishedGroup
from assay_server.pipeline.failures import Code, Failure, Violation, internal, invalid_field
from assay_server.pipeline.members import member_of
from assay_server.pipeline.results import fill_group_result, fill_without_estimator, without_advantages
from assay_server.pipeline.specs import CompiledSpec, counted_roles
from assay_server.store.protocol import GroupRecord, GroupState, StoredRollout

_log = structlog.get_logger(__name__)
_CACHED_MEMBERS = 100_000
_OFF_LOOP_STEPS = 20_000


class HeldMember(NamedTuple):
    """An answered member: what it is worth and who hears of its group."""

    member: Member
    consumers: tuple[str, ...]
    prompt_id: str


@dataclass(frozen=True, slots=True)
class FinishedResult:
    """A group's result, ready to be stored; ``group`` is kept where a batch-scope estimator still needs it."""

    message: rollout_pb2.GroupResult
    consumers: tuple[str, ...]
    finished: FinishedGroup
    group: Group


@dataclass(slots=True)
class OpenGroup:
    """Counts of a group that is filling, for deadlines and quotas."""

    size: int
    first_at: float
    members: dict[str, HeldMember] = field(default_factory=dict[str, HeldMember])
    irregular: bool = False  # closed, cut, recovered or with late members: the store knows who counts


class GroupDesk:
    """The groups of a run that are filling."""

    def __init__(self, spec: CompiledSpec) -> None:
        self._spec = spec
        self._groups: dict[str, OpenGroup] = {}
        self._held = 0
        self._starts: dict[str, str] = {}
        estimator = spec.estimator
        self._with_steps = estimator is not None and estimator.reads_steps
        self._per_group = (
            estimator if estimator is not None and estimator.scope is Scope.GROUP else _statistics_only(spec)
        )

    # ------------------------------------------------------------ filling

    def touch(self, group_id: str, size: int, now: float) -> OpenGroup:
        """The group, opened if this is the first that is heard of it."""
        group = self._groups.get(group_id)
        if group is None:
            group = self._groups[group_id] = OpenGroup(size, now)
        elif size:
            group.size = size
        return group

    def recovered(self, record: GroupRecord) -> None:
        """A group that was filling when another process, or another generation, left it."""
        self._groups[record.group_id] = OpenGroup(record.size, record.first_at, irregular=True)

    def mark_irregular(self, group_id: str) -> None:
        """Who counts in this group is to be read from the store."""
        if group_id in self._groups:
            self._groups[group_id].irregular = True

    def member(
        self, rollout: rollout_pb2.Rollout, score: rollout_pb2.Score | None, consumers: tuple[str, ...]
    ) -> HeldMember:
        """An answered rollout as a member; ``score`` None = it could not be scored."""
        member = member_of(
            rollout,
            None if score is None else score.value,
            {} if score is None else dict(score.components),
            "" if score is None else score.answer_key,
            with_steps=self._with_steps,
        )
        return HeldMember(member, consumers, rollout.prompt_id)

    def hold(self, group_id: str, held: HeldMember) -> None:
        """Keep an answered member until its group is ready, while there is room."""
        group = self._groups.get(group_id)
        if group is None:
            return
        if self._held >= _CACHED_MEMBERS:
            group.irregular = True
            return
        group.members[held.member.rollout_id] = held
        self._held += 1

    def check_start(self, rollout: rollout_pb2.Rollout) -> None:
        """Refuse a rollout that did not start where its group did.

        Raises:
            Failure: INVALID_ARGUMENT, START_DIFFERS.
        """
        digest = rollout.initial_state_digest
        start = self._starts.setdefault(rollout.group_id, digest) if rollout.group_id else digest
        if start != digest:
            message = f"group {rollout.group_id!r} starts at {start[:80]!r}, this rollout at {digest[:80]!r}"
            raise Failure(
                Code.INVALID_ARGUMENT, "START_DIFFERS", message, (Violation("initial_state_digest", "differs"),)
            )

    def forget(self, group_id: str) -> None:
        """The group is finished."""
        self._starts.pop(group_id, None)
        group = self._groups.pop(group_id, None)
        if group is not None:
            self._held -= len(group.members)

    def complete_members(self, group_id: str) -> list[HeldMember] | None:
        """All members, if they are held here; None where the store has to be asked."""
        group = self._groups.get(group_id)
        if group is None or group.irregular or group.size != len(group.members):
            return None
        return list(group.members.values())

    def regular_record(self, group_id: str) -> GroupRecord | None:
        """The record of a ready group that just filled up; None where the store has to be asked."""
        group = self._groups.get(group_id)
        if group is None or group.irregular:
            return None
        size = group.size
        return GroupRecord(group_id, GroupState.READY, size, size, size, closed=False, first_at=group.first_at)

    def members_of(self, stored: Sequence[StoredRollout]) -> list[HeldMember]:
        """Members as the store has them."""
        found: list[HeldMember] = []
        for item in stored:
            if item.result is None:
                continue
            result = rollout_pb2.SampleResult.FromString(item.result)
            score = result.score if result.HasField("score") else None
            found.append(self.member(assemble(item), score, item.consumers))
        return found

    def __len__(self) -> int:
        return len(self._groups)

    # ------------------------------------------------------------ who is too slow

    def overdue(self, now: float) -> list[str]:
        """Groups past their deadline."""
        deadline = self._spec.deadline
        if deadline is None:
            return []
        return [group_id for group_id, group in self._groups.items() if now - group.first_at >= deadline]

    def next_deadline(self) -> float | None:
        """When the first group will be overdue; None = never."""
        deadline = self._spec.deadline
        if deadline is None or not self._groups:
            return None
        return min(group.first_at for group in self._groups.values()) + deadline

    def stragglers(self, finished_rollouts: int) -> list[str]:
        """All open groups, once enough of the batch and of each of them is answered (LOOP's quota)."""
        policy = self._spec.message.groups
        if not policy.straggler_quota or not self._groups:
            return []
        answered = [len(group.members) for group in self._groups.values()]
        sizes = [max(group.size, len(group.members)) for group in self._groups.values()]
        share = (finished_rollouts + sum(answered)) / (finished_rollouts + sum(sizes))
        enough_each = all(a >= policy.straggler_quota * s for a, s in zip(answered, sizes, strict=True))
        enough = share >= (policy.straggler_batch_share or policy.straggler_quota)
        return list(self._groups) if enough_each and enough else []

    # ------------------------------------------------------------ finishing

    async def finish(self, ready: Sequence[tuple[GroupRecord, Sequence[HeldMember]]]) -> list[FinishedResult]:
        """Results of groups that are ready, in order."""
        groups = [Group(record.group_id, tuple(held.member for held in members)) for record, members in ready]
        computed = await self._advantages(groups)
        return [
            self._finish_one(record, members, group, outcome)
            for (record, members), group, outcome in zip(ready, groups, computed, strict=True)
        ]

    async def _advantages(self, groups: Sequence[Group]) -> list[GroupAdvantages | Failure]:
        per_group = self._per_group
        steps = sum(len(member.steps) for group in groups for member in group.members)
        try:
            if steps > _OFF_LOOP_STEPS:
                return list(await asyncio.to_thread(per_group.advantages, groups))
            return list(per_group.advantages(groups))
        except Exception:  # noqa: BLE001 - one group's trouble, foreseen or not, is that group's result alone
            return [_one_by_one(per_group, group) for group in groups]

    def aborted(self, group_id: str, members: Sequence[StoredRollout]) -> FinishedResult:
        """The result of a group that was given up; all who sent a member hear of it, answered or not."""
        consumers = tuple(dict.fromkeys(name for stored in members for name in stored.consumers))
        result = rollout_pb2.GroupResult(
            group_id=group_id, outcome=rollout_pb2.GROUP_OUTCOME_ABORTED, drop_reason="aborted"
        )
        return FinishedResult(result, consumers, finished_group(result), Group(group_id, ()))

    def _finish_one(
        self,
        record: GroupRecord,
        members: Sequence[HeldMember],
        group: Group,
        computed: GroupAdvantages | Failure,
    ) -> FinishedResult:
        result = rollout_pb2.GroupResult(
            group_id=record.group_id,
            outcome=rollout_pb2.GROUP_OUTCOME_CLOSED_SHORT if record.closed else rollout_pb2.GROUP_OUTCOME_COMPLETE,
            prompt_id=members[0].prompt_id if members else "",
        )
        if isinstance(computed, Failure):
            result.error.CopyFrom(computed.to_status())
            reason = computed.reason.lower()
            fill_without_estimator(result, group.members)
        else:
            fill_group_result(result, computed)
            reason = self._drop_reason(record, computed)
            estimator = self._spec.estimator
            if estimator is None or estimator.scope is not Scope.GROUP:
                without_advantages(result)
            else:
                result.estimator = estimator.pin
            if reason == "unscored_member" and self._unscored == run_service_pb2.UNSCORED_POLICY_FAIL:
                result.error.CopyFrom(_UNSCORED.to_status())
        result.kept, result.drop_reason = not reason, reason
        if reason in _WITHOUT_NUMBERS:
            without_advantages(result)
        return FinishedResult(result, _consumers_of(members), finished_group(result), group)

    @property
    def _unscored(self) -> int:
        return self._spec.message.groups.unscored

    def _drop_reason(self, record: GroupRecord, computed: GroupAdvantages) -> str:
        scored = computed.statistics.size
        missing = MemberOutcome.NOT_SCORED in computed.outcomes
        if missing and self._unscored in (
            run_service_pb2.UNSCORED_POLICY_DROP_GROUP,
            run_service_pb2.UNSCORED_POLICY_FAIL,
        ):
            return "unscored_member"
        needed = self._spec.min_size if missing or record.closed else min(self._spec.min_size, record.size)
        if scored < max(needed, 1):
            return "too_few_scored"
        decision = self._spec.filters.decide(computed)
        return "" if decision.kept else decision.reason


_WITHOUT_NUMBERS = frozenset({"unscored_member", "too_few_scored"})
_UNSCORED = Failure(
    code=Code.FAILED_PRECONDITION,
    reason="UNSCORED_MEMBER",
    message="a member of the group could not be scored and the run's policy is to fail",
)


def _statistics_only(spec: CompiledSpec) -> Estimator:
    """What describes a group whose advantages are not wanted, or due later."""
    return compile_estimator(EstimatorChoice("advantage/grpo_mean_only"), Grouping(), counted_roles(spec.message))


def _consumers_of(members: Sequence[HeldMember]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for held in members for name in held.consumers))


def _one_by_one(estimator: Estimator, group: Group) -> GroupAdvantages | Failure:
    try:
        return estimator.advantages([group])[0]
    except InputError as error:
        return invalid_field(error.field, error.message)
    except Exception:  # noqa: BLE001 - as above
        _log.exception("an estimator broke", estimator=estimator.id, group=group.group_id)
        return internal()


def finished_group(result: rollout_pb2.GroupResult) -> FinishedGroup:
    """What a barrier counts of a group's result."""
    rewards = [reward for reward in result.rewards if not math.isnan(reward)]
    return FinishedGroup(
        group_id=result.group_id,
        kept=result.kept,
        drop_reason=result.drop_reason,
        rollouts=len(result.rollout_ids),
        scored=len(rewards),
        reward_sum=sum(rewards),
        reward_square_sum=sum(reward * reward for reward in rewards),
        flat=not rewards or min(rewards) == max(rewards),
    )
