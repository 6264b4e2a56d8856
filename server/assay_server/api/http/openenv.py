"""``/openenv/ENVIRONMENT/ws``: an episode over a WebSocket, in the messages of OpenEnv.

A client of OpenEnv whose base URL is ``http://assay:TOKEN@HOST/openenv/ENVIRONMENT`` plays any environment that this
server has: ``reset``, ``step``, ``state`` and ``close``, each with its ``data``, answered by ``observation``, ``state``
or ``error``. The episode is a session like any other; it ends with the connection.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Final, TypeVar, cast

import structlog
from google.protobuf.message import Message
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from assay.json_mapping import message_to_json
from assay.sdk import Json
from assay.v1 import environment_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.api.http.answers import json_bytes
from assay_server.api.http.bodies import parse_json
from assay_server.api.http.dispatch import Dispatch
from assay_server.api.scopes import scopes_of
from assay_server.pipeline.failures import Code, Failure, failure_of, internal

_SERVICE: Final = "/assay.v1.EnvironmentService"
_POLICY_VIOLATION: Final = 1008
_TRY_AGAIN_LATER: Final = 1013
_MAX_SEED: Final = 1 << 31
_SHOWN: Final = ("anchor", "actionValid", "executed", "won", "taskScore", "truncated", "stopReason", "stateDigest")
_ERRORS: Final[Mapping[Code, str]] = {
    Code.INVALID_ARGUMENT: "VALIDATION_ERROR",
    Code.RESOURCE_EXHAUSTED: "CAPACITY_REACHED",
    Code.NOT_FOUND: "SESSION_ERROR",
    Code.FAILED_PRECONDITION: "SESSION_ERROR",
    Code.ABORTED: "SESSION_ERROR",
}

M = TypeVar("M", bound=Message)

_log = structlog.get_logger(__name__)


def openenv_routes(dispatch: Dispatch) -> list[WebSocketRoute]:
    """The one route."""

    async def serve(socket: WebSocket) -> None:
        try:
            principal = dispatch.known(socket.headers, "openenv", scopes_of(f"{_SERVICE}/CreateSessions"))
            with dispatch.place(principal):
                await socket.accept()
                await _Episode(dispatch, socket).play()
        except Failure as failure:
            full = failure.code is Code.RESOURCE_EXHAUSTED
            await socket.close(_TRY_AGAIN_LATER if full else _POLICY_VIOLATION)
        except WebSocketDisconnect:
            return

    return [WebSocketRoute("/openenv/{environment:path}/ws", serve)]


class _Bad(Exception):
    """A message that is answered with an error of OpenEnv's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Episode:
    """One connection: at most one session at a time."""

    def __init__(self, dispatch: Dispatch, socket: WebSocket) -> None:
        self._dispatch = dispatch
        self._socket = socket
        self._environment: str = socket.path_params["environment"]
        self._episode_id = ""
        self._seed = 0
        self._state: wire.SessionState | None = None

    async def play(self) -> None:
        """Answer messages until the client closes or leaves; then free the session."""
        try:
            while (answer := await self._answered(await self._received())) is not None:
                await self._socket.send_text(json_bytes(answer).decode())
            await self._socket.close()
        finally:
            await self._free()

    async def _received(self) -> bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1000)
        text = cast("str | None", message.get("text"))
        return cast("bytes", message.get("bytes") or b"") if text is None else text.encode("utf-8", "surrogatepass")

    async def _answered(self, data: bytes) -> dict[str, Json] | None:
        """The answer to a message; None where it asks to end."""
        try:
            kind, content = _read(data)
            match kind:
                case "reset":
                    return await self._reset(content)
                case "step":
                    return await self._step(content)
                case "state":
                    return self._told()
                case _:
                    return None
        except _Bad as bad:
            return _error(bad.code, bad.message, bad.code)
        except Exception as error:  # noqa: BLE001 - the boundary: every error becomes an answer
            failure = failure_of(error)
            if failure is None:
                _log.error("episode failed", environment=self._environment, exc_info=error)
                failure = internal()
            return _error(_ERRORS.get(failure.code, "EXECUTION_ERROR"), failure.message, failure.reason)

    async def _reset(self, content: Mapping[str, Json]) -> dict[str, Json]:
        options = dict(content)
        seed, episode_id = options.pop("seed", None), options.pop("episode_id", None)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 62):
            raise _Bad("VALIDATION_ERROR", "seed: expected an integer that is not negative")
        if episode_id is not None and (not isinstance(episode_id, str) or len(episode_id) > 255):
            raise _Bad("VALIDATION_ERROR", "episode_id: expected a text of at most 255 characters")
        await self._free()
        self._seed = secrets.randbelow(_MAX_SEED) if seed is None else seed
        request = wire.CreateSessionsRequest(
            environment_id=self._environment, seed=self._seed, options_json=json.dumps(options) if options else ""
        )
        made = await self._ask("CreateSessions", request, wire.CreateSessionsResponse)
        self._state = made.sessions[0]
        self._episode_id = episode_id or self._state.session_id
        return self._observed(self._state, at_start=True)

    async def _step(self, content: Mapping[str, Json]) -> dict[str, Json]:
        state = self._live()
        action = content.get("action")
        if not isinstance(action, str) or set(content) - {"action", "metadata"}:
            raise _Bad("VALIDATION_ERROR", 'expected {"action": TEXT} as data')
        asked = wire.StepAction(session_id=state.session_id, expected_step=state.step_index)
        asked.action.parts.add().text = action
        answer = await self._ask("Step", wire.StepRequest(actions=[asked]), wire.StepResponse)
        result = answer.results[0]
        if result.WhichOneof("outcome") == "error":
            raise _of_status(result.error)
        self._state = result.state
        return self._observed(result.state)

    def _told(self) -> dict[str, Json]:
        state = self._live()
        data: dict[str, Json] = {
            "episode_id": self._episode_id,
            "step_count": state.step_index,
            "session_id": state.session_id,
            "environment": self._environment,
            "seed": self._seed,
            "state_digest": state.state_digest,
            "done": state.terminated or state.truncated,
        }
        return {"type": "state", "data": data}

    def _observed(self, state: wire.SessionState, *, at_start: bool = False) -> dict[str, Json]:
        written = message_to_json(state)
        observation: dict[str, Json] = {
            "text": written.get("observation", ""),
            "admissible_actions": list(state.admissible_actions),
            "step_index": state.step_index,
            **{_snake(name): written[name] for name in _SHOWN if name in written},
        }
        done = state.terminated or state.truncated
        data: dict[str, Json] = {
            "observation": observation,
            "reward": None if at_start else state.reward,
            "done": done,
        }
        return {"type": "observation", "data": data}

    def _live(self) -> wire.SessionState:
        if self._state is None:
            raise _Bad("SESSION_ERROR", "there is no episode; reset first")
        return self._state

    async def _free(self) -> None:
        if self._state is None:
            return
        session_id, self._state = self._state.session_id, None
        try:
            request = wire.CloseSessionsRequest(session_ids=[session_id])
            await self._ask("CloseSessions", request, wire.CloseSessionsResponse)
        except Failure as failure:  # its lease ends it
            _log.warning("a session was not closed", reason=failure.reason)

    async def _ask(self, method: str, request: Message, answer: type[M]) -> M:
        return await self._dispatch.ask(self._socket.headers, f"{_SERVICE}/{method}", request, answer)


def _read(data: bytes) -> tuple[str, Mapping[str, Json]]:
    try:
        message = parse_json(data)
    except Failure as failure:
        raise _Bad("INVALID_JSON", failure.message) from None
    if not isinstance(message, dict) or not isinstance(kind := message.get("type"), str):
        raise _Bad("VALIDATION_ERROR", 'expected {"type": ..., "data": {...}}')
    if kind not in ("reset", "step", "state", "close"):
        raise _Bad("UNKNOWN_TYPE", f"unknown type {kind[:40]!r}; expected reset, step, state or close")
    content = message.get("data", {})
    if not isinstance(content, dict) or set(message) - {"type", "data"}:
        raise _Bad("VALIDATION_ERROR", "expected an object as data, and nothing beside type and data")
    return kind, content


def _of_status(status: rollout_pb2.Status) -> Failure:
    info = rollout_pb2.ErrorInfo.FromString(status.details[0].value)
    return Failure(Code(status.code), info.reason, status.message)


def _error(code: str, message: str, reason: str) -> dict[str, Json]:
    return {"type": "error", "data": {"message": message, "code": code, "reason": reason}}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
