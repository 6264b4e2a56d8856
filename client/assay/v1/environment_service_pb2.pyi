from assay.v1 import rollout_pb2 as _rollout_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReplayClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLAY_CLASS_UNSPECIFIED: _ClassVar[ReplayClass]
    REPLAY_CLASS_PURE: _ClassVar[ReplayClass]
    REPLAY_CLASS_RECORDED: _ClassVar[ReplayClass]
    REPLAY_CLASS_NONE: _ClassVar[ReplayClass]
REPLAY_CLASS_UNSPECIFIED: ReplayClass
REPLAY_CLASS_PURE: ReplayClass
REPLAY_CLASS_RECORDED: ReplayClass
REPLAY_CLASS_NONE: ReplayClass

class EnvironmentInfo(_message.Message):
    __slots__ = ("id", "digest", "summary", "doc", "options_schema_json", "replay")
    ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    id: str
    digest: str
    summary: str
    doc: str
    options_schema_json: str
    replay: ReplayClass
    def __init__(self, id: _Optional[str] = ..., digest: _Optional[str] = ..., summary: _Optional[str] = ..., doc: _Optional[str] = ..., options_schema_json: _Optional[str] = ..., replay: _Optional[_Union[ReplayClass, str]] = ...) -> None: ...

class ListEnvironmentsRequest(_message.Message):
    __slots__ = ("prefix",)
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    def __init__(self, prefix: _Optional[str] = ...) -> None: ...

class ListEnvironmentsResponse(_message.Message):
    __slots__ = ("environments",)
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    environments: _containers.RepeatedCompositeFieldContainer[EnvironmentInfo]
    def __init__(self, environments: _Optional[_Iterable[_Union[EnvironmentInfo, _Mapping]]] = ...) -> None: ...

class SessionPolicy(_message.Message):
    __slots__ = ("max_steps", "max_steps_without_progress", "max_state_visits", "invalid_action_penalty", "step_timeout", "idle_timeout")
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_WITHOUT_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    MAX_STATE_VISITS_FIELD_NUMBER: _ClassVar[int]
    INVALID_ACTION_PENALTY_FIELD_NUMBER: _ClassVar[int]
    STEP_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    max_steps: int
    max_steps_without_progress: int
    max_state_visits: int
    invalid_action_penalty: float
    step_timeout: _duration_pb2.Duration
    idle_timeout: _duration_pb2.Duration
    def __init__(self, max_steps: _Optional[int] = ..., max_steps_without_progress: _Optional[int] = ..., max_state_visits: _Optional[int] = ..., invalid_action_penalty: _Optional[float] = ..., step_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., idle_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CreateSessionsRequest(_message.Message):
    __slots__ = ("environment_id", "num_groups", "group_size", "seed", "group_seeds", "options_json", "policy", "run_id", "request_id", "task_digest")
    ENVIRONMENT_ID_FIELD_NUMBER: _ClassVar[int]
    NUM_GROUPS_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    GROUP_SEEDS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    environment_id: str
    num_groups: int
    group_size: int
    seed: int
    group_seeds: _containers.RepeatedScalarFieldContainer[int]
    options_json: str
    policy: SessionPolicy
    run_id: str
    request_id: str
    task_digest: str
    def __init__(self, environment_id: _Optional[str] = ..., num_groups: _Optional[int] = ..., group_size: _Optional[int] = ..., seed: _Optional[int] = ..., group_seeds: _Optional[_Iterable[int]] = ..., options_json: _Optional[str] = ..., policy: _Optional[_Union[SessionPolicy, _Mapping]] = ..., run_id: _Optional[str] = ..., request_id: _Optional[str] = ..., task_digest: _Optional[str] = ...) -> None: ...

class CreateSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[SessionState]
    def __init__(self, sessions: _Optional[_Iterable[_Union[SessionState, _Mapping]]] = ...) -> None: ...

class SessionState(_message.Message):
    __slots__ = ("session_id", "group_id", "step_index", "observation", "anchor", "admissible_actions", "reward", "terminated", "truncated", "action_valid", "executed", "won", "task_score", "stop_reason", "state_digest", "initial_state_digest", "info_json", "agent_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_INDEX_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_FIELD_NUMBER: _ClassVar[int]
    ADMISSIBLE_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    ACTION_VALID_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_FIELD_NUMBER: _ClassVar[int]
    WON_FIELD_NUMBER: _ClassVar[int]
    TASK_SCORE_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    STATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    INITIAL_STATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    INFO_JSON_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    group_id: str
    step_index: int
    observation: _rollout_pb2.Content
    anchor: _rollout_pb2.Anchor
    admissible_actions: _containers.RepeatedScalarFieldContainer[str]
    reward: float
    terminated: bool
    truncated: bool
    action_valid: bool
    executed: bool
    won: bool
    task_score: float
    stop_reason: str
    state_digest: str
    initial_state_digest: str
    info_json: str
    agent_id: str
    def __init__(self, session_id: _Optional[str] = ..., group_id: _Optional[str] = ..., step_index: _Optional[int] = ..., observation: _Optional[_Union[_rollout_pb2.Content, _Mapping]] = ..., anchor: _Optional[_Union[_rollout_pb2.Anchor, _Mapping]] = ..., admissible_actions: _Optional[_Iterable[str]] = ..., reward: _Optional[float] = ..., terminated: bool = ..., truncated: bool = ..., action_valid: bool = ..., executed: bool = ..., won: bool = ..., task_score: _Optional[float] = ..., stop_reason: _Optional[str] = ..., state_digest: _Optional[str] = ..., initial_state_digest: _Optional[str] = ..., info_json: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class StepAction(_message.Message):
    __slots__ = ("session_id", "action", "expected_step", "agent_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_STEP_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    action: _rollout_pb2.Content
    expected_step: int
    agent_id: str
    def __init__(self, session_id: _Optional[str] = ..., action: _Optional[_Union[_rollout_pb2.Content, _Mapping]] = ..., expected_step: _Optional[int] = ..., agent_id: _Optional[str] = ...) -> None: ...

class StepResult(_message.Message):
    __slots__ = ("session_id", "state", "error")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    state: SessionState
    error: _rollout_pb2.Status
    def __init__(self, session_id: _Optional[str] = ..., state: _Optional[_Union[SessionState, _Mapping]] = ..., error: _Optional[_Union[_rollout_pb2.Status, _Mapping]] = ...) -> None: ...

class StepRequest(_message.Message):
    __slots__ = ("actions",)
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    actions: _containers.RepeatedCompositeFieldContainer[StepAction]
    def __init__(self, actions: _Optional[_Iterable[_Union[StepAction, _Mapping]]] = ...) -> None: ...

class StepResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[StepResult]
    def __init__(self, results: _Optional[_Iterable[_Union[StepResult, _Mapping]]] = ...) -> None: ...

class InteractRequest(_message.Message):
    __slots__ = ("actions",)
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    actions: _containers.RepeatedCompositeFieldContainer[StepAction]
    def __init__(self, actions: _Optional[_Iterable[_Union[StepAction, _Mapping]]] = ...) -> None: ...

class InteractResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[StepResult]
    def __init__(self, results: _Optional[_Iterable[_Union[StepResult, _Mapping]]] = ...) -> None: ...

class ForkSessionRequest(_message.Message):
    __slots__ = ("session_id", "at_step", "count", "request_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    AT_STEP_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    at_step: int
    count: int
    request_id: str
    def __init__(self, session_id: _Optional[str] = ..., at_step: _Optional[int] = ..., count: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class ForkSessionResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[SessionState]
    def __init__(self, sessions: _Optional[_Iterable[_Union[SessionState, _Mapping]]] = ...) -> None: ...

class SnapshotSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class SnapshotSessionResponse(_message.Message):
    __slots__ = ("snapshot", "digest", "step_index")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    STEP_INDEX_FIELD_NUMBER: _ClassVar[int]
    snapshot: str
    digest: str
    step_index: int
    def __init__(self, snapshot: _Optional[str] = ..., digest: _Optional[str] = ..., step_index: _Optional[int] = ...) -> None: ...

class RestoreSessionRequest(_message.Message):
    __slots__ = ("snapshot", "request_id")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    snapshot: str
    request_id: str
    def __init__(self, snapshot: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RestoreSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: SessionState
    def __init__(self, session: _Optional[_Union[SessionState, _Mapping]] = ...) -> None: ...

class CloseSessionsRequest(_message.Message):
    __slots__ = ("session_ids",)
    SESSION_IDS_FIELD_NUMBER: _ClassVar[int]
    session_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CloseSessionsResponse(_message.Message):
    __slots__ = ("statuses",)
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.Status]
    def __init__(self, statuses: _Optional[_Iterable[_Union[_rollout_pb2.Status, _Mapping]]] = ...) -> None: ...
