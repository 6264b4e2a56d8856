"""What comes back: scores, advantages, progress. Cheap views over proto messages; arrays are made when read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Generic, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from assay._statuses import failure_of
from assay._text import parse_object
from assay.errors import Failure, error_of, not_scored
from assay.sdk.samples import Evidence, SpanReward, Verdict
from assay.v1 import reward_service_pb2 as service
from assay.v1 import rollout_pb2 as v1

Doubles: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int32]
Singles: TypeAlias = npt.NDArray[np.float32]
M = TypeVar("M")


class GroupOutcome(IntEnum):
    """How a group ended."""

    UNSPECIFIED = 0
    COMPLETE = 1
    CLOSED_SHORT = 2
    ABORTED = 3


class MemberOutcome(IntEnum):
    """What a member was in its group."""

    UNSPECIFIED = 0
    COUNTED = 1
    NO_ADVANTAGE = 2
    NOT_SCORED = 3
    ROLE_EXCLUDED = 4


class _View(Generic[M]):
    """A view over ``message``; equal where the messages are."""

    __slots__ = ("message",)

    def __init__(self, message: M) -> None:
        self.message = message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.message == cast("_View[M]", other).message

    __hash__ = None  # type: ignore[assignment]  # proto messages are mutable

    def __repr__(self) -> str:
        text = " ".join(str(self.message).split())
        return f"{type(self).__name__}({text[:200]}{'...' if len(text) > 200 else ''})"


class Score(_View[v1.Score]):
    """A reward with everything that explains it."""

    __slots__ = ()

    @property
    def value(self) -> float:
        """The scalar; finite."""
        return self.message.value

    @property
    def verdict(self) -> Verdict:
        """Right or wrong, where the reward can tell."""
        return Verdict(int(self.message.verdict))

    @property
    def components(self) -> dict[str, float]:
        """Every leaf of the reward spec, by name."""
        return dict(self.message.components)

    @property
    def constraints(self) -> dict[str, bool]:
        """By name; True = kept."""
        return dict(self.message.constraints)

    @property
    def answer_key(self) -> str:
        """Equivalence class of the answer; empty = no answer."""
        return self.message.answer_key

    @property
    def rewards(self) -> tuple[str, ...]:
        """``id@digest`` of every reward that spoke."""
        return tuple(self.message.rewards)

    @property
    def evidence(self) -> dict[str, Evidence]:
        """Why, by component."""
        return {name: _evidence(said) for name, said in self.message.evidence.items()}

    @property
    def spans(self) -> tuple[SpanReward, ...]:
        """Process rewards on parts of the response."""
        return tuple(SpanReward(s.step_index, s.start, s.end, s.label, s.reward) for s in self.message.spans)

    @property
    def queue_seconds(self) -> float:
        """From accepted until a worker took it."""
        return self.message.timing.queue_time.ToTimedelta().total_seconds()

    @property
    def run_seconds(self) -> float:
        """The verification itself."""
        return self.message.timing.run_time.ToTimedelta().total_seconds()


def _evidence(said: v1.Evidence) -> Evidence:
    return Evidence(
        extracted=said.extracted,
        method=said.method,
        start=said.start,
        end=said.end,
        reason=said.reason,
        layer=said.layer,
        detail=parse_object(said.detail_json),
        step_index=said.step_index,
    )


class SampleResult(_View[v1.SampleResult]):
    """The answer to one rollout: a score, or why there is none.

    Attributes:
        sequence: its number in the consumer's outbox; 0 = not held there (a refused item, or a unary call).
    """

    __slots__ = ("sequence",)

    def __init__(self, message: v1.SampleResult, sequence: int = 0) -> None:
        self.message = message
        self.sequence = sequence

    @property
    def rollout_id(self) -> str:
        return self.message.rollout_id

    @property
    def group_id(self) -> str:
        return self.message.group_id

    @property
    def scored(self) -> bool:
        """Whether there is a score."""
        return self.message.HasField("score")

    @property
    def score(self) -> Score | None:
        """The score; None where the rollout could not be scored."""
        return Score(self.message.score) if self.message.HasField("score") else None

    @property
    def error(self) -> Failure | None:
        """Why there is no score; None where there is one."""
        if self.message.HasField("score"):
            return None
        return failure_of(self.message.error)

    @property
    def value(self) -> float:
        """The score's scalar.

        Raises:
            NotScored: the rollout could not be scored. That is never a 0.
        """
        if self.message.HasField("score"):
            return self.message.score.value
        raise not_scored(self.rollout_id, failure_of(self.message.error))


@dataclass(frozen=True, slots=True)
class Member:
    """One rollout's row of a group result.

    Attributes:
        reward: as the estimator saw it; None where it was not scored.
        advantage: None where the member has none.
        step_totals: episode part + weighted step part: what the loss uses; one per step.
        step_group_ids: one per step; equal ids = taken from the same state.
    """

    rollout_id: str
    outcome: MemberOutcome
    reward: float | None
    advantage: float | None
    episode_advantage: float | None
    step_returns: Doubles
    step_advantages: Doubles
    step_totals: Doubles
    step_group_ids: tuple[str, ...]


class GroupResult(_View[v1.GroupResult]):
    """Advantages of one group, sent once and never changed. Arrays are parallel to ``rollout_ids``.

    Iterate for one :class:`Member` per rollout. In arrays NaN stands for "there is none"; the members say None.

    Attributes:
        sequence: its number in the consumer's outbox; 0 = from a unary call.
    """

    __slots__ = ("_starts", "sequence")

    def __init__(self, message: v1.GroupResult, sequence: int = 0) -> None:
        self.message = message
        self.sequence = sequence
        self._starts: tuple[int, ...] | None = None

    @property
    def group_id(self) -> str:
        return self.message.group_id

    @property
    def prompt_id(self) -> str:
        return self.message.prompt_id

    @property
    def outcome(self) -> GroupOutcome:
        return GroupOutcome(int(self.message.outcome))

    @property
    def kept(self) -> bool:
        """Whether the run's filters kept it."""
        return self.message.kept

    @property
    def drop_reason(self) -> str:
        """zero_variance, too_easy, too_few_scored, ...; empty where it was kept."""
        return self.message.drop_reason

    @property
    def estimator(self) -> str:
        """``id@digest``; empty while a batch-scope estimator waits for its barrier."""
        return self.message.estimator

    @property
    def error(self) -> Failure | None:
        """Why there are no advantages, where that is a failure."""
        return failure_of(self.message.error) if self.message.HasField("error") else None

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.message.labels)

    @property
    def statistics(self) -> v1.GroupStatistics:
        return self.message.statistics

    @property
    def components(self) -> dict[str, Doubles]:
        """What rewards of group and batch scope said, by name, each of shape (members,); NaN where nothing."""
        return {part.name: np.array(part.values, np.float64) for part in self.message.components}

    @property
    def rollout_ids(self) -> tuple[str, ...]:
        """Members in order of id."""
        return tuple(self.message.rollout_ids)

    @property
    def rewards(self) -> Doubles:
        """As the estimator saw them, shape (members,); NaN where not scored."""
        return np.array(self.message.rewards, np.float64)

    @property
    def advantages(self) -> Doubles:
        """Shape (members,); NaN where a member has none."""
        return np.array(self.message.advantages, np.float64)

    @property
    def episode_advantages(self) -> Doubles:
        """The episode part, shape (members,); NaN where a member has none."""
        return np.array(self.message.episode_advantages, np.float64)

    @property
    def step_counts(self) -> Integers:
        """Steps of each member, shape (members,)."""
        return np.array(self.message.step_counts, np.int32)

    @property
    def step_returns(self) -> Doubles:
        """Discounted returns, all members' steps concatenated, shape (steps,)."""
        return np.array(self.message.step_returns, np.float64)

    @property
    def step_advantages(self) -> Doubles:
        """The step part, shape (steps,)."""
        return np.array(self.message.step_advantages, np.float64)

    @property
    def step_totals(self) -> Doubles:
        """Episode part + weighted step part, shape (steps,): what the loss uses."""
        return np.array(self.message.step_totals, np.float64)

    @property
    def step_group_ids(self) -> tuple[str, ...]:
        """The distinct step groups."""
        return tuple(self.message.step_group_ids)

    @property
    def step_group_index(self) -> Integers:
        """Per step, into ``step_group_ids``, shape (steps,)."""
        return np.array(self.message.step_group_index, np.int32)

    @property
    def preference_pairs(self) -> list[v1.PreferencePair]:
        """What the run's ``pairs/*`` outputs said: a chosen and a rejected rollout, weight, margin."""
        return list(self.message.preference_pairs)

    @property
    def token_weights(self) -> dict[str, Singles]:
        """What the run's ``token/*`` outputs said, by rollout: one weight a token."""
        return {row.rollout_id: np.array(row.weights, np.float32) for row in self.message.token_weights}

    @property
    def token_advantages(self) -> dict[str, Singles]:
        """One advantage a token, by rollout, where the estimator speaks of tokens."""
        return {row.rollout_id: np.array(row.weights, np.float32) for row in self.message.token_advantages}

    def advantage(self, rollout_id: str) -> float | None:
        """The advantage of one member; None where it has none.

        Raises:
            KeyError: the rollout is no member of this group.
        """
        return self[rollout_id].advantage

    def __len__(self) -> int:
        return len(self.message.rollout_ids)

    def __iter__(self) -> Iterator[Member]:
        return (self._member(position) for position in range(len(self.message.rollout_ids)))

    def __contains__(self, rollout_id: object) -> bool:
        return rollout_id in self.message.rollout_ids

    def __getitem__(self, rollout_id: str) -> Member:
        for position, member_id in enumerate(self.message.rollout_ids):
            if member_id == rollout_id:
                return self._member(position)
        raise KeyError(rollout_id)

    def _member(self, position: int) -> Member:
        message = self.message
        if self._starts is None:
            # An estimator that reads no steps answers with none.
            counts = message.step_counts or [0] * len(message.rollout_ids)
            self._starts = (0, *np.cumsum(counts, dtype=np.int64).tolist())
        steps = slice(*self._starts[position : position + 2])
        outcomes = message.member_outcomes
        return Member(
            rollout_id=message.rollout_ids[position],
            outcome=MemberOutcome(int(outcomes[position])) if outcomes else MemberOutcome.UNSPECIFIED,
            reward=_number_at(message.rewards, position),
            advantage=_number_at(message.advantages, position),
            episode_advantage=_number_at(message.episode_advantages, position),
            step_returns=np.array(message.step_returns[steps], np.float64),
            step_advantages=np.array(message.step_advantages[steps], np.float64),
            step_totals=np.array(message.step_totals[steps], np.float64),
            step_group_ids=tuple(message.step_group_ids[i] for i in message.step_group_index[steps]),
        )


def _number_at(values: Sequence[float], position: int) -> float | None:
    number = values[position] if position < len(values) else math.nan
    return None if math.isnan(number) else number


class BatchProgress(_View[service.BatchProgress]):
    """How full a barrier is. With dynamic sampling: send more until nothing is missing.

    Attributes:
        sequence: always 0: progress is not held for a consumer that is away.
    """

    __slots__ = ()
    sequence: ClassVar[int] = 0

    @property
    def barrier_id(self) -> str:
        return self.message.barrier_id

    @property
    def rollouts(self) -> int:
        """Rollouts in finished groups so far."""
        return self.message.rollouts

    @property
    def kept_groups(self) -> int:
        return self.message.kept_groups

    @property
    def dropped_groups(self) -> int:
        return self.message.dropped_groups

    @property
    def missing(self) -> int:
        """Of what the barrier counts."""
        return self.message.missing

    @property
    def missing_participants(self) -> tuple[str, ...]:
        """Consumers that have not sent the barrier yet, or are owed something."""
        return tuple(self.message.missing_participants)


class BatchResult(_View[service.BatchResult]):
    """A finished barrier: the batch. Large ones arrive in parts and are put together by the stream.

    Attributes:
        sequence: the number of its last part in the consumer's outbox.
    """

    __slots__ = ("sequence",)

    def __init__(self, message: service.BatchResult, sequence: int = 0) -> None:
        self.message = message
        self.sequence = sequence

    @property
    def barrier_id(self) -> str:
        return self.message.barrier_id

    @property
    def group_ids(self) -> tuple[str, ...]:
        """The kept groups in batch order."""
        return tuple(self.message.group_ids)

    @property
    def dropped_group_ids(self) -> tuple[str, ...]:
        return tuple(self.message.dropped_group_ids)

    @property
    def groups(self) -> tuple[GroupResult, ...]:
        """With a batch-scope estimator: where the advantages are."""
        return tuple(GroupResult(group) for group in self.message.groups)

    @property
    def statistics(self) -> service.BatchStatistics:
        return self.message.statistics

    @property
    def error(self) -> Failure | None:
        """Why the batch has no advantages, where that is a failure."""
        return failure_of(self.message.error) if self.message.HasField("error") else None

    def raise_for_error(self) -> None:
        """Raise the batch's error, if it has one."""
        if (failure := self.error) is not None:
            raise error_of(failure)


Event: TypeAlias = "SampleResult | GroupResult | BatchProgress | BatchResult"
"""What a stream yields."""
