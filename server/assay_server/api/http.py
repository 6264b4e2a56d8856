"""The HTTP door: probes and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from assay_sandbox.protocol import Grade, Level
from assay_server.metrics import Metrics
from assay_server.version import VERSION


def http_application(metrics: Metrics, is_ready: Callable[[], bool], isolation: Callable[[], Level]) -> FastAPI:
    """The application that serves ``/livez``, ``/readyz``, ``/sandboxz`` and ``/metrics``.

    ``/sandboxz`` says what isolation untrusted code has here; 503 where that is none.
    """
    application = FastAPI(title="Assay", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)

    async def livez() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def readyz() -> PlainTextResponse:
        return PlainTextResponse("ok\n") if is_ready() else PlainTextResponse("not ready\n", status_code=503)

    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def sandboxz() -> JSONResponse:
        level = await asyncio.to_thread(isolation)
        body = {
            "backend": level.backend,
            "isolation": level.grade.name.lower(),
            "mechanisms": [asdict(mechanism) for mechanism in level.mechanisms],
        }
        return JSONResponse(body, status_code=503 if level.grade is Grade.NONE else 200)

    application.add_api_route("/sandboxz", sandboxz, methods=["GET"])
    application.add_api_route("/livez", livez, methods=["GET"])
    application.add_api_route("/readyz", readyz, methods=["GET"])
    application.add_api_route("/metrics", exposition, methods=["GET"])
    return application
