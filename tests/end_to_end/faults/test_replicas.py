"""Several servers in one process on one Redis: a run is the same run through any of them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

import assay
from assay import aio
from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2, run_service_pb2
from assay_server.store.redis.private_server import PrivateRedis

from .parts import Service, mixed_group, right, rollout, serving, settings, spec, step


@asynccontextmanager
async def replicas(
    redis: PrivateRedis, folder: Path, count: int = 2, *, stream_seconds: float | None = None
) -> AsyncGenerator[list[Service]]:
    """Servers that share a store."""
    chosen = settings(redis.url).model_copy(
        update={"records": folder / "records", "lease_seconds": 2.0, "stream_seconds": stream_seconds}
    )
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(chosen)) for _ in range(count)]


@pytest.fixture
async def pair(redis: PrivateRedis, tmp_path: Path) -> AsyncGenerator[tuple[Service, Service]]:
    async with replicas(redis, tmp_path) as (first, second):
        yield first, second


async def test_members_of_a_group_come_to_any_server(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run", spec(estimator="advantage/gigpo"))
    async with first.stream("run", "a") as one, second.stream("run", "b") as other:
        members = [member for number in range(20) for member in mixed_group(f"g{number}", 8, number % 9)]
        await one.send(*members[::2], batch=16)
        await other.send(*members[1::2], batch=16)
        for number in range(20):
            result = await one.group(f"g{number}")
            assert result == await other.group(f"g{number}")
            assert sum(result.rewards) == number % 9
        assert set(one.samples) == {member.rollout_id for member in members[::2]}
        assert set(other.samples) == {member.rollout_id for member in members[1::2]}


async def test_a_consumer_goes_on_at_another_server(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run")
    async with first.stream("run", "a") as one:
        await one.send(*mixed_group("g", 8, 3)[:6])
        await one.scored(*(f"g/{n}" for n in range(6)))
        await one.ack(2)
    async with second.stream("run", "a", resume_after=2) as other:
        await other.send(*mixed_group("g", 8, 3)[6:])
        assert sum((await other.group("g")).rewards) == 3
        assert other.last == 9
        assert len(other.samples) == 6  # four that were not acknowledged, and two more


async def test_a_newer_stream_at_another_server_takes_the_place(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run")
    async with first.stream("run", "a") as older, second.stream("run", "a") as newer:
        await older.until(lambda: older.closing is not None, "Closing")
        assert older.closing is not None
        assert older.closing.reason == wire.CLOSING_REASON_REPLACED
        await newer.send(right("r"))
        await newer.scored("r")


async def test_a_barrier_counts_the_groups_of_all_servers(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run")
    async with first.stream("run", "a") as one, second.stream("run", "b") as other:
        await one.barrier("step", "a", "b", kept_groups=6)
        await other.barrier("step", "a", "b", kept_groups=6)
        for number in range(4):
            await one.send(*mixed_group(f"one{number}", 4, 2))
            await other.send(*mixed_group(f"other{number}", 4, 2 if number else 0))
        batch = await one.batch("step")
        assert len(batch.group_ids) >= 6
        assert (await other.batch("step")).group_ids == batch.group_ids


async def test_stragglers_are_left_behind_whichever_servers_the_others_came_through(
    pair: tuple[Service, Service],
) -> None:
    first, second = pair
    made = spec()
    made.groups.straggler_quota = 0.75
    made.groups.straggler_batch_share = 0.75
    await first.create_run("run", made)
    async with first.stream("run", "a") as one, second.stream("run", "b") as other:
        members = mixed_group("g", 8, 3)
        await one.barrier("step", "a", "b", kept_groups=1)
        await other.barrier("step", "a", "b", kept_groups=1)
        await one.send(*members[:3])
        await other.send(*members[3:5])
        await one.scored(*(member.rollout_id for member in members[:3]))
        await other.scored(*(member.rollout_id for member in members[3:5]))
        assert one.groups == other.groups == {}  # five of eight are too few
        await other.send(members[5])
        result = await one.group("g")
        assert (len(result.rollout_ids), result.outcome) == (6, rollout_pb2.GROUP_OUTCOME_CLOSED_SHORT)
        assert list((await other.batch("step")).group_ids) == ["g"]


async def test_a_barrier_of_all_waits_for_the_work_of_all(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run", spec())
    async with first.stream("run", "a") as one, second.stream("run", "b") as other:
        members = mixed_group("g", 8, 5)
        await one.send(*members[:4])
        await one.barrier("step", "a", "b", all_participants=True)
        await other.send(*members[4:])
        await other.barrier("step", "a", "b", all_participants=True)
        assert list((await one.batch("step")).group_ids) == ["g"]
        assert list((await other.batch("step")).group_ids) == ["g"]


async def test_a_restore_fences_the_streams_of_all_servers(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run")
    async with first.stream("run", "a") as one, second.stream("run", "b") as other:
        await one.send(*mixed_group("g", 2, 1))
        await one.group("g")
        restore = run_service_pb2.RestoreRunRequest(run_id="run")
        restored = await second.call("RunService/RestoreRun", restore, run_service_pb2.RestoreRunResponse)
        assert restored.run.generation == 2
        for stream in (one, other):
            assert (await stream.failure()).reason == "STALE_GENERATION"
    async with first.stream("run", "a", generation=2) as again:
        await again.send(*mixed_group("g", 2, 2))
        assert list((await again.group("g")).rewards) == [1.0, 1.0]


async def test_a_rollout_grows_at_one_server_and_ends_at_another(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run")
    head = rollout("r", "", group="g", size=1, state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS)
    async with first.stream("run", "a") as one, second.stream("run", "b") as other:
        await one.send(head)
        await one.append("r", 0, step(0, "thinking"))
        await one.until(lambda: one.appended == [("r", 1)], "the append")
        await other.append("r", 1, step(1, "A: 18"), final=True)
        (result,) = await one.scored("r")
        assert result.score.value == 1.0


async def test_groups_are_closed_and_cut_by_any_server(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run")
    async with first.stream("run", "a") as one, second.stream("run", "b") as other:
        await one.send(*mixed_group("g", 8, 3)[:4])
        await one.scored(*(f"g/{n}" for n in range(4)))
        await other.close_group("g")
        result = await one.group("g")
        assert (len(result.rollout_ids), result.outcome) == (4, rollout_pb2.GROUP_OUTCOME_CLOSED_SHORT)


async def test_tasks_are_known_to_all_servers(pair: tuple[Service, Service]) -> None:
    first, second = pair
    await first.create_run("run")
    task = rollout_pb2.Task(type="math", reference_json='{"answer":"18"}')
    put = run_service_pb2.PutTasksRequest(tasks=[task])
    made = right("r")
    made.ClearField("reference_json")
    (made.task_digest,) = (await first.call("RunService/PutTasks", put, run_service_pb2.PutTasksResponse)).digests
    async with second.stream("run", "a") as stream:
        await stream.send(made)
        assert (await stream.scored("r"))[0].score.value == 1.0


async def test_texts_and_scores_are_not_in_redis(pair: tuple[Service, Service], redis: PrivateRedis) -> None:
    first, _ = pair
    await first.create_run("run")
    async with first.stream("run", "a") as stream:
        await stream.send(rollout("r", "a sentence that nobody else would say\nA: 18"))
        await stream.scored("r")
    data = b"".join(path.read_bytes() for path in redis.socket.parent.rglob("*.aof"))
    assert b"rollouts" in data or b"accept" in data
    assert b"nobody else would say" not in data
    assert b"answer_key" not in data


async def test_an_old_stream_is_asked_to_connect_again(redis: PrivateRedis, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, stream_seconds=0.2) as (first, second):
        await first.create_run("run")
        async with first.stream("run", "raw") as stream:
            await stream.until(lambda: stream.closing is not None, "Closing")
            assert stream.closing is not None
            assert stream.closing.reason == wire.CLOSING_REASON_MAX_AGE
        client = aio.Client(f"{first.address},{second.address}", token="none")
        async with client.stream("run", consumer="a") as events:
            for number in range(16):  # over several streams' lives, in turns at both servers
                await events.send(assay.Rollout(rollout_id=f"r{number}", response="A: 18", reference={"answer": "18"}))
                event = await events.receive(20)
                assert isinstance(event, assay.SampleResult)
                assert (event.rollout_id, event.value) == (f"r{number}", 1.0)
                await asyncio.sleep(0.05)
        await client.close()


async def test_a_connection_that_was_left_is_closed_before_python_looks() -> None:
    chosen = settings().model_copy(update={"stream_seconds": 0.05})
    async with serving(chosen) as server, aio.Client(server.address, token="none") as client:
        await client.create_run(assay.RunConfig(run_id="run", reward="math", estimator="advantage/grpo"))
        gc.collect()
        gc.disable()
        try:
            async with client.stream("run", consumer="a") as events:
                for number in range(30):
                    await events.send(
                        assay.Rollout(rollout_id=f"r{number}", response="A: 18", reference={"answer": "18"})
                    )
                    await events.receive(20)
                    await asyncio.sleep(0.05)
            calls = sum(type(one).__name__ == "StreamStreamCall" for one in gc.get_objects())
        finally:
            gc.enable()
    assert calls <= 2  # one for each of about thirty connections otherwise


async def test_a_client_of_several_addresses_finds_the_one_that_is_there(redis: PrivateRedis, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, 1) as (only,):
        for _ in range(4):  # whichever is first
            async with aio.Client(f"127.0.0.1:1,{only.address},127.0.0.1:2", token="none") as client:
                await client.create_run(assay.RunConfig(run_id="run", reward="math", estimator="advantage/grpo"))
                async with client.stream("run", consumer="a") as events:
                    await events.wait_accepted(20)
