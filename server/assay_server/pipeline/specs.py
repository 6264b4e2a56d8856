"""A run's spec, compiled: what its names mean is decided once, when the run is created. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf import duration_pb2

from assay.sdk import Json
from assay.sdk.spec import EstimatorChoice, FilterChoice, Grouping, OutputChoice, RewardSpec
from assay.spec_messages import SpecError as SpecMessageError
from assay.spec_messages import (
    estimator_from_message,
    filter_from_message,
    grouping_from_message,
    output_from_message,
    reward_from_message,
)
from assay.v1 import rollout_pb2
from assay.v1 import run_service_pb2 as wire
from assay_server.estimators import (
    AnyEstimator,
    Estimators,
    ParameterError,
    PluggedEstimator,
    Role,
    Scope,
    UnknownEstimator,
    UnknownFilter,
)
from assay_server.execution.catalogues import Catalogues
from assay_server.execution.judge_account import JudgeLimits
from assay_server.pipeline.failures import Failure, Violation, invalid, invalid_field
from assay_server.pipeline.intake import check_id
from assay_server.pipeline.policies import NO_POLICIES, RunPolicies, compile_policies
from assay_server.rewards.catalogue import Catalogue
from assay_server.rewards.errors import SpecError, UnknownJudge, UnknownReward
from assay_server.rewards.tree import CompiledReward, compile_reward
from assay_server.sampling.group_outputs import NO_OUTPUTS, CompiledOutputs, UnknownOutput, compile_outputs
from assay_server.sampling.selectors import RunSelection, Selectors

MAX_DURATION_SECONDS = 366 * 86_400.0
POLICY_ONLY = frozenset({Role.POLICY})
_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class CompiledSpec:
    """What a run computes.

    Attributes:
        estimator: None where the run wants scores only.
        deadline: seconds from a group's first member; None = wait for ever.
        min_size: members with a reward that a group needs to be kept, where it was not announced with fewer.
        judge_limits: what its judges may cost; None = no limit of the run's own.
        policies: what it remembers of its prompts, and how it chooses them.
        outputs: what else is told of its finished groups.
    """

    message: wire.RunSpec
    digest: str
    reward: CompiledReward
    estimator: AnyEstimator | None
    selection: RunSelection
    pins: tuple[str, ...]
    deadline: float | None
    min_size: int
    judge_limits: JudgeLimits | None = None
    policies: RunPolicies = NO_POLICIES
    outputs: CompiledOutputs = NO_OUTPUTS

    @property
    def required_signals(self) -> tuple[str, ...]:
        """Signals that something in the spec reads."""
        estimator = self.estimator.required_signals if self.estimator else ()
        selectors = [name for selector in self.selection.plugged for name in selector.definition.required_signals]
        return tuple(
            sorted(
                {
                    *self.reward.required_signals,
                    *estimator,
                    *selectors,
                    *self.policies.state.signals,
                    *self.outputs.required_signals,
                }
            )
        )

    @property
    def deferred(self) -> bool:
        """Whether advantages are known at the barrier only: the estimator, or a reward, reads the whole batch."""
        stages = self.reward.stages
        by_estimator = self.estimator is not None and self.estimator.scope is Scope.BATCH
        return by_estimator or (stages is not None and stages.deferred)

    @property
    def asks_plugins(self) -> bool:
        """Whether plugins are called when a group is complete."""
        stages = self.reward.stages
        estimating = isinstance(self.estimator, PluggedEstimator) and not self.deferred
        return bool(self.selection.plugged or stages or estimating)


def spec_digest(spec: wire.RunSpec) -> str:
    """sha256 of the spec's canonical bytes, hex."""
    return hashlib.sha256(spec.SerializeToString(deterministic=True)).hexdigest()


def compile_spec(spec: wire.RunSpec, catalogues: Catalogues) -> CompiledSpec:
    """Resolve every name in the spec.

    Raises:
        Failure: INVALID_ARGUMENT with the path of the field that is wrong.
    """
    catalogue = catalogues.rewards
    allowed = {"allow_in_process": True} if spec.allow_in_process_suites else {}
    reward = _compile_reward(spec.reward, catalogue, "spec.reward", allowed)
    estimator = _compile_estimator(spec, catalogues.estimators)
    selection = _compile_selection(spec, catalogues.selectors)
    named = [*([estimator] if estimator else []), *selection.plugged]
    pins = tuple(dict.fromkeys((*reward.pins, *(one.pin for one in named))))
    _check_policy(spec)
    deadline = seconds_of(spec.groups.deadline, "spec.groups.deadline") if spec.groups.HasField("deadline") else None
    limits = _judge_limits(spec, reward, catalogue)
    min_size = spec.groups.min_size or 2
    policies = compile_policies(spec)
    outputs = compile_output_messages(spec.outputs, "spec.outputs")
    return CompiledSpec(
        spec, spec_digest(spec), reward, estimator, selection, pins, deadline, min_size, limits, policies, outputs
    )


def _judge_limits(spec: wire.RunSpec, reward: CompiledReward, catalogue: Catalogue) -> JudgeLimits | None:
    if not spec.HasField("judge_quota"):
        return None
    quota = spec.judge_quota
    for name in ("calls", "tokens", "cost"):
        if not 0 <= getattr(quota, name) < math.inf:
            raise invalid_field(f"spec.judge_quota.{name}", "expected a finite number that is not negative")
    unpriced = [judge for judge in reward.judges if not (catalogue.judges or {}).get(judge)]
    if quota.HasField("cost") and unpriced and catalogue.judges is not None:
        message = f"the operator says no price for the judge {unpriced[0]!r}; limit calls or tokens instead"
        raise invalid_field("spec.judge_quota.cost", message)
    return JudgeLimits(
        calls=quota.calls if quota.HasField("calls") else None,
        tokens=quota.tokens if quota.HasField("tokens") else None,
        cost=quota.cost if quota.HasField("cost") else None,
    )


def _compile_selection(spec: wire.RunSpec, selectors: Selectors) -> RunSelection:
    choices: list[FilterChoice] = []
    for position, message in enumerate(spec.filters):
        path = f"spec.filters[{position}]"
        try:
            choices.append(filter_from_message(message, path))
            selectors.compile(choices[-1:])
        except SpecMessageError as error:
            raise invalid_field(error.field, error.message) from error
        except ParameterError as error:
            raise invalid_field(f"{path}.params.{error.field}", error.message) from error
        except UnknownFilter as error:
            raise _unknown(f"{path}.id", "UNKNOWN_FILTER", str(error)) from error
    return selectors.compile(choices)


def compile_output_messages(messages: Iterable[rollout_pb2.OutputSpec], path: str) -> CompiledOutputs:
    """What else is to be told of groups, compiled; errors as failures."""
    choices: list[OutputChoice] = []
    for position, message in enumerate(messages):
        where = f"{path}[{position}]"
        try:
            choices.append(output_from_message(message, where))
            compile_outputs(choices[-1:])
        except SpecMessageError as error:
            raise invalid_field(error.field, error.message) from error
        except ParameterError as error:
            raise invalid_field(f"{where}.params.{error.field}", error.message) from error
        except UnknownOutput as error:
            raise _unknown(f"{where}.id", "UNKNOWN_OUTPUT", str(error)) from error
    return compile_outputs(choices)


def _check_policy(spec: wire.RunSpec) -> None:
    policy = spec.groups
    for path, value, known in (
        ("spec.groups.unscored", policy.unscored, wire.UnscoredPolicy.values()),
        ("spec.groups.truncated", policy.truncated, wire.TruncatedPolicy.values()),
        ("spec.delivery", spec.delivery, wire.DeliveryMode.values()),
    ):
        if value not in known:
            raise invalid_field(path, f"unknown value {value}")
    counted_roles(spec)
    if policy.min_size < 0:
        raise invalid_field("spec.groups.min_size", "must not be negative")
    for name in ("straggler_quota", "straggler_batch_share"):
        if not 0.0 <= getattr(policy, name) <= 1.0:
            raise invalid_field(f"spec.groups.{name}", "expected a share between 0 and 1")
    if spec.delivery == wire.DELIVERY_MODE_CONSUMER and not spec.deliver_to:
        raise invalid_field("spec.deliver_to", "must name a consumer where delivery is CONSUMER")
    if spec.deliver_to:
        check_id(spec.deliver_to, "spec.deliver_to")
    if spec.record_quota_bytes < 0:
        raise invalid_field("spec.record_quota_bytes", f"must not be negative, got {spec.record_quota_bytes}")
    seconds_of(spec.record_retention, "spec.record_retention")
    if spec.HasField("record_retention"):
        kept = (
            "this server keeps records for as long as its store is there; leave it out, and limit their bytes instead"
        )
        raise invalid_field("spec.record_retention", kept)


def compile_reward_message(node: wire.RewardNode, catalogue: Catalogue, path: str) -> CompiledReward:
    """A reward spec from the wire that judges rollouts one by one, compiled.

    Raises:
        Failure: INVALID_ARGUMENT with the path of the field that is wrong; NEEDS_GROUPS.
    """
    compiled = _compile_reward(node, catalogue, path, {})
    require_samples_alone(compiled, path)
    return compiled


def require_samples_alone(reward: CompiledReward, path: str) -> None:
    """Refuse a reward that reads more than one rollout where there are no groups.

    Raises:
        Failure: INVALID_ARGUMENT, NEEDS_GROUPS.
    """
    if reward.stages is not None:
        leaf = reward.stages.scoped[0]
        message = f"{leaf.definition.id} is a {leaf.definition.kind.value}: it needs the groups of a run's stream"
        raise invalid(f"{path}: {message}", (Violation(path, message),), "NEEDS_GROUPS")


def _compile_reward(
    node: wire.RewardNode, catalogue: Catalogue, path: str, defaults: Mapping[str, Json]
) -> CompiledReward:
    try:
        return compile_reward_spec(reward_from_message(node, path), catalogue, path, defaults)
    except SpecMessageError as error:
        raise invalid_field(error.field, error.message) from error


def compile_reward_spec(
    spec: RewardSpec, catalogue: Catalogue, path: str = "reward", defaults: Mapping[str, Json] = MappingProxyType({})
) -> CompiledReward:
    """A reward spec, compiled; errors as failures. ``defaults`` are as in :func:`compile_reward`."""
    try:
        return compile_reward(spec, catalogue, path, defaults)
    except SpecError as error:
        if isinstance(error.__cause__, UnknownReward):
            raise _unknown(error.field, "UNKNOWN_REWARD", error.message) from error
        if isinstance(error.__cause__, UnknownJudge):
            raise _unknown(error.field, "UNKNOWN_JUDGE", error.message) from error
        raise invalid_field(error.field, error.message) from error


def _compile_estimator(spec: wire.RunSpec, estimators: Estimators) -> AnyEstimator | None:
    try:
        grouping = grouping_from_message(spec.grouping, "spec.grouping")
        if not spec.estimator.id:
            return None
        choice = estimator_from_message(spec.estimator, "spec.estimator")
        return compile_estimator_choice(choice, grouping, estimators, counted_roles(spec), "spec.estimator")
    except SpecMessageError as error:
        raise invalid_field(error.field, error.message) from error


def counted_roles(spec: wire.RunSpec) -> frozenset[Role]:
    """Roles whose members enter statistics and get advantages.

    Raises:
        Failure: a role is not one.
    """
    roles = spec.groups.counted_roles
    for position, role in enumerate(roles):
        if role not in _ROLES:
            raise invalid_field(f"spec.groups.counted_roles[{position}]", f"expected a role, got {role}")
    return frozenset(Role(role) for role in roles) or POLICY_ONLY


def compile_estimator_choice(
    choice: EstimatorChoice,
    grouping: Grouping,
    estimators: Estimators,
    roles: frozenset[Role] = POLICY_ONLY,
    path: str = "estimator",
) -> AnyEstimator:
    """An estimator, compiled; errors as failures."""
    try:
        return estimators.compile(choice, grouping, roles)
    except ParameterError as error:
        raise invalid_field(f"{path}.params.{error.field}", error.message) from error
    except UnknownEstimator as error:
        raise _unknown(f"{path}.id", "UNKNOWN_ESTIMATOR", str(error)) from error


def _unknown(path: str, reason: str, message: str) -> Failure:
    """A name in a spec that nothing has."""
    return invalid(f"{path}: {message}", (Violation(path, message),), reason)


def seconds_of(duration: duration_pb2.Duration, path: str) -> float:
    """A duration in seconds.

    Raises:
        Failure: it is negative or longer than a year.
    """
    seconds = duration.seconds + duration.nanos / 1e9
    if not 0.0 <= seconds <= MAX_DURATION_SECONDS or duration.nanos < 0:
        raise invalid_field(path, f"expected a duration from 0 to {MAX_DURATION_SECONDS:.0f} s, got {seconds} s")
    return seconds
