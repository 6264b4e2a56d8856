from assay.v1 import rollout_pb2 as _rollout_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCOPE_UNSPECIFIED: _ClassVar[Scope]
    SCOPE_SAMPLE: _ClassVar[Scope]
    SCOPE_GROUP: _ClassVar[Scope]
    SCOPE_BATCH: _ClassVar[Scope]
    SCOPE_RUN: _ClassVar[Scope]
SCOPE_UNSPECIFIED: Scope
SCOPE_SAMPLE: Scope
SCOPE_GROUP: Scope
SCOPE_BATCH: Scope
SCOPE_RUN: Scope

class ComputeAdvantagesRequest(_message.Message):
    __slots__ = ("estimator", "grouping", "groups", "outputs")
    ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    GROUPING_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    estimator: _rollout_pb2.EstimatorSpec
    grouping: _rollout_pb2.GroupingSpec
    groups: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.RolloutGroup]
    outputs: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.OutputSpec]
    def __init__(self, estimator: _Optional[_Union[_rollout_pb2.EstimatorSpec, _Mapping]] = ..., grouping: _Optional[_Union[_rollout_pb2.GroupingSpec, _Mapping]] = ..., groups: _Optional[_Iterable[_Union[_rollout_pb2.RolloutGroup, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[_rollout_pb2.OutputSpec, _Mapping]]] = ...) -> None: ...

class ComputeAdvantagesResponse(_message.Message):
    __slots__ = ("groups", "outputs")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[_rollout_pb2.GroupResult]
    outputs: _containers.RepeatedCompositeFieldContainer[BatchOutput]
    def __init__(self, groups: _Optional[_Iterable[_Union[_rollout_pb2.GroupResult, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[BatchOutput, _Mapping]]] = ...) -> None: ...

class BatchOutput(_message.Message):
    __slots__ = ("name", "value_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    value_json: str
    def __init__(self, name: _Optional[str] = ..., value_json: _Optional[str] = ...) -> None: ...

class ListEstimatorsRequest(_message.Message):
    __slots__ = ("prefix",)
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    def __init__(self, prefix: _Optional[str] = ...) -> None: ...

class EstimatorInfo(_message.Message):
    __slots__ = ("id", "digest", "summary", "doc", "params_schema_json", "scope", "required_signals", "formula", "source")
    ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    PARAMS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_SIGNALS_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    digest: str
    summary: str
    doc: str
    params_schema_json: str
    scope: Scope
    required_signals: _containers.RepeatedScalarFieldContainer[str]
    formula: str
    source: str
    def __init__(self, id: _Optional[str] = ..., digest: _Optional[str] = ..., summary: _Optional[str] = ..., doc: _Optional[str] = ..., params_schema_json: _Optional[str] = ..., scope: _Optional[_Union[Scope, str]] = ..., required_signals: _Optional[_Iterable[str]] = ..., formula: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class ListEstimatorsResponse(_message.Message):
    __slots__ = ("estimators",)
    ESTIMATORS_FIELD_NUMBER: _ClassVar[int]
    estimators: _containers.RepeatedCompositeFieldContainer[EstimatorInfo]
    def __init__(self, estimators: _Optional[_Iterable[_Union[EstimatorInfo, _Mapping]]] = ...) -> None: ...
