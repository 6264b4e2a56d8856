"""What every environment offers: a state machine that says where it stands.

An environment is a pure function of its seed, its options and the actions taken: no clock, no global random numbers,
no I/O. The same three give the same observations, rewards and digests in any process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from assay.sdk import Json
from assay.sdk.environments import (
    EnvironmentFault,
    EpisodeOver,
    InvalidOptions,
    ResetResult,
    StepResult,
    StopReason,
)

__all__ = [
    "Asking",
    "Carrying",
    "Dumping",
    "Environment",
    "EnvironmentFault",
    "EpisodeOver",
    "Informing",
    "InvalidDump",
    "InvalidOptions",
    "ResetResult",
    "StepResult",
    "StopReason",
]


class InvalidDump(EnvironmentFault):
    """What ``restore`` was given is no dump of this environment."""


class Environment(Protocol):
    """One live episode at a time."""

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start the episode that ``seed`` and ``options`` name.

        Raises:
            InvalidOptions: an option is unknown or outside its bounds.
        """
        ...

    def step(self, action: str) -> StepResult:
        """Take an action; any text is taken, an inadmissible one is answered with ``action_valid`` False.

        Raises:
            EpisodeOver: there is no live episode.
        """
        ...

    def anchor(self) -> str:
        """The current state as canonical text: never the prompt, never the history, never the action list."""
        ...

    def state_digest(self) -> str:
        """64 hex digits, equal exactly where the true state (the step counter apart) is equal."""
        ...

    def admissible_actions(self) -> tuple[str, ...]:
        """What ``step`` takes as valid in the present state, in a fixed order.

        Once the episode is over ``step`` takes nothing; what is listed then is the environment's own affair.
        """
        ...

    def close(self) -> None:
        """Let go of everything; may be called more than once."""
        ...


@runtime_checkable
class Carrying(Environment, Protocol):
    """An environment that can say what is carried, for the anchor recipe observation + inventory."""

    def inventory(self) -> str:
        """What is carried, as text; equal texts where equal things are carried."""
        ...


@runtime_checkable
class TurnTaking(Environment, Protocol):
    """An environment of several agents, one of which acts at a time."""

    def agent_to_act(self) -> str:
        """Whose turn it is; empty where that makes no difference."""
        ...


@runtime_checkable
class Asking(Environment, Protocol):
    """An environment some of whose actions need an answer of the outside, such as what a program prints.

    It asks nobody itself: who runs the episode does, and records the answer with the action, so that a replay is told
    the same and nothing is asked again.
    """

    def request_for(self, action: str) -> str:
        """What is to be asked before this action is taken, as JSON; empty where nothing is. Changes nothing."""
        ...

    def receive(self, answer: str) -> None:
        """The answer, as JSON, for the action that comes next.

        Raises:
            EnvironmentFault: it is none.
        """
        ...


@runtime_checkable
class Informing(Environment, Protocol):
    """An environment with more to say about the present step than its observation."""

    def info(self) -> Mapping[str, Json]:
        """Counters and schemas, for the caller; the policy is not shown them."""
        ...


@runtime_checkable
class Dumping(Environment, Protocol):
    """An environment that can be put aside: replay starts from a dump instead of from the reset."""

    def dump(self) -> bytes:
        """Everything that changed since ``reset``, the step count included; small, and the same for equal episodes.

        Raises:
            EpisodeOver: there is no episode.
        """
        ...

    def restore(self, dumped: bytes) -> None:
        """Continue where ``dump`` was called; called after ``reset`` with the same seed and options.

        Raises:
            EpisodeOver: there is no episode.
            InvalidDump: these bytes are no dump of this episode.
        """
        ...
