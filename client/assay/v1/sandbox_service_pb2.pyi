from assay.v1 import rollout_pb2 as _rollout_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExitKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXIT_KIND_UNSPECIFIED: _ClassVar[ExitKind]
    EXIT_KIND_EXITED: _ClassVar[ExitKind]
    EXIT_KIND_SIGNALED: _ClassVar[ExitKind]
    EXIT_KIND_TIME_LIMIT: _ClassVar[ExitKind]
    EXIT_KIND_MEMORY_LIMIT: _ClassVar[ExitKind]
    EXIT_KIND_OUTPUT_LIMIT: _ClassVar[ExitKind]
    EXIT_KIND_COMPILE_ERROR: _ClassVar[ExitKind]

class TestOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEST_OUTCOME_UNSPECIFIED: _ClassVar[TestOutcome]
    TEST_OUTCOME_PASSED: _ClassVar[TestOutcome]
    TEST_OUTCOME_FAILED: _ClassVar[TestOutcome]
    TEST_OUTCOME_ERROR: _ClassVar[TestOutcome]
    TEST_OUTCOME_TIMEOUT: _ClassVar[TestOutcome]
    TEST_OUTCOME_MEMORY: _ClassVar[TestOutcome]
    TEST_OUTCOME_NOT_RUN: _ClassVar[TestOutcome]

class VerdictIsolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_ISOLATION_UNSPECIFIED: _ClassVar[VerdictIsolation]
    VERDICT_ISOLATION_SEPARATE: _ClassVar[VerdictIsolation]
    VERDICT_ISOLATION_IN_PROCESS: _ClassVar[VerdictIsolation]
EXIT_KIND_UNSPECIFIED: ExitKind
EXIT_KIND_EXITED: ExitKind
EXIT_KIND_SIGNALED: ExitKind
EXIT_KIND_TIME_LIMIT: ExitKind
EXIT_KIND_MEMORY_LIMIT: ExitKind
EXIT_KIND_OUTPUT_LIMIT: ExitKind
EXIT_KIND_COMPILE_ERROR: ExitKind
TEST_OUTCOME_UNSPECIFIED: TestOutcome
TEST_OUTCOME_PASSED: TestOutcome
TEST_OUTCOME_FAILED: TestOutcome
TEST_OUTCOME_ERROR: TestOutcome
TEST_OUTCOME_TIMEOUT: TestOutcome
TEST_OUTCOME_MEMORY: TestOutcome
TEST_OUTCOME_NOT_RUN: TestOutcome
VERDICT_ISOLATION_UNSPECIFIED: VerdictIsolation
VERDICT_ISOLATION_SEPARATE: VerdictIsolation
VERDICT_ISOLATION_IN_PROCESS: VerdictIsolation

class Limits(_message.Message):
    __slots__ = ("cpu_time", "wall_time", "memory_bytes", "output_bytes", "processes")
    CPU_TIME_FIELD_NUMBER: _ClassVar[int]
    WALL_TIME_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    cpu_time: _duration_pb2.Duration
    wall_time: _duration_pb2.Duration
    memory_bytes: int
    output_bytes: int
    processes: int
    def __init__(self, cpu_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., wall_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., memory_bytes: _Optional[int] = ..., output_bytes: _Optional[int] = ..., processes: _Optional[int] = ...) -> None: ...

class SourceFile(_message.Message):
    __slots__ = ("path", "data")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    path: str
    data: bytes
    def __init__(self, path: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class ExecuteRequest(_message.Message):
    __slots__ = ("language", "source", "files", "arguments", "stdin", "limits")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    STDIN_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    language: str
    source: str
    files: _containers.RepeatedCompositeFieldContainer[SourceFile]
    arguments: _containers.RepeatedScalarFieldContainer[str]
    stdin: bytes
    limits: Limits
    def __init__(self, language: _Optional[str] = ..., source: _Optional[str] = ..., files: _Optional[_Iterable[_Union[SourceFile, _Mapping]]] = ..., arguments: _Optional[_Iterable[str]] = ..., stdin: _Optional[bytes] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class ExecuteResponse(_message.Message):
    __slots__ = ("exit", "exit_code", "signal", "stdout", "stderr", "stdout_truncated", "stderr_truncated", "use", "compile_output")
    EXIT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    STDOUT_TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    STDERR_TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    COMPILE_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    exit: ExitKind
    exit_code: int
    signal: int
    stdout: bytes
    stderr: bytes
    stdout_truncated: bool
    stderr_truncated: bool
    use: ResourceUse
    compile_output: str
    def __init__(self, exit: _Optional[_Union[ExitKind, str]] = ..., exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., stdout_truncated: bool = ..., stderr_truncated: bool = ..., use: _Optional[_Union[ResourceUse, _Mapping]] = ..., compile_output: _Optional[str] = ...) -> None: ...

class ResourceUse(_message.Message):
    __slots__ = ("queue_time", "compile_time", "cpu_time", "wall_time", "peak_memory_bytes")
    QUEUE_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPILE_TIME_FIELD_NUMBER: _ClassVar[int]
    CPU_TIME_FIELD_NUMBER: _ClassVar[int]
    WALL_TIME_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    queue_time: _duration_pb2.Duration
    compile_time: _duration_pb2.Duration
    cpu_time: _duration_pb2.Duration
    wall_time: _duration_pb2.Duration
    peak_memory_bytes: int
    def __init__(self, queue_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., compile_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cpu_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., wall_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., peak_memory_bytes: _Optional[int] = ...) -> None: ...

class TestJob(_message.Message):
    __slots__ = ("job_id", "language", "source", "suite_json", "limits", "suite_digest", "refuse_in_process")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SUITE_JSON_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SUITE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    REFUSE_IN_PROCESS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    language: str
    source: str
    suite_json: str
    limits: Limits
    suite_digest: str
    refuse_in_process: bool
    def __init__(self, job_id: _Optional[str] = ..., language: _Optional[str] = ..., source: _Optional[str] = ..., suite_json: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., suite_digest: _Optional[str] = ..., refuse_in_process: bool = ...) -> None: ...

class TestResult(_message.Message):
    __slots__ = ("name", "outcome", "cpu_time", "wall_time", "message")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CPU_TIME_FIELD_NUMBER: _ClassVar[int]
    WALL_TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    outcome: TestOutcome
    cpu_time: _duration_pb2.Duration
    wall_time: _duration_pb2.Duration
    message: str
    def __init__(self, name: _Optional[str] = ..., outcome: _Optional[_Union[TestOutcome, str]] = ..., cpu_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., wall_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., message: _Optional[str] = ...) -> None: ...

class TestVerdict(_message.Message):
    __slots__ = ("passed", "pass_fraction", "tests", "first_failure", "compile_output", "use", "verdict_isolation")
    PASSED_FIELD_NUMBER: _ClassVar[int]
    PASS_FRACTION_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FAILURE_FIELD_NUMBER: _ClassVar[int]
    COMPILE_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_ISOLATION_FIELD_NUMBER: _ClassVar[int]
    passed: bool
    pass_fraction: float
    tests: _containers.RepeatedCompositeFieldContainer[TestResult]
    first_failure: str
    compile_output: str
    use: ResourceUse
    verdict_isolation: VerdictIsolation
    def __init__(self, passed: bool = ..., pass_fraction: _Optional[float] = ..., tests: _Optional[_Iterable[_Union[TestResult, _Mapping]]] = ..., first_failure: _Optional[str] = ..., compile_output: _Optional[str] = ..., use: _Optional[_Union[ResourceUse, _Mapping]] = ..., verdict_isolation: _Optional[_Union[VerdictIsolation, str]] = ...) -> None: ...

class TestJobResult(_message.Message):
    __slots__ = ("job_id", "verdict", "error")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    verdict: TestVerdict
    error: _rollout_pb2.Status
    def __init__(self, job_id: _Optional[str] = ..., verdict: _Optional[_Union[TestVerdict, _Mapping]] = ..., error: _Optional[_Union[_rollout_pb2.Status, _Mapping]] = ...) -> None: ...

class RunTestsRequest(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[TestJob]
    def __init__(self, jobs: _Optional[_Iterable[_Union[TestJob, _Mapping]]] = ...) -> None: ...

class RunTestsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[TestJobResult]
    def __init__(self, results: _Optional[_Iterable[_Union[TestJobResult, _Mapping]]] = ...) -> None: ...

class StreamTestsRequest(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[TestJob]
    def __init__(self, jobs: _Optional[_Iterable[_Union[TestJob, _Mapping]]] = ...) -> None: ...

class StreamTestsResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: TestJobResult
    def __init__(self, result: _Optional[_Union[TestJobResult, _Mapping]] = ...) -> None: ...
