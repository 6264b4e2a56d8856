"""Limits per tenant at both doors, the client that comes back when it is told, and what the audit log says of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from assay import Retries, Rollout, aio
from assay.v1 import environment_service_pb2 as environments
from assay.v1 import reward_service_pb2
from assay_server.pipeline.failures import Code

from .rollouts import right, wrong
from .server import Endpoint, serving, settings
from .tenants import OWNER, STRANGER, add_key, keyed, make_keys

LIST = reward_service_pb2.ListRewardsRequest()


async def test_calls_beyond_the_limit_are_refused_at_both_doors_with_the_time_to_come_back(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = make_keys(file, ())
    async with serving(keyed(file, tenant_requests_per_minute=3)) as server:
        ours, theirs = (Endpoint(server.address, token=keys[name]) for name in (OWNER, STRANGER))
        for _ in range(3):
            await ours.call("RewardService/ListRewards", LIST, reward_service_pb2.ListRewardsResponse)
        refusal = await ours.refused("RewardService/ListRewards", LIST)
        assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "TENANT_RATE")
        assert refusal.retry_seconds is not None
        assert 0 < refusal.retry_seconds <= 20
        async with ours.stream("run", "a") as stream:
            assert (await stream.failure()).reason == "TENANT_RATE"
        headers = {"authorization": f"Bearer {keys[OWNER]}", "content-type": "application/json"}
        async with httpx.AsyncClient(base_url=f"http://{server.http_address}", trust_env=False) as client:
            answer = await client.post("/v1/RewardService/ListRewards", content=b"{}", headers=headers)
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["retry-after"]) <= 20
        await theirs.call("RewardService/ListRewards", LIST, reward_service_pb2.ListRewardsResponse)
        await ours.close()
        await theirs.close()


async def test_the_client_comes_back_when_it_is_told_to() -> None:
    chosen = settings().model_copy(update={"tenant_requests_per_minute": 300.0})
    async with serving(chosen) as server, aio.Client(server.address, retries=Retries(first_delay=0.0001)) as client:
        answers = await asyncio.gather(*(client.list_rewards() for _ in range(302)))
        assert len({len(answer) for answer in answers}) == 1


async def test_a_stream_is_read_more_slowly_and_nothing_of_it_is_refused() -> None:
    chosen = settings().model_copy(update={"tenant_rollouts_per_minute": 600.0})
    async with serving(chosen) as server:
        await server.create_run("run")
        async with server.stream("run", "a") as stream:
            await stream.send(*(right(f"r{number}") for number in range(602)), batch=200)
            await stream.send(wrong("last"))
            await stream.until(lambda: len(stream.samples) == 603, "all answers")
            assert not stream.refused
        async with aio.Client(server.address, retries=Retries(first_delay=0.001)) as client:
            scored = await client.score([Rollout("x", response="A: 18", reference={"answer": "18"})])
            assert scored[0].value == 1.0


async def test_streams_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = make_keys(file, ())
    async with serving(keyed(file, tenant_streams=1)) as server:
        ours, theirs = (Endpoint(server.address, token=keys[name]) for name in (OWNER, STRANGER))
        for tenant in (ours, theirs):
            await tenant.create_run("run")
        async with ours.stream("run", "a"), theirs.stream("run", "a"), ours.stream("run", "b") as second:
            refusal = await second.failure()
            assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "TENANT_STREAMS")
            assert refusal.retry_seconds
        await ours.close()
        await theirs.close()


async def test_episodes_beyond_the_limit_are_refused_and_those_of_others_are_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = make_keys(file, ())
    three = environments.CreateSessionsRequest(environment_id="keydoor", group_size=3)
    async with serving(keyed(file, tenant_sessions=4, max_sessions=8)) as server:
        ours, theirs = (Endpoint(server.address, token=keys[name]) for name in (OWNER, STRANGER))
        method, answer = "EnvironmentService/CreateSessions", environments.CreateSessionsResponse
        for tenant in (ours, theirs):
            made = (await tenant.call(method, three, answer)).sessions
            refusal = await tenant.refused(method, three)
            assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "SESSIONS_FULL")
            assert refusal.retry_seconds
            assert "the 3 of this tenant" in refusal.message
            close = environments.CloseSessionsRequest(session_ids=[session.session_id for session in made])
            await tenant.call("EnvironmentService/CloseSessions", close, environments.CloseSessionsResponse)
            await tenant.call(method, three, answer)
        await ours.close()
        await theirs.close()


async def test_the_audit_log_says_who_did_what_and_nothing_of_what_was_in_it(tmp_path: Path) -> None:
    file, log = tmp_path / "keys.json", tmp_path / "audit.jsonl"
    keys = make_keys(file, ())
    nightly = add_key(file, OWNER, "score")
    async with serving(keyed(file, audit_log=log)) as server:
        assert log.stat().st_mode & 0o777 == 0o600
        owner = Endpoint(server.address, token=nightly)
        await owner.create_run("audited")
        async with owner.stream("audited", "a") as stream:
            await stream.send(right("secret-text"))
            await stream.until(lambda: bool(stream.samples), "an answer")
            await stream.finish()
        await owner.refused("PluginService/RegisterPlugin", b"")
        stranger = Endpoint(server.address, token=nightly + "x")
        await stranger.refused("RunService/CreateRun", b"")
        async with httpx.AsyncClient(base_url=f"http://{server.http_address}", trust_env=False) as client:
            await client.get("/metrics", headers={"authorization": "Bearer nonsense"})
        async with asyncio.timeout(20):
            while log.read_text().count("StreamRollouts") < 2:  # noqa: ASYNC110 - a file; the stream's end
                await asyncio.sleep(0.05)
        moved = tmp_path / "audit.1"
        log.rename(moved)
        async with asyncio.timeout(20):
            while not log.exists():  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.05)
        await owner.call("RewardService/ListRewards", LIST, reward_service_pb2.ListRewardsResponse)
        await owner.close()
        await stranger.close()
    text = moved.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    told = [
        (line["event"], line["method"], line["tenant"], line["run"], line["code"], line["reason"]) for line in lines
    ]
    streamed = "assay.v1.RewardService/StreamRollouts"
    assert told[:2] == [
        ("ended", "assay.v1.RunService/CreateRun", OWNER, "audited", "OK", ""),
        ("begun", streamed, OWNER, "", "OK", ""),
    ]
    assert sorted(told[2:]) == sorted(
        [
            ("ended", streamed, OWNER, "audited", "OK", ""),
            ("ended", "assay.v1.PluginService/RegisterPlugin", OWNER, "", "PERMISSION_DENIED", "SCOPE_MISSING"),
            ("ended", "assay.v1.RunService/CreateRun", "", "", "UNAUTHENTICATED", "UNAUTHENTICATED"),
            ("refused", "/metrics", "", "", "UNAUTHENTICATED", "UNAUTHENTICATED"),
        ]
    )
    assert {line["principal"] for line in lines} == {f"someone-of-{OWNER}", ""}
    assert {line["key"] for line in lines} == {nightly.split("_")[1], ""}
    assert json.loads(log.read_text().splitlines()[0])["method"] == "assay.v1.RewardService/ListRewards"
    for secret in (nightly.split("_", 2)[2], keys[OWNER].split("_", 2)[2], "secret-text"):
        assert secret not in text


async def test_an_audit_log_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="audit"):
        async with serving(settings().model_copy(update={"audit_log": tmp_path / "missing" / "audit.jsonl"})):
            raise AssertionError
