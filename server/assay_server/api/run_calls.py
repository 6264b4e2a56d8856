"""RunService's calls."""

from __future__ import annotations

import hashlib
import json

from assay.v1 import rollout_pb2
from assay.v1 import run_service_pb2 as wire
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.pipeline.failures import Failure, invalid, invalid_field
from assay_server.pipeline.intake import check_id
from assay_server.pipeline.json_fields import parse_object
from assay_server.pipeline.prompts import put_prompts
from assay_server.pipeline.runs import Runs


class RunCalls:
    """CreateRun, RestoreRun, CheckpointRun, PutTasks, PutBlobs."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def create_run(self, principal: Principal, data: bytes) -> wire.CreateRunResponse:
        """Register a run; harmless to repeat."""
        request = parse(wire.CreateRunRequest, data)
        run, compiled, created = await self._runs.create(principal.tenant, request.run_id, request.spec)
        return wire.CreateRunResponse(run=run, required_signals=compiled.required_signals, created=created)

    async def restore_run(self, principal: Principal, data: bytes) -> wire.RestoreRunResponse:
        """Go back to a checkpoint."""
        request = parse(wire.RestoreRunRequest, data)
        if request.expected_generation < 0:
            raise invalid_field("expected_generation", "must not be negative")
        run, forgotten = await self._runs.restore(
            principal.tenant, request.run_id, request.checkpoint, request.expected_generation
        )
        return wire.RestoreRunResponse(run=run, forgotten_rollouts=forgotten)

    async def checkpoint_run(self, principal: Principal, data: bytes) -> wire.CheckpointRunResponse:
        """Name the present state."""
        request = parse(wire.CheckpointRunRequest, data)
        if request.generation < 0:
            raise invalid_field("generation", "must not be negative")
        if request.checkpoint:
            check_id(request.checkpoint, "checkpoint")
        for consumer, sequence in request.acked.items():
            check_id(consumer, "acked")
            if sequence < 0:
                raise invalid_field(f"acked[{consumer}]", "must not be negative")
        record = await self._runs.checkpoint(
            principal.tenant, request.run_id, request.generation, request.checkpoint, request.acked
        )
        return wire.CheckpointRunResponse(checkpoint=record.name, digest=record.digest)

    async def put_tasks(self, principal: Principal, data: bytes) -> wire.PutTasksResponse:
        """Take tasks; their digests in request order."""
        request = parse(wire.PutTasksRequest, data)
        digests: list[str] = []
        objects: dict[str, bytes] = {}
        for position, task in enumerate(request.tasks):
            digest = _task_digest(task, f"tasks[{position}]")
            if task.digest and task.digest != digest:
                raise invalid_field(f"tasks[{position}].digest", f"the content's digest is {digest}")
            task.digest = digest
            objects[digest] = task.SerializeToString(deterministic=True)
            digests.append(digest)
            _check_difficulty(task, f"tasks[{position}]")
        await self._runs.store.put_objects(principal.tenant, "task", objects)
        await put_prompts(self._runs.store, principal.tenant, request.run_id, request.tasks)
        return wire.PutTasksResponse(digests=digests)

    async def put_blobs(self, principal: Principal, data: bytes) -> wire.PutBlobsResponse:
        """Take bytes; their names in request order."""
        request = parse(wire.PutBlobsRequest, data)
        references: list[rollout_pb2.BlobRef] = []
        objects: dict[str, bytes] = {}
        for blob in request.blobs:
            digest = hashlib.sha256(blob.data).hexdigest()
            objects[digest] = blob.data
            references.append(rollout_pb2.BlobRef(sha256=digest, media_type=blob.media_type, size_bytes=len(blob.data)))
        await self._runs.store.put_objects(principal.tenant, "blob", objects)
        return wire.PutBlobsResponse(blobs=references)


def _check_difficulty(task: rollout_pb2.Task, path: str) -> None:
    if not 0.0 <= task.difficulty <= 1.0:
        raise invalid_field(f"{path}.difficulty", f"expected a number from 0 to 1, got {task.difficulty}")


def _task_digest(task: rollout_pb2.Task, path: str) -> str:
    """sha256 over type, reference and extra in canonical form."""
    try:
        content = [
            task.type,
            parse_object(task.reference_json, "reference_json"),
            parse_object(task.extra_json, "extra_json"),
        ]
    except Failure as failure:
        violation = failure.violations[0]
        field = f"{path}.{violation.field}"
        raise invalid(f"{field}: {violation.description}", [violation.at(field)]) from None
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
