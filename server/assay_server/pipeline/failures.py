"""Everything that can go wrong, as one kind of value, and the one table from domain errors to statuses.

A :class:`Failure` is either raised through an RPC or answered in-band for one item. Its message says what was
expected, what came and what to do; the text of an exception that was not foreseen never leaves the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from google.protobuf import any_pb2, duration_pb2, message

from assay.sdk import Unscorable
from assay.v1 import rollout_pb2
from assay_server.store.protocol import (
    LeaseEnded,
    RunConflict,
    StaleGeneration,
    StoreUnavailable,
    UnknownCheckpoint,
    UnknownRun,
)

DOMAIN = "assay"


class Code(IntEnum):
    """google.rpc.Code."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_MAX_MESSAGE_BYTES = 800
_MAX_PART_BYTES = 400
_MAX_VIOLATIONS_BYTES = 1200
"""A status travels in a call's trailers, of which clients take 8 KiB: escaped a message is three times as long."""

_RETRYABLE = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED})


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that is not as it should be; ``field`` is a path such as ``steps[0].reward``."""

    field: str
    description: str

    def at(self, field: str) -> Violation:
        """The same violation, at another path."""
        return Violation(field, self.description)


def _no_metadata() -> Mapping[str, str]:
    return {}


@dataclass(eq=False)
class Failure(Exception):
    """Why something was not done.

    Attributes:
        reason: stable UPPER_SNAKE_CASE name; programs branch on it.
        retry_after: seconds after which a retry makes sense; None = nothing is known.
        retryable: whether the same request may succeed later; None = what the code usually means.
    """

    code: Code
    reason: str
    message: str
    violations: tuple[Violation, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=_no_metadata)
    retry_after: float | None = None
    retryable: bool | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"

    def to_status(self) -> rollout_pb2.Status:
        """The failure on the wire, long texts cut; identical in bytes to a google.rpc.Status."""
        retryable = self.code in _RETRYABLE if self.retryable is None else self.retryable
        metadata = {name: _brief(text, _MAX_PART_BYTES) for name, text in self.metadata.items()}
        info = rollout_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=metadata)
        info.metadata["retryable"] = "true" if retryable else "false"
        details = [_packed("ErrorInfo", info)]
        if self.retry_after is not None:
            details.append(_packed("RetryInfo", rollout_pb2.RetryInfo(retry_delay=duration_of(self.retry_after))))
        if self.violations:
            details.append(_packed("BadRequest", _bad_request(self.violations)))
        return rollout_pb2.Status(code=self.code, message=_brief(self.message, _MAX_MESSAGE_BYTES), details=details)


def _bad_request(violations: Sequence[Violation]) -> rollout_pb2.BadRequest:
    """The first of the violations: as many as there is room for, one at least."""
    request = rollout_pb2.BadRequest()
    room = _MAX_VIOLATIONS_BYTES
    for violation in violations:
        field = _brief(violation.field, _MAX_PART_BYTES)
        description = _brief(violation.description, _MAX_PART_BYTES)
        room -= len(field.encode()) + len(description.encode())
        if room < 0:
            break
        request.field_violations.add(field=field, description=description)
    return request


def _brief(text: str, size: int) -> str:
    """The text, or what of it has at most so many bytes."""
    if len(text) * 4 <= size:
        return text
    data = text.encode("utf-8", "replace")
    return text if len(data) <= size else data[: size - 3].decode("utf-8", "ignore") + "…"


def _packed(name: str, detail: message.Message) -> any_pb2.Any:
    return any_pb2.Any(type_url=f"type.googleapis.com/google.rpc.{name}", value=detail.SerializeToString())


def duration_of(seconds: float) -> duration_pb2.Duration:
    """A protobuf duration of so many seconds."""
    nanos = round(seconds * 1e9)
    return duration_pb2.Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)


def invalid(message: str, violations: Sequence[Violation], reason: str = "INVALID_ARGUMENT") -> Failure:
    """INVALID_ARGUMENT with its field violations."""
    return Failure(Code.INVALID_ARGUMENT, reason, message, tuple(violations))


def invalid_field(path: str, description: str) -> Failure:
    """INVALID_ARGUMENT because of one field."""
    return invalid(f"{path}: {description}", (Violation(path, description),))


def internal() -> Failure:
    """What a caller is told of an exception that was not foreseen."""
    return Failure(Code.INTERNAL, "INTERNAL", "the server failed on this request; its log has the details")


def of_unscorable(error: Unscorable) -> Failure:
    """A sample that could not be scored, as the status that answers it."""
    code = _UNSCORABLE.get(error.reason, Code.FAILED_PRECONDITION)
    violations = (Violation(error.field, error.message),) if error.field else ()
    return Failure(code, error.reason, error.message, violations, retryable=error.retryable)


_UNSCORABLE = {
    "REFERENCE_MISSING": Code.INVALID_ARGUMENT,
    "REFERENCE_UNPARSEABLE": Code.INVALID_ARGUMENT,
    "MISSING_SIGNAL": Code.INVALID_ARGUMENT,
    "UNKNOWN_TASK_TYPE": Code.INVALID_ARGUMENT,
    "REWARD_FAILED": Code.INTERNAL,
    "REWARD_OUT_OF_BOUNDS": Code.INTERNAL,
    "REWARD_EXITED": Code.INTERNAL,
    "REWARD_CRASHED": Code.INTERNAL,
    "DEADLINE_EXCEEDED": Code.DEADLINE_EXCEEDED,
    "MEMORY_LIMIT": Code.RESOURCE_EXHAUSTED,
    "WORKER_LOST": Code.UNAVAILABLE,
    "LANE_STOPPED": Code.UNAVAILABLE,
    "LANE_UNAVAILABLE": Code.UNAVAILABLE,
    "PORT_UNAVAILABLE": Code.UNIMPLEMENTED,
    "BAD_SUITE": Code.INVALID_ARGUMENT,
    "BAD_LIMIT": Code.INVALID_ARGUMENT,
    "LANGUAGE_UNAVAILABLE": Code.FAILED_PRECONDITION,
    "PROVER_FAILED": Code.UNAVAILABLE,
    "SOURCE_TOO_LONG": Code.INVALID_ARGUMENT,
    "SUITE_UNSUPPORTED": Code.INVALID_ARGUMENT,
    "UNKNOWN_LANGUAGE": Code.INVALID_ARGUMENT,
    "UNKNOWN_JUDGE": Code.NOT_FOUND,
    "JUDGE_UNAVAILABLE": Code.UNAVAILABLE,
    "UNKNOWN_DATABASE": Code.NOT_FOUND,
    "DATABASE_UNAVAILABLE": Code.FAILED_PRECONDITION,
    "REFERENCE_FAILED": Code.INVALID_ARGUMENT,
    "JUDGE_BUDGET": Code.RESOURCE_EXHAUSTED,
    "JUDGE_QUOTA": Code.RESOURCE_EXHAUSTED,
    "JUDGE_UNPRICED": Code.FAILED_PRECONDITION,
    "JUDGE_INPUT_TOO_LONG": Code.INVALID_ARGUMENT,
}


def failure_of(error: Exception) -> Failure | None:
    """The failure that a foreseen exception means; None for one that was not foreseen."""
    match error:
        case Failure():
            return error
        case StaleGeneration():
            return Failure(
                Code.FAILED_PRECONDITION,
                "STALE_GENERATION",
                f"{error}; open again with generation {error.present}",
                metadata={"generation": str(error.present)},
            )
        case UnknownRun():
            return Failure(Code.NOT_FOUND, "RUN_NOT_FOUND", "there is no such run; create it with CreateRun")
        case RunConflict():
            return Failure(Code.ALREADY_EXISTS, "RUN_EXISTS", "the run id is taken by a run with another spec")
        case UnknownCheckpoint():
            return Failure(Code.NOT_FOUND, "CHECKPOINT_NOT_FOUND", "the run has no such checkpoint")
        case LeaseEnded():
            message = "this server was taken for gone; connect again"
            return Failure(Code.UNAVAILABLE, "RUN_RESTARTS", message, retry_after=0.1)
        case StoreUnavailable():
            return Failure(Code.UNAVAILABLE, "STORE_UNAVAILABLE", "the store cannot be written now", retry_after=1.0)
        case Unscorable():
            return of_unscorable(error)
        case _:
            return None
