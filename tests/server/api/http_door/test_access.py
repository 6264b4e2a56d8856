"""Who may come in over HTTP, under which names, and from which pages."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from assay.sdk import Json
from assay_server.api.http.calls import http_path
from assay_server.api.methods import services

from .door import Doors, doors, refused, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = [http_path(method) for service in services() for method in service.methods]
CLOSED = [*PATHS, "/v1/runs/r/consumers/c:send", "/v1/runs/r/consumers/c:ack"]
HEALTH = ("/livez", "/readyz")
OPERATORS = ("/metrics", "/sandboxz")


async def raw(door: Doors, text: str) -> tuple[int, str]:
    """What a request answers that no client would write."""
    host, _, port = door.process.http_address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(text.replace("\n", "\r\n").encode())
    answer = (await reader.read(65_536)).decode()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(" ", 2)[1]), answer


@pytest.mark.parametrize("path", CLOSED)
async def test_nothing_is_told_to_strangers(door: Doors, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": f"Bearer {door.token}x"}):
        response = await door.post(path, b"{", headers, known=False)
        assert response.status_code == 401
        assert refused(response).code == "UNAUTHENTICATED"
        assert response.headers["www-authenticate"] == "Bearer"
        assert door.token not in response.text


async def test_feeds_and_the_description_are_for_who_has_the_token(door: Doors) -> None:
    for path in ("/openapi.json", "/v1/runs/r/consumers/c:results"):
        assert (await door.http.get(path)).status_code == 401
    assert (await door.http.get("/openapi.json", headers=door.credentials)).status_code == 200


async def test_health_is_told_to_anyone_under_any_name(door: Doors) -> None:
    for path in HEALTH:
        response = await door.http.get(path, headers={"host": "10.1.2.3:8080", "origin": "http://evil.example"})
        assert response.status_code == 200
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_what_is_for_the_operator_is_told_under_any_name_to_who_has_the_token(door: Doors) -> None:
    for path in OPERATORS:
        assert (await door.http.get(path, headers={"host": "10.1.2.3:8080"})).status_code == 401
        response = await door.http.get(path, headers={"host": "10.1.2.3:8080", **door.credentials})
        assert response.status_code in ((200, 503) if path == "/sandboxz" else (200,))


async def test_a_token_may_come_in_the_url(door: Doors) -> None:
    for user in ("assay", ""):
        encoded = base64.b64encode(f"{user}:{door.token}".encode()).decode()
        headers = {"authorization": f"Basic {encoded}"}
        assert (await door.post("/v1/RewardService/ListRewards", {}, headers, known=False)).status_code == 200
    for wrong in ("Basic", "Basic ???", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Basic YTpi"):
        headers = {"authorization": wrong}
        assert (await door.post("/v1/RewardService/ListRewards", {}, headers, known=False)).status_code == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "localhost."],
)
async def test_other_names_are_refused(door: Doors, host: str) -> None:
    response = await door.post("/v1/RewardService/ListRewards", {}, {"host": host})
    assert response.status_code == 403
    assert refused(response).reason == "HOST_NOT_ALLOWED"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "LOCALHOST:8080", "127.0.0.1", "127.9.9.9:8080", "[::1]:8080"]
)
async def test_names_of_loopback_are_taken(door: Doors, host: str) -> None:
    assert (await door.post("/v1/RewardService/ListRewards", {}, {"host": host})).status_code == 200


async def test_a_page_of_another_site_is_refused(door: Doors) -> None:
    own = door.process.http_address
    for origin in ("http://evil.example", "null", f"http://{own}.evil.example", "http://localhost", f"ftp://{own}"):
        response = await door.post("/v1/RewardService/ListRewards", {}, {"origin": origin})
        assert response.status_code == 403
        assert refused(response).reason == "ORIGIN_NOT_ALLOWED"
    for origin in (f"http://{own}", f"HTTP://{own}"):
        response = await door.post("/v1/RewardService/ListRewards", {}, {"origin": origin})
        assert response.status_code == 200
        assert "access-control-allow-origin" not in response.headers


async def test_a_preflight_grants_nothing(door: Doors) -> None:
    headers = {"origin": door.base, "access-control-request-method": "POST", **door.credentials}
    response = await door.http.options("/v1/RewardService/Score", headers=headers)
    assert response.status_code == 405
    assert refused(response).reason == "METHOD_NOT_ALLOWED"
    assert "access-control-allow-origin" not in response.headers


async def test_a_request_without_a_name_is_refused(door: Doors) -> None:
    status, _ = await raw(door, "GET /openapi.json HTTP/1.0\n\n")
    assert status in (400, 403)


async def test_without_a_token_no_code_runs_and_the_rest_is_open() -> None:
    async with doors(settings(None)) as door:
        programs: Json = {"language": "python", "source": "print(1)"}
        for path, body in (
            ("SandboxService/Execute", programs),
            ("SandboxService/RunTests", {}),
            ("SandboxService/StreamTests", {}),
            ("PluginService/CheckPlugin", {}),
            ("PluginService/RegisterPlugin", {}),
        ):
            response = await door.post(f"/v1/{path}", body)
            assert response.status_code == 403
            assert refused(response).reason == "NEEDS_TOKEN"
        assert (await door.post("/v1/RewardService/ListRewards", {})).status_code == 200
        assert (await door.post("/v1/PluginService/ListPlugins", {})).status_code == 200


async def test_a_declared_name_comes_from_the_settings(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "token").model_copy(update={"http_hosts": ("assay.example",)})
    async with doors(chosen) as door:
        response = await door.post("/v1/RewardService/ListRewards", {}, {"host": "assay.example"})
        assert response.status_code == 200
