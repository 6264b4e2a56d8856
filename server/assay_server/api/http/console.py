"""The console: its files for anybody, what it shows for those who may read the records."""

from __future__ import annotations

import contextlib
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from assay_server.api.http.dispatch import Dispatch
from assay_server.api.http.routes import Answer, Endpoint, get
from assay_server.console.pages import POLICY, assets
from assay_server.console.report import report_page
from assay_server.console.side_process import SideProcess
from assay_server.pipeline.failures import Code, Failure

_READS_RECORDS: Final = "/assay.v1.RunService/ExportRollouts"
"""Who may have this call may look at the records."""

_QUESTIONS: Final = ("runs", "run", "prompts", "groups", "group", "rollout")
_PAGE_HEADERS: Final = {
    "content-security-policy": POLICY,
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def console_routes(dispatch: Dispatch, side: SideProcess) -> list[Route]:
    """``/console/`` and below."""
    return [
        get("/console", _home),
        get("/console/", _entering(side)),
        *(get(f"/console/api/{question}", _asking(dispatch, side, question)) for question in _QUESTIONS),
        get("/console/api/door", _knocking(dispatch)),
        get("/console/report", _reporting(dispatch, side)),
        get("/console/{name}", _file),
    ]


async def _home(request: Request) -> Answer:
    del request
    return RedirectResponse("/console/", 308)


def _entering(side: SideProcess) -> Endpoint:
    async def enter(request: Request) -> Answer:
        with contextlib.suppress(OSError):  # who asks a question will be told
            await side.warm()
        return await _file(request)

    return enter


async def _file(request: Request) -> Answer:
    asset = assets().get(request.path_params.get("name", "index.html"))
    if asset is None:
        raise Failure(Code.NOT_FOUND, "NO_SUCH_PATH", "the console has no such file")
    headers = {**_PAGE_HEADERS, "etag": asset.tag}
    if request.headers.get("if-none-match") == asset.tag:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _knocking(dispatch: Dispatch) -> Endpoint:
    async def knock(request: Request) -> Answer:
        """Whether who asks is let in: a page finds out without a failed request."""
        try:
            dispatch.admit(request)
        except Failure:
            return JSONResponse({"known": False})
        return JSONResponse({"known": True})

    return knock


def _asking(dispatch: Dispatch, side: SideProcess, question: str) -> Endpoint:
    async def ask(request: Request) -> Answer:
        principal = dispatch.admit(request, _READS_RECORDS)
        answer = await side.ask(question, principal.tenant, request.query_params)
        return Response(answer, media_type="application/json")

    return ask


def _reporting(dispatch: Dispatch, side: SideProcess) -> Endpoint:
    async def report(request: Request) -> Answer:
        principal = dispatch.admit(request, _READS_RECORDS)
        page, policy = report_page(await side.ask("whole_run", principal.tenant, request.query_params))
        headers = {"content-security-policy": policy, "content-disposition": 'attachment; filename="run.html"'}
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)

    return report
