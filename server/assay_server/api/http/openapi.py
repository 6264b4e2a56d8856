"""``/openapi.json``: the contract as OpenAPI 3.1, made from the descriptors of its messages."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assay.sdk import Json
from assay_server.api.http.answers import json_bytes
from assay_server.api.http.calls import http_path
from assay_server.api.http.dispatch import TIMEOUT_HEADER, TIMEOUT_PATTERN, Dispatch
from assay_server.api.http.openapi_paths import paths_of_the_door
from assay_server.api.http.routes import Answer, get
from assay_server.api.methods import Methods, path_of, services
from assay_server.version import VERSION

_TAGS: Final = ("Feed", "Trainers", "Operator")
_PREFIX: Final = "#/components/schemas/"
_DESCRIPTION: Final = "The contract assay.v1 as HTTP and JSON. A field of a request that is null counts as left out."

_INTEGERS: Final = (
    FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_SINT32,
    FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_SFIXED32,
)  # fmt: skip
_LONG_INTEGERS: Final = (
    FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64,
)  # fmt: skip


_UNSIGNED: Final = (
    FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64,
)  # fmt: skip


def _bounds(kind: int, bits: int) -> dict[str, Json]:
    if kind in _UNSIGNED:
        return {"minimum": 0, "maximum": 2**bits - 1}
    return {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}


def _scalars() -> Mapping[int, dict[str, Json]]:
    whole: dict[str, Json] = {"type": "integer", "format": "int32"}
    long: dict[str, Json] = {"type": ["integer", "string"], "format": "int64", "pattern": "^-?[0-9]{1,18}$"}
    number: dict[str, Json] = {"type": ["number", "null"], "format": "double"}
    return {
        **{int(kind): whole | _bounds(kind, 32) for kind in _INTEGERS},
        **{int(kind): long | _bounds(kind, 64) for kind in _LONG_INTEGERS},
        int(FieldDescriptor.TYPE_DOUBLE): number,
        int(FieldDescriptor.TYPE_FLOAT): number,
        int(FieldDescriptor.TYPE_BOOL): {"type": "boolean"},
        int(FieldDescriptor.TYPE_STRING): {"type": "string"},
        int(FieldDescriptor.TYPE_BYTES): {"type": "string", "contentEncoding": "base64"},
    }


_SCALARS: Final = _scalars()
_OWN_FORMS: Final[Mapping[str, Mapping[str, Json]]] = {
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "required": ["@type"],
        "additionalProperties": True,
    },
}
_TIMEOUT: Final[Mapping[str, Json]] = {
    "name": TIMEOUT_HEADER,
    "in": "header",
    "schema": {"type": "string", "pattern": f"^(?![0.]+s?$){TIMEOUT_PATTERN}$"},
    "description": "Seconds within which the answer is wanted, more than 0.",
}
_SHORT_FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "assay.v1.Content": ("string",),
    "assay.v1.Signal": ("number", "array"),
}
"""Messages that may also be written as a plain value."""


def openapi_routes(dispatch: Dispatch) -> list[Route]:
    """The page, for who has the token."""
    text = json_bytes(document(dispatch.methods))

    async def page(request: Request) -> Answer:
        dispatch.admit(request)
        return Response(text, media_type="application/json")

    return [get("/openapi.json", page)]


def document(methods: Methods) -> dict[str, Json]:
    """The description of every method of the contract as it is served over HTTP."""
    every = [method for service in services() for method in service.methods]
    messages = _reached(one for method in every for one in (method.input_type, method.output_type))
    schemas: dict[str, Json] = {str(message.name): _message(message) for message in messages.values()}
    schemas |= {str(enum.name): _enum(enum) for message in messages.values() for enum in _enums(message)}
    paths: dict[str, Json] = {
        http_path(method): {"post": _operation(method, methods)}
        for method in every
        if path_of(method) not in methods.bidi_streams
    }
    paths |= paths_of_the_door(_TIMEOUT)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Assay", "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in (*(str(service.name) for service in services()), *_TAGS)],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas, "Error": _error()},
        },
    }


def _operation(method: MethodDescriptor, methods: Methods) -> dict[str, Json]:
    path = path_of(method)
    streams = bool(method.server_streaming)
    media = "text/event-stream" if streams else "application/json"
    function = methods.unary.get(path) or methods.server_streams.get(path)
    summary = inspect.getdoc(function) if function is not None else "Not part of this version of the server."
    events = f"Events; the data of each is a {method.output_type.name}, of the last {{}}."
    answer: dict[str, Json] = {"schema": {"description": events} if streams else _ref(str(method.output_type.name))}
    return {
        "operationId": f"{method.containing_service.name}_{method.name}",
        "tags": [str(method.containing_service.name)],
        "summary": (summary or "").partition("\n")[0],
        "parameters": [dict(_TIMEOUT)],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(str(method.input_type.name))}},
        },
        "responses": {
            "200": {"description": "The answer." if not streams else "Answers, an event each.",
                    "content": {media: answer}},
            "default": {"description": "Why not.", "content": {"application/json": {"schema": _ref("Error")}}},
        },
    }  # fmt: skip


def _reached(roots: Iterable[Descriptor]) -> dict[str, Descriptor]:
    """All messages that a request or an answer may hold, by name."""
    found: dict[str, Descriptor] = {}
    waiting = list(roots)
    while waiting:
        message = waiting.pop()
        if message.full_name in found or message.full_name in _OWN_FORMS:
            continue
        if not message.GetOptions().map_entry:
            found[str(message.full_name)] = message
        waiting += [field.message_type for field in message.fields if field.message_type is not None]
    return dict(sorted(found.items()))


def _enums(message: Descriptor) -> list[EnumDescriptor]:
    return [field.enum_type for field in message.fields if field.enum_type is not None]


def _message(message: Descriptor) -> dict[str, Json]:
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {_name(field): _field(field) for field in message.fields},
        "additionalProperties": False,
    }
    choices: dict[str, Json] = {
        str(oneof.name): [_name(field) for field in oneof.fields]
        for oneof in message.oneofs
        if not str(oneof.name).startswith("_")
    }
    if choices:
        listed = "; ".join(f"{', '.join(map(str, names))}" for names in choices.values() if isinstance(names, list))
        schema["description"] = f"At most one each of: {listed}."
    forms = _SHORT_FORMS.get(str(message.full_name))
    if forms is None:
        return schema
    return {"oneOf": [schema, *({"type": form} for form in forms)]}


def _name(field: FieldDescriptor) -> str:
    name = str(field.json_name)
    return name.removesuffix("Json") if _is_json(field) else name


def _is_json(field: FieldDescriptor) -> bool:
    return str(field.name).endswith("_json") and not _is_repeated(field)


def _is_repeated(field: FieldDescriptor) -> bool:
    return field.is_repeated


def _field(field: FieldDescriptor) -> dict[str, Json]:
    entry = field.message_type
    if _is_json(field):
        return {"description": "Any JSON value."}
    if entry is not None and entry.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": _value(entry.fields_by_name["value"])}
    return {"type": "array", "items": _value(field)} if _is_repeated(field) else _value(field)


def _value(field: FieldDescriptor) -> dict[str, Json]:
    if field.message_type is not None:
        own = _OWN_FORMS.get(str(field.message_type.full_name))
        return _ref(str(field.message_type.name)) if own is None else dict(own)
    if field.enum_type is not None:
        return _ref(str(field.enum_type.name))
    return dict(_SCALARS[int(field.type)])


def _enum(enum: EnumDescriptor) -> dict[str, Json]:
    return {"type": "string", "enum": [str(value.name) for value in enum.values]}


def _ref(name: str) -> dict[str, Json]:
    return {"$ref": f"{_PREFIX}{name}"}


def _error() -> dict[str, Json]:
    error: dict[str, Json] = {
        "type": "object",
        "required": ["code", "message", "status", "details"],
        "properties": {
            "code": {"type": "integer", "description": "The HTTP status."},
            "message": {"type": "string"},
            "status": {"type": "string", "description": "The name of the google.rpc.Code."},
            "details": {"type": "array", "items": dict(_OWN_FORMS["google.protobuf.Any"])},
        },
    }
    return {"type": "object", "required": ["error"], "properties": {"error": error}}
