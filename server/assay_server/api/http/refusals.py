"""Failures as HTTP answers: the error JSON of AIP-193, with the status that its code means."""

from __future__ import annotations

import math
from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from assay.json_mapping import message_to_json
from assay.sdk import Json
from assay_server.pipeline.failures import Code, Failure

_STATUS: Mapping[Code, int] = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
"""As google.rpc.Code documents them."""

_OF_HTTP_ALONE: Mapping[str, int] = {"METHOD_NOT_ALLOWED": 405, "BODY_TOO_LARGE": 413, "UNSUPPORTED_MEDIA_TYPE": 415}
"""Reasons for which HTTP has a status that says more than their code's."""


def http_status(failure: Failure) -> int:
    """The HTTP status of a failure."""
    return _OF_HTTP_ALONE.get(failure.reason) or _STATUS[failure.code]


def error_json(failure: Failure) -> dict[str, Json]:
    """``{"error": {"code", "message", "status", "details"}}``; ``code`` is the HTTP status, as AIP-193 has it."""
    status = failure.to_status()
    details = message_to_json(status).get("details", [])
    error: dict[str, Json] = {
        "code": http_status(failure),
        "message": status.message,
        "status": failure.code.name,
        "details": details,
    }
    return {"error": error}


def refusal(failure: Failure, extra: Mapping[str, str] | None = None) -> Response:
    """The answer that says why not."""
    headers = dict(extra or {})
    if failure.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(failure.retry_after)))
    if failure.code is Code.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error_json(failure), http_status(failure), headers)


def deadline_exceeded() -> Failure:
    """What a call is told whose time is up."""
    return Failure(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the call was not done within the time it was given")
