"""Messages into JSON values."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import numpy as np
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message

from assay._json_fields import (
    ANY,
    CONTENT,
    DURATION,
    MAX_DEPTH,
    SIGNAL,
    JsonField,
    JsonMappingError,
    fields_of,
    message_type,
    signal_json_name,
)
from assay._json_reading import any_message
from assay._text import parse_json
from assay.sdk.samples import Json
from assay.signals import read_tensor
from assay.v1 import rollout_pb2 as v1

_EXACT = 2**53


def write_message(message: Message, depth: int) -> dict[str, Json]:
    """The JSON object of a message without a form of its own."""
    if depth > MAX_DEPTH:
        raise JsonMappingError("", f"nested deeper than {MAX_DEPTH} levels")
    known = fields_of(message.DESCRIPTOR)
    out: dict[str, Json] = {}
    for descriptor, value in message.ListFields():
        field = known[str(descriptor.name)]
        if field.value:
            name, written = _json_value(field, cast("str", value))
            out[name] = written
        elif field.map_value is not None:
            out[field.json_name] = _write_map(cast("Mapping[object, object]", value), field.map_value, depth)
        elif field.repeated:
            items = cast("Iterable[object]", value)
            out[field.json_name] = [_write(item, descriptor, depth) for item in items]
        else:
            out[field.json_name] = _write(value, descriptor, depth)
    return out


def _json_value(field: JsonField, text: str) -> tuple[str, Json]:
    try:
        return field.json_name, parse_json(text)
    except ValueError:
        return str(field.field.json_name), text


def _write_map(values: Mapping[object, object], field: FieldDescriptor, depth: int) -> dict[str, Json]:
    signals = message_type(field) == SIGNAL
    out: dict[str, Json] = {}
    for key in sorted(values, key=str):
        name = str(key).lower() if isinstance(key, bool) else str(key)
        out[signal_json_name(name) if signals else name] = _write(values[key], field, depth)
    return out


def _write(value: object, field: FieldDescriptor, depth: int) -> Json:
    kind = int(field.type)
    if kind == FieldDescriptor.TYPE_MESSAGE:
        special = _SPECIAL.get(message_type(field))
        message = cast("Message", value)
        return write_message(message, depth + 1) if special is None else special(message, depth + 1)
    if kind == FieldDescriptor.TYPE_ENUM:
        found = cast("EnumDescriptor", field.enum_type).values_by_number.get(cast("int", value))
        return cast("int", value) if found is None else str(found.name)
    if kind == FieldDescriptor.TYPE_BYTES:
        return base64.b64encode(cast("bytes", value)).decode()
    return _number(cast("Json", value), single=kind == FieldDescriptor.TYPE_FLOAT)


def _number(value: Json, *, single: bool = False) -> Json:
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return float(str(np.float32(value))) if single else value
    if isinstance(value, int) and not isinstance(value, bool) and not -_EXACT < value < _EXACT:
        return str(value)
    return value


def _duration(message: Message, depth: int) -> Json:
    del depth
    duration = cast("Duration", message)
    sign = "-" if duration.seconds < 0 or duration.nanos < 0 else ""
    text = f"{sign}{abs(duration.seconds)}"
    digits = f"{abs(duration.nanos):09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}s" if digits else f"{text}s"


def _content(message: Message, depth: int) -> Json:
    parts = cast("v1.Content", message).parts
    if len(parts) == 1 and parts[0].WhichOneof("part") == "text":
        return parts[0].text
    return write_message(message, depth)


def _signal(message: Message, depth: int) -> Json:
    signal = cast("v1.Signal", message)
    if signal.WhichOneof("signal") == "scalar" and math.isfinite(signal.scalar):
        return signal.scalar
    if signal.WhichOneof("signal") == "tensor":
        try:
            values = cast("object", read_tensor(signal.tensor).tolist())
        except ValueError:
            return write_message(message, depth)
        if isinstance(values, list):
            return _finite(cast("list[Json]", values))
    return write_message(message, depth)


def _finite(values: list[Json]) -> Json:
    return [_finite(value) if isinstance(value, list) else _tensor_number(value) for value in values]


def _tensor_number(value: Json) -> Json:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _any(message: Message, depth: int) -> Json:
    packed = cast("AnyMessage", message)
    inner = any_message(packed.type_url)
    if inner is not None:
        try:
            inner.ParseFromString(packed.value)
        except DecodeError:
            inner = None
    if inner is None:
        return {"@type": packed.type_url, "value": base64.b64encode(packed.value).decode()}
    return {"@type": packed.type_url} | write_message(inner, depth)


_SPECIAL: Mapping[str, Callable[[Message, int], Json]] = {
    DURATION: _duration,
    ANY: _any,
    CONTENT: _content,
    SIGNAL: _signal,
}
