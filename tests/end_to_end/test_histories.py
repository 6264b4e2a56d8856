"""What a run tells of itself afterwards: metrics, what it remembers of its prompts, which prompts come next."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.v1 import rollout_pb2
from assay.v1 import run_service_pb2 as wire

from .rollouts import mixed_group, spec, unscorable
from .server import Endpoint, Service, serving, settings
from .statuses import Code

pytestmark = pytest.mark.asyncio(loop_scope="module")


def at_step(rollouts: Sequence[rollout_pb2.Rollout], step: int, prompt: str = "") -> list[rollout_pb2.Rollout]:
    """The same rollouts, asked for by an optimisation step."""
    for rollout in rollouts:
        rollout.global_step = step
        rollout.prompt_id = prompt or rollout.prompt_id
    return list(rollouts)


async def metrics(
    server: Endpoint, run: str, *names: str, first: int = 0, last: int = 0
) -> dict[str, list[tuple[int, float]]]:
    request = wire.GetMetricsRequest(
        run_id=server.run_id(run), metrics=names, from_global_step=first, to_global_step=last
    )
    answer = await server.call("RunService/GetMetrics", request, wire.GetMetricsResponse)
    return {one.id: list(zip(one.global_steps, one.values, strict=True)) for one in answer.metrics}


async def sampled(server: Endpoint, run: str, count: int, *prompts: str, seed: int = 0) -> wire.SampleTasksResponse:
    request = wire.SampleTasksRequest(run_id=server.run_id(run), count=count, seed=seed, prompt_ids=prompts)
    return await server.call("RunService/SampleTasks", request, wire.SampleTasksResponse)


async def remembered(server: Endpoint, run: str, *prompts: str) -> dict[str, bytes]:
    """All that the run remembers of these prompts, bit for bit."""
    answer = await sampled(server, run, len(prompts), *prompts)
    return {
        name: standing.SerializeToString(deterministic=True)
        for name, standing in sorted(zip(answer.prompt_ids, answer.standings, strict=True))
    }


# ---------------------------------------------------------------- metrics


async def test_metrics_are_series_over_the_steps(server: Service) -> None:
    await server.create_run("run", spec(filters=["select/mixed_outcome"]))
    async with server.stream("run", "a") as stream:
        await stream.send(*at_step(mixed_group("g1", 4, 1), 7), *at_step(mixed_group("g2", 4, 4), 7))
        await stream.send(*at_step(mixed_group("g3", 4, 2), 3))
        for group in ("g1", "g2", "g3"):
            await stream.group(group)
        found = await metrics(
            server,
            "run",
            "metric/reward_mean",
            "metric/pass_at_k?k=2",
            "metric/pass_at_k-v1?k=8",
            "metric/effective_gradient",
            "metric/rejection?part=dropped",
            "metric/group_size",
            "metric/maj_at_k?k=4",
            "metric/clip_mass?part=positive",
        )
        assert found["metric/reward_mean"] == [(3, 0.5), (7, 0.625)]
        assert found["metric/pass_at_k?k=2"] == [(3, pytest.approx(1 - 1 / 6)), (7, pytest.approx((0.5 + 1) / 2))]
        assert found["metric/pass_at_k-v1?k=8"] == []
        assert found["metric/effective_gradient"] == [(3, 1.0), (7, 0.5)]
        assert found["metric/rejection?part=dropped"] == [(3, 0.0), (7, 1.0)]
        assert found["metric/group_size"] == [(3, 4.0), (7, 4.0)]
        assert found["metric/maj_at_k?k=4"] == [(3, 1.0), (7, 0.5)]  # a tie goes to the first; 3 of 4 wrong loses
        assert found["metric/clip_mass?part=positive"][0][1] == pytest.approx(2 * 0.5 / (1 / 3) ** 0.5, rel=1e-5)
        assert await metrics(server, "run", "metric/reward_mean", first=4) == {"metric/reward_mean": [(7, 0.625)]}
        assert await metrics(server, "run", "metric/reward_mean", last=6) == {"metric/reward_mean": [(3, 0.5)]}
        everything = await metrics(server, "run")
        assert {"metric/reward_mean-v1", "metric/pass_at_k-v1?k=4", "metric/tokens-v1"} & set(everything) == {
            "metric/reward_mean-v1",
            "metric/pass_at_k-v1?k=4",
        }


async def test_what_could_not_be_scored_is_no_zero_in_a_metric(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        group = mixed_group("g", 4, 3)
        group[3] = unscorable("g/3", "g", 4)
        group[3].prompt_id = group[0].prompt_id
        await stream.send(*at_step(group, 1))
        await stream.group("g")
        found = await metrics(server, "run", "metric/reward_mean", "metric/unscored", "metric/group_size")
    assert found == {
        "metric/reward_mean": [(1, 1.0)],
        "metric/unscored": [(1, 0.25)],
        "metric/group_size": [(1, 3.0)],
    }


async def test_an_aborted_group_was_generated_and_dropped(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(*at_step(mixed_group("g", 4, 1), 5)[:2])
        await stream.until(lambda: len(stream.samples) == 2, "answers")
        await stream.abort_group("g")
        await stream.group("g")
        found = await metrics(server, "run", "metric/rejection?part=dropped&reason=aborted")
    assert found == {"metric/rejection?part=dropped&reason=aborted": [(5, 1.0)]}


@pytest.mark.parametrize(
    ("name", "code", "field"),
    [
        ("metric/pass_at_n?k=2", Code.NOT_FOUND, "metrics[1]"),
        ("metric/pass_at_k", Code.INVALID_ARGUMENT, "metrics[1].k"),
        ("metric/pass_at_k?k=0", Code.INVALID_ARGUMENT, "metrics[1].k"),
        ("metric/pass_at_k?k=two", Code.INVALID_ARGUMENT, "metrics[1].k"),
        ("metric/group_size?part=median", Code.INVALID_ARGUMENT, "metrics[1].part"),
        ("metric/reward_mean?of=x", Code.INVALID_ARGUMENT, "metrics[1].of"),
    ],
)
async def test_a_metric_that_is_not_kept_is_refused(server: Service, name: str, code: Code, field: str) -> None:
    await server.create_run("run")
    request = wire.GetMetricsRequest(run_id=server.run_id("run"), metrics=["metric/reward_mean", name])
    refusal = await server.refused("RunService/GetMetrics", request)
    assert (refusal.code, list(refusal.fields)) == (code, [field])


async def test_an_unknown_run_has_no_history(server: Service) -> None:
    for method, request in (
        ("GetMetrics", wire.GetMetricsRequest(run_id="nobody")),
        ("SampleTasks", wire.SampleTasksRequest(run_id="nobody")),
        ("AllocateRollouts", wire.AllocateRolloutsRequest(run_id="nobody")),
    ):
        assert (await server.refused(f"RunService/{method}", request)).code is Code.NOT_FOUND


# ---------------------------------------------------------------- state


async def test_state_moves_when_a_barrier_has_finished(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(*at_step(mixed_group("g", 4, 1), 60, "p"))
        await stream.group("g")
        (before,) = (await sampled(server, "run", 1, "p")).standings
        assert (before.visits, before.pass_rate, before.value) == (0, 0.5, 0.5)
        await stream.barrier("b", count=4)
        await stream.batch("b")
        (after,) = (await sampled(server, "run", 1, "p")).standings
        assert (after.visits, after.pass_rate) == (1, 0.25)
        assert after.value == pytest.approx((0.96 * 0.5 + 0.25) / (0.96 + 1.0))
        assert list(after.success_rollout_ids) == ["g/0"]
        assert not after.HasField("best_tool_calls")
        await stream.send(*at_step(mixed_group("wrong", 4, 0), 61, "hard"))
        await stream.barrier("c", count=4)
        await stream.batch("c")
        (hard,) = (await sampled(server, "run", 1, "hard")).standings
        assert (hard.hint_level, hard.hint_helped, hard.pass_rate) == (1, 0, 0.0)


def waves() -> list[list[list[rollout_pb2.Rollout]]]:
    """Six steps of four prompts each, with groups of four."""
    rights = random.Random(5)
    return [
        [at_step(mixed_group(f"{step}-{prompt}", 4, rights.randrange(5)), step, f"p{prompt}") for prompt in range(4)]
        for step in range(1, 7)
    ]


PROMPTS = tuple(f"p{number}" for number in range(4))


async def test_a_run_over_eight_ranks_equals_the_serial_run(server: Service) -> None:
    await server.create_run("serial")
    async with server.stream("serial", "a") as stream:
        for step, groups in enumerate(waves()):
            await stream.send(*(rollout for group in groups for rollout in group))
            await stream.barrier(f"b{step}", count=16)
            await stream.batch(f"b{step}")
    await server.create_run("split")
    names = [f"rank-{rank}" for rank in range(8)]
    streams = [server.stream("split", name) for name in names]
    for stream in streams:
        await stream.start()
    shuffle = random.Random(9)
    for step, groups in enumerate(waves()):
        rollouts = [rollout for group in groups for rollout in group]
        shuffle.shuffle(rollouts)
        for place, rollout in enumerate(rollouts):
            await streams[place % 8].send(rollout)
        for stream in streams:
            await stream.barrier(f"b{step}", *names, all_participants=True)
        for stream in streams:
            await stream.batch(f"b{step}")
    for stream in streams:
        await stream.disconnect()
    serial = await remembered(server, "serial", *PROMPTS)
    assert len(set(serial.values())) > 1
    assert await remembered(server, "split", *PROMPTS) == serial
    everything = await metrics(server, "serial")
    assert len(everything) > 10
    split = await metrics(server, "split")
    assert set(split) == set(everything)
    for name, series in everything.items():
        assert dict(split[name]) == pytest.approx(dict(series), rel=1e-12), name


@pytest.mark.parametrize("again", [False, True], ids=["same process", "new process"])
async def test_a_restored_run_continues_bit_for_bit(tmp_path: Path, again: bool) -> None:
    steps = waves()
    chosen = settings(f"sqlite:{tmp_path / 'store.db'}")

    async def play(server: Endpoint, run: str, *which: int, generation: int = 0) -> int:
        """Send steps, each with its barrier; the number of the last result, acknowledged."""
        async with server.stream(run, "a", generation=generation) as stream:
            for step in which:
                await stream.send(*(rollout for group in steps[step] for rollout in group))
                await stream.barrier(f"b{step}", count=16)
                await stream.batch(f"b{step}")
            await stream.ack()
            return stream.last

    async with serving(chosen) as server:
        await server.create_run("through")
        await play(server, "through", *range(6))
        expected = await remembered(server, "through", *PROMPTS), await metrics(server, "through")
        await server.create_run("restored")
        last = await play(server, "restored", 0, 1, 2)
        at_checkpoint = await remembered(server, "restored", *PROMPTS)
        request = wire.CheckpointRunRequest(run_id="restored", checkpoint="p", acked={"a": last})
        made = await server.call("RunService/CheckpointRun", request, wire.CheckpointRunResponse)
        await play(server, "restored", 4, 5)
        assert await remembered(server, "restored", *PROMPTS) != at_checkpoint
        restore = wire.RestoreRunRequest(run_id="restored", checkpoint="p")
        await server.call("RunService/RestoreRun", restore, wire.RestoreRunResponse)
        if not again:
            assert await remembered(server, "restored", *PROMPTS) == at_checkpoint
            await play(server, "restored", 3, 4, 5)
            found = await remembered(server, "restored", *PROMPTS), await metrics(server, "restored")
            assert found == expected
            assert made.digest
    if again:
        async with serving(chosen) as server:
            assert await remembered(server, "restored", *PROMPTS) == at_checkpoint
            await play(server, "restored", 3, 4, 5)
            found = await remembered(server, "restored", *PROMPTS), await metrics(server, "restored")
            assert found == expected


async def test_the_digest_of_a_checkpoint_covers_the_state(server: Service) -> None:
    digests: list[str] = []
    for run, rights in (("one", 1), ("two", 2), ("same", 1)):
        await server.create_run(run)
        async with server.stream(run, "a") as stream:
            await stream.send(*at_step(mixed_group("g", 4, rights), 1, "p"))
            await stream.barrier("b", count=4)
            await stream.batch("b")
            request = wire.CheckpointRunRequest(run_id=server.run_id(run), checkpoint="p", acked={"a": stream.last})
            answer = await server.call("RunService/CheckpointRun", request, wire.CheckpointRunResponse)
            digests.append(answer.digest)
    assert digests[0] == digests[2] != digests[1]


# ---------------------------------------------------------------- prompts


async def put(server: Endpoint, run: str, *tasks: rollout_pb2.Task) -> None:
    request = wire.PutTasksRequest(run_id=server.run_id(run), tasks=tasks)
    await server.call("RunService/PutTasks", request, wire.PutTasksResponse)


def task(prompt: str, difficulty: float = 0.0) -> rollout_pb2.Task:
    return rollout_pb2.Task(
        task_id=f"task of {prompt}", prompt_id=prompt, reference_json=f'{{"answer":"{prompt}"}}', difficulty=difficulty
    )


async def test_all_tasks_that_were_put_are_candidates(server: Service) -> None:
    await server.create_run("run")
    await server.create_run("other")
    await put(server, "run", *(task(f"p{number}") for number in range(20)))
    await put(server, "other", task("of another run"))
    answer = await sampled(server, "run", 20)
    assert sorted(answer.prompt_ids) == sorted(f"p{number}" for number in range(20))
    some = await sampled(server, "run", 5, seed=1)
    assert len(set(some.prompt_ids)) == 5
    assert await sampled(server, "run", 5, seed=1) == some
    assert await sampled(server, "run", 5, seed=2) != some
    refusal = await server.refused(
        "RunService/SampleTasks", wire.SampleTasksRequest(run_id=server.run_id("run"), count=21)
    )
    assert (refusal.code, list(refusal.fields)) == (Code.INVALID_ARGUMENT, ["count"])


async def test_the_policy_of_the_run_chooses(server: Service) -> None:
    made = spec()
    made.sampling_policy_json = '{"id":"sample/passrate_band","params":{"low":0.4,"high":0.6}}'
    await server.create_run("run", made)
    async with server.stream("run", "a") as stream:
        for rights in range(5):
            await stream.send(*at_step(mixed_group(f"g{rights}", 4, rights), 1, f"right-{rights}"))
        await stream.barrier("b", count=20)
        await stream.batch("b")
    names = [f"right-{rights}" for rights in range(5)]
    answer = await sampled(server, "run", 3, *names)
    assert answer.prompt_ids[0] == "right-2"
    assert sorted(answer.prompt_ids) == ["right-1", "right-2", "right-3"]
    assert list(answer.weights) == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("field", "text", "path"),
    [
        ("sampling_policy_json", '{"id":"sample/best"}', "spec.sampling_policy.id"),
        ("sampling_policy_json", '{"params":{"x":1}}', "spec.sampling_policy.params.x"),
        ("sampling_policy_json", '{"kind":"uniform"}', "spec.sampling_policy.kind"),
        ("state_policy_json", '{"history":0}', "spec.state_policy.history"),
        ("state_policy_json", "[]", "spec.state_policy_json"),
    ],
)  # fmt: skip
async def test_a_policy_that_makes_no_sense_is_refused(server: Service, field: str, text: str, path: str) -> None:
    made = spec()
    setattr(made, field, text)
    request = wire.CreateRunRequest(run_id=server.run_id("refused"), spec=made)
    refusal = await server.refused("RunService/CreateRun", request)
    assert (refusal.code, list(refusal.fields)) == (Code.INVALID_ARGUMENT, [path])


async def test_rollouts_go_where_the_run_learns(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        for rights in (0, 2, 4):
            await stream.send(*at_step(mixed_group(f"g{rights}", 4, rights), 1, f"right-{rights}"))
        await stream.barrier("b", count=12)
        await stream.batch("b")

    async def counts(allocator: str, params: str = "", total: int = 12) -> list[int]:
        request = wire.AllocateRolloutsRequest(
            run_id=server.run_id("run"),
            allocator_id=allocator,
            params_json=params,
            prompt_ids=["right-0", "right-2", "right-4"],
            total=total,
        )
        answer = await server.call("RunService/AllocateRollouts", request, wire.AllocateRolloutsResponse)
        return list(answer.counts)

    assert await counts("") == [4, 4, 4]
    assert await counts("allocate/uniform", total=8) == [3, 3, 2]
    assert await counts("allocate/knapsack", '{"low":2,"high":8}') == [2, 8, 2]
    uncertain = await counts("allocate/uncertainty_phased")
    assert sum(uncertain) == 12
    assert uncertain[1] == max(uncertain)
    for allocator, params, total, field in (
        ("allocate/knapsack", '{"low":2,"high":8}', 99, "total"),
        ("allocate/knapsack", '{"low":0,"high":8}', 9, "params.low"),
        ("allocate/gradient_variance", "", 9, "prompt_ids[0]"),
        ("allocate/fairly", "", 9, "id"),
    ):
        request = wire.AllocateRolloutsRequest(
            run_id=server.run_id("run"), allocator_id=allocator, params_json=params, prompt_ids=["right-2"], total=total
        )
        refusal = await server.refused("RunService/AllocateRollouts", request)
        assert (refusal.code, list(refusal.fields)) == (Code.INVALID_ARGUMENT, [field])


async def test_signals_of_the_state_are_required_and_read(server: Service) -> None:
    made = spec()
    made.state_policy_json = '{"gradient_signal":"grad_norm","drift_signal":"kl_drift"}'
    request = wire.CreateRunRequest(run_id=server.run_id("run"), spec=made)
    created = await server.call("RunService/CreateRun", request, wire.CreateRunResponse)
    assert {"grad_norm", "kl_drift"} <= set(created.required_signals)
    async with server.stream("run", "a") as stream:
        for name, norm in (("small", 1.0), ("large", 3.0)):
            group = at_step(mixed_group(name, 4, 2), 1, name)
            for rollout in group:
                rollout.signals["grad_norm"].scalar = norm
                rollout.signals["kl_drift"].scalar = 1.0
            await stream.send(*group)
        await stream.barrier("b", count=8)
        await stream.batch("b")
    (standing,) = (await sampled(server, "run", 1, "small")).standings
    assert standing.value == pytest.approx((0.875 * 0.5 + 0.5) / (0.875 + 1.0))
    allocation = wire.AllocateRolloutsRequest(
        run_id=server.run_id("run"), allocator_id="allocate/gradient_variance", prompt_ids=["small", "large"], total=8
    )
    answer = await server.call("RunService/AllocateRollouts", allocation, wire.AllocateRolloutsResponse)
    assert list(answer.counts) == [2, 6]
