from assay.v1 import advantage_service_pb2 as _advantage_service_pb2
from assay.v1 import reward_service_pb2 as _reward_service_pb2
from assay.v1 import rollout_pb2 as _rollout_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PluginKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLUGIN_KIND_UNSPECIFIED: _ClassVar[PluginKind]
    PLUGIN_KIND_REWARD: _ClassVar[PluginKind]
    PLUGIN_KIND_ESTIMATOR: _ClassVar[PluginKind]
    PLUGIN_KIND_SELECTOR: _ClassVar[PluginKind]
    PLUGIN_KIND_ENVIRONMENT: _ClassVar[PluginKind]
PLUGIN_KIND_UNSPECIFIED: PluginKind
PLUGIN_KIND_REWARD: PluginKind
PLUGIN_KIND_ESTIMATOR: PluginKind
PLUGIN_KIND_SELECTOR: PluginKind
PLUGIN_KIND_ENVIRONMENT: PluginKind

class PluginInfo(_message.Message):
    __slots__ = ("id", "digest", "kind", "origin", "summary", "broken", "broken_reason", "definition", "params_schema_json", "lane", "deterministic", "scope", "required_signals", "min", "max", "doc", "source")
    ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    BROKEN_REASON_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    PARAMS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_SIGNALS_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    digest: str
    kind: PluginKind
    origin: str
    summary: str
    broken: bool
    broken_reason: str
    definition: str
    params_schema_json: str
    lane: _reward_service_pb2.Lane
    deterministic: bool
    scope: _advantage_service_pb2.Scope
    required_signals: _containers.RepeatedScalarFieldContainer[str]
    min: float
    max: float
    doc: str
    source: str
    def __init__(self, id: _Optional[str] = ..., digest: _Optional[str] = ..., kind: _Optional[_Union[PluginKind, str]] = ..., origin: _Optional[str] = ..., summary: _Optional[str] = ..., broken: bool = ..., broken_reason: _Optional[str] = ..., definition: _Optional[str] = ..., params_schema_json: _Optional[str] = ..., lane: _Optional[_Union[_reward_service_pb2.Lane, str]] = ..., deterministic: bool = ..., scope: _Optional[_Union[_advantage_service_pb2.Scope, str]] = ..., required_signals: _Optional[_Iterable[str]] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., doc: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class ListPluginsRequest(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: PluginKind
    def __init__(self, kind: _Optional[_Union[PluginKind, str]] = ...) -> None: ...

class ListPluginsResponse(_message.Message):
    __slots__ = ("plugins",)
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    plugins: _containers.RepeatedCompositeFieldContainer[PluginInfo]
    def __init__(self, plugins: _Optional[_Iterable[_Union[PluginInfo, _Mapping]]] = ...) -> None: ...

class CheckPluginRequest(_message.Message):
    __slots__ = ("source", "object_name")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_NAME_FIELD_NUMBER: _ClassVar[int]
    source: str
    object_name: str
    def __init__(self, source: _Optional[str] = ..., object_name: _Optional[str] = ...) -> None: ...

class CheckFinding(_message.Message):
    __slots__ = ("check", "passed", "explanation")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    check: str
    passed: bool
    explanation: str
    def __init__(self, check: _Optional[str] = ..., passed: bool = ..., explanation: _Optional[str] = ...) -> None: ...

class CheckPluginResponse(_message.Message):
    __slots__ = ("findings", "error")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[CheckFinding]
    error: _rollout_pb2.Status
    def __init__(self, findings: _Optional[_Iterable[_Union[CheckFinding, _Mapping]]] = ..., error: _Optional[_Union[_rollout_pb2.Status, _Mapping]] = ...) -> None: ...

class RegisterPluginRequest(_message.Message):
    __slots__ = ("source", "object_name", "expected_digest")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_DIGEST_FIELD_NUMBER: _ClassVar[int]
    source: str
    object_name: str
    expected_digest: str
    def __init__(self, source: _Optional[str] = ..., object_name: _Optional[str] = ..., expected_digest: _Optional[str] = ...) -> None: ...

class RegisterPluginResponse(_message.Message):
    __slots__ = ("plugin",)
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    plugin: PluginInfo
    def __init__(self, plugin: _Optional[_Union[PluginInfo, _Mapping]] = ...) -> None: ...
