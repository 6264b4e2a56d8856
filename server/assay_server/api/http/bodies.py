"""What a request brings: its body within bounds, as JSON that can be worked with, as the message it stands for."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Final, NoReturn, TypeVar, cast

from google.protobuf.message import Message
from starlette.requests import Request

from assay.json_mapping import JsonMappingError, message_from_json
from assay.sdk import Json
from assay_server.api.streams import MAX_MESSAGE_BYTES
from assay_server.pipeline.failures import Code, Failure, Violation, invalid
from assay_server.pipeline.json_fields import deeper_than

M = TypeVar("M", bound=Message)

MAX_NESTING: Final = 200
"""Levels of arrays and objects; code that walks a value may recurse as deep."""

MAX_OBJECTS: Final = 1_000_000
"""Objects in a body; each costs far more than its bytes."""

BIG_BYTES: Final = 64 * 1024
"""More than this is read and written in another thread, so that it holds nobody else up."""


async def read_body(request: Request) -> bytes:
    """The body of a request that says it is JSON.

    Raises:
        Failure: UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE.
    """
    media, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if media.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        raise _unsupported("send JSON in UTF-8, with Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported("compressed bodies are not read; send it as it is")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > MAX_MESSAGE_BYTES):
        raise _too_large()
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_MESSAGE_BYTES:
            raise _too_large()
    return bytes(data)


async def read_value(request: Request) -> Json:
    """The JSON value of a request. Raises Failure."""
    data = await read_body(request)
    return await asyncio.to_thread(parse_json, data) if len(data) > BIG_BYTES else parse_json(data)


async def read_message(request: Request, kind: type[M]) -> M:
    """The message of a request. Raises Failure."""
    data = await read_body(request)
    if len(data) > BIG_BYTES:
        return await asyncio.to_thread(_message, data, kind)
    return _message(data, kind)


def _message(data: bytes, kind: type[M]) -> M:
    return to_message(parse_json(data), kind)


def to_message(value: Json, kind: type[M]) -> M:
    """The message that a JSON value stands for. Raises Failure."""
    try:
        return message_from_json(value, kind)
    except JsonMappingError as error:
        raise invalid(str(error), [Violation(error.field, error.message)]) from None


def parse_json(data: bytes) -> Json:
    """The value of a JSON text: UTF-8, finite numbers, every name once, not too deep.

    Raises:
        Failure: NOT_UTF8, NOT_JSON, NOT_FINITE, DUPLICATE_NAME, NESTED_TOO_DEEP, BODY_TOO_LARGE.
    """
    if len(data) > MAX_OBJECTS and data.count(b"{") > MAX_OBJECTS:
        raise _too_large(f"at most {MAX_OBJECTS} objects are read")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable("NOT_UTF8", f"byte {error.start + 1} is not UTF-8") from None
    try:
        value = cast(
            "Json",
            json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_object),
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise _unreadable("NOT_JSON", f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError:
        raise _unreadable("NOT_JSON", "an integer has too many digits") from None
    if data.count(b"[") + data.count(b"{") > MAX_NESTING and deeper_than(value, MAX_NESTING):
        raise _too_deep()
    return value


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _unreadable("DUPLICATE_NAME", "an object has a name twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _unreadable("NOT_FINITE", f"{name} is not a JSON number; numbers must be finite")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _unreadable("NOT_FINITE", f"the number {text[:32]} is out of range")
    return value


def _unreadable(reason: str, message: str) -> Failure:
    return Failure(Code.INVALID_ARGUMENT, reason, message)


def _too_deep() -> Failure:
    return _unreadable("NESTED_TOO_DEEP", f"nested deeper than {MAX_NESTING} levels")


def _too_large(message: str = f"at most {MAX_MESSAGE_BYTES} bytes are read") -> Failure:
    return Failure(Code.INVALID_ARGUMENT, "BODY_TOO_LARGE", f"{message}; send several requests")


def _unsupported(message: str) -> Failure:
    return Failure(Code.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", message)
