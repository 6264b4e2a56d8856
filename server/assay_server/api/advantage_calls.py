"""AdvantageService's calls."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator

from assay.sdk.parameters import object_schema
from assay.spec_messages import SpecError, estimator_from_message, grouping_from_message
from assay.v1 import advantage_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.api.handlers import parse
from assay_server.api.principals import Principal
from assay_server.estimators import ESTIMATORS, EstimatorDefinition, Group, InputError, Scope
from assay_server.pipeline.failures import Violation, invalid, invalid_field
from assay_server.pipeline.intake import signal_violations, step_violations
from assay_server.pipeline.members import member_of_scored
from assay_server.pipeline.results import fill_group_result
from assay_server.pipeline.specs import compile_estimator_choice

_OFF_LOOP_ROLLOUTS = 512
_MAX_VIOLATIONS = 16
_SCOPES = {Scope.GROUP: wire.SCOPE_GROUP, Scope.BATCH: wire.SCOPE_BATCH}


class AdvantageCalls:
    """ComputeAdvantages, ListEstimators."""

    async def compute_advantages(self, _: Principal, data: bytes) -> wire.ComputeAdvantagesResponse:
        """Advantages of finished groups; all of a request are one batch."""
        request = parse(wire.ComputeAdvantagesRequest, data)
        if sum(len(group.rollouts) for group in request.groups) > _OFF_LOOP_ROLLOUTS:
            return await asyncio.to_thread(compute_advantages, request)
        return compute_advantages(request)

    async def list_estimators(self, _: Principal, data: bytes) -> wire.ListEstimatorsResponse:
        """What can be named as an estimator."""
        prefix = parse(wire.ListEstimatorsRequest, data).prefix
        return wire.ListEstimatorsResponse(
            estimators=[_info(definition) for name, definition in sorted(ESTIMATORS.items()) if name.startswith(prefix)]
        )


def compute_advantages(request: wire.ComputeAdvantagesRequest) -> wire.ComputeAdvantagesResponse:
    """The pure function behind the call.

    Raises:
        Failure: INVALID_ARGUMENT with the path of the field that is wrong.
    """
    try:
        grouping = grouping_from_message(request.grouping, "grouping")
        choice = estimator_from_message(request.estimator, "estimator")
    except SpecError as error:
        raise invalid_field(error.field, error.message) from error
    estimator = compile_estimator_choice(choice, grouping)
    violations = [violation for violation, _ in zip(_violations(request), range(_MAX_VIOLATIONS), strict=False)]
    if violations:
        raise invalid(f"{violations[0].field}: {violations[0].description}", violations)
    groups = [
        Group(group.group_id, tuple(member_of_scored(rollout) for rollout in group.rollouts))
        for group in request.groups
    ]
    try:
        computed = estimator.evaluate(groups)
    except InputError as error:
        raise invalid_field(error.field, error.message) from error
    response = wire.ComputeAdvantagesResponse()
    for group, advantages in zip(request.groups, computed.groups, strict=True):
        result = response.groups.add(
            group_id=group.group_id,
            outcome=rollout_pb2.GROUP_OUTCOME_COMPLETE,
            kept=True,
            estimator=estimator.pin,
            prompt_id=group.rollouts[0].prompt_id if group.rollouts else "",
        )
        fill_group_result(result, advantages)
    for name, value in computed.outputs.items():
        response.outputs.add(name=name, value_json=json.dumps(value))
    return response


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


def _info(definition: EstimatorDefinition) -> wire.EstimatorInfo:
    return wire.EstimatorInfo(
        id=definition.id,
        digest=definition.digest,
        summary=definition.summary,
        doc=definition.edges,
        params_schema_json=json.dumps(object_schema(definition.parameters), sort_keys=True),
        scope=_SCOPES[definition.scope],
        required_signals=definition.required_signals,
        formula=definition.formula,
        source=definition.source,
    )
