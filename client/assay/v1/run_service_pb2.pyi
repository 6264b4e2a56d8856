from assay.v1 import rollout_pb2 as _rollout_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnsembleKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENSEMBLE_KIND_UNSPECIFIED: _ClassVar[EnsembleKind]
    ENSEMBLE_KIND_MIN: _ClassVar[EnsembleKind]
    ENSEMBLE_KIND_MEAN_MINUS_VARIANCE: _ClassVar[EnsembleKind]

class UnscoredPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNSCORED_POLICY_UNSPECIFIED: _ClassVar[UnscoredPolicy]
    UNSCORED_POLICY_EXCLUDE: _ClassVar[UnscoredPolicy]
    UNSCORED_POLICY_DROP_GROUP: _ClassVar[UnscoredPolicy]
    UNSCORED_POLICY_FAIL: _ClassVar[UnscoredPolicy]

class TruncatedPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRUNCATED_POLICY_UNSPECIFIED: _ClassVar[TruncatedPolicy]
    TRUNCATED_POLICY_SCORE: _ClassVar[TruncatedPolicy]
    TRUNCATED_POLICY_SKIP: _ClassVar[TruncatedPolicy]

class DeliveryMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_MODE_UNSPECIFIED: _ClassVar[DeliveryMode]
    DELIVERY_MODE_SENDER: _ClassVar[DeliveryMode]
    DELIVERY_MODE_CONSUMER: _ClassVar[DeliveryMode]
    DELIVERY_MODE_ALL: _ClassVar[DeliveryMode]

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_JSONL: _ClassVar[ExportFormat]
    EXPORT_FORMAT_PARQUET: _ClassVar[ExportFormat]
ENSEMBLE_KIND_UNSPECIFIED: EnsembleKind
ENSEMBLE_KIND_MIN: EnsembleKind
ENSEMBLE_KIND_MEAN_MINUS_VARIANCE: EnsembleKind
UNSCORED_POLICY_UNSPECIFIED: UnscoredPolicy
UNSCORED_POLICY_EXCLUDE: UnscoredPolicy
UNSCORED_POLICY_DROP_GROUP: UnscoredPolicy
UNSCORED_POLICY_FAIL: UnscoredPolicy
TRUNCATED_POLICY_UNSPECIFIED: TruncatedPolicy
TRUNCATED_POLICY_SCORE: TruncatedPolicy
TRUNCATED_POLICY_SKIP: TruncatedPolicy
DELIVERY_MODE_UNSPECIFIED: DeliveryMode
DELIVERY_MODE_SENDER: DeliveryMode
DELIVERY_MODE_CONSUMER: DeliveryMode
DELIVERY_MODE_ALL: DeliveryMode
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_JSONL: ExportFormat
EXPORT_FORMAT_PARQUET: ExportFormat

class RewardNode(_message.Message):
    __slots__ = ("name", "leaf", "weighted_sum", "product", "gate", "ensemble", "route")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEAF_FIELD_NUMBER: _ClassVar[int]
    WEIGHTED_SUM_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    ENSEMBLE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    name: str
    leaf: RewardLeaf
    weighted_sum: WeightedSum
    product: Product
    gate: Gate
    ensemble: Ensemble
    route: TaskTypeRoute
    def __init__(self, name: _Optional[str] = ..., leaf: _Optional[_Union[RewardLeaf, _Mapping]] = ..., weighted_sum: _Optional[_Union[WeightedSum, _Mapping]] = ..., product: _Optional[_Union[Product, _Mapping]] = ..., gate: _Optional[_Union[Gate, _Mapping]] = ..., ensemble: _Optional[_Union[Ensemble, _Mapping]] = ..., route: _Optional[_Union[TaskTypeRoute, _Mapping]] = ...) -> None: ...

class RewardLeaf(_message.Message):
    __slots__ = ("id", "params_json", "execution_timeout", "of")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    id: str
    params_json: str
    execution_timeout: _duration_pb2.Duration
    of: RewardNode
    def __init__(self, id: _Optional[str] = ..., params_json: _Optional[str] = ..., execution_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., of: _Optional[_Union[RewardNode, _Mapping]] = ...) -> None: ...

class WeightedSum(_message.Message):
    __slots__ = ("terms",)
    TERMS_FIELD_NUMBER: _ClassVar[int]
    terms: _containers.RepeatedCompositeFieldContainer[WeightedReward]
    def __init__(self, terms: _Optional[_Iterable[_Union[WeightedReward, _Mapping]]] = ...) -> None: ...

class WeightedReward(_message.Message):
    __slots__ = ("weight", "reward")
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    weight: float
    reward: RewardNode
    def __init__(self, weight: _Optional[float] = ..., reward: _Optional[_Union[RewardNode, _Mapping]] = ...) -> None: ...

class Product(_message.Message):
    __slots__ = ("factors",)
    FACTORS_FIELD_NUMBER: _ClassVar[int]
    factors: _containers.RepeatedCompositeFieldContainer[RewardNode]
    def __init__(self, factors: _Optional[_Iterable[_Union[RewardNode, _Mapping]]] = ...) -> None: ...

class Gate(_message.Message):
    __slots__ = ("condition", "threshold", "then", "otherwise")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    condition: RewardNode
    threshold: float
    then: RewardNode
    otherwise: float
    def __init__(self, condition: _Optional[_Union[RewardNode, _Mapping]] = ..., threshold: _Optional[float] = ..., then: _Optional[_Union[RewardNode, _Mapping]] = ..., otherwise: _Optional[float] = ...) -> None: ...

class Ensemble(_message.Message):
    __slots__ = ("kind", "coefficient", "members")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COEFFICIENT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    kind: EnsembleKind
    coefficient: float
    members: _containers.RepeatedCompositeFieldContainer[RewardNode]
    def __init__(self, kind: _Optional[_Union[EnsembleKind, str]] = ..., coefficient: _Optional[float] = ..., members: _Optional[_Iterable[_Union[RewardNode, _Mapping]]] = ...) -> None: ...

class TaskTypeRoute(_message.Message):
    __slots__ = ("routes", "fallback")
    class RoutesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: RewardNode
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[RewardNode, _Mapping]] = ...) -> None: ...
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    routes: _containers.MessageMap[str, RewardNode]
    fallback: RewardNode
    def __init__(self, routes: _Optional[_Mapping[str, RewardNode]] = ..., fallback: _Optional[_Union[RewardNode, _Mapping]] = ...) -> None: ...

class FilterSpec(_message.Message):
    __slots__ = ("id", "params_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    params_json: str
    def __init__(self, id: _Optional[str] = ..., params_json: _Optional[str] = ...) -> None: ...

class GroupPolicy(_message.Message):
    __slots__ = ("unscored", "truncated", "deadline", "min_size", "straggler_quota", "straggler_batch_share", "counted_roles")
    UNSCORED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    STRAGGLER_QUOTA_FIELD_NUMBER: _ClassVar[int]
    STRAGGLER_BATCH_SHARE_FIELD_NUMBER: _ClassVar[int]
    COUNTED_ROLES_FIELD_NUMBER: _ClassVar[int]
    unscored: UnscoredPolicy
    truncated: TruncatedPolicy
    deadline: _duration_pb2.Duration
    min_size: int
    straggler_quota: float
    straggler_batch_share: float
    counted_roles: _containers.RepeatedScalarFieldContainer[_rollout_pb2.RolloutRole]
    def __init__(self, unscored: _Optional[_Union[UnscoredPolicy, str]] = ..., truncated: _Optional[_Union[TruncatedPolicy, str]] = ..., deadline: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., min_size: _Optional[int] = ..., straggler_quota: _Optional[float] = ..., straggler_batch_share: _Optional[float] = ..., counted_roles: _Optional[_Iterable[_Union[_rollout_pb2.RolloutRole, str]]] = ...) -> None: ...

class JudgeQuota(_message.Message):
    __slots__ = ("calls", "tokens", "cost")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    calls: int
    tokens: int
    cost: float
    def __init__(self, calls: _Optional[int] = ..., tokens: _Optional[int] = ..., cost: _Optional[float] = ...) -> None: ...

class RunSpec(_message.Message):
    __slots__ = ("reward", "grouping", "estimator", "filters", "groups", "delivery", "deliver_to", "record_retention", "record_quota_bytes", "dataset_version", "allow_in_process_suites", "sampling_policy_json", "state_policy_json", "judge_quota", "outputs")
    REWARD_FIELD_NUMBER: _ClassVar[int]
    GROUPING_FIELD_NUMBER: _ClassVar[int]
    ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    DELIVER_TO_FIELD_NUMBER: _ClassVar[int]
    RECORD_RETENTION_FIELD_NUMBER: _ClassVar[int]
    RECORD_QUOTA_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    ALLOW_IN_PROCESS_SUITES_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_POLICY_JSON_FIELD_NUMBER: _ClassVar[int]
    STATE_POLICY_JSON_FIELD_NUMBER: _ClassVar[int]
    JUDGE_QUOTA_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    reward: RewardNode
    grouping: _rollout_pb2.GroupingSpec
    estimator: _rollout_pb2.EstimatorSpec
    filters: _containers.RepeatedCompositeFieldContainer[FilterSpec]
    groups: GroupPolicy
    delivery: DeliveryMode
    deliver_to: str
    record_retention: _duration_pb2.Duration
    record_quota_bytes: int
    dataset_version: str
    allow_in_process_suites: bool
    sampling_policy_json: str
    state_policy_json: str
    judge_quota: JudgeQuota
    outputs: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.OutputSpec]
    def __init__(self, reward: _Optional[_Union[RewardNode, _Mapping]] = ..., grouping: _Optional[_Union[_rollout_pb2.GroupingSpec, _Mapping]] = ..., estimator: _Optional[_Union[_rollout_pb2.EstimatorSpec, _Mapping]] = ..., filters: _Optional[_Iterable[_Union[FilterSpec, _Mapping]]] = ..., groups: _Optional[_Union[GroupPolicy, _Mapping]] = ..., delivery: _Optional[_Union[DeliveryMode, str]] = ..., deliver_to: _Optional[str] = ..., record_retention: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., record_quota_bytes: _Optional[int] = ..., dataset_version: _Optional[str] = ..., allow_in_process_suites: bool = ..., sampling_policy_json: _Optional[str] = ..., state_policy_json: _Optional[str] = ..., judge_quota: _Optional[_Union[JudgeQuota, _Mapping]] = ..., outputs: _Optional[_Iterable[_Union[_rollout_pb2.OutputSpec, _Mapping]]] = ...) -> None: ...

class CreateRunRequest(_message.Message):
    __slots__ = ("run_id", "spec")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    spec: RunSpec
    def __init__(self, run_id: _Optional[str] = ..., spec: _Optional[_Union[RunSpec, _Mapping]] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("run_id", "generation", "spec_digest", "pins", "spec")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SPEC_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PINS_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    generation: int
    spec_digest: str
    pins: _containers.RepeatedScalarFieldContainer[str]
    spec: RunSpec
    def __init__(self, run_id: _Optional[str] = ..., generation: _Optional[int] = ..., spec_digest: _Optional[str] = ..., pins: _Optional[_Iterable[str]] = ..., spec: _Optional[_Union[RunSpec, _Mapping]] = ...) -> None: ...

class CreateRunResponse(_message.Message):
    __slots__ = ("run", "required_signals", "created")
    RUN_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_SIGNALS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    run: Run
    required_signals: _containers.RepeatedScalarFieldContainer[str]
    created: bool
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ..., required_signals: _Optional[_Iterable[str]] = ..., created: bool = ...) -> None: ...

class RestoreRunRequest(_message.Message):
    __slots__ = ("run_id", "checkpoint", "expected_generation")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    checkpoint: str
    expected_generation: int
    def __init__(self, run_id: _Optional[str] = ..., checkpoint: _Optional[str] = ..., expected_generation: _Optional[int] = ...) -> None: ...

class RestoreRunResponse(_message.Message):
    __slots__ = ("run", "forgotten_rollouts")
    RUN_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    run: Run
    forgotten_rollouts: int
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ..., forgotten_rollouts: _Optional[int] = ...) -> None: ...

class CheckpointRunRequest(_message.Message):
    __slots__ = ("run_id", "generation", "checkpoint", "acked")
    class AckedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    ACKED_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    generation: int
    checkpoint: str
    acked: _containers.ScalarMap[str, int]
    def __init__(self, run_id: _Optional[str] = ..., generation: _Optional[int] = ..., checkpoint: _Optional[str] = ..., acked: _Optional[_Mapping[str, int]] = ...) -> None: ...

class CheckpointRunResponse(_message.Message):
    __slots__ = ("checkpoint", "digest")
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    checkpoint: str
    digest: str
    def __init__(self, checkpoint: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class PutTasksRequest(_message.Message):
    __slots__ = ("run_id", "tasks")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    tasks: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.Task]
    def __init__(self, run_id: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[_rollout_pb2.Task, _Mapping]]] = ...) -> None: ...

class PutTasksResponse(_message.Message):
    __slots__ = ("digests",)
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digests: _Optional[_Iterable[str]] = ...) -> None: ...

class PutBlobsRequest(_message.Message):
    __slots__ = ("run_id", "blobs")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    blobs: _containers.RepeatedCompositeFieldContainer[Blob]
    def __init__(self, run_id: _Optional[str] = ..., blobs: _Optional[_Iterable[_Union[Blob, _Mapping]]] = ...) -> None: ...

class Blob(_message.Message):
    __slots__ = ("media_type", "data")
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    media_type: str
    data: bytes
    def __init__(self, media_type: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class PutBlobsResponse(_message.Message):
    __slots__ = ("blobs",)
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    blobs: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.BlobRef]
    def __init__(self, blobs: _Optional[_Iterable[_Union[_rollout_pb2.BlobRef, _Mapping]]] = ...) -> None: ...

class SampleTasksRequest(_message.Message):
    __slots__ = ("run_id", "global_step", "count", "seed", "prompt_ids")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PROMPT_IDS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    global_step: int
    count: int
    seed: int
    prompt_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, run_id: _Optional[str] = ..., global_step: _Optional[int] = ..., count: _Optional[int] = ..., seed: _Optional[int] = ..., prompt_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class SampleTasksResponse(_message.Message):
    __slots__ = ("prompt_ids", "weights", "standings")
    PROMPT_IDS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    STANDINGS_FIELD_NUMBER: _ClassVar[int]
    prompt_ids: _containers.RepeatedScalarFieldContainer[str]
    weights: _containers.RepeatedScalarFieldContainer[float]
    standings: _containers.RepeatedCompositeFieldContainer[PromptStanding]
    def __init__(self, prompt_ids: _Optional[_Iterable[str]] = ..., weights: _Optional[_Iterable[float]] = ..., standings: _Optional[_Iterable[_Union[PromptStanding, _Mapping]]] = ...) -> None: ...

class PromptStanding(_message.Message):
    __slots__ = ("visits", "pass_rate", "value", "hint_level", "hint_helped", "best_tool_calls", "success_rollout_ids")
    VISITS_FIELD_NUMBER: _ClassVar[int]
    PASS_RATE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    HINT_LEVEL_FIELD_NUMBER: _ClassVar[int]
    HINT_HELPED_FIELD_NUMBER: _ClassVar[int]
    BEST_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_ROLLOUT_IDS_FIELD_NUMBER: _ClassVar[int]
    visits: int
    pass_rate: float
    value: float
    hint_level: int
    hint_helped: int
    best_tool_calls: int
    success_rollout_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, visits: _Optional[int] = ..., pass_rate: _Optional[float] = ..., value: _Optional[float] = ..., hint_level: _Optional[int] = ..., hint_helped: _Optional[int] = ..., best_tool_calls: _Optional[int] = ..., success_rollout_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class AllocateRolloutsRequest(_message.Message):
    __slots__ = ("run_id", "allocator_id", "params_json", "prompt_ids", "total")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOCATOR_ID_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    PROMPT_IDS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    allocator_id: str
    params_json: str
    prompt_ids: _containers.RepeatedScalarFieldContainer[str]
    total: int
    def __init__(self, run_id: _Optional[str] = ..., allocator_id: _Optional[str] = ..., params_json: _Optional[str] = ..., prompt_ids: _Optional[_Iterable[str]] = ..., total: _Optional[int] = ...) -> None: ...

class AllocateRolloutsResponse(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, counts: _Optional[_Iterable[int]] = ...) -> None: ...

class ExportRolloutsRequest(_message.Message):
    __slots__ = ("run_id", "format", "kind", "filter_json")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FILTER_JSON_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    format: ExportFormat
    kind: str
    filter_json: str
    def __init__(self, run_id: _Optional[str] = ..., format: _Optional[_Union[ExportFormat, str]] = ..., kind: _Optional[str] = ..., filter_json: _Optional[str] = ...) -> None: ...

class ExportRolloutsResponse(_message.Message):
    __slots__ = ("chunk", "rollouts")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    rollouts: int
    def __init__(self, chunk: _Optional[bytes] = ..., rollouts: _Optional[int] = ...) -> None: ...

class GetMetricsRequest(_message.Message):
    __slots__ = ("run_id", "metrics", "from_global_step", "to_global_step")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    FROM_GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    TO_GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    metrics: _containers.RepeatedScalarFieldContainer[str]
    from_global_step: int
    to_global_step: int
    def __init__(self, run_id: _Optional[str] = ..., metrics: _Optional[_Iterable[str]] = ..., from_global_step: _Optional[int] = ..., to_global_step: _Optional[int] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("id", "global_steps", "values")
    ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    id: str
    global_steps: _containers.RepeatedScalarFieldContainer[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, id: _Optional[str] = ..., global_steps: _Optional[_Iterable[int]] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class GetMetricsResponse(_message.Message):
    __slots__ = ("metrics",)
    METRICS_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    def __init__(self, metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ...) -> None: ...
