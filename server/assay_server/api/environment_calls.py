"""EnvironmentService's calls.

A session's state comes from its worker as encoded bytes and goes to the client as the same bytes, its ids put beside
it: a step costs no encoding here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf import duration_pb2

from assay.v1 import environment_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.api.handlers import Wire, parse
from assay_server.api.principals import Principal
from assay_server.api.traced_steps import step_span, traced_step
from assay_server.environments.definition import EnvironmentDefinition, Replay
from assay_server.pipeline.failures import Code, Failure, Violation, invalid_field
from assay_server.pipeline.frames import delimited, field_tag
from assay_server.pipeline.intake import check_id
from assay_server.pipeline.json_fields import parse_object
from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.first_ready import write_as_ready
from assay_server.sessions.requests import Action, CreateSessions, Outcome, SessionView, Timeouts
from assay_server.sessions.values import Reason, Rules, SessionFault

if TYPE_CHECKING:
    from assay_server.tracing.recording import Tracing

MAX_SESSIONS_A_CALL: Final = 65_536
MAX_ACTIONS_A_CALL: Final = 65_536
MAX_ACTION_CHARACTERS: Final = 1 << 20
_MAX_IN_FLIGHT = 4096
_LONGEST_TIMEOUT = 3600.0
_SEEDS = 1 << 63

_CODES: Mapping[Reason, Code] = {
    Reason.UNKNOWN_ENVIRONMENT: Code.NOT_FOUND,
    Reason.UNKNOWN_SESSION: Code.NOT_FOUND,
    Reason.UNKNOWN_SNAPSHOT: Code.NOT_FOUND,
    Reason.INVALID_OPTIONS: Code.INVALID_ARGUMENT,
    Reason.INVALID_ACTION_CONTENT: Code.INVALID_ARGUMENT,
    Reason.WRONG_STEP: Code.ABORTED,
    Reason.STEP_IN_FLIGHT: Code.ABORTED,
    Reason.EPISODE_OVER: Code.FAILED_PRECONDITION,
    Reason.SESSION_CLOSED: Code.FAILED_PRECONDITION,
    Reason.SESSION_MOVED: Code.UNAVAILABLE,
    Reason.OWNER_UNREACHABLE: Code.UNAVAILABLE,
    Reason.SESSIONS_FULL: Code.RESOURCE_EXHAUSTED,
    Reason.STEP_TIMEOUT: Code.DEADLINE_EXCEEDED,
    Reason.ENVIRONMENT_CRASHED: Code.INTERNAL,
    Reason.ENVIRONMENT_FAILED: Code.INTERNAL,
    Reason.REPLAY_MISMATCH: Code.DATA_LOSS,
    Reason.ENVIRONMENT_CHANGED: Code.DATA_LOSS,
    Reason.NOT_REPLAYABLE: Code.FAILED_PRECONDITION,
    Reason.REQUEST_CONFLICT: Code.ALREADY_EXISTS,
    Reason.GROUP_START_DIFFERS: Code.INTERNAL,
    Reason.JOURNAL_UNAVAILABLE: Code.UNAVAILABLE,
    Reason.OUTSIDE_UNAVAILABLE: Code.UNAVAILABLE,
    Reason.OUTSIDE_REFUSED: Code.FAILED_PRECONDITION,
}
_REPLAY: Mapping[Replay, wire.ReplayClass] = {
    Replay.PURE: wire.REPLAY_CLASS_PURE,
    Replay.RECORDED: wire.REPLAY_CLASS_RECORDED,
    Replay.NONE: wire.REPLAY_CLASS_NONE,
}


class Encoded:
    """A response whose bytes are there already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def SerializeToString(self) -> bytes:  # noqa: N802 - as messages call it
        """The bytes."""
        return self._data


class EnvironmentCalls:
    """ListEnvironments, CreateSessions, Step, Interact, ForkSession, SnapshotSession, RestoreSession, CloseSessions."""

    def __init__(self, engine: SessionEngine, tracing: Tracing | None = None) -> None:
        self._engine = engine
        self._tracing = tracing

    async def list_environments(self, _: Principal, data: bytes) -> wire.ListEnvironmentsResponse:
        """What can be named as an environment."""
        prefix = parse(wire.ListEnvironmentsRequest, data).prefix
        found = [_info(one) for one in self._engine.catalogue.definitions() if one.id.startswith(prefix)]
        return wire.ListEnvironmentsResponse(environments=found)

    async def create_sessions(self, principal: Principal, data: bytes) -> Encoded:
        """Groups of sessions that start alike."""
        request = _creation(parse(wire.CreateSessionsRequest, data))
        with _faults():
            return _states(await self._engine.create(principal.tenant, request))

    async def step(self, principal: Principal, data: bytes) -> Encoded:
        """One action for each of a batch of sessions."""
        actions = parse(wire.StepRequest, data).actions
        if len(actions) > MAX_ACTIONS_A_CALL:
            raise invalid_field("actions", f"{len(actions)} actions, {MAX_ACTIONS_A_CALL} at most")
        results = await asyncio.gather(*(self._act(principal.tenant, action) for action in actions))
        return Encoded(b"".join(results))

    async def interact(self, principal: Principal, context: Wire) -> None:
        """Actions as they come, answers as they are ready."""
        room = asyncio.Semaphore(_MAX_IN_FLIGHT)
        ready: asyncio.Queue[bytes | None] = asyncio.Queue()
        under_way: set[asyncio.Task[None]] = set()

        async def answer(action: wire.StepAction) -> None:
            try:
                ready.put_nowait(await self._traced_act(principal.tenant, action))
            finally:
                room.release()

        async def read() -> None:
            while (data := await context.read()) != grpc.aio.EOF:  # pyright: ignore[reportAttributeAccessIssue] - missing in its stubs
                for action in parse(wire.InteractRequest, data).actions:
                    await room.acquire()
                    task = asyncio.create_task(answer(action), name="interact")
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
            await asyncio.gather(*under_way)

        reader = asyncio.create_task(read(), name="interact reader")
        reader.add_done_callback(lambda _: ready.put_nowait(None))
        try:
            await write_as_ready(ready, context.write)
            await reader
        finally:
            reader.cancel()
            for task in under_way:
                task.cancel()
            await asyncio.gather(reader, *under_way, return_exceptions=True)
            del reader  # it remembers the error that it ended with, which remembers this frame

    async def fork_session(self, principal: Principal, data: bytes) -> Encoded:
        """New sessions that continue from a step of another one."""
        request = parse(wire.ForkSessionRequest, data)
        count = request.count or 1
        if not 1 <= count <= MAX_SESSIONS_A_CALL:
            raise invalid_field("count", f"expected 1 to {MAX_SESSIONS_A_CALL}, or 0 for 1")
        _check_request_id(request.request_id)
        with _faults():
            views = await self._engine.fork(
                principal.tenant, request.session_id, request.at_step, count, request.request_id
            )
        return _states(views)

    async def snapshot_session(self, principal: Principal, data: bytes) -> wire.SnapshotSessionResponse:
        """A handle to a session as it stands."""
        request = parse(wire.SnapshotSessionRequest, data)
        with _faults():
            snapshot, index, digest = await self._engine.snapshot(principal.tenant, request.session_id)
        return wire.SnapshotSessionResponse(snapshot=snapshot, digest=digest.hex(), step_index=index)

    async def restore_session(self, principal: Principal, data: bytes) -> Encoded:
        """A session that continues from a snapshot."""
        request = parse(wire.RestoreSessionRequest, data)
        _check_request_id(request.request_id)
        with _faults():
            view = await self._engine.restore(principal.tenant, request.snapshot, request.request_id)
        return _states([view])

    async def close_sessions(self, principal: Principal, data: bytes) -> wire.CloseSessionsResponse:
        """Free sessions."""
        session_ids = parse(wire.CloseSessionsRequest, data).session_ids
        with _faults():
            await self._engine.close(principal.tenant, session_ids)
        return wire.CloseSessionsResponse(statuses=[rollout_pb2.Status() for _ in session_ids])

    async def _act(self, tenant: str, action: wire.StepAction) -> bytes:
        """The result of one action as an element of ``results``."""
        return _result(action.session_id, await self._acted(tenant, action))

    async def _traced_act(self, tenant: str, action: wire.StepAction) -> bytes:
        """The same, under a span of its own where one is sampled: the stream that it came by lasts."""
        span = None if self._tracing is None else step_span(self._tracing, tenant, action)
        work = self._acted(tenant, action)
        return _result(action.session_id, await (work if span is None else traced_step(span, work)))

    async def _acted(self, tenant: str, action: wire.StepAction) -> Outcome:
        try:
            text = _text_of(action.action)
        except SessionFault as fault:
            return fault
        return await self._engine.act(tenant, Action(action.session_id, text, action.expected_step, action.agent_id))


@contextlib.contextmanager
def _faults() -> Generator[None]:
    """Faults of sessions as failures of the call."""
    try:
        yield
    except SessionFault as fault:
        raise failure_of_fault(fault) from fault


def failure_of_fault(fault: SessionFault) -> Failure:
    """A session's fault as the status that answers it."""
    violations = (Violation(fault.field, fault.message),) if fault.field else ()
    code = _CODES[fault.reason]
    retryable = True if fault.retry_after is not None else None
    return Failure(code, fault.reason.value, fault.message, violations, fault.metadata, fault.retry_after, retryable)


def _info(definition: EnvironmentDefinition) -> wire.EnvironmentInfo:
    return wire.EnvironmentInfo(
        id=definition.id,
        digest=definition.digest,
        summary=definition.summary,
        doc=definition.doc,
        options_schema_json=json.dumps(definition.options),
        replay=_REPLAY[definition.replay],
    )


# ---------------------------------------------------------------- requests


def _creation(request: wire.CreateSessionsRequest) -> CreateSessions:
    groups, size = request.num_groups or len(request.group_seeds) or 1, request.group_size or 1
    if groups < 1:
        raise invalid_field("num_groups", "must not be negative")
    if size < 1:
        raise invalid_field("group_size", "must not be negative")
    if groups * size > MAX_SESSIONS_A_CALL:
        raise invalid_field("num_groups", f"{groups} x {size} sessions, {MAX_SESSIONS_A_CALL} at most")
    if request.group_seeds and len(request.group_seeds) != groups:
        raise invalid_field("group_seeds", f"{len(request.group_seeds)} seeds for {groups} groups")
    if request.seed + groups > _SEEDS:
        raise invalid_field("seed", f"{groups} groups from here leave the range of an int64")
    _check_request_id(request.request_id)
    if request.run_id:
        check_id(request.run_id, "run_id")
    policy = request.policy
    return CreateSessions(
        environment=request.environment_id,
        seeds=tuple(request.group_seeds) or tuple(range(request.seed, request.seed + groups)),
        group_size=size,
        options=parse_object(request.options_json, "options_json"),
        rules=_rules(policy),
        timeouts=Timeouts(
            _seconds(policy.step_timeout, "policy.step_timeout"), _seconds(policy.idle_timeout, "policy.idle_timeout")
        ),
        run_id=request.run_id,
        request_id=request.request_id,
    )


def _rules(policy: wire.SessionPolicy) -> Rules:
    for name in ("max_steps", "max_steps_without_progress", "max_state_visits", "invalid_action_penalty"):
        value: float = getattr(policy, name)
        if not (value >= 0 and math.isfinite(value)):
            raise invalid_field(f"policy.{name}", "must be finite and not negative")
    return Rules(
        policy.max_steps,
        policy.max_steps_without_progress,
        policy.max_state_visits,
        policy.invalid_action_penalty,
    )


def _seconds(duration: duration_pb2.Duration, path: str) -> float:
    seconds = duration.seconds + duration.nanos / 1e9
    if not 0.0 <= seconds <= _LONGEST_TIMEOUT:
        raise invalid_field(path, f"expected 0 to {_LONGEST_TIMEOUT:g} s")
    return seconds


def _check_request_id(request_id: str) -> None:
    if request_id:
        check_id(request_id, "request_id")


def _text_of(content: rollout_pb2.Content) -> str:
    """The action as text.

    Raises:
        SessionFault: it has parts that are no text, or is too long.
    """
    texts: list[str] = []
    for part in content.parts:
        match part.WhichOneof("part"):
            case "text":
                texts.append(part.text)
            case "message":
                texts.append(part.message.text)
            case kind:
                raise SessionFault(
                    Reason.INVALID_ACTION_CONTENT, f"an action is text, this has a part {kind!r}", field="action"
                )
    text = "".join(texts)
    if len(text) > MAX_ACTION_CHARACTERS:
        limit = f"{len(text)} characters, {MAX_ACTION_CHARACTERS} at most"
        raise SessionFault(Reason.INVALID_ACTION_CONTENT, limit, field="action")
    return text


# ---------------------------------------------------------------- responses

_SESSION = field_tag(wire.CreateSessionsResponse, "sessions")
"""ForkSessionResponse.sessions and RestoreSessionResponse.session have the same number."""

_RESULT = field_tag(wire.StepResponse, "results")
"""InteractResponse.results has the same number."""

_RESULT_SESSION_ID = field_tag(wire.StepResult, "session_id")
_RESULT_STATE = field_tag(wire.StepResult, "state")
_RESULT_ERROR = field_tag(wire.StepResult, "error")
_STATE_SESSION_ID = field_tag(wire.SessionState, "session_id")
_STATE_GROUP_ID = field_tag(wire.SessionState, "group_id")

assert field_tag(wire.ForkSessionResponse, "sessions") == field_tag(wire.RestoreSessionResponse, "session") == _SESSION
assert field_tag(wire.InteractResponse, "results") == _RESULT


def _states(views: Sequence[SessionView]) -> Encoded:
    """A response that holds the sessions' states."""
    return Encoded(b"".join(delimited(_SESSION, _state(view)) for view in views))


def _result(session_id: str, outcome: Outcome) -> bytes:
    """An element of StepResponse.results and InteractResponse.results."""
    if isinstance(outcome, SessionFault):
        answer = delimited(_RESULT_ERROR, failure_of_fault(outcome).to_status().SerializeToString())
    else:
        answer = delimited(_RESULT_STATE, _state(outcome))
    return delimited(_RESULT, delimited(_RESULT_SESSION_ID, session_id.encode()) + answer)


def _state(view: SessionView) -> bytes:
    session_id, group_id = view.session_id.encode(), view.group_id.encode()
    return view.state + delimited(_STATE_SESSION_ID, session_id) + delimited(_STATE_GROUP_ID, group_id)
