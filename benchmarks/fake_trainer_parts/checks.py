"""Does what was delivered equal what the same functions say in this process?"""

from __future__ import annotations

import math
import pickle
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from assay import Anchor, BatchResult, Grouping, GroupResult, Leaf, Rollout, Route, SampleResult, Step
from assay.sdk import Sample
from assay.sdk import Step as SampleStep
from assay.sdk.spec import EstimatorChoice, FilterChoice
from assay.v1 import reward_service_pb2 as service
from assay.v1 import rollout_pb2 as v1
from assay_server.estimators import (
    AnchorState,
    Estimator,
    Group,
    GroupAdvantages,
    Member,
    StepRecord,
    compile_estimator,
)
from assay_server.rewards.catalogue import builtin_catalogue
from assay_server.rewards.tree import Assessment, CompiledReward, compile_reward
from assay_server.sampling import compile_filters

from .driver import Delivery, Record
from .place import Place, read_journal
from .sampling import GROUP_SIZE, Draft, sample

_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold, and what was found; no examples of the contrary = it holds."""

    name: str
    found: str
    contrary: Sequence[str]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the service must say of one rollout."""

    assessment: Assessment
    member: Member


class Computation:
    """The run's reward, filters and estimator, called directly."""

    def __init__(self, estimator: str) -> None:
        spec = Route({"math": Leaf("numeric_tolerance"), "game": Leaf("episode_return")})
        self._reward: CompiledReward = compile_reward(spec, builtin_catalogue())
        self._estimator: Estimator = compile_estimator(EstimatorChoice(estimator), Grouping())
        self._filters = compile_filters([FilterChoice("select/mixed_outcome")])
        self.rollout = cache(self._rollout)

    def _rollout(self, draft: Draft) -> Expected:
        rollout = sample(draft)
        assessment = self._reward.evaluate(_sample(rollout))
        member = Member(rollout.rollout_id, assessment.value, steps=_records(rollout, assessment.value))
        return Expected(assessment, member)

    def group(self, drafts: Sequence[Draft]) -> tuple[GroupAdvantages, bool]:
        """Advantages, and whether the group is kept."""
        members = tuple(self.rollout(draft).member for draft in drafts)
        (advantages,) = self._estimator.advantages([Group(drafts[0].group_id, members)])
        return advantages, self._filters.decide(advantages).kept


def _sample(rollout: Rollout) -> Sample:
    steps = tuple(
        SampleStep(index, str(step.action), str(step.observation), reward=step.reward, done=step.done,
                   action_valid=step.action_valid)
        for index, step in enumerate(_steps(rollout))
    )  # fmt: skip
    return Sample(
        rollout.rollout_id, steps[-1].action, rollout.reference or {}, rollout.task_type, rollout.group_id,
        rollout.prompt_id, steps=steps,
    )  # fmt: skip


def _steps(rollout: Rollout) -> list[Step]:
    return [step for step in rollout.steps if isinstance(step, Step)]


def _records(rollout: Rollout, value: float) -> tuple[StepRecord, ...]:
    """An outcome reward falls on the last step; an environment's rewards on the steps that earned them."""
    steps = _steps(rollout)
    outcome = [0.0] * (len(steps) - 1) + [value]
    return tuple(
        StepRecord(_anchor(step), earned if step.reward is None else step.reward, step.action_valid)
        for step, earned in zip(steps, outcome, strict=True)
    )


def _anchor(step: Step) -> AnchorState:
    anchor = step.anchor
    if isinstance(anchor, Anchor):
        return AnchorState(str(anchor.observation), state_digest=anchor.state_digest)
    return AnchorState(str(anchor))


def check_everything(place: Place, estimator: str, ranks: Iterable[str]) -> tuple[Record, list[Check]]:
    """Read what the processes wrote down, and compare."""
    with place.deliveries.open("rb") as file:
        record: Record = pickle.load(file)
    journals = [read_journal(place.journal(rank)) for rank in ranks]
    sent = {(d.generation, d.rollout_id): d for drafts, _ in journals for d in drafts}
    accepted = {(d.generation, d.rollout_id) for drafts, count in journals for d in drafts[:count]}
    history = History(record, sent, accepted)
    computation = Computation(estimator)
    return record, [
        history.delivered_once(),
        history.in_order(),
        history.every_rollout_answered(),
        history.every_group_emitted(),
        history.scores_equal(computation),
        history.groups_equal(computation),
        history.batches_hold(),
    ]


class History:
    """Everything that was sent and everything that came."""

    def __init__(self, record: Record, sent: Mapping[tuple[int, str], Draft], accepted: set[tuple[int, str]]) -> None:
        self._deliveries = record.deliveries
        self._checkpointed = record.checkpointed
        self._groups = record.groups
        self._last = max(delivery.generation for delivery in record.deliveries)
        self._sent = sent
        self._accepted = accepted
        self.samples = [
            (d.generation, SampleResult(v1.SampleResult.FromString(d.message))) for d in self._of(SampleResult)
        ]
        self.group_results = [
            (d.generation, GroupResult(v1.GroupResult.FromString(d.message))) for d in self._of(GroupResult)
        ]

    def _of(self, kind: type) -> list[Delivery]:
        return [delivery for delivery in self._deliveries if delivery.kind is kind]

    def _holds(self, generation: int, group: int) -> bool:
        """Whether this generation's work on a group is part of the final history."""
        return (generation == self._last) is (group >= self._checkpointed)

    def delivered_once(self) -> Check:
        samples = Counter((generation, result.rollout_id) for generation, result in self.samples)
        groups = Counter((generation, result.group_id) for generation, result in self.group_results)
        twice = [f"{key} came {count} times" for key, count in (samples + groups).items() if count != 1]
        return Check("each result once per generation", f"{len(samples)} scores, {len(groups)} groups", twice)

    def in_order(self) -> Check:
        wrong: list[str] = []
        known: dict[int, int] = {}
        for delivery in self._deliveries:
            expected = known.get(delivery.generation, 0) + 1
            known[delivery.generation] = delivery.sequence
            if delivery.sequence != expected:
                wrong.append(f"generation {delivery.generation}: {delivery.sequence} where {expected} was due")
        ends = ", ".join(f"1 to {last}" for last in known.values())
        return Check("numbers without holes in each generation", ends, wrong)

    def every_rollout_answered(self) -> Check:
        answered = {(generation, result.rollout_id) for generation, result in self.samples}
        owed = {key for key in self._accepted if self._holds(key[0], self._sent[key].group)}
        everyone = GROUP_SIZE * self._groups
        contrary = [f"{key} was accepted and not answered" for key in sorted(owed - answered)]
        if len(owed) != everyone:
            contrary.append(f"{len(owed)} of {everyone} rollouts were accepted")
        return Check("every accepted rollout answered", f"{len(owed)} rollouts", contrary)

    def every_group_emitted(self) -> Check:
        came = Counter(
            result.group_id
            for generation, result in self.group_results
            if self._holds(generation, int(result.group_id))
        )
        contrary = [f"group {n} came {came[f'{n:05d}']} times" for n in range(self._groups) if came[f"{n:05d}"] != 1]
        return Check("every group emitted once", f"{len(came)} groups", contrary)

    def scores_equal(self, computation: Computation) -> Check:
        wrong: list[str] = []
        for generation, result in self.samples:
            expected = computation.rollout(self._sent[generation, result.rollout_id]).assessment
            score = result.score
            if (
                score is None
                or score.value != expected.value
                or int(score.message.verdict) != expected.verdict.value
                or dict(score.message.components) != dict(expected.components)
                or score.message.answer_key != expected.answer_key
            ):
                wrong.append(f"{result.rollout_id}: {expected.value} expected, {result.message}")
        return Check("scores equal the in-process computation", f"{len(self.samples)} compared, bit for bit", wrong)

    def groups_equal(self, computation: Computation) -> Check:
        wrong: list[str] = []
        worst, steps = 0.0, 0
        for generation, result in self.group_results:
            number = int(result.group_id)
            drafts = [self._sent[generation, f"{number:05d}/{member}"] for member in range(GROUP_SIZE)]
            expected, kept = computation.group(drafts)
            difference = _difference(result.message, expected)
            worst, steps = max(worst, difference), steps + len(expected.step_group_index)
            if difference > _TOLERANCE or result.kept is not kept:
                wrong.append(f"group {result.group_id}: off by {difference}, kept {result.kept} where {kept} was due")
        exactly = "bit for bit" if not worst else f"within {worst:.1e}"
        found = f"{len(self.group_results)} groups, {steps} steps, {exactly}"
        return Check("advantages and step groups equal the in-process computation", found, wrong)

    def batches_hold(self) -> Check:
        kept = {(generation, r.group_id): r.kept for generation, r in self.group_results}
        batches = [(d.generation, service.BatchResult.FromString(d.message)) for d in self._of(BatchResult)]
        final = [(g, b) for g, b in batches if g == self._last or b.barrier_id == "batch-0"]
        wrong = [
            f"{batch.barrier_id}: {group_id} kept is {not due}"
            for generation, batch in batches
            for group_ids, due in ((batch.group_ids, True), (batch.dropped_group_ids, False))
            for group_id in group_ids
            if kept.get((generation, group_id), kept.get((1, group_id))) is not due
        ]
        members = Counter(group_id for _, batch in final for group_id in (*batch.group_ids, *batch.dropped_group_ids))
        wrong += [f"group {group_id} is in {count} batches" for group_id, count in members.items() if count != 1]
        names = [batch.barrier_id for _, batch in final]
        if names != ["batch-0", "batch-1", "batch-2"]:
            wrong.append(f"batches {names}")
        sizes = " + ".join(str(len(batch.group_ids)) for _, batch in final)
        dropped = sum(len(batch.dropped_group_ids) for _, batch in final)
        return Check("batches hold groups that were kept, each once", f"{sizes} kept, {dropped} dropped", wrong)


def _difference(message: v1.GroupResult, expected: GroupAdvantages) -> float:
    """The largest difference between numbers; infinite where anything else differs."""
    if (
        tuple(message.rollout_ids) != expected.rollout_ids
        or tuple(message.step_group_ids) != expected.step_group_ids
        or list(message.member_outcomes) != expected.outcomes.tolist()
        or list(message.step_group_index) != expected.step_group_index.tolist()
    ):
        return math.inf
    numbers = (
        (message.step_counts, expected.step_counts if len(expected.step_returns) else expected.step_returns),
        (message.rewards, expected.rewards),
        (message.advantages, expected.advantages),
        (message.episode_advantages, expected.episode_advantages),
        (message.step_returns, expected.step_returns),
        (message.step_episode_advantages, expected.step_episode_advantages),
        (message.step_advantages, expected.step_advantages),
        (message.step_totals, expected.step_totals),
    )
    return max((_distance(ours, theirs.tolist()) for ours, theirs in numbers), default=0.0)


def _distance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    if len(ours) != len(theirs):
        return math.inf
    return max((abs(a - b) for a, b in zip(ours, theirs, strict=True) if a != b), default=0.0)
