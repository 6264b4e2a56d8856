"""Finished groups become batches: which ones, for whom, with which numbers, and only once."""

from __future__ import annotations

import asyncio
import math
import random
from pathlib import Path

import pytest

from assay.sdk.spec import EstimatorChoice
from assay.v1 import rollout_pb2
from assay_server.estimators import Group, Member, compile_estimator

from .rollouts import mixed_group, right, rollout, spec, step, wrong
from .server import Service, serving, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIXED = spec(filters=["select/mixed_outcome"])


async def test_kept_groups_counts_what_the_filters_kept(server: Service) -> None:
    await server.create_run("run", MIXED)
    async with server.stream("run", "a") as stream:
        await stream.barrier("b", kept_groups=2)
        await stream.send(
            *mixed_group("mixed-0", 4, 2), *mixed_group("all right", 4, 4), *mixed_group("all wrong", 4, 0)
        )
        await stream.until(lambda: bool(stream.progress) and stream.progress[-1].dropped_groups == 2, "progress")
        progress = stream.progress[-1]
        assert (progress.barrier_id, progress.kept_groups, progress.missing, progress.rollouts) == ("b", 1, 1, 12)
        assert not stream.batches
        await stream.send(*mixed_group("mixed-1", 4, 1))
        batch = await stream.batch("b")
        assert stream.groups["all right"].drop_reason
    assert list(batch.group_ids) == ["mixed-0", "mixed-1"]
    assert sorted(batch.dropped_group_ids) == ["all right", "all wrong"]
    assert sum(batch.statistics.drop_reasons.values()) == 2
    assert (batch.statistics.rollouts, batch.statistics.scored) == (16, 16)
    assert batch.statistics.reward_mean == pytest.approx(7 / 16)
    assert batch.statistics.effective_group_ratio == 0.5


async def test_groups_beyond_the_batch_wait_for_the_next_barrier(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        for number in range(5):
            await stream.send(*mixed_group(f"g{number}", 2, 1))
            await stream.group(f"g{number}")
        await stream.barrier("first", kept_groups=2)
        assert list((await stream.batch("first")).group_ids) == ["g0", "g1"]
        await stream.barrier("second", count=5)
        assert list((await stream.batch("second")).group_ids) == ["g2", "g3", "g4"]
        await stream.barrier("third", count=1)
        await stream.until(lambda: bool(stream.progress) and stream.progress[-1].barrier_id == "third", "progress")
        assert stream.progress[-1].missing == 1
        await stream.send(right("single", "g5", 1))
        assert list((await stream.batch("third")).group_ids) == ["g5"]


async def test_two_open_barriers_fill_one_after_the_other(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.barrier("first", kept_groups=1)
        await stream.barrier("second", kept_groups=2)
        for number in range(3):
            await stream.send(*mixed_group(f"g{number}", 2, 1))
            await stream.group(f"g{number}")
        assert list((await stream.batch("first")).group_ids) == ["g0"]
        assert list((await stream.batch("second")).group_ids) == ["g1", "g2"]


async def test_a_barrier_repeated_after_it_finished_changes_nothing(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(*mixed_group("g", 2, 1))
        for _ in range(2):
            await stream.barrier("b", kept_groups=1)
        await stream.batch("b")
        await stream.barrier("b", kept_groups=1)
        await stream.send(*mixed_group("h", 2, 1))
        await stream.finish()
    assert len(stream.batches) == 1
    assert stream.last == 7


async def test_all_participants_waits_for_every_consumer_and_all_its_rollouts(server: Service) -> None:
    await server.create_run("run")
    names = ("a", "b")
    async with server.stream("run", "a") as a, server.stream("run", "b") as b:
        await a.send(*mixed_group("g", 4, 2)[:2])
        await a.barrier("end", *names, all_participants=True)
        await a.until(lambda: bool(a.progress) and list(a.progress[-1].missing_participants) == ["b"], "progress")
        await b.send(*mixed_group("g", 4, 2)[2:])
        growing = rollout("alone", "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS)
        await b.send(growing)
        await b.group("g")
        await b.barrier("end", *names, all_participants=True)
        await a.until(lambda: not a.progress[-1].missing_participants, "b has arrived")
        assert not a.batches
        await b.append("alone", 0, step(0, "A: 18"), final=True)
        for stream in (a, b):
            assert list((await stream.batch("end")).group_ids) == ["g"]
            await stream.finish()


async def test_an_empty_run_passes_a_barrier_of_all_participants_at_once(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.barrier("end", all_participants=True)
        batch = await stream.batch("end")
        assert not batch.group_ids
        assert batch.statistics.rollouts == 0


async def test_a_batch_goes_to_its_participants_also_when_they_are_away(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as a:
        await a.barrier("b", "a", "driver", kept_groups=1)
        await a.send(*mixed_group("g", 2, 1))
        expected = await a.batch("b")
    async with server.stream("run", "driver") as driver:
        assert await driver.batch("b") == expected
        assert not driver.samples


def _in_process(groups: dict[str, list[float]]) -> dict[str, list[float]]:
    estimator = compile_estimator(EstimatorChoice("advantage/group_mean_batch_std"))
    members = [
        Group(name, tuple(Member(f"{name}/{i}", reward) for i, reward in enumerate(rewards)))
        for name, rewards in groups.items()
    ]
    return {result.group_id: result.advantages.tolist() for result in estimator.advantages(members)}


async def test_a_batch_scope_estimator_speaks_only_in_the_batch_result(server: Service) -> None:
    await server.create_run("run", spec(estimator="advantage/group_mean_batch_std", filters=["select/mixed_outcome"]))
    rights = {"g0": 1, "g1": 4, "g2": 3, "g3": 2}
    async with server.stream("run", "a") as stream:
        await stream.barrier("b", kept_groups=3)
        for name, count in rights.items():
            await stream.send(*mixed_group(name, 4, count))
        batch = await stream.batch("b")
        assert not stream.groups
    expected = _in_process({name: [1.0] * count + [0.0] * (4 - count) for name, count in rights.items() if count < 4})
    assert list(batch.dropped_group_ids) == ["g1"]
    assert {group.group_id: list(group.advantages) for group in batch.groups} == expected
    assert all(group.estimator.startswith("advantage/group_mean_batch_std-v1@") for group in batch.groups)


async def test_large_batch_results_come_in_parts(server: Service) -> None:
    await server.create_run("run", spec(estimator="advantage/group_mean_batch_std"))
    size, groups = 1000, 9  # with long names: some 2.4 MB
    async with server.stream("run", "a") as stream:
        await stream.barrier("b", kept_groups=groups)
        for number in range(groups):
            await stream.send(*mixed_group(f"{number:0240}", size, size // 2))
            await stream.ack()
        batch = await stream.batch("b")
        parts = len(stream.batches)
    assert parts > 1
    assert sorted(group.group_id for group in batch.groups) == sorted(batch.group_ids)
    assert len(batch.groups) == groups


@pytest.mark.parametrize("estimator", ["advantage/grpo", "advantage/group_mean_batch_std"])
async def test_a_restart_in_the_middle_of_a_barrier_changes_nothing(tmp_path: Path, estimator: str) -> None:
    store = f"sqlite:{tmp_path / 'assay.db'}"
    groups = {f"g{number}": [*mixed_group(f"g{number}", 4, 1 + number % 3)] for number in range(6)}
    samples: set[str] = set()
    async with serving(settings(store)) as server:
        await server.create_run("run", spec(estimator=estimator))
        async with server.stream("run", "a") as stream:
            await stream.barrier("b", "a", kept_groups=5)
            await stream.send(*groups["g0"], *groups["g1"], *groups["g2"][:2])
            await stream.until(lambda: len(stream.samples) == 10, "samples")
            await stream.ack()
            last = stream.last
            samples.update(stream.samples)
    async with serving(settings(store)) as server, server.stream("run", "a", resume_after=last) as stream:
        await stream.send(*groups["g2"][2:], *groups["g3"], *groups["g4"], *groups["g5"])
        batch = await stream.batch("b")
        await stream.until(lambda: len(stream.samples) == 14, "the other samples")
    assert list(batch.group_ids) == ["g0", "g1", "g2", "g3", "g4"]
    assert batch.statistics.rollouts == 20
    assert batch.statistics.reward_mean == pytest.approx((1 + 2 + 3 + 1 + 2) / 20)
    if estimator.endswith("batch_std"):
        rewards = {f"g{number}": [1.0] * (1 + number % 3) + [0.0] * (3 - number % 3) for number in range(5)}
        for group in batch.groups:
            assert list(group.advantages) == pytest.approx(_in_process(rewards)[group.group_id])


async def test_rollouts_without_a_group_hold_no_barrier_back_after_a_restart(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'assay.db'}"
    async with serving(settings(store)) as server:
        await server.create_run("run")
        async with server.stream("run", "a") as stream:
            loose = rollout("loose", "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS)
            member = rollout("g/1", "", group="g", size=2, state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS)
            await stream.send(loose, member, right("g/0", "g", 2), right("no group"))
            await stream.scored("g/0", "no group")
            await stream.barrier("end", all_participants=True)
            await stream.until(lambda: bool(stream.progress), "progress")
    async with serving(settings(store)) as server, server.stream("run", "a", resume_after=2) as stream:
        await stream.append("g/1", 0, step(0, "A: 17"), final=True)
        await stream.append("loose", 0, step(0, "A: 18"), final=True)
        assert list((await stream.batch("end")).group_ids) == ["g"]
        await stream.barrier("next", all_participants=True)
        assert not (await stream.batch("next")).group_ids


async def test_stragglers_are_left_behind_once_enough_is_there(server: Service) -> None:
    made = spec()
    made.groups.straggler_quota = 0.75
    made.groups.straggler_batch_share = 0.75
    await server.create_run("run", made)
    async with server.stream("run", "a") as stream:
        await stream.barrier("b", kept_groups=2)
        await stream.send(*mixed_group("g0", 4, 2), *mixed_group("g1", 4, 1)[:3])
        batch = await stream.batch("b")
        group = stream.groups["g1"]
        await stream.send(wrong("g1/3", "g1", 4))
        await stream.scored("g1/3")
    assert list(batch.group_ids) == ["g0", "g1"]
    assert (group.outcome, len(group.rollout_ids)) == (rollout_pb2.GROUP_OUTCOME_CLOSED_SHORT, 3)


async def test_dynamic_sampling_by_many_consumers_until_enough_groups_are_kept(server: Service) -> None:
    await server.create_run("run", MIXED)
    chance = random.Random(7)
    names = [f"rank-{rank}" for rank in range(4)]
    wanted = 24
    done = asyncio.Event()

    async def rank(name: str) -> tuple[list[str], list[str]]:
        async with server.stream("run", name) as stream:
            await stream.barrier("step", *names, kept_groups=wanted)
            number = 0
            while not stream.batches:
                await stream.send(*mixed_group(f"{name}:{number}", 4, chance.randrange(5)))
                number += 1
                await stream.group(f"{name}:{number - 1}")
            batch = await stream.batch("step")
            done.set()
            kept = [name for name, group in stream.groups.items() if group.kept]
            assert all(not math.isnan(value) for name in kept for value in stream.groups[name].advantages)
            return list(batch.group_ids), list(batch.dropped_group_ids)

    results = await asyncio.gather(*(rank(name) for name in names))
    kept, dropped = results[0]
    assert all(result == (kept, dropped) for result in results)
    assert len(kept) == wanted
    assert len({*kept, *dropped}) == len(kept) + len(dropped)
