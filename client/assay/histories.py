"""What a run did so far: series of metrics, and what it remembers of its prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from assay._text import json_object_text
from assay.errors import Failure, Internal, invalid
from assay.sdk.samples import Json
from assay.v1 import run_service_pb2 as runs

ExportKind: TypeAlias = Literal["rollouts", "sft", "pairs", "ranked", "judge"]
ExportFormat: TypeAlias = Literal["jsonl", "parquet"]

_FORMATS = {"jsonl": runs.EXPORT_FORMAT_JSONL, "parquet": runs.EXPORT_FORMAT_PARQUET}


@dataclass(frozen=True, slots=True, eq=False)
class MetricSeries:
    """A metric over the trainer's steps; steps without a value are left out.

    Attributes:
        global_steps: rising.
        values: one a step.
    """

    id: str
    global_steps: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SampledPrompt:
    """A prompt that was chosen for the next step, and what the run remembers of it.

    Attributes:
        weight: what the policy gave it.
        visits: groups seen.
        pass_rate: share of its newest rollouts that were right; 0.5 where none was seen.
        value: its tracked success rate.
        hint_level: that its next rollouts are to be given; 0 = none.
        hint_helped: the lowest level with which somebody was right; 0 = none.
        best_tool_calls: fewest of a right rollout; None = nobody was right yet.
        success_rollout_ids: newest successes, oldest first: what may be replayed.
    """

    prompt_id: str
    weight: float
    visits: int
    pass_rate: float
    value: float
    hint_level: int
    hint_helped: int
    best_tool_calls: int | None
    success_rollout_ids: tuple[str, ...]


def series_of(response: runs.GetMetricsResponse) -> dict[str, MetricSeries]:
    """The series of an answer by id."""
    return {
        metric.id: MetricSeries(metric.id, np.array(metric.global_steps, np.int64), np.array(metric.values, np.float64))
        for metric in response.metrics
    }


def sampled_prompts(response: runs.SampleTasksResponse) -> list[SampledPrompt]:
    """The prompts of an answer, in the order of their choice."""
    if not len(response.prompt_ids) == len(response.weights) == len(response.standings):
        message = "the service answered prompts, weights and standings of different numbers"
        raise Internal(message, failure=Failure(13, message))
    return [
        SampledPrompt(
            prompt_id,
            weight,
            standing.visits,
            standing.pass_rate,
            standing.value,
            standing.hint_level,
            standing.hint_helped,
            standing.best_tool_calls if standing.HasField("best_tool_calls") else None,
            tuple(standing.success_rollout_ids),
        )
        for prompt_id, weight, standing in zip(response.prompt_ids, response.weights, response.standings, strict=True)
    ]


def allocation_request(
    run_id: str, prompt_ids: Sequence[str], total: int, allocator: str, params: Mapping[str, Json] | None
) -> runs.AllocateRolloutsRequest:
    """How many rollouts each prompt deserves.

    Raises:
        InvalidArgument: the parameters cannot be sent.
    """
    try:
        text = json_object_text(params) if params else ""
        return runs.AllocateRolloutsRequest(
            run_id=run_id, allocator_id=allocator, params_json=text, prompt_ids=prompt_ids, total=total
        )
    except (TypeError, ValueError) as error:
        raise invalid("params", str(error)) from error


def export_request(
    run_id: str, kind: str, format_: str, where: Mapping[str, Json] | None
) -> runs.ExportRolloutsRequest:
    """What is exported, and how.

    Raises:
        InvalidArgument: an unknown format, or a filter that cannot be sent.
    """
    if format_ not in _FORMATS:
        raise invalid("format", f"expected one of {', '.join(_FORMATS)}, got {format_!r}")
    try:
        text = json_object_text(where) if where else ""
    except (TypeError, ValueError) as error:
        raise invalid("where", str(error)) from error
    return runs.ExportRolloutsRequest(run_id=run_id, format=_FORMATS[format_], kind=kind, filter_json=text)
