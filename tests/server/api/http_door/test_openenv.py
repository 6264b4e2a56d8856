"""Episodes over a WebSocket, in OpenEnv's messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from assay.sdk import Json

from .door import Doors

pytestmark = pytest.mark.asyncio(loop_scope="module")

Answer = dict[str, Json]


@asynccontextmanager
async def episode(door: Doors, environment: str = "keydoor") -> AsyncGenerator[ClientConnection]:
    url = f"ws://assay:{door.token}@{door.process.http_address}/openenv/{environment}/ws"
    async with connect(url, proxy=None) as socket:
        yield socket


async def ask(socket: ClientConnection, kind: str, data: Json = None) -> tuple[str, Answer]:
    """The type and the data of an answer."""
    message: Answer = {"type": kind} if data is None else {"type": kind, "data": data}
    await socket.send(json.dumps(message))
    answer = cast("dict[str, Json]", json.loads(await socket.recv()))
    assert set(answer) == {"type", "data"}
    return str(answer["type"]), cast("Answer", answer["data"])


async def test_an_episode_from_start_to_end(door: Doors) -> None:
    async with episode(door, "keydoor") as socket:
        kind, start = await ask(socket, "reset", {"seed": 5, "episode_id": "mine", "difficulty": "easy", "maxSteps": 2})
        assert (kind, start["reward"], start["done"]) == ("observation", None, False)
        observation = cast("dict[str, Json]", start["observation"])
        assert "treasure" in str(observation["text"])
        action = cast("list[Json]", observation["admissible_actions"])[0]
        _, first = await ask(socket, "step", {"action": action, "metadata": {}})
        assert isinstance(first["reward"], float)
        kind, state = await ask(socket, "state")
        assert (kind, state["episode_id"], state["step_count"], state["seed"]) == ("state", "mine", 1, 5)
        _, second = await ask(socket, "step", {"action": "nonsense"})
        assert second["done"] is True
        kind, refusal = await ask(socket, "step", {"action": "nonsense"})
        assert (kind, refusal["code"], refusal["reason"]) == ("error", "SESSION_ERROR", "EPISODE_OVER")
        _, again = await ask(socket, "reset", {"seed": 5, "difficulty": "easy"})
        assert cast("Answer", again["observation"])["text"] == observation["text"]
        await socket.send(json.dumps({"type": "close"}))
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_session_ends_with_its_connection(door: Doors) -> None:
    async with episode(door) as socket:
        await ask(socket, "reset", {"seed": 1})
        _, state = await ask(socket, "state")
    action: Json = {"sessionId": state["session_id"], "action": "look", "expectedStep": 0}
    reason = ""
    async with asyncio.timeout(60):
        while "SESSION" not in reason:
            answer = await door.post("/v1/EnvironmentService/Step", {"actions": [action]})
            reason = answer.text if "error" in answer.text else ""
            action = {**action, "expectedStep": 9}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "INVALID_JSON"),
        ('{"type": "reset", "type": "state"}', "INVALID_JSON"),
        ("[" * 100_000, "INVALID_JSON"),
        ('{"type": "reset", "data": {"seed": NaN}}', "INVALID_JSON"),
        ("[]", "VALIDATION_ERROR"),
        ("{}", "VALIDATION_ERROR"),
        ('{"type": "reset", "data": []}', "VALIDATION_ERROR"),
        ('{"type": "reset", "task": "easy"}', "VALIDATION_ERROR"),
        ('{"type": "reset", "data": {"seed": -1}}', "VALIDATION_ERROR"),
        ('{"type": "reset", "data": {"difficulty": "mad"}}', "VALIDATION_ERROR"),
        ('{"type": "reset", "data": {"episode_id": 7}}', "VALIDATION_ERROR"),
        ('{"type": "mcp"}', "UNKNOWN_TYPE"),
        ('{"type": "state"}', "SESSION_ERROR"),
        ('{"type": "step", "data": {"action": "look"}}', "SESSION_ERROR"),
    ],
)
async def test_messages_that_make_no_sense_are_answered_and_the_connection_lives(
    door: Doors, text: str, code: str
) -> None:
    async with episode(door) as socket:
        await socket.send(text)
        answer = json.loads(await socket.recv())
        assert (answer["type"], answer["data"]["code"]) == ("error", code)
        assert "Traceback" not in answer["data"]["message"]
        assert (await ask(socket, "reset", {"seed": 1}))[0] == "observation"
        for data in ({}, {"action": 7}, {"action": "a", "more": 1}):
            assert (await ask(socket, "step", cast("Json", data)))[1]["code"] == "VALIDATION_ERROR"


async def test_an_environment_that_is_not_there(door: Doors) -> None:
    async with episode(door, "nowhere/nothing-v1") as socket:
        kind, data = await ask(socket, "reset")
        assert (kind, data["reason"]) == ("error", "UNKNOWN_ENVIRONMENT")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_strangers_and_other_sites_are_turned_away(door: Doors, headers: dict[str, str]) -> None:
    known = door.credentials if "Host" in headers or "Origin" in headers else {}
    address = f"ws://{door.process.http_address}/openenv/keydoor/ws"
    with pytest.raises(InvalidStatus) as caught:
        async with connect(address, proxy=None, additional_headers={**known, **headers}):
            pass
    assert caught.value.response.status_code in (400, 403)


async def test_a_handshake_that_cannot_be_read_is_refused(door: Doors) -> None:
    address = f"ws://assay:{door.token}@{door.process.http_address}/openenv/{'x' * 20_000}/ws"
    with pytest.raises(InvalidStatus) as caught:
        async with connect(address, proxy=None):
            pass
    assert caught.value.response.status_code == 400


async def test_a_text_that_is_none_ends_its_connection_and_leaves_no_trace(
    door: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    async with episode(door) as socket:
        await socket.send(b"\xff\xfe", text=True)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007
    assert not [record for record in caplog.records if record.exc_info]
