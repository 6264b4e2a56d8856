"""Statuses as values; every one that a test sees is checked for what it must never say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from assay.v1 import rollout_pb2
from assay_server.pipeline.failures import Code

from .leaks import leak_in


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status with its details: one of gRPC, or one answered in-band."""

    code: Code
    reason: str
    message: str
    fields: tuple[str, ...]
    metadata: Mapping[str, str]
    retry_seconds: float | None


def refusal_of(status: rollout_pb2.Status) -> Refusal:
    """The status as a value; fails the test where it lacks ErrorInfo or leaks the server's insides."""
    details = {any_.type_url.rpartition(".")[2]: any_.value for any_ in status.details}
    assert "ErrorInfo" in details, f"no ErrorInfo in {status}"
    info = rollout_pb2.ErrorInfo.FromString(details["ErrorInfo"])
    assert info.domain == "assay"
    assert info.metadata["retryable"] in {"true", "false"}
    violations = rollout_pb2.BadRequest.FromString(details.get("BadRequest", b"")).field_violations
    retry = rollout_pb2.RetryInfo.FromString(details["RetryInfo"]).retry_delay if "RetryInfo" in details else None
    for text in (status.message, *(violation.description for violation in violations)):
        assert not (leak := leak_in(text)), f"a status leaks {leak!r}: {text}"
    return Refusal(
        code=Code(status.code),
        reason=info.reason,
        message=status.message,
        fields=tuple(violation.field for violation in violations),
        metadata=dict(info.metadata),
        retry_seconds=None if retry is None else retry.seconds + retry.nanos / 1e9,
    )


def refusal_of_error(error: grpc.aio.AioRpcError) -> Refusal:
    """The status that ended a call, with its details."""
    trailing = dict(error.trailing_metadata() or ())
    details = trailing.get("grpc-status-details-bin")
    assert isinstance(details, bytes), f"no details in {error.code()}: {error.details()}"
    status = rollout_pb2.Status.FromString(details)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return refusal_of(status)
