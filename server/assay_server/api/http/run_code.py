"""``/run_code``: SandboxFusion's call, served by ``SandboxService/Execute``.

Its contract: ``code``, ``language``, ``stdin``, ``run_timeout``, ``compile_timeout`` (seconds), ``memory_limit_MB``,
``files`` (path to base64), ``args`` in; ``status`` (Success, Failed, SandboxError), ``message``, ``compile_result``,
``run_result`` out. What the sandbox could not do is SandboxError, never a program's failure; what the caller did wrong
is an HTTP error.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assay.sdk import Json
from assay.v1 import sandbox_service_pb2 as wire
from assay_server.api.http.answers import json_bytes
from assay_server.api.http.bodies import read_value
from assay_server.api.http.dispatch import Dispatch
from assay_server.api.http.routes import Answer, post
from assay_server.pipeline.failures import Code, Failure, duration_of, invalid_field

_EXECUTE: Final = "/assay.v1.SandboxService/Execute"
_DEFAULT_SECONDS: Final = 10.0
_MOST_SECONDS: Final = 3600.0
_FIELDS: Final = frozenset(
    {
        "code", "language", "stdin", "run_timeout", "compile_timeout", "memory_limit_MB", "files", "fetch_files",
        "args",
    }
)  # fmt: skip
_LANGUAGES: Final = {"nodejs": "javascript"}
_SANDBOX_FAILED: Final = frozenset({Code.FAILED_PRECONDITION, Code.UNAVAILABLE, Code.INTERNAL, Code.DATA_LOSS})


def run_code_routes(dispatch: Dispatch) -> list[Route]:
    """The one route."""

    async def run_code(request: Request) -> Answer:
        dispatch.admit(request, _EXECUTE)
        asked = _request(await read_value(request))
        try:
            answer = _answer(await dispatch.call(request, _EXECUTE, asked, wire.ExecuteResponse))
        except Failure as failure:
            if failure.code not in _SANDBOX_FAILED:
                raise
            answer = _written("SandboxError", failure.message, None, None)
        return Response(json_bytes(answer), media_type="application/json")

    return [post("/run_code", run_code)]


def _request(body: Json) -> wire.ExecuteRequest:
    if not isinstance(body, dict):
        raise invalid_field("body", "expected an object")
    if unknown := sorted(set(body) - _FIELDS):
        raise invalid_field(unknown[0][:64], "is no field of this request")
    if body.get("fetch_files"):
        message = "fetch_files: files that a program leaves are not given back; let it print what is wanted"
        raise Failure(Code.UNIMPLEMENTED, "UNIMPLEMENTED", message)
    _seconds(body, "compile_timeout")  # compilers have limits of the server's own
    run = duration_of(_seconds(body, "run_timeout"))
    language = _text(body, "language")
    try:
        return wire.ExecuteRequest(
            language=_LANGUAGES.get(language, language),
            source=_text(body, "code"),
            stdin=_text(body, "stdin", optional=True).encode(),
            files=_files(body.get("files")),
            arguments=_arguments(body.get("args")),
            limits=wire.Limits(cpu_time=run, wall_time=run, memory_bytes=_memory(body.get("memory_limit_MB"))),
        )
    except UnicodeEncodeError:
        raise invalid_field("code", "a text is not valid Unicode") from None


def _text(body: Mapping[str, Json], name: str, *, optional: bool = False) -> str:
    value = body.get(name)
    if value is None and optional:
        return ""
    if not isinstance(value, str):
        raise invalid_field(name, "expected a text")
    return value


def _seconds(body: Mapping[str, Json], name: str) -> float:
    value = body.get(name)
    if value is None:
        return _DEFAULT_SECONDS
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _MOST_SECONDS:
        raise invalid_field(name, f"expected seconds, more than 0 and at most {_MOST_SECONDS:g}")
    return float(value)


def _memory(value: Json) -> int:
    """Bytes; 0 = the server's own limit."""
    if value is None or value == -1:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 24:
        raise invalid_field("memory_limit_MB", "expected a positive integer, or -1 for the server's own limit")
    return value << 20


def _files(value: Json) -> list[wire.SourceFile]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise invalid_field("files", "expected an object of paths and contents in base64")
    files: list[wire.SourceFile] = []
    for path, content in value.items():
        if content is None:
            continue
        try:
            data = base64.b64decode(content if isinstance(content, str) else "?", validate=True)
        except (binascii.Error, ValueError):
            raise invalid_field("files", f"expected base64 for {path[:80]!r}") from None
        files.append(wire.SourceFile(path=path, data=data))
    return files


def _arguments(value: Json) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise invalid_field("args", "expected a list of texts")
    return cast("list[str]", value)


def _answer(response: wire.ExecuteResponse) -> dict[str, Json]:
    use = response.use
    compiling = use.compile_time.seconds + use.compile_time.nanos / 1e9
    if response.exit == wire.EXIT_KIND_COMPILE_ERROR:
        return _written("Failed", "", _result("Finished", compiling, 1, "", response.compile_output), None)
    compiled = _result("Finished", compiling, 0, "", "") if compiling else None
    running = use.wall_time.seconds + use.wall_time.nanos / 1e9
    stdout, stderr = (stream.decode("utf-8", "replace") for stream in (response.stdout, response.stderr))
    over_time = response.exit == wire.EXIT_KIND_TIME_LIMIT
    code = None if over_time else _return_code(response)
    ran = _result("TimeLimitExceeded" if over_time else "Finished", running, code, stdout, stderr)
    return _written("Success" if code == 0 else "Failed", _why(response), compiled, ran)


def _return_code(response: wire.ExecuteResponse) -> int:
    """As a process's parent sees it: negative where a signal ended it. A program that a limit ended never returns 0."""
    if response.exit == wire.EXIT_KIND_EXITED:
        return response.exit_code
    return -(response.signal or 9)


def _why(response: wire.ExecuteResponse) -> str:
    match response.exit:
        case wire.EXIT_KIND_MEMORY_LIMIT:
            return "the program needed more memory than it may use"
        case wire.EXIT_KIND_OUTPUT_LIMIT:
            return "the program wrote more than it may"
        case _:
            return ""


def _result(status: str, seconds: float, code: int | None, stdout: str, stderr: str) -> dict[str, Json]:
    return {"status": status, "execution_time": seconds, "return_code": code, "stdout": stdout, "stderr": stderr}


def _written(
    status: str, message: str, compiled: dict[str, Json] | None, ran: dict[str, Json] | None
) -> dict[str, Json]:
    return {
        "status": status,
        "message": message,
        "compile_result": compiled,
        "run_result": ran,
        "executor_pod_name": None,
        "files": {},
    }
