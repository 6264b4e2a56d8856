"""Rollouts as a trainer writes them. ``to_message()`` makes the proto message; a ready message is taken everywhere too.

A frozen value is checked when it is converted, not when it is made: the check then names the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import TypeAlias

from assay.contents import Content, ToolCall, ToolResult
from assay.sdk.samples import Json
from assay.signals import SignalValue
from assay.v1 import rollout_pb2 as v1

_NO_SIGNALS: Mapping[str, SignalValue] = MappingProxyType({})


def _no_signals() -> Mapping[str, SignalValue]:
    return _NO_SIGNALS


class RolloutRole(IntEnum):
    """Who produced a rollout. GREEDY is ReMax's baseline and gets no advantage."""

    POLICY = 1
    GREEDY = 2
    EXPERT = 3
    HINTED = 4
    RETRY = 5
    REPLAY = 6


class RolloutState(IntEnum):
    """Where a rollout is in its life. IN_PROGRESS: more steps follow; FAILED: never scored, answered with a failure."""

    IN_PROGRESS = 1
    TRUNCATED = 2
    DONE = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Anchor:
    """The canonical current state an action was taken in: never the prompt, never the history.

    Attributes:
        state_digest: of the environment's true state, where it can tell.
        state: structured state; JSON types are distinct, object key order is not.
    """

    observation: Content = ""
    inventory: Content = ""
    state_digest: str = ""
    state: Json = None


@dataclass(frozen=True, slots=True)
class Step:
    """One action and what followed it. Its index is its position.

    Attributes:
        anchor: the state the action was taken in; a plain text is its observation.
        token_span: first token and one past the last, counted in the response.
    """

    action: Content = ""
    observation: Content = ""
    anchor: Anchor | str | v1.Anchor | None = None
    reward: float | None = None
    done: bool = False
    action_valid: bool = True
    prompt: Content = ""
    tool_calls: Sequence[ToolCall] = ()
    tool_results: Sequence[ToolResult] = ()
    agent_id: str = ""
    policy_version: str = ""
    token_span: tuple[int, int] | None = None

    def to_message(self, index: int = 0) -> v1.Step:
        """The proto message.

        Raises:
            InvalidArgument: a field has a value that cannot be sent.
        """
        from assay.rollout_messages import steps_messages

        return steps_messages((self,), index)[0]


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled trajectory of a policy on one prompt.

    Attributes:
        rollout_id: unique within the run; resending identical content is harmless.
        group_id: the rollouts of one prompt from one identical start.
        group_size: members to wait for; 0 = the group is closed by ``close_group``.
        prompt_id: stable across epochs; the key of per-prompt state.
        reference: ground truth, e.g. ``{"answer": "18"}``; large ones are sent once by ``put_tasks``.
        task_digest: names such a task instead of ``reference``.
        response: what the model said, as a shorthand for one step.
        extra: passed through to rewards.
        num_tokens: length in tokens of the policy's own tokenizer.
        signals: numbers and arrays by snake_case name; the stream sends those that the run reads.
        global_step: the trainer's optimisation step that asked for this rollout.
        fork_step: where this trajectory branched off ``parent_rollout_id``.
        initial_state_digest: where given, all members of a group must agree.
    """

    rollout_id: str
    group_id: str = ""
    group_size: int = 0
    prompt_id: str = ""
    task_type: str = ""
    reference: Mapping[str, Json] | None = None
    task_digest: str = ""
    response: Content | None = None
    steps: Sequence[Step | v1.Step] = ()
    role: RolloutRole = RolloutRole.POLICY
    state: RolloutState = RolloutState.DONE
    extra: Mapping[str, Json] | None = None
    num_tokens: int | None = None
    num_tool_calls: int | None = None
    signals: Mapping[str, SignalValue] = field(default_factory=_no_signals)
    global_step: int = 0
    seed: int = 0
    prompt: Content = ""
    parent_rollout_id: str = ""
    fork_step: int = 0
    hint_level: int = 0
    initial_state_digest: str = ""

    def to_message(self) -> v1.Rollout:
        """The proto message; text that is not valid Unicode is repaired and flagged.

        Raises:
            InvalidArgument: a field has a value that cannot be sent.
        """
        from assay.rollout_messages import rollout_message

        return rollout_message(self)


RolloutLike: TypeAlias = "Rollout | v1.Rollout"
StepLike: TypeAlias = "Step | v1.Step"
