from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RolloutRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLLOUT_ROLE_UNSPECIFIED: _ClassVar[RolloutRole]
    ROLLOUT_ROLE_POLICY: _ClassVar[RolloutRole]
    ROLLOUT_ROLE_GREEDY: _ClassVar[RolloutRole]
    ROLLOUT_ROLE_EXPERT: _ClassVar[RolloutRole]
    ROLLOUT_ROLE_HINTED: _ClassVar[RolloutRole]
    ROLLOUT_ROLE_RETRY: _ClassVar[RolloutRole]
    ROLLOUT_ROLE_REPLAY: _ClassVar[RolloutRole]

class RolloutState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLLOUT_STATE_UNSPECIFIED: _ClassVar[RolloutState]
    ROLLOUT_STATE_IN_PROGRESS: _ClassVar[RolloutState]
    ROLLOUT_STATE_TRUNCATED: _ClassVar[RolloutState]
    ROLLOUT_STATE_DONE: _ClassVar[RolloutState]
    ROLLOUT_STATE_FAILED: _ClassVar[RolloutState]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_CORRECT: _ClassVar[Verdict]
    VERDICT_INCORRECT: _ClassVar[Verdict]

class AnchorRecipe(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANCHOR_RECIPE_UNSPECIFIED: _ClassVar[AnchorRecipe]
    ANCHOR_RECIPE_OBSERVATION: _ClassVar[AnchorRecipe]
    ANCHOR_RECIPE_OBSERVATION_AND_INVENTORY: _ClassVar[AnchorRecipe]
    ANCHOR_RECIPE_STATE_DIGEST: _ClassVar[AnchorRecipe]
    ANCHOR_RECIPE_STATE_AND_HISTORY: _ClassVar[AnchorRecipe]
    ANCHOR_RECIPE_TEXT_SIMILARITY: _ClassVar[AnchorRecipe]

class SimilarityOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIMILARITY_ORDER_UNSPECIFIED: _ClassVar[SimilarityOrder]
    SIMILARITY_ORDER_SORTED: _ClassVar[SimilarityOrder]
    SIMILARITY_ORDER_ARRIVAL: _ClassVar[SimilarityOrder]

class GroupOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GROUP_OUTCOME_UNSPECIFIED: _ClassVar[GroupOutcome]
    GROUP_OUTCOME_COMPLETE: _ClassVar[GroupOutcome]
    GROUP_OUTCOME_CLOSED_SHORT: _ClassVar[GroupOutcome]
    GROUP_OUTCOME_ABORTED: _ClassVar[GroupOutcome]

class MemberOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMBER_OUTCOME_UNSPECIFIED: _ClassVar[MemberOutcome]
    MEMBER_OUTCOME_COUNTED: _ClassVar[MemberOutcome]
    MEMBER_OUTCOME_NO_ADVANTAGE: _ClassVar[MemberOutcome]
    MEMBER_OUTCOME_NOT_SCORED: _ClassVar[MemberOutcome]
    MEMBER_OUTCOME_ROLE_EXCLUDED: _ClassVar[MemberOutcome]
ROLLOUT_ROLE_UNSPECIFIED: RolloutRole
ROLLOUT_ROLE_POLICY: RolloutRole
ROLLOUT_ROLE_GREEDY: RolloutRole
ROLLOUT_ROLE_EXPERT: RolloutRole
ROLLOUT_ROLE_HINTED: RolloutRole
ROLLOUT_ROLE_RETRY: RolloutRole
ROLLOUT_ROLE_REPLAY: RolloutRole
ROLLOUT_STATE_UNSPECIFIED: RolloutState
ROLLOUT_STATE_IN_PROGRESS: RolloutState
ROLLOUT_STATE_TRUNCATED: RolloutState
ROLLOUT_STATE_DONE: RolloutState
ROLLOUT_STATE_FAILED: RolloutState
VERDICT_UNSPECIFIED: Verdict
VERDICT_CORRECT: Verdict
VERDICT_INCORRECT: Verdict
ANCHOR_RECIPE_UNSPECIFIED: AnchorRecipe
ANCHOR_RECIPE_OBSERVATION: AnchorRecipe
ANCHOR_RECIPE_OBSERVATION_AND_INVENTORY: AnchorRecipe
ANCHOR_RECIPE_STATE_DIGEST: AnchorRecipe
ANCHOR_RECIPE_STATE_AND_HISTORY: AnchorRecipe
ANCHOR_RECIPE_TEXT_SIMILARITY: AnchorRecipe
SIMILARITY_ORDER_UNSPECIFIED: SimilarityOrder
SIMILARITY_ORDER_SORTED: SimilarityOrder
SIMILARITY_ORDER_ARRIVAL: SimilarityOrder
GROUP_OUTCOME_UNSPECIFIED: GroupOutcome
GROUP_OUTCOME_COMPLETE: GroupOutcome
GROUP_OUTCOME_CLOSED_SHORT: GroupOutcome
GROUP_OUTCOME_ABORTED: GroupOutcome
MEMBER_OUTCOME_UNSPECIFIED: MemberOutcome
MEMBER_OUTCOME_COUNTED: MemberOutcome
MEMBER_OUTCOME_NO_ADVANTAGE: MemberOutcome
MEMBER_OUTCOME_NOT_SCORED: MemberOutcome
MEMBER_OUTCOME_ROLE_EXCLUDED: MemberOutcome

class Content(_message.Message):
    __slots__ = ("parts",)
    PARTS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    def __init__(self, parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("text", "message", "tool_call", "tool_result", "blob")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
    TOOL_RESULT_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    text: str
    message: ChatMessage
    tool_call: ToolCall
    tool_result: ToolResult
    blob: BlobRef
    def __init__(self, text: _Optional[str] = ..., message: _Optional[_Union[ChatMessage, _Mapping]] = ..., tool_call: _Optional[_Union[ToolCall, _Mapping]] = ..., tool_result: _Optional[_Union[ToolResult, _Mapping]] = ..., blob: _Optional[_Union[BlobRef, _Mapping]] = ...) -> None: ...

class ChatMessage(_message.Message):
    __slots__ = ("role", "text", "name", "tool_calls", "tool_call_id", "blobs")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    role: str
    text: str
    name: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ToolCall]
    tool_call_id: str
    blobs: _containers.RepeatedCompositeFieldContainer[BlobRef]
    def __init__(self, role: _Optional[str] = ..., text: _Optional[str] = ..., name: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ToolCall, _Mapping]]] = ..., tool_call_id: _Optional[str] = ..., blobs: _Optional[_Iterable[_Union[BlobRef, _Mapping]]] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("call_id", "name", "arguments_json")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    name: str
    arguments_json: str
    def __init__(self, call_id: _Optional[str] = ..., name: _Optional[str] = ..., arguments_json: _Optional[str] = ...) -> None: ...

class ToolResult(_message.Message):
    __slots__ = ("call_id", "text", "is_error")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IS_ERROR_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    text: str
    is_error: bool
    def __init__(self, call_id: _Optional[str] = ..., text: _Optional[str] = ..., is_error: bool = ...) -> None: ...

class BlobRef(_message.Message):
    __slots__ = ("sha256", "media_type", "size_bytes")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    media_type: str
    size_bytes: int
    def __init__(self, sha256: _Optional[str] = ..., media_type: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("task_id", "digest", "type", "reference_json", "extra_json", "prompt_id", "difficulty")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_JSON_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    DIFFICULTY_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    digest: str
    type: str
    reference_json: str
    extra_json: str
    prompt_id: str
    difficulty: float
    def __init__(self, task_id: _Optional[str] = ..., digest: _Optional[str] = ..., type: _Optional[str] = ..., reference_json: _Optional[str] = ..., extra_json: _Optional[str] = ..., prompt_id: _Optional[str] = ..., difficulty: _Optional[float] = ...) -> None: ...

class Rollout(_message.Message):
    __slots__ = ("rollout_id", "group_id", "group_size", "prompt_id", "task_type", "reference_json", "task_digest", "extra_json", "steps", "role", "state", "parent_rollout_id", "fork_step", "seed", "hint_level", "global_step", "num_tokens", "num_tool_calls", "signals", "unicode_repaired", "prompt", "initial_state_digest")
    class SignalsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Signal
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Signal, _Mapping]] = ...) -> None: ...
    ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_TYPE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_JSON_FIELD_NUMBER: _ClassVar[int]
    TASK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PARENT_ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    FORK_STEP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    HINT_LEVEL_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NUM_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    UNICODE_REPAIRED_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    INITIAL_STATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    rollout_id: str
    group_id: str
    group_size: int
    prompt_id: str
    task_type: str
    reference_json: str
    task_digest: str
    extra_json: str
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    role: RolloutRole
    state: RolloutState
    parent_rollout_id: str
    fork_step: int
    seed: int
    hint_level: int
    global_step: int
    num_tokens: int
    num_tool_calls: int
    signals: _containers.MessageMap[str, Signal]
    unicode_repaired: bool
    prompt: Content
    initial_state_digest: str
    def __init__(self, rollout_id: _Optional[str] = ..., group_id: _Optional[str] = ..., group_size: _Optional[int] = ..., prompt_id: _Optional[str] = ..., task_type: _Optional[str] = ..., reference_json: _Optional[str] = ..., task_digest: _Optional[str] = ..., extra_json: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., role: _Optional[_Union[RolloutRole, str]] = ..., state: _Optional[_Union[RolloutState, str]] = ..., parent_rollout_id: _Optional[str] = ..., fork_step: _Optional[int] = ..., seed: _Optional[int] = ..., hint_level: _Optional[int] = ..., global_step: _Optional[int] = ..., num_tokens: _Optional[int] = ..., num_tool_calls: _Optional[int] = ..., signals: _Optional[_Mapping[str, Signal]] = ..., unicode_repaired: bool = ..., prompt: _Optional[_Union[Content, _Mapping]] = ..., initial_state_digest: _Optional[str] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("index", "prompt", "action", "observation", "anchor", "reward", "done", "action_valid", "tool_calls", "tool_results", "agent_id", "policy_version", "token_span")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ACTION_VALID_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_RESULTS_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    TOKEN_SPAN_FIELD_NUMBER: _ClassVar[int]
    index: int
    prompt: Content
    action: Content
    observation: Content
    anchor: Anchor
    reward: float
    done: bool
    action_valid: bool
    tool_calls: _containers.RepeatedCompositeFieldContainer[ToolCall]
    tool_results: _containers.RepeatedCompositeFieldContainer[ToolResult]
    agent_id: str
    policy_version: str
    token_span: TokenSpan
    def __init__(self, index: _Optional[int] = ..., prompt: _Optional[_Union[Content, _Mapping]] = ..., action: _Optional[_Union[Content, _Mapping]] = ..., observation: _Optional[_Union[Content, _Mapping]] = ..., anchor: _Optional[_Union[Anchor, _Mapping]] = ..., reward: _Optional[float] = ..., done: bool = ..., action_valid: bool = ..., tool_calls: _Optional[_Iterable[_Union[ToolCall, _Mapping]]] = ..., tool_results: _Optional[_Iterable[_Union[ToolResult, _Mapping]]] = ..., agent_id: _Optional[str] = ..., policy_version: _Optional[str] = ..., token_span: _Optional[_Union[TokenSpan, _Mapping]] = ...) -> None: ...

class Anchor(_message.Message):
    __slots__ = ("observation", "inventory", "state_digest", "state_json")
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    INVENTORY_FIELD_NUMBER: _ClassVar[int]
    STATE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    observation: Content
    inventory: Content
    state_digest: str
    state_json: str
    def __init__(self, observation: _Optional[_Union[Content, _Mapping]] = ..., inventory: _Optional[_Union[Content, _Mapping]] = ..., state_digest: _Optional[str] = ..., state_json: _Optional[str] = ...) -> None: ...

class TokenSpan(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("scalar", "tensor")
    SCALAR_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    scalar: float
    tensor: Tensor
    def __init__(self, scalar: _Optional[float] = ..., tensor: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class Tensor(_message.Message):
    __slots__ = ("dtype", "shape", "data")
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("value", "verdict", "components", "evidence", "constraints", "answer_key", "rewards", "timing", "spans")
    class ComponentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class EvidenceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Evidence
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Evidence, _Mapping]] = ...) -> None: ...
    class ConstraintsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bool
        def __init__(self, key: _Optional[str] = ..., value: bool = ...) -> None: ...
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_KEY_FIELD_NUMBER: _ClassVar[int]
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    value: float
    verdict: Verdict
    components: _containers.ScalarMap[str, float]
    evidence: _containers.MessageMap[str, Evidence]
    constraints: _containers.ScalarMap[str, bool]
    answer_key: str
    rewards: _containers.RepeatedScalarFieldContainer[str]
    timing: Timing
    spans: _containers.RepeatedCompositeFieldContainer[SpanReward]
    def __init__(self, value: _Optional[float] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., components: _Optional[_Mapping[str, float]] = ..., evidence: _Optional[_Mapping[str, Evidence]] = ..., constraints: _Optional[_Mapping[str, bool]] = ..., answer_key: _Optional[str] = ..., rewards: _Optional[_Iterable[str]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ..., spans: _Optional[_Iterable[_Union[SpanReward, _Mapping]]] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("extracted", "method", "start", "end", "reason", "layer", "detail_json", "step_index")
    EXTRACTED_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_JSON_FIELD_NUMBER: _ClassVar[int]
    STEP_INDEX_FIELD_NUMBER: _ClassVar[int]
    extracted: str
    method: str
    start: int
    end: int
    reason: str
    layer: str
    detail_json: str
    step_index: int
    def __init__(self, extracted: _Optional[str] = ..., method: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., reason: _Optional[str] = ..., layer: _Optional[str] = ..., detail_json: _Optional[str] = ..., step_index: _Optional[int] = ...) -> None: ...

class SpanReward(_message.Message):
    __slots__ = ("step_index", "start", "end", "label", "reward")
    STEP_INDEX_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    step_index: int
    start: int
    end: int
    label: str
    reward: float
    def __init__(self, step_index: _Optional[int] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., label: _Optional[str] = ..., reward: _Optional[float] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("queue_time", "start_time", "run_time")
    QUEUE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    RUN_TIME_FIELD_NUMBER: _ClassVar[int]
    queue_time: _duration_pb2.Duration
    start_time: _duration_pb2.Duration
    run_time: _duration_pb2.Duration
    def __init__(self, queue_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., start_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., run_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("code", "message", "details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ...) -> None: ...

class ErrorInfo(_message.Message):
    __slots__ = ("reason", "domain", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REASON_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    reason: str
    domain: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[str] = ..., domain: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RetryInfo(_message.Message):
    __slots__ = ("retry_delay",)
    RETRY_DELAY_FIELD_NUMBER: _ClassVar[int]
    retry_delay: _duration_pb2.Duration
    def __init__(self, retry_delay: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class BadRequest(_message.Message):
    __slots__ = ("field_violations",)
    class FieldViolation(_message.Message):
        __slots__ = ("field", "description", "reason")
        FIELD_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        field: str
        description: str
        reason: str
        def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
    FIELD_VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    field_violations: _containers.RepeatedCompositeFieldContainer[BadRequest.FieldViolation]
    def __init__(self, field_violations: _Optional[_Iterable[_Union[BadRequest.FieldViolation, _Mapping]]] = ...) -> None: ...

class SampleResult(_message.Message):
    __slots__ = ("rollout_id", "score", "error", "group_id")
    ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    rollout_id: str
    score: Score
    error: Status
    group_id: str
    def __init__(self, rollout_id: _Optional[str] = ..., score: _Optional[_Union[Score, _Mapping]] = ..., error: _Optional[_Union[Status, _Mapping]] = ..., group_id: _Optional[str] = ...) -> None: ...

class GroupingSpec(_message.Message):
    __slots__ = ("recipe", "history_length", "similarity_threshold", "similarity_order")
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_LENGTH_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_ORDER_FIELD_NUMBER: _ClassVar[int]
    recipe: AnchorRecipe
    history_length: int
    similarity_threshold: float
    similarity_order: SimilarityOrder
    def __init__(self, recipe: _Optional[_Union[AnchorRecipe, str]] = ..., history_length: _Optional[int] = ..., similarity_threshold: _Optional[float] = ..., similarity_order: _Optional[_Union[SimilarityOrder, str]] = ...) -> None: ...

class EstimatorSpec(_message.Message):
    __slots__ = ("id", "params_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    params_json: str
    def __init__(self, id: _Optional[str] = ..., params_json: _Optional[str] = ...) -> None: ...

class OutputSpec(_message.Message):
    __slots__ = ("id", "params_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    params_json: str
    def __init__(self, id: _Optional[str] = ..., params_json: _Optional[str] = ...) -> None: ...

class ScoredRollout(_message.Message):
    __slots__ = ("rollout_id", "reward", "steps", "role", "signals", "components", "num_tokens", "num_tool_calls", "answer_key", "prompt_id", "global_step", "extra_json", "parent_rollout_id", "fork_step")
    class SignalsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Signal
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Signal, _Mapping]] = ...) -> None: ...
    class ComponentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NUM_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_KEY_FIELD_NUMBER: _ClassVar[int]
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_STEP_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    PARENT_ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    FORK_STEP_FIELD_NUMBER: _ClassVar[int]
    rollout_id: str
    reward: float
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    role: RolloutRole
    signals: _containers.MessageMap[str, Signal]
    components: _containers.ScalarMap[str, float]
    num_tokens: int
    num_tool_calls: int
    answer_key: str
    prompt_id: str
    global_step: int
    extra_json: str
    parent_rollout_id: str
    fork_step: int
    def __init__(self, rollout_id: _Optional[str] = ..., reward: _Optional[float] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., role: _Optional[_Union[RolloutRole, str]] = ..., signals: _Optional[_Mapping[str, Signal]] = ..., components: _Optional[_Mapping[str, float]] = ..., num_tokens: _Optional[int] = ..., num_tool_calls: _Optional[int] = ..., answer_key: _Optional[str] = ..., prompt_id: _Optional[str] = ..., global_step: _Optional[int] = ..., extra_json: _Optional[str] = ..., parent_rollout_id: _Optional[str] = ..., fork_step: _Optional[int] = ...) -> None: ...

class RolloutGroup(_message.Message):
    __slots__ = ("group_id", "rollouts")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    rollouts: _containers.RepeatedCompositeFieldContainer[ScoredRollout]
    def __init__(self, group_id: _Optional[str] = ..., rollouts: _Optional[_Iterable[_Union[ScoredRollout, _Mapping]]] = ...) -> None: ...

class GroupStatistics(_message.Message):
    __slots__ = ("size", "reward_mean", "reward_std", "reward_min", "reward_max", "step_groups", "step_hit_ratio", "step_group_size_histogram", "aliasing_ratio")
    class StepGroupSizeHistogramEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    SIZE_FIELD_NUMBER: _ClassVar[int]
    REWARD_MEAN_FIELD_NUMBER: _ClassVar[int]
    REWARD_STD_FIELD_NUMBER: _ClassVar[int]
    REWARD_MIN_FIELD_NUMBER: _ClassVar[int]
    REWARD_MAX_FIELD_NUMBER: _ClassVar[int]
    STEP_GROUPS_FIELD_NUMBER: _ClassVar[int]
    STEP_HIT_RATIO_FIELD_NUMBER: _ClassVar[int]
    STEP_GROUP_SIZE_HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    ALIASING_RATIO_FIELD_NUMBER: _ClassVar[int]
    size: int
    reward_mean: float
    reward_std: float
    reward_min: float
    reward_max: float
    step_groups: int
    step_hit_ratio: float
    step_group_size_histogram: _containers.ScalarMap[int, int]
    aliasing_ratio: float
    def __init__(self, size: _Optional[int] = ..., reward_mean: _Optional[float] = ..., reward_std: _Optional[float] = ..., reward_min: _Optional[float] = ..., reward_max: _Optional[float] = ..., step_groups: _Optional[int] = ..., step_hit_ratio: _Optional[float] = ..., step_group_size_histogram: _Optional[_Mapping[int, int]] = ..., aliasing_ratio: _Optional[float] = ...) -> None: ...

class GroupResult(_message.Message):
    __slots__ = ("group_id", "outcome", "kept", "drop_reason", "rollout_ids", "member_outcomes", "rewards", "advantages", "episode_advantages", "step_counts", "step_returns", "step_advantages", "step_totals", "step_group_ids", "step_group_index", "statistics", "token_weights", "preference_pairs", "estimator", "error", "prompt_id", "labels", "step_episode_advantages", "components", "token_advantages")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    DROP_REASON_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_IDS_FIELD_NUMBER: _ClassVar[int]
    MEMBER_OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    ADVANTAGES_FIELD_NUMBER: _ClassVar[int]
    EPISODE_ADVANTAGES_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNTS_FIELD_NUMBER: _ClassVar[int]
    STEP_RETURNS_FIELD_NUMBER: _ClassVar[int]
    STEP_ADVANTAGES_FIELD_NUMBER: _ClassVar[int]
    STEP_TOTALS_FIELD_NUMBER: _ClassVar[int]
    STEP_GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    STEP_GROUP_INDEX_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    PREFERENCE_PAIRS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STEP_EPISODE_ADVANTAGES_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ADVANTAGES_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    outcome: GroupOutcome
    kept: bool
    drop_reason: str
    rollout_ids: _containers.RepeatedScalarFieldContainer[str]
    member_outcomes: _containers.RepeatedScalarFieldContainer[MemberOutcome]
    rewards: _containers.RepeatedScalarFieldContainer[float]
    advantages: _containers.RepeatedScalarFieldContainer[float]
    episode_advantages: _containers.RepeatedScalarFieldContainer[float]
    step_counts: _containers.RepeatedScalarFieldContainer[int]
    step_returns: _containers.RepeatedScalarFieldContainer[float]
    step_advantages: _containers.RepeatedScalarFieldContainer[float]
    step_totals: _containers.RepeatedScalarFieldContainer[float]
    step_group_ids: _containers.RepeatedScalarFieldContainer[str]
    step_group_index: _containers.RepeatedScalarFieldContainer[int]
    statistics: GroupStatistics
    token_weights: _containers.RepeatedCompositeFieldContainer[TokenWeights]
    preference_pairs: _containers.RepeatedCompositeFieldContainer[PreferencePair]
    estimator: str
    error: Status
    prompt_id: str
    labels: _containers.ScalarMap[str, str]
    step_episode_advantages: _containers.RepeatedScalarFieldContainer[float]
    components: _containers.RepeatedCompositeFieldContainer[GroupComponent]
    token_advantages: _containers.RepeatedCompositeFieldContainer[TokenWeights]
    def __init__(self, group_id: _Optional[str] = ..., outcome: _Optional[_Union[GroupOutcome, str]] = ..., kept: bool = ..., drop_reason: _Optional[str] = ..., rollout_ids: _Optional[_Iterable[str]] = ..., member_outcomes: _Optional[_Iterable[_Union[MemberOutcome, str]]] = ..., rewards: _Optional[_Iterable[float]] = ..., advantages: _Optional[_Iterable[float]] = ..., episode_advantages: _Optional[_Iterable[float]] = ..., step_counts: _Optional[_Iterable[int]] = ..., step_returns: _Optional[_Iterable[float]] = ..., step_advantages: _Optional[_Iterable[float]] = ..., step_totals: _Optional[_Iterable[float]] = ..., step_group_ids: _Optional[_Iterable[str]] = ..., step_group_index: _Optional[_Iterable[int]] = ..., statistics: _Optional[_Union[GroupStatistics, _Mapping]] = ..., token_weights: _Optional[_Iterable[_Union[TokenWeights, _Mapping]]] = ..., preference_pairs: _Optional[_Iterable[_Union[PreferencePair, _Mapping]]] = ..., estimator: _Optional[str] = ..., error: _Optional[_Union[Status, _Mapping]] = ..., prompt_id: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., step_episode_advantages: _Optional[_Iterable[float]] = ..., components: _Optional[_Iterable[_Union[GroupComponent, _Mapping]]] = ..., token_advantages: _Optional[_Iterable[_Union[TokenWeights, _Mapping]]] = ...) -> None: ...

class GroupComponent(_message.Message):
    __slots__ = ("name", "values", "reward")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: _containers.RepeatedScalarFieldContainer[float]
    reward: str
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ..., reward: _Optional[str] = ...) -> None: ...

class TokenWeights(_message.Message):
    __slots__ = ("rollout_id", "weights")
    ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    rollout_id: str
    weights: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, rollout_id: _Optional[str] = ..., weights: _Optional[_Iterable[float]] = ...) -> None: ...

class PreferencePair(_message.Message):
    __slots__ = ("chosen_rollout_id", "rejected_rollout_id", "weight", "margin", "fork_step")
    CHOSEN_ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    FORK_STEP_FIELD_NUMBER: _ClassVar[int]
    chosen_rollout_id: str
    rejected_rollout_id: str
    weight: float
    margin: float
    fork_step: int
    def __init__(self, chosen_rollout_id: _Optional[str] = ..., rejected_rollout_id: _Optional[str] = ..., weight: _Optional[float] = ..., margin: _Optional[float] = ..., fork_step: _Optional[int] = ...) -> None: ...
