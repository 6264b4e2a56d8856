"""Routes whose errors are answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from assay_server.api.http.refusals import refusal
from assay_server.pipeline.failures import failure_of, internal

Answer = ASGIApp
"""A response, or something that sends one."""

Endpoint = Callable[[Request], Awaitable[Answer]]

_log = structlog.get_logger(__name__)
_GONE = 499


def post(path: str, endpoint: Endpoint) -> Route:
    """A route for POST."""
    return Route(path, _answering(endpoint), methods=["POST"])


def get(path: str, endpoint: Endpoint) -> Route:
    """A route for GET."""
    return Route(path, _answering(endpoint), methods=["GET"])


def _answering(endpoint: Endpoint) -> Endpoint:
    async def serve(request: Request) -> Answer:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=_GONE)
        except Exception as error:  # noqa: BLE001 - the boundary: every error becomes a status
            failure = failure_of(error)
            if failure is None:
                _log.error("request failed", path=request.url.path, exc_info=error)
                failure = internal()
            return refusal(failure)

    return serve
