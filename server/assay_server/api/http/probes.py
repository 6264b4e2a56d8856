"""Probes and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from assay_sandbox.protocol import Grade, Level
from assay_server.api.http.routes import get
from assay_server.metrics import Metrics


def health_routes(is_ready: Callable[[], bool]) -> list[Route]:
    """``/livez`` and ``/readyz``, for anybody."""

    async def livez(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n") if is_ready() else PlainTextResponse("not ready\n", status_code=503)

    return [Route("/livez", livez), Route("/readyz", readyz)]


def operator_routes(
    metrics: Metrics, isolation: Callable[[], Level], admit: Callable[[Request], object]
) -> list[Route]:
    """``/metrics`` and ``/sandboxz``, which are about all tenants: where callers are known, for the operator's keys.

    ``/sandboxz`` says what isolation untrusted code has here; 503 where that is none.

    Args:
        admit: raises Failure for who may not ask.
    """

    async def exposition(request: Request) -> Response:
        admit(request)
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def sandboxz(request: Request) -> JSONResponse:
        admit(request)
        level = await asyncio.to_thread(isolation)
        body = {
            "backend": level.backend,
            "isolation": level.grade.name.lower(),
            "mechanisms": [asdict(mechanism) for mechanism in level.mechanisms],
        }
        return JSONResponse(body, status_code=503 if level.grade is Grade.NONE else 200)

    return [get("/metrics", exposition), get("/sandboxz", sandboxz)]
