"""Probes and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from assay_sandbox.protocol import Grade, Level
from assay_server.metrics import Metrics


def probe_routes(metrics: Metrics, is_ready: Callable[[], bool], isolation: Callable[[], Level]) -> list[Route]:
    """``/livez``, ``/readyz``, ``/sandboxz`` and ``/metrics``, which need no token.

    ``/sandboxz`` says what isolation untrusted code has here; 503 where that is none.
    """

    async def livez(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n") if is_ready() else PlainTextResponse("not ready\n", status_code=503)

    async def exposition(_: Request) -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def sandboxz(_: Request) -> JSONResponse:
        level = await asyncio.to_thread(isolation)
        body = {
            "backend": level.backend,
            "isolation": level.grade.name.lower(),
            "mechanisms": [asdict(mechanism) for mechanism in level.mechanisms],
        }
        return JSONResponse(body, status_code=503 if level.grade is Grade.NONE else 200)

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/sandboxz", sandboxz),
        Route("/metrics", exposition),
    ]
