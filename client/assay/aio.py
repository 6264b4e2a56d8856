"""The asyncio twin of :class:`assay.Client`: the same methods, awaited."""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from assay import _methods as methods
from assay import _requests as requests
from assay._aio_stream import RolloutStream
from assay._aio_vector import VectorEnvironment
from assay._forks import abandon, watch_forks
from assay._methods import Method
from assay._repeats import Attempts
from assay._transport import failure_of_rpc, open_aio_channel, translated
from assay.catalogue import EstimatorInfo, RewardInfo
from assay.code import CodeJob, CodeResult, job_requests, job_results
from assay.connection import Connection, Retries, Tls
from assay.contents import Blob
from assay.episodes import EnvironmentInfo, EpisodesPlan, SessionPolicy
from assay.errors import Failure, Unavailable, error_of
from assay.groups import GroupLike
from assay.histories import (
    ExportFormat,
    ExportKind,
    MetricSeries,
    SampledPrompt,
    allocation_request,
    export_request,
    sampled_prompts,
    series_of,
)
from assay.plugins import PluginFinding, PluginInfo
from assay.results import GroupResult, SampleResult
from assay.rollouts import RolloutLike
from assay.runs import Checkpoint, DeliveryMode, RunConfig, RunInfo, Task, reward_spec
from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice, Grouping, OutputChoice, RewardSpec
from assay.spec_messages import reward_message
from assay.v1 import advantage_service_pb2 as advantages
from assay.v1 import environment_service_pb2 as environments
from assay.v1 import plugin_service_pb2 as plugins
from assay.v1 import reward_service_pb2 as rewards
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as runs
from assay.v1 import sandbox_service_pb2 as sandbox

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Client", "RolloutStream"]

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class Client:
    """A connection to an Assay service for one event loop; see :class:`assay.Client` for what each method does.

    Args:
        target: ``host:port``, ``dns:///name:port`` or ``unix:path``; several of them, separated by commas, for a fleet.
        token: bearer key; None = as in :class:`assay.Client`.
        tls: None = plain text.
        timeout: seconds a call may take, queueing and retries included.
        retries: of calls that are safe to repeat.
        traceparent: says the W3C's ``traceparent`` of what the caller is doing now, or None; asked for each call and
            for each stream, so that a server which traces tells of them as parts of that.
    """

    def __init__(
        self,
        target: str = "localhost:50051",
        token: str | None = None,
        *,
        tls: Tls | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
        traceparent: Callable[[], str | None] | None = None,
    ) -> None:
        self._connection = Connection(target, token, tls, timeout, retries or Retries(), traceparent)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._turn = random.randrange(1 << 16)  # noqa: S311 - spreads clients over several addresses
        watch_forks(self)

    @property
    def target(self) -> str:
        """Where the service is, as it was given."""
        return self._connection.target

    # ------------------------------------------------------------ scores and advantages

    async def score(
        self,
        rollouts: Sequence[RolloutLike],
        reward: str | RewardSpec | None = None,
        params: Mapping[str, Json] | None = None,
        *,
        run_id: str | None = None,
        execution_timeout: float | None = None,
        timeout: float | None = None,
    ) -> list[SampleResult]:
        """Score rollouts and wait; results in their order."""
        results: list[SampleResult] = []
        for request in requests.score_requests(rollouts, reward, params, run_id, execution_timeout):
            results += requests.score_results(request, await self._call(methods.SCORE, request, timeout))
        return results

    async def advantages(
        self,
        groups: Sequence[GroupLike],
        estimator: str | EstimatorChoice = "advantage/gigpo",
        params: Mapping[str, Json] | None = None,
        grouping: Grouping | None = None,
        *,
        outputs: Sequence[OutputChoice] = (),
        timeout: float | None = None,
    ) -> list[GroupResult]:
        """Advantages of finished groups, in their order. All groups are one batch."""
        request = requests.advantages_request(groups, estimator, params, grouping, outputs)
        return requests.advantages_results(request, await self._call(methods.COMPUTE_ADVANTAGES, request, timeout))

    async def rescore(
        self,
        run_id: str,
        reward: str | RewardSpec,
        params: Mapping[str, Json] | None = None,
        *,
        rollout_ids: Iterable[str] = (),
        timeout: float | None = None,
    ) -> AsyncIterator[tuple[SampleResult, SampleResult]]:
        """Score the rollouts the service still holds again; yields (before, after)."""
        node = reward_message(reward_spec(reward, params))
        request = rewards.RescoreRequest(run_id=run_id, rollout_ids=rollout_ids, reward=node)
        method: grpc.aio.UnaryStreamMultiCallable[rewards.RescoreRequest, rewards.RescoreResponse]
        method = self._opened().unary_stream(
            methods.RESCORE.path,
            request_serializer=rewards.RescoreRequest.SerializeToString,
            response_deserializer=rewards.RescoreResponse.FromString,
        )
        with translated():
            async for response in method(request, timeout=timeout, metadata=self._connection.metadata()):
                for result in response.results:
                    yield SampleResult(result.before), SampleResult(result.after)

    async def list_rewards(self, prefix: str = "") -> list[RewardInfo]:
        """The rewards that can be named, by id."""
        response = await self._call(methods.LIST_REWARDS, rewards.ListRewardsRequest(prefix=prefix))
        return [RewardInfo.of(info) for info in response.rewards]

    async def list_estimators(self, prefix: str = "") -> list[EstimatorInfo]:
        """The estimators that can be named, by id."""
        response = await self._call(methods.LIST_ESTIMATORS, advantages.ListEstimatorsRequest(prefix=prefix))
        return [EstimatorInfo.of(info) for info in response.estimators]

    # ------------------------------------------------------------ plugins

    async def list_plugins(self) -> list[PluginInfo]:
        """Everything that can be named, built-ins included, and what is broken."""
        response = await self._call(methods.LIST_PLUGINS, plugins.ListPluginsRequest())
        return [PluginInfo.of(info) for info in response.plugins]

    async def check_plugin(
        self, source: str, object_name: str = "", *, timeout: float | None = 150.0
    ) -> list[PluginFinding]:
        """What the service finds out about a plugin's source in its sandbox; nothing is registered.

        Args:
            source: text of a Python file.
            object_name: which of its definitions or functions; may be empty where it declares one.
        """
        request = plugins.CheckPluginRequest(source=source, object_name=object_name)
        response = await self._call(methods.CHECK_PLUGIN, request, timeout)
        return [PluginFinding.of(finding) for finding in response.findings]

    async def register_plugin(self, source: str, object_name: str = "", *, expected_digest: str = "") -> PluginInfo:
        """Have the runs of this tenant know a plugin from now on; its code runs in the service's sandbox only.

        Args:
            source: text of a Python file.
            object_name: which of its definitions or functions; may be empty where it declares one.
            expected_digest: refuse a source that has another one.

        Raises:
            AlreadyExists: the id means something else: behaviour changes with the version.
            InvalidArgument: the source cannot be used; the message says why.
        """
        request = plugins.RegisterPluginRequest(source=source, object_name=object_name, expected_digest=expected_digest)
        return PluginInfo.of((await self._call(methods.REGISTER_PLUGIN, request)).plugin)

    # ------------------------------------------------------------ environments

    def make_vec(
        self,
        env_id: str,
        num_groups: int,
        group_size: int,
        seed: int = 0,
        *,
        options: Mapping[str, Json] | None = None,
        policy: SessionPolicy | None = None,
        run_id: str = "",
    ) -> VectorEnvironment:
        """Groups of episodes of an environment of the service; call ``reset()`` to start them.

        Args:
            seed: of the first group; group g starts from ``seed + g``, all its members alike.
            options: of the environment; ``list_environments`` has their schema.
            run_id: the episodes end with this run.
        """
        plan = EpisodesPlan(env_id, num_groups, group_size, seed, options or {}, policy or SessionPolicy(), run_id)
        return VectorEnvironment(self._connection, self._opened, self._call, plan)

    async def list_environments(self, prefix: str = "") -> list[EnvironmentInfo]:
        """The environments that can be named, by id."""
        response = await self._call(methods.LIST_ENVIRONMENTS, environments.ListEnvironmentsRequest(prefix=prefix))
        return [EnvironmentInfo.of(info) for info in response.environments]

    # ------------------------------------------------------------ programs

    async def run_tests(self, jobs: Sequence[CodeJob | sandbox.TestJob], *, timeout: float = 600.0) -> list[CodeResult]:
        """Judge programs by their suites and wait; results in their order."""
        results: list[CodeResult] = []
        for request in job_requests(jobs):
            results += job_results(request, await self._call(methods.RUN_TESTS, request, timeout))
        return results

    async def stream_tests(
        self, jobs: Sequence[CodeJob | sandbox.TestJob], *, timeout: float | None = None
    ) -> AsyncIterator[CodeResult]:
        """Judge programs by their suites; yields results as they are known, in any order."""
        method: grpc.aio.UnaryStreamMultiCallable[sandbox.StreamTestsRequest, sandbox.StreamTestsResponse]
        method = self._opened().unary_stream(
            methods.STREAM_TESTS.path,
            request_serializer=sandbox.StreamTestsRequest.SerializeToString,
            response_deserializer=sandbox.StreamTestsResponse.FromString,
        )
        for request in job_requests(jobs):
            with translated():
                message = sandbox.StreamTestsRequest(jobs=request.jobs)
                async for response in method(message, timeout=timeout, metadata=self._connection.metadata()):
                    yield CodeResult(response.result)

    # ------------------------------------------------------------ runs

    async def create_run(self, config: RunConfig) -> RunInfo:
        """Register a run; the same configuration again returns the run as it is."""
        return requests.created_run(await self._call(methods.CREATE_RUN, config.to_message()))

    async def restore_run(self, run_id: str, checkpoint: str = "", expected_generation: int = 0) -> RunInfo:
        """Go back to a checkpoint (empty: to the beginning); the generation rises and older streams are fenced."""
        request = runs.RestoreRunRequest(run_id=run_id, checkpoint=checkpoint, expected_generation=expected_generation)
        response = await self._call(methods.RESTORE_RUN, request, repeatable=expected_generation > 0)
        return requests.restored_run(response)

    async def checkpoint_run(
        self, run_id: str, checkpoint: str = "", generation: int = 0, acked: Mapping[str, int] | None = None
    ) -> Checkpoint:
        """Name the present state, with the trainer's own checkpoint; see :meth:`assay.Client.checkpoint_run`."""
        request = requests.checkpoint_request(run_id, checkpoint, generation, acked or {})
        return requests.checkpoint_of(await self._call(methods.CHECKPOINT_RUN, request))

    async def put_tasks(self, run_id: str, tasks: Sequence[Task | v1.Task]) -> list[str]:
        """Send large references once; returns the digests that rollouts name, in order."""
        digests: list[str] = []
        for request in requests.task_requests(run_id, tasks):
            digests += (await self._call(methods.PUT_TASKS, request)).digests
        return digests

    async def put_blobs(self, run_id: str, blobs: Sequence[tuple[str, bytes]]) -> list[Blob]:
        """Send bytes once, as (media type, bytes); returns the names that contents use, in order."""
        stored: list[Blob] = []
        for request in requests.blob_requests(run_id, blobs):
            answer = await self._call(methods.PUT_BLOBS, request)
            stored += (Blob(blob.sha256, blob.media_type, blob.size_bytes) for blob in answer.blobs)
        return stored

    # ------------------------------------------------------------ what a run did

    async def metrics(
        self, run_id: str, names: Sequence[str] = (), *, first: int = 0, last: int = 0
    ) -> dict[str, MetricSeries]:
        """Series over the trainer's steps of what a run computed; see :meth:`assay.Client.metrics`."""
        request = runs.GetMetricsRequest(run_id=run_id, metrics=names, from_global_step=first, to_global_step=last)
        return series_of(await self._call(methods.GET_METRICS, request))

    async def sample_tasks(
        self, run_id: str, count: int, *, global_step: int = 0, seed: int = 0, prompt_ids: Sequence[str] = ()
    ) -> list[SampledPrompt]:
        """Different prompts for the next step by the run's sampling policy; see :meth:`assay.Client.sample_tasks`."""
        request = runs.SampleTasksRequest(
            run_id=run_id, global_step=global_step, count=count, seed=seed, prompt_ids=prompt_ids
        )
        return sampled_prompts(await self._call(methods.SAMPLE_TASKS, request))

    async def allocate_rollouts(
        self,
        run_id: str,
        prompt_ids: Sequence[str],
        total: int,
        allocator: str = "allocate/uniform",
        params: Mapping[str, Json] | None = None,
    ) -> list[int]:
        """How many of ``total`` rollouts each prompt deserves, by what the run remembers; in their order."""
        request = allocation_request(run_id, prompt_ids, total, allocator, params)
        return list((await self._call(methods.ALLOCATE_ROLLOUTS, request)).counts)

    async def export_rollouts(
        self,
        run_id: str,
        kind: ExportKind = "rollouts",
        *,
        format: ExportFormat = "jsonl",
        where: Mapping[str, Json] | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[bytes]:
        """The stored rollouts of a run with their scores; see :meth:`assay.Client.export_rollouts`."""
        request = export_request(run_id, kind, format, where)
        method: grpc.aio.UnaryStreamMultiCallable[runs.ExportRolloutsRequest, runs.ExportRolloutsResponse]
        method = self._opened().unary_stream(
            methods.EXPORT_ROLLOUTS.path,
            request_serializer=runs.ExportRolloutsRequest.SerializeToString,
            response_deserializer=runs.ExportRolloutsResponse.FromString,
        )
        with translated():
            async for response in method(request, timeout=timeout, metadata=self._connection.metadata()):
                yield response.chunk

    # ------------------------------------------------------------ the stream

    def stream(
        self,
        run: RunConfig | str,
        consumer: str = "trainer",
        *,
        delivery: DeliveryMode | None = None,
        deliver_to: str = "",
        generation: int = 0,
        resume_after: int | None = None,
        max_in_flight: int = 0,
        auto_ack: bool = True,
        give_up_after: float | None = 300.0,
    ) -> RolloutStream:
        """Join a run as a consumer, with ``async with``; the arguments are those of :meth:`assay.Client.stream`."""
        run_id = "(created on entry)" if isinstance(run, RunConfig) else run
        opening = requests.opening(run_id, consumer, delivery, deliver_to, generation, resume_after, max_in_flight)
        create = functools.partial(self.create_run, run) if isinstance(run, RunConfig) else None
        return RolloutStream(self._connection, opening, create, auto_ack=auto_ack, give_up_after=give_up_after)

    # ------------------------------------------------------------ the connection

    async def wait_ready(self, timeout: float = 30.0) -> None:
        """Return once the service says that it serves; Unavailable where it did not in time."""
        deadline = time.monotonic() + timeout
        while True:
            remaining = deadline - time.monotonic()
            check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._opened().unary_unary(methods.HEALTH_PATH)
            said = await _health(check, max(0.05, min(remaining, 5.0)))
            if said is None:
                return
            if remaining <= 0:
                raise Unavailable(f"{self._connection.target} was not ready within {timeout:g} s: {said}")
            self._turn += 1
            await asyncio.sleep(min(0.05, remaining))

    async def close(self) -> None:
        """Close the connection; a later call opens it again. Streams have connections of their own."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def after_fork_in_child(self) -> None:
        """Forget the parent's channel."""
        abandon(tuple(self._channels.values()))
        self._channels = {}

    def _opened(self) -> grpc.aio.Channel:
        """The channel to the address whose turn it is."""
        targets = self._connection.targets
        target = targets[self._turn % len(targets)]
        if target not in self._channels:
            self._channels[target] = open_aio_channel(replace(self._connection, target=target))
        return self._channels[target]

    async def _call(
        self, method: Method[Q, A], request: Q, timeout: float | None = None, *, repeatable: bool = True
    ) -> A:
        connection = self._connection
        attempts = Attempts(
            connection.retries, connection.timeout if timeout is None else timeout, repeatable=repeatable
        )
        while True:
            call: grpc.aio.UnaryUnaryMultiCallable[Q, A] = self._opened().unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
            answer = await _attempt(call, request, attempts.remaining, connection)
            if not isinstance(answer, Failure):
                return answer
            pause = attempts.pause(answer)
            if pause is None:
                raise error_of(answer)
            self._turn += 1
            await asyncio.sleep(pause)


async def _attempt(
    call: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q, timeout: float, connection: Connection
) -> A | Failure:
    try:
        return await call(request, timeout=timeout, metadata=connection.metadata())
    except grpc.RpcError as error:
        return failure_of_rpc(error)


async def _health(check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes], timeout: float) -> str | None:
    """Why the service is not ready; None where it is."""
    try:
        answer = await check(b"", timeout=timeout, wait_for_ready=True)
    except grpc.RpcError as error:
        return requests.not_ready(failure_of_rpc(error))
    return None if answer == methods.SERVING else "it does not serve yet"
