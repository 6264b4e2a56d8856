"""Going back to a checkpoint: what is forgotten, who is fenced, and that a retry is harmless."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay.v1 import run_service_pb2 as run
from assay_server.pipeline.failures import Code

from .driver import Stream
from .rollouts import mixed_group, right, rollout, spec, step
from .server import Endpoint, Service, serving, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def checkpoint(server: Endpoint, name: str) -> run.CheckpointRunResponse:
    request = run.CheckpointRunRequest(run_id=server.run_id("run"), checkpoint=name)
    return await server.call("RunService/CheckpointRun", request, run.CheckpointRunResponse)


async def restore(server: Endpoint, name: str, expected: int = 0) -> run.RestoreRunResponse:
    request = run.RestoreRunRequest(run_id=server.run_id("run"), checkpoint=name, expected_generation=expected)
    return await server.call("RunService/RestoreRun", request, run.RestoreRunResponse)


async def fenced(stream: Stream) -> None:
    """The stream was told that its generation is over."""
    refusal = await stream.failure()
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "STALE_GENERATION")
    assert stream.closing is not None
    assert stream.closing.reason == wire.CLOSING_REASON_FENCED


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_restore_forgets_what_came_after_the_checkpoint_and_fences_open_streams(
    kind: str, tmp_path: Path
) -> None:
    store = "memory:" if kind == "memory" else f"sqlite:{tmp_path / 'assay.db'}"
    async with serving(settings(store)) as server:
        await server.create_run("run")
        async with server.stream("run", "a") as a, server.stream("run", "b") as b:
            await a.send(*mixed_group("before", 2, 1), right("half", "filling", 2))
            await a.until(lambda: a.last == 4, "results")
            await a.ack()
            await a.send(right("marker"))
            await a.scored("marker")
            await checkpoint(server, "step-1")
            await a.send(*mixed_group("after", 2, 1), rollout("other half", "A: 5", group="filling", size=2))
            await a.group("filling")
            answer = await restore(server, "step-1")
            assert (answer.run.generation, answer.forgotten_rollouts) == (2, 3)
            await fenced(a)
            await fenced(b)
        async with server.stream("run", "a", generation=1) as stale:
            refusal = await stale.failure()
            assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "STALE_GENERATION")
        async with server.stream("run", "a", generation=2) as stream:
            assert (stream.opened.generation, stream.opened.last_acked) == (2, 0)
            await stream.send(*mixed_group("after", 2, 2), right("other half", "filling", 2))
            await stream.finish()
        assert sorted(stream.samples) == ["after/0", "after/1", "marker", "other half"]
        assert sorted(stream.groups) == ["after", "filling"]
        assert list(stream.groups["after"].rewards) == [1.0, 1.0]
        assert list(stream.groups["filling"].rewards) == [1.0, 1.0]


async def test_a_restore_to_the_beginning_forgets_everything(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(*mixed_group("g", 2, 1))
        await stream.group("g")
        await stream.ack()
        assert (await restore(server, "")).forgotten_rollouts == 2
        await fenced(stream)
    async with server.stream("run", "a") as again:
        await again.send(*mixed_group("g", 2, 2))
        assert list((await again.group("g")).rewards) == [1.0, 1.0]


async def test_a_retried_restore_does_what_the_first_did(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await checkpoint(server, "c")
        await stream.send(right("r"))
        await stream.scored("r")
    first = await restore(server, "c", expected=1)
    async with server.stream("run", "a") as stream:
        await stream.send(right("r2"))
        await stream.scored("r2")
        assert await restore(server, "c", expected=1) == first
        await stream.send(right("r3"))
        await stream.scored("r3")
    refusal = await server.refused(
        "RunService/RestoreRun",
        run.RestoreRunRequest(run_id=server.run_id("run"), checkpoint="", expected_generation=1),
    )
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "STALE_GENERATION")


async def test_restores_of_what_is_not_there(server: Service) -> None:
    await server.create_run("run")
    for request, code, reason in (
        (run.RestoreRunRequest(run_id="nothing"), Code.NOT_FOUND, "RUN_NOT_FOUND"),
        (
            run.RestoreRunRequest(run_id=server.run_id("run"), checkpoint="nothing"),
            Code.NOT_FOUND,
            "CHECKPOINT_NOT_FOUND",
        ),
        (
            run.RestoreRunRequest(run_id=server.run_id("run"), expected_generation=3),
            Code.FAILED_PRECONDITION,
            "STALE_GENERATION",
        ),
        (
            run.RestoreRunRequest(run_id=server.run_id("run"), expected_generation=-1),
            Code.INVALID_ARGUMENT,
            "INVALID_ARGUMENT",
        ),
    ):
        refusal = await server.refused("RunService/RestoreRun", request)
        assert (refusal.code, refusal.reason) == (code, reason)


async def test_a_checkpoint_holds_as_processed_what_the_call_says_is(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.send(right("r0"), right("r1"), right("r2"))
        await stream.until(lambda: stream.last == 3, "results")
        request = run.CheckpointRunRequest(run_id=server.run_id("run"), checkpoint="c", acked={"a": 2})
        await server.call("RunService/CheckpointRun", request, run.CheckpointRunResponse)
        third = next(iter(set(stream.samples) - set(list(stream.samples)[:2])))
        await restore(server, "c")
    async with server.stream("run", "a") as again:
        await again.scored(third)
        await again.finish()
        assert set(again.samples) == {third}, "what was processed came again, or what was not is lost"
    for acked, field in (({"a": -1}, "acked[a]"), ({"": 1}, "acked")):
        request = run.CheckpointRunRequest(run_id=server.run_id("run"), acked=acked)
        assert (await server.refused("RunService/CheckpointRun", request)).fields == (field,)


async def test_checkpoints_of_one_name_are_one_and_need_the_present_generation(server: Service) -> None:
    await server.create_run("run")
    first = await checkpoint(server, "c")
    async with server.stream("run", "a") as stream:
        await stream.send(right("r"))
        await stream.scored("r")
    assert await checkpoint(server, "c") == first
    named = await checkpoint(server, "")
    assert named.checkpoint
    assert named.digest != first.digest
    await restore(server, "c")
    for request, code in (
        (run.CheckpointRunRequest(run_id=server.run_id("run"), generation=1), Code.FAILED_PRECONDITION),
        (run.CheckpointRunRequest(run_id="nothing"), Code.NOT_FOUND),
        (run.CheckpointRunRequest(run_id=server.run_id("run"), generation=-1), Code.INVALID_ARGUMENT),
        (run.CheckpointRunRequest(run_id=server.run_id("run"), checkpoint="a\n"), Code.INVALID_ARGUMENT),
    ):
        assert (await server.refused("RunService/CheckpointRun", request)).code is code


async def test_steps_appended_after_the_checkpoint_are_forgotten(server: Service) -> None:
    await server.create_run("run", spec())
    async with server.stream("run", "a") as stream:
        await stream.send(rollout("r", "first", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS))
        await stream.append("r", 1, step(1, "second"))
        await stream.until(lambda: stream.appended == [("r", 2)], "append")
        await checkpoint(server, "c")
        await stream.append("r", 2, step(2, "A: 17"), final=True)
        await stream.scored("r")
        await restore(server, "c")
    async with server.stream("run", "a") as again:
        await again.append("r", 2, step(2, "A: 18"), final=True)
        assert (await again.scored("r"))[0].score.value == 1.0
        await again.barrier("end", all_participants=True)
        await again.batch("end")


async def test_a_barrier_opened_after_the_checkpoint_is_forgotten_and_one_before_it_goes_on(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        await stream.barrier("early", "a", kept_groups=2)
        await stream.send(*mixed_group("g0", 2, 1))
        await stream.group("g0")
        await checkpoint(server, "c")
        await stream.send(*mixed_group("g1", 2, 1))
        await stream.batch("early")
        await stream.barrier("late", kept_groups=1)
        await stream.until(lambda: bool(stream.progress) and stream.progress[-1].barrier_id == "late", "late")
        await restore(server, "c")
    async with server.stream("run", "a") as again:
        await again.send(*mixed_group("h", 2, 2))
        assert list((await again.batch("early")).group_ids) == ["g0", "h"]
        await again.finish()
        assert len(again.batches) == 1
