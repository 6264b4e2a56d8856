"""What a session is made from, what it answers, and what can go wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import cast

from assay.sdk import Json


class Reason(Enum):
    """Why something was not done; the names are stable, programs branch on them."""

    UNKNOWN_ENVIRONMENT = "UNKNOWN_ENVIRONMENT"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"
    UNKNOWN_SNAPSHOT = "UNKNOWN_SNAPSHOT"
    INVALID_OPTIONS = "INVALID_OPTIONS"
    INVALID_ACTION_CONTENT = "INVALID_ACTION_CONTENT"
    WRONG_STEP = "WRONG_STEP"
    STEP_IN_FLIGHT = "STEP_IN_FLIGHT"
    EPISODE_OVER = "EPISODE_OVER"
    SESSION_CLOSED = "SESSION_CLOSED"
    SESSION_MOVED = "SESSION_MOVED"
    OWNER_UNREACHABLE = "OWNER_UNREACHABLE"
    SESSIONS_FULL = "SESSIONS_FULL"
    STEP_TIMEOUT = "STEP_TIMEOUT"
    ENVIRONMENT_CRASHED = "ENVIRONMENT_CRASHED"
    ENVIRONMENT_FAILED = "ENVIRONMENT_FAILED"
    REPLAY_MISMATCH = "REPLAY_MISMATCH"
    ENVIRONMENT_CHANGED = "ENVIRONMENT_CHANGED"
    NOT_REPLAYABLE = "NOT_REPLAYABLE"
    REQUEST_CONFLICT = "REQUEST_CONFLICT"
    GROUP_START_DIFFERS = "GROUP_START_DIFFERS"
    JOURNAL_UNAVAILABLE = "JOURNAL_UNAVAILABLE"
    OUTSIDE_UNAVAILABLE = "OUTSIDE_UNAVAILABLE"
    OUTSIDE_REFUSED = "OUTSIDE_REFUSED"


def _nothing() -> Mapping[str, str]:
    return {}


@dataclass(eq=False)
class SessionFault(Exception):
    """Why a session could not do what was asked.

    Attributes:
        metadata: what a program needs to go on, such as the present ``step_index``.
        field: path of the field of the request that is wrong, if one is.
        retry_after: seconds after which a retry makes sense; None = nothing is known.
    """

    reason: Reason
    message: str
    metadata: Mapping[str, str] = field(default_factory=_nothing)
    field: str = ""
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.message}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the service adds to an environment's own rules; part of what a session is made from.

    Attributes:
        max_steps: actions after which the episode is cut; 0 = the environment's own limit alone.
        max_steps_without_progress: cut after so many actions in a row that brought no new best ``task_score``, no
            reward above 0 and no state not seen before; 0 = never.
        max_state_visits: cut when one state digest was reached so many times; 0 = never.
        invalid_action_penalty: subtracted from the reward of a step whose action was not valid; at least 0.
    """

    max_steps: int = 0
    max_steps_without_progress: int = 0
    max_state_visits: int = 0
    invalid_action_penalty: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """What a session is made from; with its actions it determines everything that follows.

    Attributes:
        environment: id with version.
        digest: of the environment's code; another one is refused at replay.
    """

    environment: str
    digest: str
    seed: int
    options: Mapping[str, Json]
    rules: Rules = Rules()

    def encode(self) -> bytes:
        """Canonical JSON."""
        plain = {**asdict(self), "options": dict(self.options)}
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def decode(cls, data: bytes) -> SessionSpec:
        """The inverse of :meth:`encode`."""
        plain = cast("dict[str, object]", json.loads(data))
        rules = Rules(**cast("dict[str, int]", plain.pop("rules")))
        named = {item.name: plain[item.name] for item in fields(cls) if item.name != "rules"}
        return cls(**named, rules=rules)  # pyright: ignore[reportArgumentType] - written by encode()


@dataclass(frozen=True, slots=True)
class EnvironmentSources:
    """Where workers find environments beside the built-in ones.

    Attributes:
        plugins: as workers are told them.
        games: a folder of ALFWorld's games; empty = there is none.
        shops: a folder of catalogues of the shop; empty = there is none.
        questions: a folder of sets of questions about databases; empty = there is none.
        checked: environments are held to their promises at every step.
        corpora: a folder of corpora that tools search; empty = there is none.
        programs: whether there is a sandbox for what policies write.
        judges: that can play the other party of a dialogue.
    """

    plugins: tuple[str, ...] = ()
    games: str = ""
    shops: str = ""
    questions: str = ""
    checked: bool = False
    corpora: str = ""
    programs: bool = False
    judges: tuple[str, ...] = ()

    def encode(self) -> str:
        """As JSON, for a worker's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> EnvironmentSources:
        """The inverse of :meth:`encode`."""
        named = cast("dict[str, object]", json.loads(text))
        plugins = tuple(cast("list[str]", named.pop("plugins")))
        judges = tuple(cast("list[str]", named.pop("judges", [])))
        return cls(plugins, judges=judges, **named)  # pyright: ignore[reportArgumentType] - written by encode()


@dataclass(frozen=True, slots=True)
class Turn:
    """One journaled action.

    Attributes:
        agent_id: whose action it was, in episodes of several agents.
        digest: of everything that the environment answered, 16 bytes.
        heard: what the outside answered when it was asked for this action; a replay is told the same.
    """

    action: str
    agent_id: str
    digest: bytes
    heard: str = ""
