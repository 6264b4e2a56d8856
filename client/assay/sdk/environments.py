"""What an environment answers with, and what it raises: an environment is a class with the methods that
:func:`assay.sdk.environment` lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

StopReason: TypeAlias = Literal["", "won", "finished", "max_steps"]
"""Why an episode ended; empty while it goes on. ``finished``: by its own rules, without being won."""


class EnvironmentFault(Exception):
    """The root of what environments raise on purpose."""


class InvalidOptions(EnvironmentFault):
    """An option of ``reset`` is unknown or outside its bounds; ``field`` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"option {field!r}: {message}")
        self.field = field


class EpisodeOver(EnvironmentFault):
    """``step`` was called where there is no live episode: before ``reset``, after the end, or after ``close``."""


@dataclass(frozen=True, slots=True)
class ResetResult:
    """What an episode starts from.

    Attributes:
        observation: what the policy is told: the task and the first view.
        state_digest: of the initial state; the members of a group must agree on it.
        won: the task is solved before anything is done; the first step then ends the episode.
    """

    observation: str
    state_digest: str
    won: bool = False


@dataclass(frozen=True, slots=True)
class StepResult:
    """What followed one action.

    Attributes:
        reward: of this step alone.
        action_valid: the action was one of the admissible ones.
        executed: the action was carried out (an invalid one is not; it still costs a step).
        won: the task is solved.
        task_score: how much of the task is solved, in [0, 1]; 1 exactly where ``won``.
        terminated: the episode ended by its own rules.
        truncated: the episode was cut by the step limit.
        stop_reason: why it ended; empty while it goes on.
    """

    observation: str
    reward: float
    action_valid: bool
    executed: bool
    won: bool
    task_score: float
    terminated: bool
    truncated: bool
    stop_reason: StopReason
