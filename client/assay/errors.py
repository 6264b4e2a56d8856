"""Everything Assay raises on purpose.

::

    AssayError
    ├── ServiceFailed            the world failed: nothing is wrong with the call
    │   ├── Unavailable          nobody answered; trying again may help
    │   ├── DeadlineExceeded     the answer did not come in time
    │   ├── ResourceExhausted    a quota or a limit; ``retry_after`` says when to come back
    │   ├── DataLoss             something that was promised is gone
    │   └── Internal             a fault of the service
    ├── Misuse                   the call cannot succeed as it is
    │   ├── InvalidArgument      ``violations`` name the fields
    │   ├── NotFound
    │   ├── AlreadyExists
    │   ├── FailedPrecondition
    │   │   └── StaleGeneration  the run was restored; open again with its new generation
    │   ├── Aborted              does not continue what the service holds
    │   ├── PermissionDenied
    │   ├── Unauthenticated
    │   └── Unimplemented
    ├── Cancelled                taken back by the caller
    ├── NotScored                a rollout's score was read, but it could not be scored
    ├── StreamReplaced           another stream of the same consumer took over
    └── StreamClosed             the stream was closed, or belongs to the parent of a forked process
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

_NO_METADATA: Mapping[str, str] = MappingProxyType({})


def _no_metadata() -> Mapping[str, str]:
    return _NO_METADATA


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that was refused.

    Attributes:
        field: its path, e.g. ``rollouts[3].steps[0].reward``.
        description: what was expected and what came.
        reason: stable UPPER_SNAKE_CASE name, where there is one.
    """

    field: str
    description: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the service could not do something, as it said it.

    Attributes:
        code: a google.rpc.Code, e.g. 4 for DEADLINE_EXCEEDED.
        reason: stable UPPER_SNAKE_CASE name; programs branch on it.
        retry_after: seconds after which a retry can help; None where nothing was said.
    """

    code: int
    message: str
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=_no_metadata)
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        said = self.metadata.get("retryable")
        return said == "true" if said is not None else self.code in (8, 14)

    @property
    def code_name(self) -> str:
        """The code's name, e.g. ``DEADLINE_EXCEEDED``."""
        return CODE_NAMES.get(self.code, f"CODE_{self.code}")


class AssayError(Exception):
    """The root of everything Assay raises on purpose.

    Attributes:
        failure: what the service said, or what the client found before it asked.
    """

    code: ClassVar[int] = 2

    def __init__(self, message: str, *, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure or Failure(self.code, message)

    @property
    def reason(self) -> str:
        """Stable UPPER_SNAKE_CASE name of the cause; empty where there is none."""
        return self.failure.reason

    @property
    def metadata(self) -> Mapping[str, str]:
        """What else the service said about the cause."""
        return self.failure.metadata

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        return self.failure.retryable


class ServiceFailed(AssayError):
    """The world failed: nothing is wrong with the call."""


class Unavailable(ServiceFailed):
    """Nobody answered; trying again may help."""

    code = 14


class DeadlineExceeded(ServiceFailed):
    """The answer did not come in time."""

    code = 4


class ResourceExhausted(ServiceFailed):
    """A quota or a limit was reached."""

    code = 8

    @property
    def retry_after(self) -> float | None:
        """Seconds after which to come back; None where the service did not say."""
        return self.failure.retry_after


class DataLoss(ServiceFailed):
    """Something that was promised is gone."""

    code = 15


class Internal(ServiceFailed):
    """A fault of the service."""

    code = 13


class Misuse(AssayError):
    """The call cannot succeed as it is."""


class InvalidArgument(Misuse):
    """A value was refused, by the client before it asked or by the service."""

    code = 3

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The refused fields."""
        return self.failure.violations


class NotFound(Misuse):
    """There is no such thing, or it belongs to another tenant."""

    code = 5


class AlreadyExists(Misuse):
    """The name is taken by something else."""

    code = 6


class FailedPrecondition(Misuse):
    """The state of the service does not allow it."""

    code = 9


class StaleGeneration(FailedPrecondition):
    """The run was restored since: open again with its new generation."""


class Aborted(Misuse):
    """The call does not continue what the service holds."""

    code = 10


class PermissionDenied(Misuse):
    """The key lacks the scope."""

    code = 7


class Unauthenticated(Misuse):
    """There is no key, or it is not known."""

    code = 16


class Unimplemented(Misuse):
    """The service does not offer this."""

    code = 12


class Cancelled(AssayError):
    """Taken back by the caller."""

    code = 1


class NotScored(AssayError):
    """A rollout's score was read, but it could not be scored; ``failure`` says why."""

    code = 9


class StreamReplaced(AssayError):
    """Another stream of the same consumer took over."""

    code = 10


class StreamClosed(AssayError):
    """The stream was closed, or belongs to the parent of a forked process."""

    code = 9


BY_CODE: Mapping[int, type[AssayError]] = MappingProxyType(
    {
        1: Cancelled,
        2: Internal,
        3: InvalidArgument,
        4: DeadlineExceeded,
        5: NotFound,
        6: AlreadyExists,
        7: PermissionDenied,
        8: ResourceExhausted,
        9: FailedPrecondition,
        10: Aborted,
        11: InvalidArgument,
        12: Unimplemented,
        13: Internal,
        14: Unavailable,
        15: DataLoss,
        16: Unauthenticated,
    }
)
"""The one table from google.rpc.Code to exception."""

_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
CODE_NAMES: Mapping[int, str] = MappingProxyType(dict(enumerate(_CODES)))

STALE_GENERATION = "STALE_GENERATION"


def error_of(failure: Failure) -> AssayError:
    """The exception for a failure."""
    kind = BY_CODE.get(failure.code, Internal)
    if kind is FailedPrecondition and failure.reason == STALE_GENERATION:
        kind = StaleGeneration
    listed = "".join(f"\n  {violation.field}: {violation.description}" for violation in failure.violations)
    return kind(f"{failure.message or failure.code_name}{listed}", failure=failure)


def invalid(field_path: str, description: str) -> InvalidArgument:
    """An :class:`InvalidArgument` about one field, found before anything was sent."""
    return InvalidArgument(
        f"{field_path}: {description}",
        failure=Failure(3, description, violations=(Violation(field_path, description),)),
    )


def not_scored(rollout_id: str, failure: Failure) -> NotScored:
    """The :class:`NotScored` for a rollout."""
    return NotScored(f"rollout {rollout_id!r} could not be scored: {failure.message}", failure=failure)
