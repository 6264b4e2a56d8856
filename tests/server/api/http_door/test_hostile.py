"""Bodies that mean harm: the right status, an error of the right form, and nothing of the server's insides."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assay.sdk import Json

from .door import Doors, doors, refused, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCORE = "/v1/RewardService/Score"
DEEP = 5_000_000


def _reward(depth: int) -> bytes:
    head, tail = b'{"reward":', b"}"
    return head + b'{"product":{"factors":[' * depth + b'{"leaf":{"id":"math"}}' + b"]}}" * depth + tail


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "NOT_JSON"),
        (b"{", "NOT_JSON"),
        (b"\xef\xbb\xbf{}", "NOT_JSON"),
        (b"{'a': 1}", "NOT_JSON"),
        (b"{} {}", "NOT_JSON"),
        (b'{"rollouts": ' + b"9" * 5000 + b"}", "NOT_JSON"),
        (b'{"prefix": "\xff"}', "NOT_UTF8"),
        (b'{"prefix": "\xed\xa0\x80"}', "NOT_UTF8"),
        (b'{"a": NaN}', "NOT_FINITE"),
        (b'{"a": -Infinity}', "NOT_FINITE"),
        (b'{"a": 1e999}', "NOT_FINITE"),
        (b'{"prefix": "a", "prefix": "b"}', "DUPLICATE_NAME"),
        (b'{"rollouts": [{"reference": {"answer": "1", "answer": "2"}}]}', "DUPLICATE_NAME"),
        (b"[" * 300 + b"]" * 300, "NESTED_TOO_DEEP"),
        (b"[" * DEEP, "NESTED_TOO_DEEP"),
        (b'{"a":' * 100_000, "NESTED_TOO_DEEP"),
        (b'{"rollouts":[{"reference":' + b"[" * 250 + b"]" * 250 + b"}]}", "NESTED_TOO_DEEP"),
        (_reward(100), "NESTED_TOO_DEEP"),
        (b"[]", "INVALID_ARGUMENT"),
        (b'"text"', "INVALID_ARGUMENT"),
        (b"null", "INVALID_ARGUMENT"),
        (b'{"rolouts": []}', "INVALID_ARGUMENT"),
        (b'{"rollouts": {}}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [7]}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [{"rolloutId": "\\ud800"}]}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [{"reference": {"a": "\\ud800"}}]}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [{"groupSize": 2147483648}]}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [{"groupSize": 1.5}]}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [{"seed": 1e30}]}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [{"seed": "99999999999999999999"}]}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [{"role": "KING"}]}', "INVALID_ARGUMENT"),
        (b'{"rollouts": [], "reward": {}, "runId": "x"}', "INVALID_ARGUMENT"),
        (_reward(40), "INVALID_ARGUMENT"),
    ],
)
async def test_a_body_that_is_no_request(door: Doors, body: bytes, reason: str) -> None:
    response = await door.post(SCORE, body)
    assert response.status_code == 400
    assert refused(response).reason == reason


@pytest.mark.parametrize(
    "media",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/json; charset=latin-1"],
)
async def test_what_is_not_json_is_not_read(door: Doors, media: str) -> None:
    response = await door.post(SCORE, b"{}", {"content-type": media})
    assert response.status_code == 415
    assert refused(response).reason == "UNSUPPORTED_MEDIA_TYPE"


async def test_json_may_name_its_only_encoding(door: Doors) -> None:
    headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
    assert (await door.post("/v1/RewardService/ListRewards", b"{}", headers)).status_code == 200


async def test_compressed_bodies_are_not_read(door: Doors) -> None:
    assert (await door.post(SCORE, b"{}", {"content-encoding": "gzip"})).status_code == 415


async def _first_line(door: Doors, head: str, chunk: bytes = b"", chunks: int = 0) -> str:
    host, _, port = door.process.http_address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(
            f"POST {SCORE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {door.token}\r\n{head}\r\n\r\n".encode()
        )
        for _ in range(chunks):
            writer.write(chunk)
            await writer.drain()
        return (await reader.readline()).decode()
    finally:
        writer.transport.abort()


async def test_a_body_that_says_it_is_too_large_is_not_waited_for(door: Doors) -> None:
    for length in (str(64 * 2**20 + 1), "9" * 19):
        assert " 413 " in await _first_line(door, f"Content-Length: {length}")


async def test_a_body_that_grows_too_large_is_cut_off(door: Doors) -> None:
    chunk = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    assert " 413 " in await _first_line(door, "Transfer-Encoding: chunked", chunk, 65)


async def test_a_body_of_too_many_objects_is_not_worked_through(door: Doors) -> None:
    response = await door.post("/v1/RunService/PutTasks", b'{"tasks":[' + b"{}," * 1_000_000 + b"{}]}")
    assert response.status_code == 413
    assert refused(response).reason == "BODY_TOO_LARGE"


async def test_paths_that_are_not_there(door: Doors) -> None:
    for path in ("/v1/RewardService/Nothing", "/v1/../../etc/passwd", "/docs", "/redoc", "/v1/RewardService/Score/x"):
        response = await door.post(path, {})
        assert response.status_code == 404
        assert refused(response).code == "NOT_FOUND"
    response = await door.http.get(SCORE, headers=door.credentials)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_the_server_lives_after_all_that(door: Doors) -> None:
    assert (await door.http.get("/readyz")).status_code == 200


async def test_a_full_server_says_when_to_come_back_and_forgets_callers_that_left(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "token").model_copy(update={"max_unary": 1})
    async with doors(chosen) as door, asyncio.timeout(60):
        endless: Json = {"language": "python", "source": "import time; time.sleep(60)", "limits": {"wallTime": "60s"}}
        caller = asyncio.create_task(door.post("/v1/SandboxService/Execute", endless))
        while 'grpc_method="Execute"' not in (await door.http.get("/metrics", headers=door.credentials)).text:
            pass
        response = await door.post("/v1/RewardService/ListRewards", {})
        assert response.status_code == 429
        assert refused(response).reason == "OVERLOADED"
        assert response.headers["retry-after"] == "1"
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        while (await door.post("/v1/RewardService/ListRewards", {})).status_code == 429:
            pass
