"""Sessions of a fleet whose servers reach each other: whoever is asked, the one that holds a session answers."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from assay.v1 import environment_service_pb2 as wire
from assay_server.config import Settings
from assay_server.sessions.peer_frames import METHOD, TICKET
from assay_server.store.journal import HeldElsewhere
from assay_server.store.journal.redis import RedisJournal
from assay_server.store.journal.servers import ServerTable
from assay_server.store.redis.private_server import PrivateRedis, program

from .episodes import GROUPS, SIZE, Episodes
from .fleet import Fleet
from .parts import (
    OPENSSL,
    OWNER,
    STRANGER,
    Authority,
    Endpoint,
    Service,
    http_get,
    make_keys,
    serving,
    settings,
)
from .proxy import Proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

EACH = GROUPS * SIZE
NEVER = 600.0


def member(redis: PrivateRedis, **changes: object) -> Settings:
    """Settings of a server that the others reach, and whose lease does not end on a machine that is busy."""
    chosen = {
        "records": redis.socket.parent / "records",
        "lease_seconds": NEVER,
        "advertise": "127.0.0.1",
        "environment_workers": 1,
        "cpu_workers": 1,
    }
    return settings(redis.url, http=True).model_copy(update=chosen | changes)


@asynccontextmanager
async def members(*chosen: Settings) -> AsyncGenerator[list[Service]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(one)) for one in chosen]


@pytest.fixture(scope="module")
def redis() -> Generator[PrivateRedis]:
    if program() is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder, PrivateRedis(Path(folder)) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three(redis: PrivateRedis) -> AsyncGenerator[list[Service]]:
    async with members(*[member(redis)] * 3) as servers:
        yield servers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def expected() -> list[list[bytes]]:
    """What sessions made at three servers are told where one server does it all."""
    alone = settings().model_copy(update={"environment_workers": 1, "cpu_workers": 1})
    async with serving(alone) as server:
        episodes = await Episodes.made(*[server] * 3)
        await episodes.spray([server], random.Random(0))
        return episodes.told


async def figure(server: Service, name: str) -> int:
    """What a server counts."""
    _, text = await http_get(server.http_address, "/metrics")
    (line,) = [line for line in text.splitlines() if line.split(" ")[0] in (name, f"{name}_total")]
    return int(float(line.split(" ")[1]))


async def total(servers: list[Service], name: str) -> int:
    return sum([await figure(server, name) for server in servers])


async def test_steps_sprayed_over_servers_are_answered_by_who_holds_the_sessions(
    three: list[Service], expected: list[list[bytes]]
) -> None:
    sprayed = await Episodes.made(*three)
    await sprayed.spray(three, random.Random(1))
    assert (sprayed.errors, sprayed.told) == ([], expected)
    steps = sum(len(told) - 1 for told in expected)
    assert steps / 3 < await total(three, "assay_session_forwarded") < steps
    streamed = await Episodes.made(*three)
    await streamed.interact(three[1])
    assert (streamed.errors, streamed.told) == ([], expected)
    assert await total(three, "assay_session_steps") == 2 * steps
    assert await total(three, "assay_sessions_rebuilt") == 0
    assert [await figure(server, "assay_sessions") for server in three] == [2 * EACH] * 3
    await sprayed.close(three[0])
    await streamed.close(three[0])
    await until_none_lives(three)


async def until_none_lives(servers: list[Service]) -> None:
    """Wait until the servers have heard that all sessions are closed."""
    async with asyncio.timeout(60.0):
        while await total(servers, "assay_sessions"):  # noqa: ASYNC110 - they are told, and nobody waits for that
            await asyncio.sleep(0.02)


async def test_what_is_not_a_step_works_at_any_server(three: list[Service]) -> None:
    owner, other, _ = three
    first = await Episodes.made(owner, request_id="once")
    await first.step(owner, range(EACH))
    again = await Episodes.made(other, request_id="once")
    assert (again.ids, [told[0] for told in again.told]) == (first.ids, [told[1] for told in first.told])
    await again.step(other, [0])
    fork = wire.ForkSessionRequest(session_id=first.ids[1], at_step=1)
    (branch,) = (await other.call("EnvironmentService/ForkSession", fork, wire.ForkSessionResponse)).sessions
    assert branch.step_index == 1
    snapshot = wire.SnapshotSessionRequest(session_id=first.ids[2])
    taken = await other.call("EnvironmentService/SnapshotSession", snapshot, wire.SnapshotSessionResponse)
    assert taken.step_index == 1
    wrong = first.action(3)
    wrong.expected_step = 7
    request = wire.StepRequest(actions=[wrong])
    (refused,) = (await other.call("EnvironmentService/Step", request, wire.StepResponse)).results
    assert (refused.error.code, "WRONG_STEP" in str(refused.error)) == (10, True)
    assert await total(three, "assay_sessions_rebuilt") == 0
    await first.close(other)
    await other.call(
        "EnvironmentService/CloseSessions",
        wire.CloseSessionsRequest(session_ids=[branch.session_id]),
        wire.CloseSessionsResponse,
    )
    await until_none_lives(three)
    for server in three:
        answer = await server.call("EnvironmentService/Step", request, wire.StepResponse)
        assert "SESSION_CLOSED" in str(answer.results[0].error)


async def test_nobody_but_servers_of_the_fleet_comes_in_where_they_do(
    three: list[Service], redis: PrivateRedis
) -> None:
    table, journal = ServerTable(redis.url, "sv-nobody", 1.0), RedisJournal(redis.url, server="sv-nobody")
    server = three[0]
    episodes = await Episodes.made(server)
    with pytest.raises(HeldElsewhere) as held:
        await journal.claim("local", episodes.ids[0])
    good, other = await table.ticket_for(held.value.server), await table.ticket_for("sv-another")

    async def code(*metadata: tuple[str, str]) -> grpc.StatusCode:
        method = cast("Callable[..., grpc.aio.StreamStreamCall[bytes, bytes]]", server.channel.stream_stream(METHOD))
        call = method(metadata=metadata)
        await call.done_writing()
        return await call.code()

    refused = grpc.StatusCode.UNAUTHENTICATED
    assert [await code(), await code((TICKET, "guessed")), await code((TICKET, other))] == [refused] * 3
    assert [await code((TICKET, good)), await code((TICKET, good))] == [grpc.StatusCode.OK, refused]
    await episodes.close(server)
    await table.close()
    await journal.close()


@pytest.mark.skipif(OPENSSL is None, reason="the openssl command makes the certificates")
async def test_servers_show_each_other_certificates_and_the_tenant_of_a_call_goes_with_it(
    redis: PrivateRedis, tmp_path: Path
) -> None:
    keys = make_keys(tmp_path / "keys.json", ())
    authority = Authority(tmp_path, "authority")
    pair = authority.issue("server")
    files = {"tls_certificate": pair.certificate, "tls_key": pair.key, "tls_client_ca": authority.certificate}
    reached = {"listen": "0.0.0.0:0", "http_listen": "", "advertise": "127.0.0.2", "tls_peer_name": "localhost"}
    secure = member(redis, **files, **reached, keys_file=tmp_path / "keys.json")
    shown = [path.read_bytes() for path in (authority.certificate, pair.key, pair.certificate)]
    async with members(secure, secure) as servers:
        here, there = (f"127.0.0.1:{server.address.rpartition(':')[2]}" for server in servers)
        owner, other, stranger = (
            Endpoint(address, token=keys[who]) for address, who in ((here, OWNER), (there, OWNER), (there, STRANGER))
        )
        for endpoint in (owner, other, stranger):
            endpoint.channel = grpc.aio.secure_channel(endpoint.address, grpc.ssl_channel_credentials(*shown))
        episodes = await Episodes.made(owner)
        request = wire.StepRequest(actions=[episodes.action(0)])
        (refused,) = (await stranger.call("EnvironmentService/Step", request, wire.StepResponse)).results
        assert "UNKNOWN_SESSION" in str(refused.error)
        await episodes.step(other, range(EACH))
        assert not episodes.errors
        for endpoint in (owner, other, stranger):
            await endpoint.close()


async def test_a_server_that_is_killed_is_followed_by_another_when_its_lease_has_ended(
    redis: PrivateRedis, tmp_path: Path, expected: list[list[bytes]]
) -> None:
    also = {"ASSAY_ADVERTISE": "127.0.0.1", "ASSAY_ENVIRONMENT_WORKERS": "1"}
    async with Fleet(redis, tmp_path, 3, lease_seconds=1.5, also=also) as fleet:
        token = fleet.token.read_text()
        owner, *others = (Endpoint(replica.address, token=token) for replica in fleet.replicas)
        episodes = await Episodes.made(owner)
        await episodes.spray(others, random.Random(2), rounds=5)
        playing = asyncio.create_task(episodes.spray(others, random.Random(3)))
        await asyncio.sleep(0)
        await fleet.kill(fleet.replicas[0])
        await playing
        assert (episodes.errors, episodes.told) == ([], expected[:EACH])
        for endpoint in (owner, *others):
            await endpoint.close()


async def test_a_server_that_leaves_is_followed_at_once(
    three: list[Service], redis: PrivateRedis, expected: list[list[bytes]]
) -> None:
    stays = three[0]
    async with members(member(redis)) as (leaves,):
        before = await figure(stays, "assay_session_forwarded")
        episodes = await Episodes.made(leaves)
        await episodes.spray([stays], random.Random(0), rounds=4)
        assert await figure(stays, "assay_session_forwarded") == before + 4 * EACH
    left = len(episodes.going)
    await episodes.spray([stays], random.Random(0))
    assert (episodes.errors, episodes.told) == ([], expected[:EACH])
    assert await figure(stays, "assay_sessions_taken_over") == left


async def test_a_server_cut_off_from_redis_writes_nothing_that_counts(
    redis: PrivateRedis, expected: list[list[bytes]]
) -> None:
    async with Proxy(redis.socket.with_name("proxy.sock"), redis.socket) as way:
        cut_off, free = (member(redis, store=store, lease_seconds=2.0) for store in (way.url, redis.url))
        async with members(cut_off, free) as (owner, other):
            episodes = await Episodes.made(owner)
            await episodes.spray([other], random.Random(0), rounds=4)
            action = episodes.action(0)
            action.action.parts[0].text = "dance"
            way.open.clear()
            beyond = wire.StepRequest(actions=[action])
            late = asyncio.create_task(owner.call("EnvironmentService/Step", beyond, wire.StepResponse))
            going = episodes.going
            await episodes.step(other, going[1:])  # answered when the lease has ended
            await episodes.step(other, going[:1])
            assert going[0] == 0
            assert await figure(other, "assay_sessions_taken_over") >= len(going)
            way.open.set()
            (refused,) = (await late).results
            assert refused.WhichOneof("outcome") == "error"
            await episodes.spray([owner, other], random.Random(0))
            assert (episodes.errors, episodes.told[1:]) == ([], expected[1:EACH])


async def test_a_server_that_lives_and_cannot_be_reached_keeps_its_sessions(redis: PrivateRedis) -> None:
    hidden = member(redis, advertise="127.0.0.1:1")
    async with members(hidden, member(redis, lease_seconds=0.2)) as (owner, other):
        episodes = await Episodes.made(owner)
        request = wire.StepRequest(actions=[episodes.action(0)])
        (refused,) = (await other.call("EnvironmentService/Step", request, wire.StepResponse)).results
        assert "OWNER_UNREACHABLE" in str(refused.error)
        await episodes.step(owner, range(1, EACH))
        assert not episodes.errors
        assert await total([owner, other], "assay_sessions_rebuilt") == 0
