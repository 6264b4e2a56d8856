"""Groups of scored rollouts as estimators read them, and the advantages that they give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from assay.sdk.samples import Json, Verdict
from assay.sdk.values import holder, value
from assay_server.estimators.ragged import Ragged
from assay_server.estimators.step_ids import StepIds

Floats: TypeAlias = "npt.NDArray[np.float64]"
Ints: TypeAlias = "npt.NDArray[np.int32]"
Signal: TypeAlias = "float | npt.NDArray[np.generic]"

_NO_SIGNALS: Mapping[str, Signal] = MappingProxyType({})
_NO_COMPONENTS: Mapping[str, float] = MappingProxyType({})


def _no_signals() -> Mapping[str, Signal]:
    return _NO_SIGNALS


def _no_components() -> Mapping[str, float]:
    return _NO_COMPONENTS


class NoState(Enum):
    """Says that an anchor has no structured state; ``None`` is a state (JSON null)."""

    NO_STATE = "no state"


NO_STATE = NoState.NO_STATE


class Role(IntEnum):
    """What a rollout is for its group; numbers as on the wire."""

    POLICY = 1
    GREEDY = 2
    EXPERT = 3
    HINTED = 4
    RETRY = 5
    REPLAY = 6


class MemberOutcome(IntEnum):
    """What became of a member; numbers as on the wire."""

    COUNTED = 1
    NO_ADVANTAGE = 2
    NOT_SCORED = 3
    ROLE_EXCLUDED = 4


@value
class AnchorState:
    """The canonical state an action was taken in: never the prompt, never the history.

    Attributes:
        state_digest: of the environment's true state, where it can tell.
        state: structured state; where given it stands for the observation in every key.
    """

    observation: str = ""
    inventory: str = ""
    state_digest: str = ""
    state: Json | NoState = NO_STATE


NO_ANCHOR = AnchorState()


@value
class StepRecord:
    """One step: where it was taken, what it earned, whether its action was valid."""

    anchor: AnchorState = NO_ANCHOR
    reward: float = 0.0
    action_valid: bool = True


@value
class Member:
    """A rollout of a group.

    Attributes:
        reward: of the whole episode; None = could not be scored. Step returns are made of the steps' own rewards
            alone: whoever has only an outcome reward puts it on the last step as well.
        signals: what only the trainer knows, by snake_case name.
        components: named parts of the reward.
        answer_key: equivalence class of the answer; empty = no answer.
        parent_rollout_id: with ``fork_step``, where this trajectory branched off; empty = at the start.
    """

    rollout_id: str
    reward: float | None
    role: Role = Role.POLICY
    steps: tuple[StepRecord, ...] = ()
    signals: Mapping[str, Signal] = field(default_factory=_no_signals)
    components: Mapping[str, float] = field(default_factory=_no_components)
    num_tokens: int | None = None
    num_tool_calls: int | None = None
    answer_key: str = ""
    prompt_id: str = ""
    verdict: Verdict = Verdict.UNSPECIFIED
    parent_rollout_id: str = ""
    fork_step: int = 0


@value
class Group:
    """The rollouts of one prompt from one start. Members are used in order of ``rollout_id``, however they came."""

    group_id: str
    members: tuple[Member, ...]
    global_step: int = 0


@value
class GroupStatistics:
    """A group in numbers, over the members that count.

    Attributes:
        reward_std: sample standard deviation (ddof 1); 0 for one member.
        step_hit_ratio: share of steps in step groups larger than one; 0 without steps.
        step_group_size_histogram: size -> number of step groups of that size.
        aliasing_ratio: of the steps that have a state digest, the share in step groups that mix different digests;
            None where no step has one.
    """

    size: int
    reward_mean: float
    reward_std: float
    reward_min: float
    reward_max: float
    step_groups: int
    step_hit_ratio: float
    step_group_size_histogram: Mapping[int, int]
    aliasing_ratio: float | None


@holder
class GroupAdvantages:
    """What an estimator says of one group. Arrays are read-only and parallel to ``rollout_ids``.

    Step arrays hold the steps of the members that count, concatenated, ``step_counts[i]`` of them each; they are
    empty for estimators that do not read steps.

    Attributes:
        outcomes: :class:`MemberOutcome` numbers.
        rewards: episode rewards; NaN where not scored.
        advantages: NaN where a member has none.
        step_returns: discounted return of each step.
        step_episode_advantages: the episode part of each step, an invalid-action penalty included.
        step_advantages: the step part.
        step_totals: episode part + weighted step part: what the loss uses.
        step_ids: of all groups of the call; ``step_group_ids`` are those of ``step_id_range``.
        step_group_index: per step, into ``step_group_ids``.
        token_advantages: of the members that count, one per token, where the method speaks of tokens.
    """

    group_id: str
    rollout_ids: tuple[str, ...]
    outcomes: npt.NDArray[np.int8]
    rewards: Floats
    advantages: Floats
    episode_advantages: Floats
    step_counts: Ints
    step_returns: Floats
    step_episode_advantages: Floats
    step_advantages: Floats
    step_totals: Floats
    step_ids: StepIds
    step_id_range: tuple[int, int]
    step_group_index: Ints
    statistics: GroupStatistics
    token_advantages: Ragged | None = None

    @property
    def step_group_ids(self) -> tuple[str, ...]:
        """Digests of the distinct anchor keys, in order of first appearance."""
        return self.step_ids.part(*self.step_id_range)
