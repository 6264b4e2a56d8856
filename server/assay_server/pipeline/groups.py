"""Groups of one run that are filling: what their members are worth is held until they are ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from assay.sdk import Sample
from assay.v1 import rollout_pb2
from assay_server.pipeline.assembly import assemble
from assay_server.pipeline.failures import Code, Failure, Violation
from assay_server.pipeline.group_rewards import HeldMember
from assay_server.pipeline.members import member_of, plain_member
from assay_server.pipeline.results import assessment_of
from assay_server.pipeline.specs import CompiledSpec
from assay_server.rewards.assessment import Assessment
from assay_server.store.protocol import GroupRecord, GroupState, StoredRollout

_CACHED_MEMBERS = 100_000
_CACHED_TEXTS = 8_192
_NO_CONSTRAINTS: Mapping[str, bool] = MappingProxyType({})


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
        self._finishing: set[str] = set()
        estimator = spec.estimator
        self._with_steps = estimator is not None and estimator.reads_steps
        self._with_texts = spec.reward.stages is not None
        self._room = _CACHED_TEXTS if self._with_texts else _CACHED_MEMBERS

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
        self,
        rollout: rollout_pb2.Rollout,
        worth: Assessment | None,
        consumers: tuple[str, ...],
        sample: Sample | None = None,
    ) -> HeldMember:
        """An answered rollout as a member.

        Args:
            worth: None = it could not be scored.
            sample: of a plain rollout (see :func:`plain_sample`), which need not be looked into again.
        """
        constraints = worth.constraints if worth is not None and worth.constraints else _NO_CONSTRAINTS
        if sample is not None and not self._with_steps and not self._with_texts:
            member = plain_member(sample, worth)
            return HeldMember(member, consumers, sample.prompt_id, sample.global_step, steps=1, constraints=constraints)
        steps = rollout.steps
        return HeldMember(
            member_of(rollout, worth, with_steps=self._with_steps),
            consumers,
            rollout.prompt_id,
            rollout.global_step,
            rollout if self._with_texts else None,
            rollout.hint_level,
            rollout.state == rollout_pb2.ROLLOUT_STATE_TRUNCATED,
            len(steps),
            sum(step.HasField("action_valid") and not step.action_valid for step in steps),
            constraints,
        )

    def hold(self, group_id: str, held: HeldMember) -> None:
        """Keep an answered member until its group is ready, while there is room."""
        group = self._groups.get(group_id)
        if group is None:
            return
        if self._held >= self._room:
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

    def finishing(self, group_id: str) -> None:
        """The group is ready, and what it is worth is being found out: it is neither late nor slow any more."""
        self._finishing.add(group_id)

    def is_finishing(self, group_id: str) -> bool:
        """Whether :meth:`finishing` was said of the group."""
        return group_id in self._finishing

    def forget(self, group_id: str) -> float | None:
        """The group is finished; the store time of its first member, where it was held here."""
        self._finishing.discard(group_id)
        self._starts.pop(group_id, None)
        group = self._groups.pop(group_id, None)
        if group is not None:
            self._held -= len(group.members)
        return None if group is None else group.first_at

    def held_members(self, group_id: str) -> dict[str, HeldMember]:
        """The members that are held here, of a group of which it is known that they count."""
        group = self._groups.get(group_id)
        return {} if group is None or group.irregular else group.members

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
            worth = assessment_of(result.score) if result.HasField("score") else None
            found.append(self.member(assemble(item), worth, item.consumers))
        return found

    def __len__(self) -> int:
        return len(self._groups)

    # ------------------------------------------------------------ who is too slow

    def overdue(self, now: float) -> list[str]:
        """Groups past their deadline."""
        deadline = self._spec.deadline
        if deadline is None:
            return []
        return [group_id for group_id, group in self._filling() if now - group.first_at >= deadline]

    def next_deadline(self) -> float | None:
        """When the first group will be overdue; None = never."""
        deadline = self._spec.deadline
        if deadline is None:
            return None
        return min((group.first_at + deadline for _, group in self._filling()), default=None)

    def _filling(self) -> Iterator[tuple[str, OpenGroup]]:
        finishing = self._finishing
        return (
            (one for one in self._groups.items() if one[0] not in finishing)
            if finishing
            else iter(self._groups.items())
        )

    def watched_for_stragglers(self) -> list[str]:
        """Groups that are filling, where the run leaves slow members behind."""
        return [group_id for group_id, _ in self._filling()] if self._spec.message.groups.straggler_quota else []

    def stragglers(self, finished_rollouts: int, elsewhere: Mapping[str, tuple[int, int]]) -> list[str]:
        """All open groups, once enough of the batch and of each of them is answered (LOOP's quota).

        Args:
            elsewhere: answered members and size of groups, where other processes answer members, too.
        """
        filling = self.watched_for_stragglers()
        if not filling:
            return []
        counts = [elsewhere.get(group_id) or self._counts_here(group_id) for group_id in filling]
        answered, sizes = sum(a for a, _ in counts), sum(s for _, s in counts)
        policy = self._spec.message.groups
        share = (finished_rollouts + answered) / (finished_rollouts + sizes)
        enough_each = all(a >= policy.straggler_quota * s for a, s in counts)
        enough = share >= (policy.straggler_batch_share or policy.straggler_quota)
        return filling if enough_each and enough else []

    def _counts_here(self, group_id: str) -> tuple[int, int]:
        group = self._groups[group_id]
        return len(group.members), max(group.size, len(group.members))
