"""Unary calls as values: what is sent, and what the answer means. Shared by the sync and the asyncio client."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from assay._stream_state import Opening
from assay._version import client_version
from assay.errors import Failure, Internal, invalid
from assay.groups import GroupLike
from assay.results import GroupResult, SampleResult
from assay.rollout_messages import rollout_message
from assay.rollouts import RolloutLike
from assay.runs import Checkpoint, DeliveryMode, RunInfo, Task, estimator_choice, reward_spec
from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice, Grouping, OutputChoice, RewardSpec
from assay.spec_messages import estimator_message, grouping_message, output_message, reward_message
from assay.v1 import advantage_service_pb2 as advantages
from assay.v1 import reward_service_pb2 as rewards
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as runs

T = TypeVar("T")

MAX_SCORE_ROLLOUTS = 256
MAX_SCORE_BYTES = 32 * 1024 * 1024
MAX_ROLLOUT_BYTES = 16 * 1024 * 1024
MAX_UPLOAD_BYTES = 32 * 1024 * 1024


# ---------------------------------------------------------------- scoring


def score_requests(
    rollouts: Sequence[RolloutLike],
    reward: str | RewardSpec | None,
    params: Mapping[str, Json] | None,
    run_id: str | None,
    execution_timeout: float | None,
) -> Iterator[rewards.ScoreRequest]:
    """Requests of at most 256 rollouts and 32 MiB each, in order."""
    if run_id is not None and (reward is not None or params or execution_timeout is not None):
        raise invalid("run_id", "the run says which reward is used: give no reward, params or execution_timeout")
    if run_id is None:
        template = rewards.ScoreRequest(
            reward=reward_message(reward_spec("math" if reward is None else reward, params, execution_timeout))
        )
    else:
        template = rewards.ScoreRequest(run_id=run_id)
    messages: list[v1.Rollout] = []
    size = 0
    for index, rollout in enumerate(rollouts):
        message = rollout_message(rollout, path=f"rollouts[{index}]")
        added = checked_size(message, f"rollouts[{index}]")
        if messages and (len(messages) == MAX_SCORE_ROLLOUTS or size + added > MAX_SCORE_BYTES):
            yield _score_request(template, messages)
            messages, size = [], 0
        messages.append(message)
        size += added
    if messages:
        yield _score_request(template, messages)


def _score_request(template: rewards.ScoreRequest, messages: Sequence[v1.Rollout]) -> rewards.ScoreRequest:
    request = rewards.ScoreRequest()
    request.CopyFrom(template)
    request.rollouts.extend(messages)
    return request


def checked_size(message: v1.Rollout, path: str) -> int:
    """Bytes of a rollout; InvalidArgument where it is larger than the service takes."""
    size = message.ByteSize()
    if size > MAX_ROLLOUT_BYTES:
        raise invalid(path, f"{size} bytes; a rollout may have {MAX_ROLLOUT_BYTES}: send large references as tasks")
    return size


def score_results(request: rewards.ScoreRequest, response: rewards.ScoreResponse) -> list[SampleResult]:
    """One result per rollout of the request."""
    return [SampleResult(result) for result in one_each(response.results, len(request.rollouts), "results")]


def one_each(items: Sequence[T], expected: int, what: str) -> Sequence[T]:
    """The items; Internal where there are not as many as were asked for."""
    if len(items) != expected:
        message = f"the service answered {len(items)} {what} where {expected} were asked for"
        raise Internal(message, failure=Failure(13, message))
    return items


# ---------------------------------------------------------------- advantages


def advantages_request(
    groups: Sequence[GroupLike],
    estimator: str | EstimatorChoice,
    params: Mapping[str, Json] | None,
    grouping: Grouping | None,
    outputs: Sequence[OutputChoice] = (),
) -> advantages.ComputeAdvantagesRequest:
    """One batch."""
    request = advantages.ComputeAdvantagesRequest(
        estimator=estimator_message(estimator_choice(estimator, params)),
        grouping=grouping_message(grouping or Grouping()),
        outputs=[output_message(choice, f"outputs[{index}]") for index, choice in enumerate(outputs)],
    )
    for index, group in enumerate(groups):
        ready = group if isinstance(group, v1.RolloutGroup) else group.to_message(f"groups[{index}]")
        request.groups.append(ready)
    return request


def advantages_results(
    request: advantages.ComputeAdvantagesRequest, response: advantages.ComputeAdvantagesResponse
) -> list[GroupResult]:
    """One result per group of the request."""
    return [GroupResult(group) for group in one_each(response.groups, len(request.groups), "groups")]


# ---------------------------------------------------------------- streams


def opening(
    run_id: str,
    consumer: str,
    delivery: DeliveryMode | None,
    deliver_to: str,
    generation: int,
    resume_after: int | None,
    max_in_flight: int,
) -> Opening:
    """How a stream opens.

    Raises:
        InvalidArgument: an empty name or a negative number.
    """
    for name, text in (("run_id", run_id), ("consumer", consumer)):
        if not text:
            raise invalid(name, "must be given")
    for name, number in (
        ("generation", generation),
        ("resume_after", resume_after or 0),
        ("max_in_flight", max_in_flight),
    ):
        if number < 0:
            raise invalid(name, f"expected >= 0, got {number}")
    return Opening(
        run_id=run_id,
        consumer=consumer,
        generation=generation,
        delivery=int(delivery or 0),
        deliver_to=deliver_to,
        resume_after=resume_after,
        max_in_flight=max_in_flight,
        client_version=client_version(),
    )


# ---------------------------------------------------------------- runs


def created_run(response: runs.CreateRunResponse) -> RunInfo:
    """The run, new or as it was."""
    run = response.run
    signals = tuple(response.required_signals)
    return RunInfo(run.run_id, run.generation, run.spec_digest, tuple(run.pins), signals, response.created)


def restored_run(response: runs.RestoreRunResponse) -> RunInfo:
    """The run in its new generation."""
    run, forgotten = response.run, response.forgotten_rollouts
    return RunInfo(run.run_id, run.generation, run.spec_digest, tuple(run.pins), forgotten_rollouts=forgotten)


def checkpoint_request(
    run_id: str, checkpoint: str, generation: int, acked: Mapping[str, int]
) -> runs.CheckpointRunRequest:
    """A name is made here where none is given, so that a repeated call is the same checkpoint."""
    name = checkpoint or f"checkpoint-{uuid.uuid4().hex}"
    return runs.CheckpointRunRequest(run_id=run_id, generation=generation, checkpoint=name, acked=acked)


def checkpoint_of(response: runs.CheckpointRunResponse) -> Checkpoint:
    """The checkpoint that was made, or was there already."""
    return Checkpoint(response.checkpoint, response.digest)


def task_requests(run_id: str, tasks: Sequence[Task | v1.Task]) -> Iterator[runs.PutTasksRequest]:
    """Requests of at most 32 MiB each, in order."""
    request, size = runs.PutTasksRequest(run_id=run_id), 0
    for index, task in enumerate(tasks):
        message = task if isinstance(task, v1.Task) else task.to_message(f"tasks[{index}]")
        added = message.ByteSize()
        if request.tasks and size + added > MAX_UPLOAD_BYTES:
            yield request
            request, size = runs.PutTasksRequest(run_id=run_id), 0
        request.tasks.append(message)
        size += added
    if request.tasks:
        yield request


def blob_requests(run_id: str, blobs: Sequence[tuple[str, bytes]]) -> Iterator[runs.PutBlobsRequest]:
    """Requests of at most 32 MiB each (or one blob), in order; blobs are (media type, bytes)."""
    request, size = runs.PutBlobsRequest(run_id=run_id), 0
    for media_type, data in blobs:
        if request.blobs and size + len(data) > MAX_UPLOAD_BYTES:
            yield request
            request, size = runs.PutBlobsRequest(run_id=run_id), 0
        request.blobs.append(runs.Blob(media_type=media_type, data=data))
        size += len(data)
    if request.blobs:
        yield request


def not_ready(failure: Failure) -> str | None:
    """What a failed health check says; None where it says that there is a service, only without health checks."""
    return None if failure.code == _UNIMPLEMENTED else failure.message or failure.code_name


_UNIMPLEMENTED = 12
