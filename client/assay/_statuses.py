"""Reading google.rpc.Status and its details with nothing but protobuf."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from assay.errors import AssayError, Failure, Violation, error_of
from assay.v1 import rollout_pb2 as v1

_PREFIXES = ("google.rpc.", "assay.v1.")


def failure_of(status: v1.Status) -> Failure:
    """A status as a value. Details of unknown type, or that cannot be read, are left out."""
    reason, metadata, violations, retry_after = "", {}, (), None
    for detail in status.details:
        name = detail.type_url.rpartition("/")[2].removeprefix(_PREFIXES[0]).removeprefix(_PREFIXES[1])
        try:
            if name == "ErrorInfo":
                info = v1.ErrorInfo.FromString(detail.value)
                reason, metadata = info.reason, dict(info.metadata)
            elif name == "RetryInfo":
                delay = v1.RetryInfo.FromString(detail.value).retry_delay
                retry_after = round(delay.seconds + delay.nanos / 1e9, 9)
            elif name == "BadRequest":
                request = v1.BadRequest.FromString(detail.value)
                violations = tuple(Violation(v.field, v.description, v.reason) for v in request.field_violations)
        except DecodeError:
            continue
    return Failure(status.code, status.message, reason, metadata, violations, retry_after)


def failure_from(code: int, message: str, details_bin: bytes | None) -> Failure:
    """The failure of an RPC from its code, its message and its ``grpc-status-details-bin`` trailer."""
    if details_bin:
        try:
            status = v1.Status.FromString(details_bin)
        except DecodeError:
            return Failure(code, message)
        if status.code == code:
            return failure_of(status)
    return Failure(code, message)


def error_from_status(status: v1.Status) -> AssayError:
    """The exception for a status that came in a message."""
    return error_of(failure_of(status))
