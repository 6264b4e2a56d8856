"""RunService's calls that read what a run did: metrics, the prompts that come next, rollouts for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from assay.v1 import run_service_pb2 as wire
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.pipeline.exporting import Exporter
from assay_server.pipeline.failures import invalid_field
from assay_server.pipeline.history import series_of
from assay_server.pipeline.json_fields import parse_object
from assay_server.pipeline.policies import refusals
from assay_server.pipeline.prompts import difficulties_of
from assay_server.pipeline.runs import Runs
from assay_server.sampling.run_state import PromptState, RunState
from assay_server.sampling.task_sampling import MOST_PROMPTS, Candidate, Draw, allocate, sample


class HistoryCalls:
    """GetMetrics, ExportRollouts, SampleTasks, AllocateRollouts."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def get_metrics(self, principal: Principal, data: bytes) -> wire.GetMetricsResponse:
        """Series over global_step."""
        request = parse(wire.GetMetricsRequest, data)
        record = await self._runs.record(principal.tenant, request.run_id)
        series = await series_of(
            self._runs.store, record.key, request.metrics, request.from_global_step, request.to_global_step
        )
        return wire.GetMetricsResponse(
            metrics=[wire.Metric(id=one.name, global_steps=one.global_steps, values=one.values) for one in series]
        )

    async def export_rollouts(self, principal: Principal, data: bytes) -> AsyncIterator[wire.ExportRolloutsResponse]:
        """The stored rollouts as one file, in parts."""
        request = parse(wire.ExportRolloutsRequest, data)
        if request.format not in wire.ExportFormat.values():
            raise invalid_field("format", f"unknown value {request.format}")
        record = await self._runs.record(principal.tenant, request.run_id)
        where = parse_object(request.filter_json, "filter_json")
        exporter = Exporter(self._runs.store, self._runs.tasks, record.key, request.kind, where)
        parquet = request.format == wire.EXPORT_FORMAT_PARQUET
        async with aclosing(exporter.parquet() if parquet else exporter.json_lines()) as parts:
            async for part in parts:
                yield wire.ExportRolloutsResponse(chunk=part.chunk, rollouts=part.rollouts)

    async def sample_tasks(self, principal: Principal, data: bytes) -> wire.SampleTasksResponse:
        """The prompts of the next step, by the run's policy; the same question is answered the same."""
        request = parse(wire.SampleTasksRequest, data)
        for name in ("global_step", "count", "seed"):
            if getattr(request, name) < 0:
                raise invalid_field(name, "must not be negative")
        history, policies = await self._runs.history(principal.tenant, request.run_id)
        prompts = await difficulties_of(self._runs.store, principal.tenant, request.run_id, request.prompt_ids)
        draw = Draw(request.count, request.global_step, request.seed)

        def choose(state: RunState) -> wire.SampleTasksResponse:
            candidates = [Candidate(name, state.prompt(name), difficulty) for name, difficulty in prompts.items()]
            chosen, weights = sample(policies.sampling, candidates, draw)
            return wire.SampleTasksResponse(
                prompt_ids=[candidates[place].prompt_id for place in chosen],
                weights=weights,
                standings=[_standing(candidates[place].known) for place in chosen],
            )

        with refusals("run.sampling_policy.params", "", "UNKNOWN_POLICY"):
            return await history.ask(choose)

    async def allocate_rollouts(self, principal: Principal, data: bytes) -> wire.AllocateRolloutsResponse:
        """How many rollouts each of the named prompts deserves."""
        request = parse(wire.AllocateRolloutsRequest, data)
        if request.total < 0:
            raise invalid_field("total", "must not be negative")
        if len(request.prompt_ids) > MOST_PROMPTS:
            raise invalid_field("prompt_ids", f"{len(request.prompt_ids)} in a request; at most {MOST_PROMPTS}")
        params = parse_object(request.params_json, "params_json")
        history, _ = await self._runs.history(principal.tenant, request.run_id)
        names, total, allocator = list(request.prompt_ids), request.total, request.allocator_id or "allocate/uniform"
        with refusals("params", "", "UNKNOWN_ALLOCATOR"):
            counts = await history.ask(
                lambda state: allocate(allocator, params, [state.prompt(name) for name in names], total)
            )
        return wire.AllocateRolloutsResponse(counts=counts)


def _standing(prompt: PromptState) -> wire.PromptStanding:
    standing = wire.PromptStanding(
        visits=prompt.visits,
        pass_rate=prompt.pass_rate,
        value=prompt.value,
        hint_level=prompt.hint_level,
        hint_helped=prompt.hint_helped,
        success_rollout_ids=prompt.successes,
    )
    if prompt.best_tool_calls is not None:
        standing.best_tool_calls = prompt.best_tool_calls
    return standing
