"""What a run computes, and what the service says about runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import cast

from assay._text import json_object_text
from assay.errors import invalid
from assay.rollouts import RolloutRole
from assay.sdk.samples import Json
from assay.sdk.spec import (
    Ensemble,
    EstimatorChoice,
    FilterChoice,
    Gate,
    Grouping,
    Leaf,
    OutputChoice,
    Product,
    RewardSpec,
    Route,
    WeightedSum,
)
from assay.spec_messages import (
    duration_message,
    estimator_message,
    filter_message,
    grouping_message,
    output_message,
    reward_message,
)
from assay.v1 import rollout_pb2 as v1
from assay.v1 import run_service_pb2 as run


class DeliveryMode(IntEnum):
    """Who gets results: each rollout's sender, one named consumer, or every consumer of the run."""

    SENDER = 1
    CONSUMER = 2
    ALL = 3


class UnscoredPolicy(IntEnum):
    """What a member that could not be scored does to its group. It never counts as 0."""

    EXCLUDE = 1
    DROP_GROUP = 2
    FAIL = 3


class TruncatedPolicy(IntEnum):
    """Whether a response that was cut by a limit is scored as it stands, or answered with a failure."""

    SCORE = 1
    SKIP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeQuota:
    """What judging models may cost a run in all; None = no limit.

    Once it is used up, a rollout that needs another question fails with ``JUDGE_QUOTA``; cached verdicts cost nothing.

    Attributes:
        calls: questions sent, repairs of unusable answers included.
        tokens: prompt and completion tokens, after which nothing more is asked.
        cost: in the unit of the operator's prices, after which nothing more is asked.
    """

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None


def _no_params() -> Mapping[str, Json]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What is computed for one training run."""

    reward: str | RewardSpec
    """A reward's id (``"math"``) or a tree of rewards (``assay.sdk.spec``)."""

    run_id: str = ""
    """Name of the run; empty: the server makes one from the rest, so equal configurations share a run."""

    params: Mapping[str, Json] = field(default_factory=_no_params)
    """Parameters of the reward, where ``reward`` is an id."""

    estimator: str | EstimatorChoice = "advantage/grpo"
    """What turns rewards and groups into advantages."""

    estimator_params: Mapping[str, Json] = field(default_factory=_no_params)
    """Parameters of the estimator, where ``estimator`` is an id."""

    grouping: Grouping = field(default_factory=Grouping)
    """How the steps of a group are put into step groups."""

    filters: tuple[FilterChoice, ...] = ()
    """Applied to finished groups in order; what they drop does not count for ``kept_groups``."""

    outputs: tuple[OutputChoice, ...] = ()
    """Preference pairs and token weights that are told of finished groups, too: ``OutputChoice("pairs/siblings")``."""

    unscored: UnscoredPolicy = UnscoredPolicy.EXCLUDE
    """What a member that could not be scored does to its group."""

    truncated: TruncatedPolicy = TruncatedPolicy.SCORE
    """What becomes of rollouts in state TRUNCATED."""

    group_deadline: float | None = None
    """Seconds from a group's first member until it is closed with those that are answered; None = none."""

    group_min_size: int = 2
    """Members that must count when a group closes short; fewer make it dropped."""

    straggler_quota: float = 0.0
    """Close a group once this share of it is answered (0 = off) ..."""

    straggler_batch_share: float = 0.0
    """... and this share of the barrier's rollouts is."""

    counted_roles: tuple[RolloutRole, ...] = ()
    """Roles that count in a group; empty = POLICY, and GREEDY where the estimator reads it."""

    delivery: DeliveryMode = DeliveryMode.SENDER
    """Who gets results."""

    deliver_to: str = ""
    """The consumer's name, for ``DeliveryMode.CONSUMER``."""

    retention: float | None = None
    """Seconds that rollouts and scores are kept; None = as long as the server has its store: no other choice yet."""

    retention_bytes: int = 0
    """Bytes of rollouts that the run may hold; beyond it they are refused with ``RECORD_QUOTA``; 0 = no limit."""

    dataset_version: str = ""
    """Part of the key of per-prompt state: a new version starts it afresh."""

    allow_in_process_suites: bool = False
    """Whether test suites may run in the candidate's own process where they ask for it."""

    sampling_policy: Mapping[str, Json] | None = None
    """How ``SampleTasks`` chooses prompts."""

    state_policy: Mapping[str, Json] | None = None
    """What per-prompt state is kept."""

    judge_quota: JudgeQuota | None = None
    """What judging models may cost the run; None = what the operator allows."""

    def to_message(self) -> run.CreateRunRequest:
        """The request that creates this run.

        Raises:
            InvalidArgument: a field has a value that cannot be sent.
        """
        try:
            return run.CreateRunRequest(run_id=self.run_id, spec=_spec(self))
        except (TypeError, ValueError, AttributeError) as error:
            raise invalid("run", str(error)) from error


def _spec(config: RunConfig) -> run.RunSpec:
    groups = run.GroupPolicy(
        unscored=cast("run.UnscoredPolicy", int(config.unscored)),
        truncated=cast("run.TruncatedPolicy", int(config.truncated)),
        min_size=config.group_min_size,
        straggler_quota=config.straggler_quota,
        straggler_batch_share=config.straggler_batch_share,
        counted_roles=[cast("v1.RolloutRole", int(role)) for role in config.counted_roles],
    )
    if config.group_deadline is not None:
        groups.deadline.CopyFrom(duration_message(config.group_deadline, "run.group_deadline"))
    spec = run.RunSpec(
        reward=reward_message(reward_spec(config.reward, config.params)),
        grouping=grouping_message(config.grouping),
        estimator=estimator_message(estimator_choice(config.estimator, config.estimator_params)),
        filters=[filter_message(choice, f"run.filters[{i}]") for i, choice in enumerate(config.filters)],
        outputs=[output_message(choice, f"run.outputs[{i}]") for i, choice in enumerate(config.outputs)],
        groups=groups,
        delivery=cast("run.DeliveryMode", int(config.delivery)),
        deliver_to=config.deliver_to,
        record_quota_bytes=config.retention_bytes,
        dataset_version=config.dataset_version,
        allow_in_process_suites=config.allow_in_process_suites,
    )
    if config.retention is not None:
        spec.record_retention.CopyFrom(duration_message(config.retention, "run.retention"))
    if config.sampling_policy is not None:
        spec.sampling_policy_json = json_object_text(config.sampling_policy)
    if config.state_policy is not None:
        spec.state_policy_json = json_object_text(config.state_policy)
    if config.judge_quota is not None:
        quota = config.judge_quota
        spec.judge_quota.CopyFrom(run.JudgeQuota(calls=quota.calls, tokens=quota.tokens, cost=quota.cost))
    return spec


def reward_spec(
    reward: str | RewardSpec, params: Mapping[str, Json] | None = None, execution_timeout: float | None = None
) -> RewardSpec:
    """A reward spec from an id with parameters, or from a tree; the timeout goes to every leaf that has none.

    Raises:
        InvalidArgument: parameters beside a tree, which has its own.
    """
    if isinstance(reward, str):
        return Leaf(reward, params or {}, execution_timeout=execution_timeout)
    if params:
        raise invalid("params", "the reward is a tree: give the parameters to its leaves")
    return reward if execution_timeout is None else _timed(reward, execution_timeout)


def _timed(reward: RewardSpec, seconds: float) -> RewardSpec:
    if isinstance(reward, Leaf):
        return replace(reward, execution_timeout=seconds) if reward.execution_timeout is None else reward
    if isinstance(reward, WeightedSum):
        return replace(reward, terms=tuple((weight, _timed(term, seconds)) for weight, term in reward.terms))
    if isinstance(reward, Product):
        return replace(reward, factors=tuple(_timed(factor, seconds) for factor in reward.factors))
    if isinstance(reward, Gate):
        return replace(reward, condition=_timed(reward.condition, seconds), then=_timed(reward.then, seconds))
    if isinstance(reward, Ensemble):
        return replace(reward, members=tuple(_timed(member, seconds) for member in reward.members))
    return _timed_route(reward, seconds)


def _timed_route(route: Route, seconds: float) -> Route:
    fallback = None if route.fallback is None else _timed(route.fallback, seconds)
    return replace(route, routes={k: _timed(v, seconds) for k, v in route.routes.items()}, fallback=fallback)


def estimator_choice(estimator: str | EstimatorChoice, params: Mapping[str, Json] | None = None) -> EstimatorChoice:
    """An estimator with parameters, from its id or as it is.

    Raises:
        InvalidArgument: parameters beside a choice, which has its own.
    """
    if isinstance(estimator, str):
        return EstimatorChoice(estimator, params or {})
    if params:
        raise invalid("estimator_params", "the estimator is a choice with parameters of its own")
    return estimator


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as the service has it.

    Attributes:
        generation: rises each time the run is restored.
        pins: ``id@digest`` of everything the run names.
        required_signals: what its rewards and estimators read; the stream sends no others.
        created: False where it was there already.
        forgotten_rollouts: by the restore that returned this.
    """

    run_id: str
    generation: int
    spec_digest: str
    pins: tuple[str, ...]
    required_signals: tuple[str, ...] = ()
    created: bool = False
    forgotten_rollouts: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A named state of a run; restore it with ``restore_run``."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Task:
    """What rollouts are judged against, sent once; rollouts name it by the digest that ``put_tasks`` returns.

    Attributes:
        difficulty: in [0, 1]; 0 = unknown.
    """

    task_id: str
    reference: Mapping[str, Json]
    type: str = ""
    extra: Mapping[str, Json] | None = None
    prompt_id: str = ""
    difficulty: float = 0.0

    def to_message(self, path: str = "task") -> v1.Task:
        """The proto message; InvalidArgument where a value cannot be sent."""
        try:
            return v1.Task(
                task_id=self.task_id,
                type=self.type,
                reference_json=json_object_text(self.reference),
                extra_json="" if self.extra is None else json_object_text(self.extra),
                prompt_id=self.prompt_id,
                difficulty=self.difficulty,
            )
        except (TypeError, ValueError) as error:
            raise invalid(path, str(error)) from error
