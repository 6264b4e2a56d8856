"""Groups of rollouts that have rewards already: what ``Client.advantages`` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias, cast

from assay._text import json_object_text, repaired
from assay.errors import AssayError, invalid
from assay.rollout_messages import steps_messages
from assay.rollouts import RolloutRole, StepLike
from assay.sdk.samples import Json
from assay.signals import SignalValue, fill_signal
from assay.v1 import rollout_pb2 as v1

_NO_SIGNALS: Mapping[str, SignalValue] = MappingProxyType({})
_NO_COMPONENTS: Mapping[str, float] = MappingProxyType({})


def _no_signals() -> Mapping[str, SignalValue]:
    return _NO_SIGNALS


def _no_components() -> Mapping[str, float]:
    return _NO_COMPONENTS


@dataclass(frozen=True, slots=True)
class ScoredRollout:
    """A rollout as an estimator sees it.

    Attributes:
        reward: None = the sum of the step rewards.
        num_tokens: where the method reads a length.
        fork_step: where this trajectory branched off ``parent_rollout_id``.
    """

    rollout_id: str
    reward: float | None = None
    steps: Sequence[StepLike] = ()
    role: RolloutRole = RolloutRole.POLICY
    signals: Mapping[str, SignalValue] = field(default_factory=_no_signals)
    components: Mapping[str, float] = field(default_factory=_no_components)
    num_tokens: int | None = None
    num_tool_calls: int | None = None
    answer_key: str = ""
    prompt_id: str = ""
    global_step: int = 0
    extra: Mapping[str, Json] | None = None
    parent_rollout_id: str = ""
    fork_step: int = 0

    def to_message(self, path: str = "rollout") -> v1.ScoredRollout:
        """The proto message.

        Raises:
            InvalidArgument: a field has a value that cannot be sent.
        """
        try:
            try:
                return _scored_message(self, path)
            except UnicodeEncodeError:
                return _scored_message(repaired(self), path)
        except AssayError:
            raise
        except (TypeError, ValueError, AttributeError) as error:
            raise invalid(path, str(error)) from error


def _scored_message(scored: ScoredRollout, path: str) -> v1.ScoredRollout:
    if scored.reward is not None and scored.reward - scored.reward != 0.0:
        raise invalid(f"{path}.reward", f"expected a finite number, got {scored.reward!r}")
    message = v1.ScoredRollout(
        rollout_id=scored.rollout_id,
        reward=scored.reward,
        role=cast("v1.RolloutRole", scored.role),
        components=scored.components,
        num_tokens=scored.num_tokens,
        num_tool_calls=scored.num_tool_calls,
        answer_key=scored.answer_key,
        prompt_id=scored.prompt_id,
        global_step=scored.global_step,
        extra_json="" if scored.extra is None else json_object_text(scored.extra),
        parent_rollout_id=scored.parent_rollout_id,
        fork_step=scored.fork_step,
    )
    message.steps.extend(steps_messages(scored.steps, path=f"{path}.steps"))
    for name, value in scored.signals.items():
        fill_signal(message.signals[name], value, f"{path}.signals[{name}]")
    return message


@dataclass(frozen=True, slots=True)
class RolloutGroup:
    """The rollouts of one prompt from one identical start."""

    group_id: str
    rollouts: Sequence[ScoredRollout | v1.ScoredRollout]

    def to_message(self, path: str = "group") -> v1.RolloutGroup:
        """The proto message; InvalidArgument where a value cannot be sent."""
        message = v1.RolloutGroup(group_id=self.group_id)
        for index, rollout in enumerate(self.rollouts):
            here = f"{path}.rollouts[{index}]"
            message.rollouts.append(rollout if isinstance(rollout, v1.ScoredRollout) else rollout.to_message(here))
        return message


GroupLike: TypeAlias = "RolloutGroup | v1.RolloutGroup"
