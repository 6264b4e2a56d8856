"""What a key opens: every method of every service at both doors, with no key, unknown ones, and one of each scope."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import cast

import grpc
import httpx
import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from assay.v1 import environment_service_pb2
from assay_server.api.http.calls import http_path
from assay_server.api.methods import path_of, services
from assay_server.keys import editing
from assay_server.pipeline.failures import Code

from .driver import CALL_OVER, Call
from .server import Endpoint, Service, serving
from .statuses import Refusal, refusal_of_error
from .tenants import ALL, OWNER, add_key, keyed, make_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")

METHODS = [method for service in services() for method in service.methods]
(LIST_REWARDS,) = [method for method in METHODS if method.name == "ListRewards"]
ADMINISTRATIVE = {"/assay.v1.PluginService/CheckPlugin", "/assay.v1.PluginService/RegisterPlugin"}
NEVER_A_KEYS_FAULT = {Code.UNAUTHENTICATED, Code.PERMISSION_DENIED}


@dataclass(slots=True)
class Keyed:
    """A server with keys."""

    service: Service
    keys: Mapping[str, str]
    file: Path
    http: httpx.AsyncClient

    async def refusal(self, method: MethodDescriptor, key: str | None) -> Refusal | None:
        """How an empty call over gRPC fails; None where it is answered, or waits for more."""
        endpoint = Endpoint(self.service.address, token=key)
        try:
            return await _outcome(endpoint, method)
        finally:
            await endpoint.close()

    async def status(self, path: str, key: str | None) -> tuple[int, str]:
        """Status and reason over HTTP; POST for methods, GET for everything else."""
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        verb = "POST" if path.startswith("/v1/") and not path.endswith(":results") else "GET"
        answer = await self.http.request(verb, path, headers=headers, content=b"{}" if verb == "POST" else None)
        body = cast("dict[str, dict[str, list[dict[str, str]]]]", answer.json()) if answer.status_code >= 400 else {}
        return answer.status_code, body["error"]["details"][0]["reason"] if "error" in body else ""


async def _outcome(endpoint: Endpoint, method: MethodDescriptor) -> Refusal | None:
    path, metadata = path_of(method), endpoint.metadata
    channel = endpoint.channel
    try:
        if not method.client_streaming and not method.server_streaming:
            await endpoint.call_bytes(path.removeprefix("/assay.v1."), b"")
        elif not method.client_streaming:
            async for _ in cast("AsyncGenerator[bytes]", channel.unary_stream(path)(b"", metadata=metadata)):
                pass
        else:
            call = cast("Call", channel.stream_stream(path)(metadata=metadata))
            with contextlib.suppress(*CALL_OVER):  # refused before: reading tells how
                await call.done_writing()
            await call.read()
    except grpc.aio.AioRpcError as error:
        return refusal_of_error(error)
    return None


async def _ended(call: Call) -> grpc.aio.AioRpcError:
    try:
        await call.read()
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call did not fail")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Keyed]:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    keys = make_keys(file)
    async with (
        serving(keyed(file)) as service,
        httpx.AsyncClient(base_url=f"http://{service.http_address}", timeout=60.0, trust_env=False) as client,
    ):
        yield Keyed(service, keys, file, client)


def _wrong_keys(keys: Mapping[str, str]) -> tuple[str | None, ...]:
    known = keys[OWNER]
    return (None, "nonsense", known[:-1], known + "x", known.upper(), "assay_" + "0" * 12 + known[18:])


@pytest.mark.parametrize("method", METHODS, ids=path_of)
async def test_without_a_key_that_is_known_no_method_answers(server: Keyed, method: MethodDescriptor) -> None:
    for key in _wrong_keys(server.keys):
        refusal = await server.refusal(method, key)
        assert refusal is not None
        assert (refusal.code, refusal.reason) == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
        assert await server.status(http_path(method), key) == (401, "UNAUTHENTICATED")


async def test_without_a_key_nothing_but_health_answers(server: Keyed) -> None:
    for path in ("/livez", "/readyz"):
        assert (await server.status(path, None))[0] == 200
    for path in (
        "/metrics",
        "/sandboxz",
        "/openapi.json",
        "/v1/runs/r/consumers/c:results",
        "/v1/runs/r/consumers/c:ack",
    ):
        for key in _wrong_keys(server.keys):
            assert await server.status(path, key) == (401, "UNAUTHENTICATED")
    stranger = Endpoint(server.service.address)
    request = health_pb2.HealthCheckRequest().SerializeToString()
    check = cast("Awaitable[bytes]", stranger.channel.unary_unary("/grpc.health.v1.Health/Check")(request))
    answer = health_pb2.HealthCheckResponse.FromString(await check)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await stranger.close()


@pytest.mark.parametrize("key", [None, "nonsense", "score"])
async def test_the_contract_is_described_to_who_has_a_key(server: Keyed, key: str | None) -> None:
    endpoint = Endpoint(server.service.address, token=server.keys.get(key or "", key))
    method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    call = cast("Call", endpoint.channel.stream_stream(method)(metadata=endpoint.metadata))
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    if key == "score":
        await call.write(request.SerializeToString())
        assert await call.read()
        call.cancel()
    else:
        assert (await _ended(call)).code() is grpc.StatusCode.UNAUTHENTICATED
    await endpoint.close()


@pytest.mark.parametrize("method", METHODS, ids=path_of)
async def test_a_key_opens_what_its_scope_is_for_at_both_doors(server: Keyed, method: MethodDescriptor) -> None:
    opening: set[str] = set()
    for scope in ALL:
        refusal = await server.refusal(method, server.keys[scope])
        status, reason = await server.status(http_path(method), server.keys[scope])
        if refusal is not None and refusal.code is Code.PERMISSION_DENIED:
            assert refusal.reason == reason == "SCOPE_MISSING"
            assert status == 403
        else:
            assert refusal is None or refusal.code not in NEVER_A_KEYS_FAULT
            assert status not in (401, 403)
            opening.add(scope)
    service = method.containing_service.name
    if path_of(method) in ADMINISTRATIVE:
        assert opening == {"admin"}
    elif service == "PluginService":
        assert opening == {"score", "environments", "admin"}
    else:
        assert opening == {"environments" if service == "EnvironmentService" else "score"}


async def test_what_is_about_all_tenants_is_for_the_operators_keys(server: Keyed) -> None:
    for path in ("/metrics", "/sandboxz"):
        for scope in ("score", "environments"):
            assert await server.status(path, server.keys[scope]) == (403, "SCOPE_MISSING")
        for scope in ("metrics", "admin"):
            assert (await server.status(path, server.keys[scope]))[0] in (200, 503)
    for path in ("/v1/runs/r/consumers/c:results", "/v1/runs/r/consumers/c:ack", "/v1/runs/r/consumers/c:send"):
        assert await server.status(path, server.keys["environments"]) == (403, "SCOPE_MISSING")


async def test_keys_count_from_when_they_are_written_until_they_are_revoked(server: Keyed) -> None:
    text = add_key(server.file, OWNER, "score", "environments")
    endpoint = Endpoint(server.service.address, token=text)

    async def until(code: Code | None) -> None:
        async with asyncio.timeout(20):
            while (outcome := await _outcome(endpoint, LIST_REWARDS)) is not None or code is not None:
                if outcome is not None and outcome.code is code:
                    return
                await asyncio.sleep(0.05)

    await until(None)
    await endpoint.create_run("kept")
    interaction = cast(
        "Call",
        endpoint.channel.stream_stream("/assay.v1.EnvironmentService/Interact")(metadata=endpoint.metadata),
    )
    action = environment_service_pb2.StepAction(session_id="s")
    await interaction.write(environment_service_pb2.InteractRequest(actions=[action]).SerializeToString())
    assert await interaction.read()
    async with endpoint.stream("kept", "a") as stream:
        with editing(server.file) as keys:
            keys[:] = [key for key in keys if not key.matches(text)]
        refusal = await stream.failure()
        assert (refusal.code, refusal.reason) == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert (await _ended(interaction)).code() is grpc.StatusCode.UNAUTHENTICATED
    await until(Code.UNAUTHENTICATED)
    await endpoint.close()


async def test_a_damaged_file_leaves_the_keys_that_were_read_before(server: Keyed) -> None:
    whole = server.file.read_text()
    server.file.write_text(whole[: len(whole) // 2])
    server.service.process._grpc.door.refresh()  # pyright: ignore[reportPrivateUsage] - what happens every second
    assert (await server.status("/openapi.json", server.keys["score"]))[0] == 200
    server.file.write_text(whole)
    server.service.process._grpc.door.refresh()  # pyright: ignore[reportPrivateUsage] - as above
    assert (await server.status("/openapi.json", server.keys["score"]))[0] == 200


async def test_an_expired_key_is_none(server: Keyed) -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=0.2)
    text = add_key(server.file, OWNER, "score", expires=soon)
    server.service.process._grpc.door.refresh()  # pyright: ignore[reportPrivateUsage] - as above
    async with asyncio.timeout(20):
        while await server.status("/openapi.json", text) != (401, "UNAUTHENTICATED"):  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.05)
