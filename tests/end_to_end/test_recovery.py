"""A server that is killed: everything it accepted is answered exactly once, as if nothing had happened."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from assay.sdk import Sample, Score, reward
from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.pipeline.failures import Code
from assay_server.rewards.catalogue import Catalogue, builtin_catalogue

from .driver import Stream
from .rollouts import mixed_group, right, rollout, spec, step
from .server import Endpoint, serving, settings
from .server_process import ServerUnderTest, server_process

GROUPS = 40
SIZE = 8
GIGPO = spec(estimator="advantage/gigpo")


def multi_turn(name: str, group: str, turns: int, answer: int) -> tuple[rollout_pb2.Rollout, list[rollout_pb2.Step]]:
    """A rollout in progress and the steps it grows by."""
    head = rollout(name, "", group=group, size=4, state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS)
    steps = [step(index, f"turn {index}", observation=f"room {index % 2}") for index in range(turns - 1)]
    return head, [*steps, step(turns - 1, f"A: {answer}", observation="end")]


def everything() -> tuple[list[rollout_pb2.Rollout], dict[str, list[rollout_pb2.Step]]]:
    """What a step of training sends: whole rollouts in random order, and rollouts that grow."""
    chance = random.Random(3)
    whole = [member for number in range(GROUPS) for member in mixed_group(f"g{number}", SIZE, number % (SIZE + 1))]
    chance.shuffle(whole)
    growing: dict[str, list[rollout_pb2.Step]] = {}
    for member in range(4):
        head, steps = multi_turn(f"turns/{member}", "turns", 5 + member, 17 + member % 2)
        whole.insert(member * 7, head)
        growing[head.rollout_id] = steps
    return whole, growing


def comparable(result: rollout_pb2.SampleResult) -> bytes:
    """A sample result without how long it took."""
    copy = rollout_pb2.SampleResult()
    copy.CopyFrom(result)
    copy.score.ClearField("timing")
    return copy.SerializeToString(deterministic=True)


async def finish(stream: Stream, whole: list[rollout_pb2.Rollout], growing: dict[str, list[rollout_pb2.Step]]) -> None:
    """Send everything (again) and wait for all of it."""
    await stream.barrier("step", count=len(whole))
    await stream.send(*whole)
    for name, steps in growing.items():
        for one in steps[:-1]:
            await stream.append(name, one.index, one)
        await stream.append(name, steps[-1].index, steps[-1], final=True)
    await stream.finish()


async def undisturbed() -> Stream:
    whole, growing = everything()
    async with serving() as server:
        await server.create_run("run", GIGPO)
        async with server.stream("run", "a") as stream:
            await finish(stream, whole, growing)
            return stream


async def begin(endpoint: Endpoint) -> Stream:
    """Send about half of it and see what comes; the stream as it was when the server was ready to be killed."""
    whole, growing = everything()
    await endpoint.create_run("run", GIGPO)
    stream = endpoint.stream("run", "a")
    await stream.start()
    await stream.barrier("step", count=len(whole))
    await stream.send(*whole[: len(whole) // 2], batch=32)
    for name, steps in growing.items():
        for one in steps[: len(steps) // 2]:
            await stream.append(name, one.index, one)
    await stream.until(lambda: len(stream.appended) >= 8 and len(stream.samples) > 40, "half of it")
    await stream.ack(stream.last // 2)
    return stream


@pytest.mark.parametrize("received_when_killed", [0, 1])
async def test_a_killed_server_answers_everything_once_and_as_if_undisturbed(
    tmp_path: Path, received_when_killed: int
) -> None:
    whole, growing = everything()
    async with server_process(tmp_path) as first:
        before = await begin(first.endpoint)
        if received_when_killed:
            await before.send(*whole[len(whole) // 2 :], batch=16)  # killed between Accepted and results
            await before.until(lambda: len(before.accepted) > len(whole) // 2 + 30, "Accepted of more")
        await first.kill()
        await before.disconnect()
    async with server_process(tmp_path) as second:
        after = second.endpoint.stream("run", "a", resume_after=before.last)
        async with after:
            assert after.opened.last_acked == before.last
            await finish(after, whole, growing)
            assert not after.refused
        assert not [event for event in second.log if event["level"] in {"error", "critical"}]
        assert not second.unlogged
    expected = await undisturbed()
    assert not set(before.samples) & set(after.samples)
    assert not set(before.groups) & set(after.groups)
    samples = {**before.samples, **after.samples}
    groups = {**before.groups, **after.groups}
    assert {name: comparable(result) for name, result in samples.items()} == {
        name: comparable(result) for name, result in expected.samples.items()
    }
    assert {name: group.SerializeToString(deterministic=True) for name, group in groups.items()} == {
        name: group.SerializeToString(deterministic=True) for name, group in expected.groups.items()
    }
    (batch,), (wanted,) = after.batches, expected.batches
    assert sorted([*batch.group_ids, *batch.dropped_group_ids]) == sorted(
        [*wanted.group_ids, *wanted.dropped_group_ids]
    )
    assert batch.statistics.reward_mean == pytest.approx(wanted.statistics.reward_mean)
    assert after.last == len(whole) + GROUPS + 1 + 1


async def test_accepted_rollouts_are_answered_after_a_kill_without_being_sent_again(tmp_path: Path) -> None:
    async with server_process(tmp_path) as first:
        await first.endpoint.create_run("run")
        stream = first.endpoint.stream("run", "a")
        await stream.start()
        await stream.send(*mixed_group("g", 64, 32))
        await stream.until(lambda: len(stream.accepted) == 64, "Accepted")
        await first.kill()
        await stream.disconnect()
    async with server_process(tmp_path) as second, second.endpoint.stream("run", "a") as again:
        group = await again.group("g")
        assert sum(group.rewards) == 32
        assert len(again.samples) == 64


async def test_a_second_server_on_a_store_in_use_does_not_start(tmp_path: Path) -> None:
    async with server_process(tmp_path):
        with pytest.raises(AssertionError, match="in use by another process"):
            async with server_process(tmp_path):
                pass


async def test_a_consumer_sees_no_gap_over_many_kills(tmp_path: Path) -> None:
    """Killed again and again at random moments; the sequence stays gapless and nothing comes twice."""
    chance = random.Random(11)
    samples: set[str] = set()
    groups: set[str] = set()
    last = 0
    whole = [member for number in range(60) for member in mixed_group(f"g{number}", 4, number % 5)]
    for attempt in range(4):
        async with server_process(tmp_path) as server:
            await server.endpoint.create_run("run")
            stream = await _life(server, last, whole, chance, to_the_end=attempt == 3)
        assert not samples & set(stream.samples)
        assert not groups & set(stream.groups)
        samples.update(stream.samples)
        groups.update(stream.groups)
        last = stream.last
    assert (len(samples), len(groups), last) == (240, 60, 300)


async def _life(
    server: ServerUnderTest, last: int, whole: list[rollout_pb2.Rollout], chance: random.Random, *, to_the_end: bool
) -> Stream:
    stream = server.endpoint.stream("run", "a", resume_after=last)
    await stream.start()
    await stream.send(*whole, batch=chance.randrange(1, 40))
    if to_the_end:
        await stream.finish()
    else:
        wanted = chance.randrange(len(whole))
        await stream.until(lambda: stream.last - last >= wanted // 4 or len(stream.accepted) >= wanted, "some of it")
        await server.kill()
    await stream.disconnect()
    return stream


async def test_messages_that_were_not_accepted_are_not_in_the_store(tmp_path: Path) -> None:
    async with server_process(tmp_path) as first:
        await first.endpoint.create_run("run")
        stream = first.endpoint.stream("run", "a")
        await stream.start()
        await stream.send(*(right(f"r{i}") for i in range(500)), batch=50)
        await first.kill()
        await stream.disconnect()
    async with server_process(tmp_path) as second, second.endpoint.stream("run", "a") as again:
        await again.write(wire.StreamRolloutsRequest(barrier=wire.Barrier(barrier_id="b", all_participants=True)))
        await again.batch("b")
        assert set(stream.accepted) <= set(again.samples)


def _constant(value: float) -> Catalogue:
    """The built-in rewards and one more, whose digest depends on its value."""

    @reward("test/constant-v1", bounds=(value, value + 1.0))
    def constant(sample: Sample) -> Score:
        """Always the same."""
        return Score(value if sample.rollout_id else 0.0)

    return builtin_catalogue().with_definition(constant)


async def test_a_run_whose_reward_is_gone_refuses_and_no_other(tmp_path: Path) -> None:
    chosen = settings(f"sqlite:{tmp_path / 'assay.db'}")
    async with serving(chosen, _constant(1.0)) as server:
        await server.create_run("gone", spec(reward="test/constant"))
        await server.create_run("here")
        for name in ("gone", "here"):
            async with server.stream(name, "a") as stream:
                await stream.send(*mixed_group("g", 4, 2)[:3])
                await stream.scored("g/0", "g/1", "g/2")
    async with serving(chosen, _constant(2.0)) as server:
        async with server.stream("gone", "a") as refused:
            refusal = await refused.failure()
            assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "PIN_GONE")
        async with server.stream("here", "a") as stream:
            await stream.send(*mixed_group("g", 4, 2)[3:])
            await stream.group("g")
    async with serving(chosen, _constant(1.0)) as server, server.stream("gone", "a") as stream:
        await stream.send(*mixed_group("g", 4, 2)[3:])
        assert list((await stream.group("g")).rewards) == [1.0] * 4
