"""The application of the HTTP door, put together."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from assay_server.api.http.access import Guard, Names
from assay_server.api.http.refusals import refusal
from assay_server.pipeline.failures import Code, Failure, internal
from assay_server.version import VERSION


def http_application(routes: Sequence[BaseRoute], names: Names) -> FastAPI:
    """The application that serves these routes, guarded."""
    application = FastAPI(title="Assay", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)
    application.router.routes.extend(routes)
    application.add_middleware(Guard, names=names)
    application.add_exception_handler(HTTPException, _refused)
    application.add_exception_handler(Exception, _failed)
    return application


async def _refused(request: Request, error: Exception) -> Response:
    """What no route takes."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        failure = Failure(Code.UNIMPLEMENTED, "METHOD_NOT_ALLOWED", "this path does not take this HTTP method")
        allowed = error.headers if isinstance(error, HTTPException) else None
        return refusal(failure, allowed)
    path = request.url.path[:200]
    return refusal(Failure(Code.NOT_FOUND, "NO_SUCH_PATH", f"there is nothing at {path!r}; /openapi.json lists all"))


async def _failed(request: Request, error: Exception) -> Response:
    """What nobody foresaw; it is logged where it is raised again."""
    del request, error
    return refusal(internal())
