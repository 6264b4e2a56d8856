from assay.v1 import advantage_service_pb2 as _advantage_service_pb2
from assay.v1 import rollout_pb2 as _rollout_pb2
from assay.v1 import run_service_pb2 as _run_service_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClosingReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLOSING_REASON_UNSPECIFIED: _ClassVar[ClosingReason]
    CLOSING_REASON_DRAINING: _ClassVar[ClosingReason]
    CLOSING_REASON_MAX_AGE: _ClassVar[ClosingReason]
    CLOSING_REASON_REPLACED: _ClassVar[ClosingReason]
    CLOSING_REASON_FENCED: _ClassVar[ClosingReason]

class Lane(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LANE_UNSPECIFIED: _ClassVar[Lane]
    LANE_INLINE: _ClassVar[Lane]
    LANE_CPU: _ClassVar[Lane]
    LANE_IO: _ClassVar[Lane]
    LANE_SANDBOX: _ClassVar[Lane]
CLOSING_REASON_UNSPECIFIED: ClosingReason
CLOSING_REASON_DRAINING: ClosingReason
CLOSING_REASON_MAX_AGE: ClosingReason
CLOSING_REASON_REPLACED: ClosingReason
CLOSING_REASON_FENCED: ClosingReason
LANE_UNSPECIFIED: Lane
LANE_INLINE: Lane
LANE_CPU: Lane
LANE_IO: Lane
LANE_SANDBOX: Lane

class ScoreRequest(_message.Message):
    __slots__ = ("rollouts", "reward", "run_id")
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    rollouts: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.Rollout]
    reward: _run_service_pb2.RewardNode
    run_id: str
    def __init__(self, rollouts: _Optional[_Iterable[_Union[_rollout_pb2.Rollout, _Mapping]]] = ..., reward: _Optional[_Union[_run_service_pb2.RewardNode, _Mapping]] = ..., run_id: _Optional[str] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.SampleResult]
    def __init__(self, results: _Optional[_Iterable[_Union[_rollout_pb2.SampleResult, _Mapping]]] = ...) -> None: ...

class StreamRolloutsRequest(_message.Message):
    __slots__ = ("open", "rollouts", "append_steps", "group_control", "barrier", "cancel", "ack")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    APPEND_STEPS_FIELD_NUMBER: _ClassVar[int]
    GROUP_CONTROL_FIELD_NUMBER: _ClassVar[int]
    BARRIER_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    open: Open
    rollouts: RolloutBatch
    append_steps: AppendSteps
    group_control: GroupControl
    barrier: Barrier
    cancel: Cancel
    ack: Ack
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., rollouts: _Optional[_Union[RolloutBatch, _Mapping]] = ..., append_steps: _Optional[_Union[AppendSteps, _Mapping]] = ..., group_control: _Optional[_Union[GroupControl, _Mapping]] = ..., barrier: _Optional[_Union[Barrier, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ...) -> None: ...

class StreamRolloutsResponse(_message.Message):
    __slots__ = ("sequence", "opened", "accepted", "sample_results", "group_results", "batch_progress", "batch_result", "credit", "closing")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RESULTS_FIELD_NUMBER: _ClassVar[int]
    GROUP_RESULTS_FIELD_NUMBER: _ClassVar[int]
    BATCH_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    BATCH_RESULT_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    opened: Opened
    accepted: Accepted
    sample_results: SampleResults
    group_results: GroupResults
    batch_progress: BatchProgress
    batch_result: BatchResult
    credit: Credit
    closing: Closing
    def __init__(self, sequence: _Optional[int] = ..., opened: _Optional[_Union[Opened, _Mapping]] = ..., accepted: _Optional[_Union[Accepted, _Mapping]] = ..., sample_results: _Optional[_Union[SampleResults, _Mapping]] = ..., group_results: _Optional[_Union[GroupResults, _Mapping]] = ..., batch_progress: _Optional[_Union[BatchProgress, _Mapping]] = ..., batch_result: _Optional[_Union[BatchResult, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., closing: _Optional[_Union[Closing, _Mapping]] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("run_id", "generation", "consumer", "delivery", "deliver_to", "resume_after", "max_in_flight", "client_version")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    DELIVER_TO_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    generation: int
    consumer: str
    delivery: _run_service_pb2.DeliveryMode
    deliver_to: str
    resume_after: int
    max_in_flight: int
    client_version: str
    def __init__(self, run_id: _Optional[str] = ..., generation: _Optional[int] = ..., consumer: _Optional[str] = ..., delivery: _Optional[_Union[_run_service_pb2.DeliveryMode, str]] = ..., deliver_to: _Optional[str] = ..., resume_after: _Optional[int] = ..., max_in_flight: _Optional[int] = ..., client_version: _Optional[str] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("run_id", "generation", "max_in_flight", "max_batch_rollouts", "max_rollout_bytes", "max_message_bytes", "required_signals", "last_acked", "last_sequence", "max_stream_age", "server_version")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    MAX_ROLLOUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_SIGNALS_FIELD_NUMBER: _ClassVar[int]
    LAST_ACKED_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAM_AGE_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    generation: int
    max_in_flight: int
    max_batch_rollouts: int
    max_rollout_bytes: int
    max_message_bytes: int
    required_signals: _containers.RepeatedScalarFieldContainer[str]
    last_acked: int
    last_sequence: int
    max_stream_age: _duration_pb2.Duration
    server_version: str
    def __init__(self, run_id: _Optional[str] = ..., generation: _Optional[int] = ..., max_in_flight: _Optional[int] = ..., max_batch_rollouts: _Optional[int] = ..., max_rollout_bytes: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., required_signals: _Optional[_Iterable[str]] = ..., last_acked: _Optional[int] = ..., last_sequence: _Optional[int] = ..., max_stream_age: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., server_version: _Optional[str] = ...) -> None: ...

class RolloutBatch(_message.Message):
    __slots__ = ("rollouts",)
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    rollouts: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.Rollout]
    def __init__(self, rollouts: _Optional[_Iterable[_Union[_rollout_pb2.Rollout, _Mapping]]] = ...) -> None: ...

class AppendSteps(_message.Message):
    __slots__ = ("rollout_id", "from_index", "steps", "final", "state", "num_tokens", "signals")
    class SignalsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _rollout_pb2.Signal
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_rollout_pb2.Signal, _Mapping]] = ...) -> None: ...
    ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_INDEX_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    rollout_id: str
    from_index: int
    steps: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.Step]
    final: bool
    state: _rollout_pb2.RolloutState
    num_tokens: int
    signals: _containers.MessageMap[str, _rollout_pb2.Signal]
    def __init__(self, rollout_id: _Optional[str] = ..., from_index: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[_rollout_pb2.Step, _Mapping]]] = ..., final: bool = ..., state: _Optional[_Union[_rollout_pb2.RolloutState, str]] = ..., num_tokens: _Optional[int] = ..., signals: _Optional[_Mapping[str, _rollout_pb2.Signal]] = ...) -> None: ...

class GroupControl(_message.Message):
    __slots__ = ("group_id", "close", "abort")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    close: CloseGroup
    abort: AbortGroup
    def __init__(self, group_id: _Optional[str] = ..., close: _Optional[_Union[CloseGroup, _Mapping]] = ..., abort: _Optional[_Union[AbortGroup, _Mapping]] = ...) -> None: ...

class CloseGroup(_message.Message):
    __slots__ = ("expected_rollout_ids",)
    EXPECTED_ROLLOUT_IDS_FIELD_NUMBER: _ClassVar[int]
    expected_rollout_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, expected_rollout_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class AbortGroup(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Barrier(_message.Message):
    __slots__ = ("barrier_id", "participants", "count", "kept_groups", "all_participants")
    BARRIER_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    KEPT_GROUPS_FIELD_NUMBER: _ClassVar[int]
    ALL_PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    barrier_id: str
    participants: _containers.RepeatedScalarFieldContainer[str]
    count: int
    kept_groups: int
    all_participants: bool
    def __init__(self, barrier_id: _Optional[str] = ..., participants: _Optional[_Iterable[str]] = ..., count: _Optional[int] = ..., kept_groups: _Optional[int] = ..., all_participants: bool = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("rollout_ids", "reason")
    ROLLOUT_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    rollout_ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    def __init__(self, rollout_ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("sequence",)
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    def __init__(self, sequence: _Optional[int] = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("rollout_ids", "appends")
    ROLLOUT_IDS_FIELD_NUMBER: _ClassVar[int]
    APPENDS_FIELD_NUMBER: _ClassVar[int]
    rollout_ids: _containers.RepeatedScalarFieldContainer[str]
    appends: _containers.RepeatedCompositeFieldContainer[AppendAccepted]
    def __init__(self, rollout_ids: _Optional[_Iterable[str]] = ..., appends: _Optional[_Iterable[_Union[AppendAccepted, _Mapping]]] = ...) -> None: ...

class AppendAccepted(_message.Message):
    __slots__ = ("rollout_id", "length")
    ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    rollout_id: str
    length: int
    def __init__(self, rollout_id: _Optional[str] = ..., length: _Optional[int] = ...) -> None: ...

class SampleResults(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.SampleResult]
    def __init__(self, results: _Optional[_Iterable[_Union[_rollout_pb2.SampleResult, _Mapping]]] = ...) -> None: ...

class GroupResults(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.GroupResult]
    def __init__(self, groups: _Optional[_Iterable[_Union[_rollout_pb2.GroupResult, _Mapping]]] = ...) -> None: ...

class BatchProgress(_message.Message):
    __slots__ = ("barrier_id", "rollouts", "kept_groups", "dropped_groups", "missing", "missing_participants")
    BARRIER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    KEPT_GROUPS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_GROUPS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    MISSING_PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    barrier_id: str
    rollouts: int
    kept_groups: int
    dropped_groups: int
    missing: int
    missing_participants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, barrier_id: _Optional[str] = ..., rollouts: _Optional[int] = ..., kept_groups: _Optional[int] = ..., dropped_groups: _Optional[int] = ..., missing: _Optional[int] = ..., missing_participants: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchResult(_message.Message):
    __slots__ = ("barrier_id", "group_ids", "dropped_group_ids", "groups", "statistics", "error", "part", "parts")
    BARRIER_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    barrier_id: str
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    dropped_group_ids: _containers.RepeatedScalarFieldContainer[str]
    groups: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.GroupResult]
    statistics: BatchStatistics
    error: _rollout_pb2.Status
    part: int
    parts: int
    def __init__(self, barrier_id: _Optional[str] = ..., group_ids: _Optional[_Iterable[str]] = ..., dropped_group_ids: _Optional[_Iterable[str]] = ..., groups: _Optional[_Iterable[_Union[_rollout_pb2.GroupResult, _Mapping]]] = ..., statistics: _Optional[_Union[BatchStatistics, _Mapping]] = ..., error: _Optional[_Union[_rollout_pb2.Status, _Mapping]] = ..., part: _Optional[int] = ..., parts: _Optional[int] = ...) -> None: ...

class BatchStatistics(_message.Message):
    __slots__ = ("rollouts", "scored", "reward_mean", "reward_std", "effective_group_ratio", "drop_reasons")
    class DropReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    SCORED_FIELD_NUMBER: _ClassVar[int]
    REWARD_MEAN_FIELD_NUMBER: _ClassVar[int]
    REWARD_STD_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_GROUP_RATIO_FIELD_NUMBER: _ClassVar[int]
    DROP_REASONS_FIELD_NUMBER: _ClassVar[int]
    rollouts: int
    scored: int
    reward_mean: float
    reward_std: float
    effective_group_ratio: float
    drop_reasons: _containers.ScalarMap[str, int]
    def __init__(self, rollouts: _Optional[int] = ..., scored: _Optional[int] = ..., reward_mean: _Optional[float] = ..., reward_std: _Optional[float] = ..., effective_group_ratio: _Optional[float] = ..., drop_reasons: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ("rollouts",)
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    rollouts: int
    def __init__(self, rollouts: _Optional[int] = ...) -> None: ...

class Closing(_message.Message):
    __slots__ = ("reason", "reconnect_target", "last_sequence")
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_TARGET_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    reason: ClosingReason
    reconnect_target: str
    last_sequence: int
    def __init__(self, reason: _Optional[_Union[ClosingReason, str]] = ..., reconnect_target: _Optional[str] = ..., last_sequence: _Optional[int] = ...) -> None: ...

class RescoreRequest(_message.Message):
    __slots__ = ("run_id", "rollout_ids", "reward")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_IDS_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    rollout_ids: _containers.RepeatedScalarFieldContainer[str]
    reward: _run_service_pb2.RewardNode
    def __init__(self, run_id: _Optional[str] = ..., rollout_ids: _Optional[_Iterable[str]] = ..., reward: _Optional[_Union[_run_service_pb2.RewardNode, _Mapping]] = ...) -> None: ...

class RescoreResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RescoredRollout]
    def __init__(self, results: _Optional[_Iterable[_Union[RescoredRollout, _Mapping]]] = ...) -> None: ...

class RescoredRollout(_message.Message):
    __slots__ = ("before", "after")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    before: _rollout_pb2.SampleResult
    after: _rollout_pb2.SampleResult
    def __init__(self, before: _Optional[_Union[_rollout_pb2.SampleResult, _Mapping]] = ..., after: _Optional[_Union[_rollout_pb2.SampleResult, _Mapping]] = ...) -> None: ...

class ListRewardsRequest(_message.Message):
    __slots__ = ("prefix",)
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    def __init__(self, prefix: _Optional[str] = ...) -> None: ...

class RewardInfo(_message.Message):
    __slots__ = ("id", "digest", "summary", "doc", "params_schema_json", "min", "max", "binary", "lane", "required_signals", "reference_keys", "source", "deterministic", "broken", "broken_reason", "scope")
    ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    PARAMS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    BINARY_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_SIGNALS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_KEYS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    BROKEN_REASON_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    id: str
    digest: str
    summary: str
    doc: str
    params_schema_json: str
    min: float
    max: float
    binary: bool
    lane: Lane
    required_signals: _containers.RepeatedScalarFieldContainer[str]
    reference_keys: _containers.RepeatedScalarFieldContainer[str]
    source: str
    deterministic: bool
    broken: bool
    broken_reason: str
    scope: _advantage_service_pb2.Scope
    def __init__(self, id: _Optional[str] = ..., digest: _Optional[str] = ..., summary: _Optional[str] = ..., doc: _Optional[str] = ..., params_schema_json: _Optional[str] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., binary: bool = ..., lane: _Optional[_Union[Lane, str]] = ..., required_signals: _Optional[_Iterable[str]] = ..., reference_keys: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., deterministic: bool = ..., broken: bool = ..., broken_reason: _Optional[str] = ..., scope: _Optional[_Union[_advantage_service_pb2.Scope, str]] = ...) -> None: ...

class ListRewardsResponse(_message.Message):
    __slots__ = ("rewards",)
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    rewards: _containers.RepeatedCompositeFieldContainer[RewardInfo]
    def __init__(self, rewards: _Optional[_Iterable[_Union[RewardInfo, _Mapping]]] = ...) -> None: ...
