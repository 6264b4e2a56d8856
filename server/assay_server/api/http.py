"""The HTTP door: probes and metrics."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from assay_server.metrics import Metrics
from assay_server.version import VERSION


def http_application(metrics: Metrics, is_ready: Callable[[], bool]) -> FastAPI:
    """The application that serves ``/livez``, ``/readyz`` and ``/metrics``."""
    application = FastAPI(title="Assay", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)

    async def livez() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def readyz() -> PlainTextResponse:
        return PlainTextResponse("ok\n") if is_ready() else PlainTextResponse("not ready\n", status_code=503)

    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    application.add_api_route("/livez", livez, methods=["GET"])
    application.add_api_route("/readyz", readyz, methods=["GET"])
    application.add_api_route("/metrics", exposition, methods=["GET"])
    return application
