"""What is asked of the session engine, and what it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from assay.sdk import Json
from assay_server.sessions.values import EnvironmentSources, Rules, SessionFault

NO_SOURCES = EnvironmentSources()


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How many sessions, where and for how long.

    Attributes:
        workers: processes.
        max_sessions: live sessions of all tenants together.
        step_timeout: seconds for one action, where the session's creator says nothing.
        open_timeout: seconds for making a session, its recorded actions included.
        idle_timeout: seconds without an action after which a session is closed.
        kept_seconds: how long the journal keeps a session that was closed.
        sources: where workers find environments.
        tenant_sessions: live sessions of one tenant; 0 = as many as there is room for.
    """

    workers: int = 2
    max_sessions: int = 65_536
    step_timeout: float = 10.0
    open_timeout: float = 120.0
    idle_timeout: float = 1800.0
    kept_seconds: float = 86_400.0
    sources: EnvironmentSources = NO_SOURCES
    tenant_sessions: int = 0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """What a session's creator wants; 0 = as the server does."""

    step: float = 0.0
    idle: float = 0.0


NO_RULES = Rules()
NO_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class CreateSessions:
    """Groups of sessions that start alike.

    Attributes:
        seeds: one a group.
        request_id: a repeat with the same id gets the same sessions; empty = each request makes new ones.
    """

    environment: str
    seeds: tuple[int, ...]
    group_size: int
    options: Mapping[str, Json]
    rules: Rules = NO_RULES
    timeouts: Timeouts = NO_TIMEOUTS
    run_id: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """An action for a session.

    Attributes:
        expected_step: the index that the action answers.
    """

    session_id: str
    action: str
    expected_step: int
    agent_id: str = ""


@dataclass(frozen=True, slots=True)
class SessionView:
    """Where a session stands.

    Attributes:
        state: encoded assay.v1.SessionState, without ids.
    """

    session_id: str
    group_id: str
    index: int
    state: bytes


Outcome: TypeAlias = "SessionView | SessionFault"


@dataclass(slots=True)
class SessionFigures:
    """What the engine has done since it started.

    Attributes:
        forwarded: questions that other servers answered.
        taken_over: sessions claimed that another server held before.
    """

    created: int = 0
    steps: int = 0
    rebuilt: int = 0
    reaped: int = 0
    forwarded: int = 0
    taken_over: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
