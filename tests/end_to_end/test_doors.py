"""Who may come in, and what an operator and a cluster see: tokens, health, reflection, probes, metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import cast

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from assay.v1 import reward_service_pb2
from assay_server.pipeline.failures import Code
from assay_server.process import ServerProcess

from .driver import Call
from .rollouts import mixed_group, rollout
from .server import Endpoint, Service, http_get, serving, settings

SERVICES = {
    "assay.v1.RunService",
    "assay.v1.RewardService",
    "assay.v1.AdvantageService",
    "assay.v1.EnvironmentService",
    "assay.v1.SandboxService",
    "assay.v1.PluginService",
}


async def _health(endpoint: Endpoint, service: str) -> int:
    request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    answer = await cast("Awaitable[bytes]", endpoint.channel.unary_unary("/grpc.health.v1.Health/Check")(request))
    return health_pb2.HealthCheckResponse.FromString(answer).status


async def test_a_token_is_made_that_only_its_owner_can_read_and_is_needed(tmp_path: Path) -> None:
    token_file = tmp_path / "config" / "token"
    chosen = settings().model_copy(update={"token_file": token_file})
    async with serving(chosen) as server:
        assert token_file.stat().st_mode & 0o777 == 0o600
        token = token_file.read_text(encoding="ascii").strip()
        assert len(token) >= 32
        request = reward_service_pb2.ListRewardsRequest()
        for wrong_token in (None, "", "nonsense", token[:-1], token + "x", "Bearer"):
            stranger = Endpoint(server.address, token=wrong_token)
            refusal = await stranger.refused("RewardService/ListRewards", request)
            assert (refusal.code, refusal.reason) == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
            assert token not in refusal.message
            async with stranger.stream("run", "a") as stream:
                assert (await stream.failure()).code is Code.UNAUTHENTICATED
            refusal = await stranger.refused("SandboxService/Execute", b"")
            assert refusal.code in {Code.UNAUTHENTICATED, Code.UNIMPLEMENTED}
            assert await _health(stranger, "") == health_pb2.HealthCheckResponse.SERVING
            await stranger.close()
        friend = Endpoint(server.address, token=token)
        await friend.create_run("run")
        async with friend.stream("run", "a") as stream:
            await stream.send(*mixed_group("g", 2, 1))
            await stream.group("g")
        await friend.close()
    again = ServerProcess(chosen)
    assert token_file.read_text(encoding="ascii").strip() == token
    await again.start()
    await again.drain()


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("secret\n", encoding="ascii")
    token_file.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        ServerProcess(settings().model_copy(update={"token_file": token_file}))
    token_file.chmod(0o600)
    token_file.write_text("\n", encoding="ascii")
    with pytest.raises(ValueError, match="is empty"):
        ServerProcess(settings().model_copy(update={"token_file": token_file}))


async def test_health_knows_every_service(server: Service) -> None:
    for name in ("", *SERVICES, "grpc.health.v1.Health"):
        assert await _health(server, name) == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _health(server, "assay.v1.Nothing")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_every_service(server: Service) -> None:
    method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    call = cast("Call", server.channel.stream_stream(method)())
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    await call.write(request.SerializeToString())
    answer = reflection_pb2.ServerReflectionResponse.FromString(cast("bytes", await call.read()))
    assert {service.name for service in answer.list_services_response.service} >= SERVICES
    await call.done_writing()
    call.cancel()


async def test_probes_and_metrics() -> None:
    async with serving(settings(http=True)) as server:
        await server.create_run("run")
        async with server.stream("run", "a") as stream:
            await stream.send(*mixed_group("g", 4, 1), rollout("bad", ""))
            await stream.group("g")
            await stream.refusal("bad")
            assert (await http_get(server.http_address, "/livez"))[0] == 200
            assert (await http_get(server.http_address, "/readyz"))[0] == 200
            status, text = await http_get(server.http_address, "/metrics")
        assert status == 200
        assert (await http_get(server.http_address, "/nothing"))[0] == 404
        samples = dict(re.findall(r"^(assay_\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE))
        assert float(samples["assay_rollouts_accepted_total"]) == 4
        assert float(samples['assay_rollouts_answered_total{outcome="correct"}']) == 1
        assert float(samples['assay_rollouts_answered_total{outcome="incorrect"}']) == 3
        assert float(samples['assay_rollouts_refused_total{reason="INVALID_ARGUMENT"}']) == 1
        assert float(samples['assay_groups_finished_total{kept="true",outcome="GROUP_OUTCOME_COMPLETE"}']) == 1
        assert float(samples["assay_rollouts_in_flight"]) == 0
        assert float(samples["assay_streams"]) == 1
        assert float(samples["assay_group_seconds_count"]) == 1
        assert float(samples["assay_group_seconds_sum"]) < 60
        assert float(samples["assay_sessions"]) == float(samples["assay_stale_files"]) == 0
        assert float(samples["assay_sandbox_queue_size"]) > 0


async def test_the_isolation_of_untrusted_code_is_told() -> None:
    async with serving(settings(http=True)) as server:
        status, text = await http_get(server.http_address, "/sandboxz")
    told = json.loads(text)
    assert told["backend"] == "namespaces"
    assert (status == 503) == (told["isolation"] == "none")
    assert {"name", "works", "detail"} == set(told["mechanisms"][0])


async def test_an_address_in_use_is_an_error_before_anything_is_served(server: Service) -> None:
    taken = settings().model_copy(update={"listen": server.address})
    with pytest.raises(OSError, match="cannot listen"):
        await ServerProcess(taken).start()
