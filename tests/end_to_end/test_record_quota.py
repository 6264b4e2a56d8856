"""What a run may hold in the store: beyond it items are refused, and nothing that is held is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import duration_pb2

from assay.v1 import rollout_pb2, run_service_pb2
from assay_server.pipeline.failures import Code

from .rollouts import right, rollout, spec, step
from .server import Service, serving, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


def limited(rollouts: int) -> run_service_pb2.RunSpec:
    """Room for so many rollouts like ``right("r0")``."""
    limited = spec()
    limited.record_quota_bytes = rollouts * right("r0").ByteSize()
    return limited


async def test_what_goes_beyond_the_quota_is_refused_and_the_rest_is_scored(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'assay.db'}"
    async with serving(settings(store)) as server:
        await server.create_run("run", limited(5))
        async with server.stream("run", "a") as stream:
            await stream.send(*(right(f"r{i}") for i in range(8)))
            await stream.finish()
            assert sorted(stream.samples) == [f"r{i}" for i in range(5)]
            assert sorted(stream.refused) == ["r5", "r6", "r7"]
            (refusal,) = stream.refused["r5"]
            assert (refusal.code, refusal.reason) == (Code.RESOURCE_EXHAUSTED, "RECORD_QUOTA")
            assert stream.credit == stream.opened.max_in_flight
    # Another process counts what it finds; what is held already may come again.
    async with serving(settings(store)) as server, server.stream("run", "a") as stream:
        await stream.send(right("r0"), right("r9"))
        await stream.finish()
        assert stream.accepted == ["r0"]
        assert sorted(stream.refused) == ["r9"]


async def test_steps_count_too(server: Service) -> None:
    await server.create_run("run", limited(4))
    async with server.stream("run", "a") as stream:
        await stream.send(rollout("long", "a", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS))
        await stream.append("long", 1, step(1, "x" * 1000))
        await stream.until(lambda: "long" in stream.refused, "the refusal")
        assert [refusal.reason for refusal in stream.refused["long"]] == ["RECORD_QUOTA"]
        await stream.append("long", 1, step(1, "b"), final=True)
        await stream.scored("long")


async def test_a_restore_gives_back_what_it_forgets(server: Service) -> None:
    await server.create_run("run", limited(2))
    async with server.stream("run", "a") as stream:
        await stream.send(right("r0"), right("r1"), right("r2"))
        await stream.finish()
        assert sorted(stream.refused) == ["r2"]
    request = run_service_pb2.RestoreRunRequest(run_id=server.run_id("run"))
    await server.call("RunService/RestoreRun", request, run_service_pb2.RestoreRunResponse)
    async with server.stream("run", "a") as stream:
        await stream.send(right("r1"), right("r2"), right("r3"))
        await stream.finish()
        assert sorted(stream.samples) == ["r1", "r2"]


async def test_what_is_not_kept_to_is_refused(server: Service) -> None:
    for change, field in (
        (run_service_pb2.RunSpec(record_retention=duration_pb2.Duration(seconds=60)), "spec.record_retention"),
        (run_service_pb2.RunSpec(record_quota_bytes=-1), "spec.record_quota_bytes"),
    ):
        wanted = spec()
        wanted.MergeFrom(change)
        request = run_service_pb2.CreateRunRequest(run_id="refused", spec=wanted)
        refusal = await server.refused("RunService/CreateRun", request)
        assert (refusal.code, refusal.fields) == (Code.INVALID_ARGUMENT, (field,))
