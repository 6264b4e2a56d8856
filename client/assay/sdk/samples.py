"""What a reward sees (a sample) and what it answers (a score)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from assay.sdk.values import value

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A value that JSON can hold; integers keep their full precision."""

_NOTHING: Mapping[str, Json] = MappingProxyType({})
_NO_SIGNALS: Mapping[str, float | npt.NDArray[np.generic]] = MappingProxyType({})
_NO_COMPONENTS: Mapping[str, float] = MappingProxyType({})
_NO_CONSTRAINTS: Mapping[str, bool] = MappingProxyType({})


def _nothing() -> Mapping[str, Json]:
    return _NOTHING


def _no_signals() -> Mapping[str, float | npt.NDArray[np.generic]]:
    return _NO_SIGNALS


def _no_components() -> Mapping[str, float]:
    return _NO_COMPONENTS


def _no_constraints() -> Mapping[str, bool]:
    return _NO_CONSTRAINTS


class Verdict(Enum):
    """Whether the answer is right, where a reward can tell."""

    UNSPECIFIED = 0
    CORRECT = 1
    INCORRECT = 2


@value
class ToolCall:
    """A call that the model made in structured form; ``arguments`` is JSON text as the model wrote it."""

    name: str
    arguments: str = ""


@value
class Step:
    """One action and what followed it. Texts are the concatenated text parts of the contents."""

    index: int
    action: str
    observation: str = ""
    prompt: str = ""
    reward: float | None = None
    done: bool = False
    action_valid: bool = True
    agent_id: str = ""
    policy_version: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


@value
class Sample:
    """One rollout as a reward sees it.

    Attributes:
        rollout_id: the rollout's id.
        response: text of the last step's action; what the model finally said.
        reference: ground truth, an object such as ``{"answer": "18"}``.
        extra: passed through from the trainer's dataset.
        steps: all steps in order; one for single-turn work.
        prompt: what the model was asked, where the trainer sent it.
        num_tokens: length of the response in tokens; None where the trainer did not say.
        num_tool_calls: tool calls, counted by the service where it hosted them.
        truncated: the response was cut by a limit.
        signals: what only the trainer can know, by snake_case name: scalars and arrays.
        global_step: the trainer's optimisation step.
    """

    rollout_id: str
    response: str
    reference: Mapping[str, Json] = field(default_factory=_nothing)
    task_type: str = ""
    group_id: str = ""
    prompt_id: str = ""
    prompt: str = ""
    steps: tuple[Step, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=_nothing)
    num_tokens: int | None = None
    num_tool_calls: int | None = None
    truncated: bool = False
    signals: Mapping[str, float | npt.NDArray[np.generic]] = field(default_factory=_no_signals)
    global_step: int = 0
    seed: int = 0


@value
class Evidence:
    """Why a component has its value.

    Attributes:
        extracted: the answer as it stood in the text.
        method: how it was found (``boxed``, ``answer_tag``, ``answer_is``, ...).
        start: first character of the extracted text in the response.
        end: one past its last character.
        reason: one sentence for people.
        layer: which comparison decided.
        detail: anything else, as JSON values.
    """

    extracted: str = ""
    method: str = ""
    start: int = 0
    end: int = 0
    reason: str = ""
    layer: str = ""
    detail: Mapping[str, Json] = field(default_factory=_nothing)
    step_index: int = 0


@value
class SpanReward:
    """A process reward on characters ``start:end`` of one step's action."""

    step_index: int
    start: int
    end: int
    label: str
    reward: float


@value
class Score:
    """What one reward says of one sample.

    Attributes:
        value: finite, within the reward's declared bounds.
        verdict: right or wrong, where the reward can tell.
        answer_key: name of the answer's equivalence class; equal keys mean equal answers.
        components: a named vector, where the reward is more than one number.
        constraints: True = kept.
    """

    value: float
    verdict: Verdict = Verdict.UNSPECIFIED
    evidence: Evidence | None = None
    answer_key: str = ""
    components: Mapping[str, float] = field(default_factory=_no_components)
    constraints: Mapping[str, bool] = field(default_factory=_no_constraints)
    spans: tuple[SpanReward, ...] = ()


class Unscorable(Exception):
    """This sample could not be scored. Becomes a status; never a 0.

    Args:
        reason: stable UPPER_SNAKE_CASE name, e.g. ``REFERENCE_UNPARSEABLE``.
        message: what was expected, what came, what to do. Shown to the trainer.
        field: path of the offending field within the rollout, where there is one.
        retryable: whether the same sample may succeed later.
    """

    def __init__(self, reason: str, message: str, *, field: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.retryable = retryable
