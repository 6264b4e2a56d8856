"""AdvantageService's calls."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence

from assay.sdk import PluginDefinition
from assay.sdk.parameters import object_schema
from assay.spec_messages import SpecError, estimator_from_message, grouping_from_message
from assay.v1 import advantage_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.estimators import (
    AnyEstimator,
    Estimator,
    EstimatorDefinition,
    Estimators,
    Group,
    GroupAdvantages,
    InputError,
    PluggedEstimator,
    Scope,
)
from assay_server.pipeline.estimating import estimated_groups
from assay_server.pipeline.failures import Failure, Violation, invalid, invalid_field
from assay_server.pipeline.intake import signal_violations, step_violations
from assay_server.pipeline.members import member_of_scored
from assay_server.pipeline.results import fill_failed, fill_group_result, fill_outputs
from assay_server.pipeline.runs import Runs
from assay_server.pipeline.specs import compile_estimator_choice, compile_output_messages
from assay_server.sampling.group_outputs import CompiledOutputs

_OFF_LOOP_ROLLOUTS = 512
_MAX_VIOLATIONS = 16
_SCOPES = {Scope.GROUP: wire.SCOPE_GROUP, Scope.BATCH: wire.SCOPE_BATCH}


class AdvantageCalls:
    """ComputeAdvantages, ListEstimators."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._lane = runs.lanes.groups

    async def compute_advantages(self, principal: Principal, data: bytes) -> wire.ComputeAdvantagesResponse:
        """Advantages of finished groups; all of a request are one batch."""
        request = parse(wire.ComputeAdvantagesRequest, data)
        estimator = _compiled(request, (await self._runs.catalogues_of(principal.tenant)).estimators)
        large = sum(len(group.rollouts) for group in request.groups) > _OFF_LOOP_ROLLOUTS
        groups = await asyncio.to_thread(_groups, request) if large else _groups(request)
        if isinstance(estimator, PluggedEstimator):
            return await self._plugged(request, estimator, groups)
        return (
            await asyncio.to_thread(_computed, request, estimator, groups)
            if large
            else _computed(request, estimator, groups)
        )

    async def _plugged(
        self, request: wire.ComputeAdvantagesRequest, estimator: PluggedEstimator, groups: Sequence[Group]
    ) -> wire.ComputeAdvantagesResponse:
        """One group's trouble with the plugin is that group's error alone."""
        try:
            estimated = await estimated_groups(self._lane, estimator, groups)
        except InputError as error:
            raise invalid_field(error.field, error.message) from error
        response = wire.ComputeAdvantagesResponse()
        outputs = compile_output_messages(request.outputs, "outputs")
        for asked, group, outcome in zip(request.groups, groups, estimated, strict=True):
            _add(response, asked, group, estimator, outcome, outputs)
        return response

    async def list_estimators(self, principal: Principal, data: bytes) -> wire.ListEstimatorsResponse:
        """What can be named as an estimator."""
        prefix = parse(wire.ListEstimatorsRequest, data).prefix
        estimators = (await self._runs.catalogues_of(principal.tenant)).estimators
        listed = [one for one in estimators.definitions() if one.id.startswith(prefix)]
        return wire.ListEstimatorsResponse(estimators=[_info(one) for one in listed])


def _compiled(request: wire.ComputeAdvantagesRequest, estimators: Estimators) -> AnyEstimator:
    try:
        grouping = grouping_from_message(request.grouping, "grouping")
        choice = estimator_from_message(request.estimator, "estimator")
    except SpecError as error:
        raise invalid_field(error.field, error.message) from error
    return compile_estimator_choice(choice, grouping, estimators)


def _groups(request: wire.ComputeAdvantagesRequest) -> list[Group]:
    violations = [violation for violation, _ in zip(_violations(request), range(_MAX_VIOLATIONS), strict=False)]
    if violations:
        raise invalid(f"{violations[0].field}: {violations[0].description}", violations)
    return [
        Group(group.group_id, tuple(member_of_scored(rollout) for rollout in group.rollouts))
        for group in request.groups
    ]


def _computed(
    request: wire.ComputeAdvantagesRequest, estimator: Estimator, groups: Sequence[Group]
) -> wire.ComputeAdvantagesResponse:
    """The pure function behind the call.

    Raises:
        Failure: INVALID_ARGUMENT with the path of the field that is wrong.
    """
    outputs = compile_output_messages(request.outputs, "outputs")
    try:
        computed = estimator.evaluate(groups)
    except InputError as error:
        raise invalid_field(error.field, error.message) from error
    response = wire.ComputeAdvantagesResponse()
    for asked, group, advantages in zip(request.groups, groups, computed.groups, strict=True):
        _add(response, asked, group, estimator, advantages, outputs)
    for name, value in computed.outputs.items():
        response.outputs.add(name=name, value_json=json.dumps(value))
    return response


def _add(
    response: wire.ComputeAdvantagesResponse,
    asked: rollout_pb2.RolloutGroup,
    group: Group,
    estimator: AnyEstimator,
    outcome: GroupAdvantages | Failure,
    outputs: CompiledOutputs,
) -> None:
    result = response.groups.add(
        group_id=group.group_id,
        outcome=rollout_pb2.GROUP_OUTCOME_COMPLETE,
        kept=True,
        estimator=estimator.pin,
        prompt_id=asked.rollouts[0].prompt_id if asked.rollouts else "",
    )
    if isinstance(outcome, Failure):
        fill_failed(result, group.members, outcome)
    else:
        fill_group_result(result, outcome)
        try:
            fill_outputs(result, outputs, group, outcome)
        except InputError as error:
            raise invalid_field(f"groups[{len(response.groups) - 1}].{error.field}", error.message) from error


def _violations(request: wire.ComputeAdvantagesRequest) -> Iterator[Violation]:
    for group_position, group in enumerate(request.groups):
        seen: set[str] = set()
        for position, rollout in enumerate(group.rollouts):
            path = f"groups[{group_position}].rollouts[{position}]"
            if not rollout.rollout_id:
                yield Violation(f"{path}.rollout_id", "must be given")
            elif rollout.rollout_id in seen:
                yield Violation(f"{path}.rollout_id", f"{rollout.rollout_id!r} occurs twice in its group")
            seen.add(rollout.rollout_id)
            if rollout.HasField("reward") and not math.isfinite(rollout.reward):
                yield Violation(f"{path}.reward", "must be finite")
            for violation in _rollout_violations(rollout):
                yield violation.at(f"{path}.{violation.field}")


def _rollout_violations(rollout: rollout_pb2.ScoredRollout) -> Iterator[Violation]:
    if rollout.role not in rollout_pb2.RolloutRole.values():
        yield Violation("role", f"unknown value {rollout.role}")
    for name in ("num_tokens", "num_tool_calls"):
        if getattr(rollout, name) < 0:
            yield Violation(name, f"must not be negative, got {getattr(rollout, name)}")
    for name, value in rollout.components.items():
        if not math.isfinite(value):
            yield Violation(f"components[{name}]", "must be finite")
    yield from step_violations(rollout.steps, 0)
    yield from signal_violations(rollout.signals)


def _info(definition: EstimatorDefinition | PluginDefinition) -> wire.EstimatorInfo:
    info = wire.EstimatorInfo(
        id=definition.id,
        digest=definition.digest,
        params_schema_json=json.dumps(object_schema(definition.parameters), sort_keys=True),
        required_signals=definition.required_signals,
        source=definition.source,
    )
    if isinstance(definition, PluginDefinition):
        info.summary, info.doc = definition.doc.partition("\n")[0], definition.doc
        info.scope = wire.SCOPE_GROUP
    else:
        info.summary, info.doc = definition.summary, definition.edges
        info.scope, info.formula = _SCOPES[definition.scope], definition.formula
    return info
