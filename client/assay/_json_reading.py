"""JSON values into messages."""

from __future__ import annotations

import base64
import binascii
import difflib
import math
import re
from collections.abc import Callable
from typing import TypeGuard, cast

import numpy as np
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from assay._json_fields import (
    ANY,
    ANY_TYPES,
    CONTENT,
    DURATION,
    MAX_DEPTH,
    SIGNAL,
    JsonField,
    JsonMappingError,
    enum_prefix,
    fields_by_json_name,
    message_type,
    signal_name,
)
from assay._text import json_text
from assay.errors import InvalidArgument
from assay.sdk.samples import Json
from assay.signals import array_of, fill_tensor
from assay.v1 import rollout_pb2 as v1

_DURATION = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s")
_MAX_TENSOR_NESTING = 16


class InvalidUnicode(JsonMappingError):
    """A text holds surrogates, which no UTF-8 can."""


def read_message(obj: Json, message: Message, path: str, depth: int) -> None:
    """Fill ``message`` from a JSON value."""
    if depth > MAX_DEPTH:
        raise JsonMappingError(path, f"nested deeper than {MAX_DEPTH} levels")
    full_name = str(message.DESCRIPTOR.full_name)
    special = _SPECIAL.get(full_name)
    if special is not None and special(obj, message, path, depth):
        return
    if not isinstance(obj, dict):
        raise JsonMappingError(path, f"expected an object, got {_kind(obj)}")
    _read_fields(obj, message, path, depth)


def _read_fields(obj: dict[str, Json], message: Message, path: str, depth: int) -> None:
    known = fields_by_json_name(message.DESCRIPTOR)
    oneofs: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in obj.items():
        field = known.get(name)
        here = f"{path}.{name}" if path else name
        if field is None:
            raise JsonMappingError(here, _unknown(name, message))
        if value is None and not field.value:
            continue
        if field.name in seen:
            raise JsonMappingError(here, "given twice under different names")
        seen.add(field.name)
        oneof = field.field.containing_oneof
        if oneof is not None:
            other = oneofs.setdefault(str(oneof.name), name)
            if other != name:
                raise JsonMappingError(here, f"only one of {other!r} and {name!r} may be given")
        _read_field(value, message, field, here, depth)


def _unknown(name: str, message: Message) -> str:
    names = [field.json_name for field in fields_by_json_name(message.DESCRIPTOR).values() if not field.raw]
    near = difflib.get_close_matches(name[:64], names, 1)
    return f"unknown field of {message.DESCRIPTOR.name}" + (f"; did you mean {near[0]!r}?" if near else "")


def _read_field(value: Json, message: Message, field: JsonField, path: str, depth: int) -> None:
    try:
        if field.value:
            setattr(message, field.name, json_text(value))
        elif field.map_value is not None:
            _read_map(value, message, field, path, depth)
        elif field.repeated:
            _read_list(value, message, field, path, depth)
        elif field.field.type == FieldDescriptor.TYPE_MESSAGE:
            member = cast("Message", getattr(message, field.name))
            member.SetInParent()
            read_message(value, member, path, depth + 1)
        else:
            setattr(message, field.name, read_scalar(value, field.field, path))
    except JsonMappingError:
        raise
    except UnicodeEncodeError as error:
        raise InvalidUnicode(path, "the text is not valid Unicode") from error
    except (ValueError, TypeError) as error:
        raise JsonMappingError(path, str(error)) from error


def _read_list(value: Json, message: Message, field: JsonField, path: str, depth: int) -> None:
    if not isinstance(value, list):
        raise JsonMappingError(path, f"expected a list, got {_kind(value)}")
    target = getattr(message, field.name)
    if field.field.type == FieldDescriptor.TYPE_MESSAGE:
        for index, item in enumerate(value):
            read_message(item, target.add(), f"{path}[{index}]", depth + 1)
    else:
        for index, item in enumerate(value):
            target.append(read_scalar(item, field.field, f"{path}[{index}]"))


def _read_map(value: Json, message: Message, field: JsonField, path: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise JsonMappingError(path, f"expected an object, got {_kind(value)}")
    target = getattr(message, field.name)
    key_field, value_field = cast("FieldDescriptor", field.map_key), cast("FieldDescriptor", field.map_value)
    is_message = value_field.type == FieldDescriptor.TYPE_MESSAGE
    signals = message_type(value_field) == SIGNAL
    for name, item in value.items():
        here = f"{path}[{name}]"
        key = signal_name(name) if signals else _read_key(name, key_field, here)
        if key in target:
            raise JsonMappingError(here, "given twice under different names")
        if is_message:
            member = cast("Message", target[key])
            member.SetInParent()
            read_message(item, member, here, depth + 1)
        else:
            target[key] = read_scalar(item, value_field, here)


def _read_key(name: str, field: FieldDescriptor, path: str) -> object:
    if field.type == FieldDescriptor.TYPE_BOOL:
        if name not in ("true", "false"):
            raise JsonMappingError(path, "expected the key true or false")
        return name == "true"
    return name if field.type == FieldDescriptor.TYPE_STRING else _integer(name, path)


# ---------------------------------------------------------------- scalars


def read_scalar(value: Json, field: FieldDescriptor, path: str) -> object:
    """A scalar field's Python value."""
    return _SCALARS.get(int(field.type), _integer_field)(value, field, path)


def _integer_field(value: Json, field: FieldDescriptor, path: str) -> int:
    del field
    return _integer(value, path)


def _integer(value: Json, path: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise JsonMappingError(path, f"expected an integer, got {_kind(value)}")


def _double(value: Json, field: FieldDescriptor, path: str) -> float:
    del field
    return _finite_number(value, path)


def _finite_number(value: Json, path: str) -> float:
    if isinstance(value, str):
        try:
            value = float(value) if len(value) <= 400 else value
        except ValueError as error:
            raise JsonMappingError(path, "expected a number, got text") from error
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise JsonMappingError(path, f"expected a number, got {_kind(value)}")
    try:
        number = float(value)
    except OverflowError as error:
        raise JsonMappingError(path, "the number does not fit a double") from error
    if not math.isfinite(number):
        raise JsonMappingError(path, f"expected a finite number, got {number}")
    return number


def _float(value: Json, field: FieldDescriptor, path: str) -> float:
    number = _double(value, field, path)
    with np.errstate(over="ignore"):
        fits = math.isfinite(np.float32(number))
    if not fits:
        raise JsonMappingError(path, "the number does not fit a 32-bit float")
    return number


def _bool(value: Json, field: FieldDescriptor, path: str) -> bool:
    del field
    if not isinstance(value, bool):
        raise JsonMappingError(path, f"expected true or false, got {_kind(value)}")
    return value


def _string(value: Json, field: FieldDescriptor, path: str) -> str:
    del field
    if not isinstance(value, str):
        raise JsonMappingError(path, f"expected text, got {_kind(value)}")
    return value


def _bytes(value: Json, field: FieldDescriptor, path: str) -> bytes:
    return _base64(_string(value, field, path), path)


def _base64(text: str, path: str) -> bytes:
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonMappingError(path, "expected base64") from error


def _enum(value: Json, field: FieldDescriptor, path: str) -> int:
    enum = cast("EnumDescriptor", field.enum_type)
    if not isinstance(value, str):
        number = _integer(value, path)
        if not -(2**31) <= number < 2**31:
            raise JsonMappingError(path, "the number does not fit an enum")
        return number
    found = enum.values_by_name.get(value) or enum.values_by_name.get(enum_prefix(enum) + value.upper())
    if found is None:
        listed = ", ".join(str(known.name).removeprefix(enum_prefix(enum)) for known in enum.values)
        raise JsonMappingError(path, f"unknown value {value[:64]!r}; expected one of {listed}")
    return int(found.number)


_SCALARS: dict[int, Callable[[Json, FieldDescriptor, str], object]] = {
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_FLOAT: _float,
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_STRING: _string,
    FieldDescriptor.TYPE_BYTES: _bytes,
    FieldDescriptor.TYPE_ENUM: _enum,
}


# ---------------------------------------------------------------- messages with a form of their own


def _duration(obj: Json, message: Message, path: str, depth: int) -> bool:
    del depth
    found = _DURATION.fullmatch(obj) if isinstance(obj, str) else None
    if found is None:
        raise JsonMappingError(path, 'expected a duration such as "1.5s"')
    sign = -1 if found[1] else 1
    duration = cast("Duration", message)
    duration.seconds = sign * int(found[2])
    duration.nanos = sign * int((found[3] or "").ljust(9, "0"))
    if abs(duration.seconds) > 315_576_000_000:
        raise JsonMappingError(path, "the duration is out of range")
    return True


def _content(obj: Json, message: Message, path: str, depth: int) -> bool:
    del path, depth
    if isinstance(obj, str):
        cast("v1.Content", message).parts.add().text = obj
        return True
    return False


def _signal(obj: Json, message: Message, path: str, depth: int) -> bool:
    del depth
    signal = cast("v1.Signal", message)
    if isinstance(obj, list):
        _check_numbers(obj, path, 0)
        try:
            fill_tensor(signal.tensor, array_of(obj, path))
        except (InvalidArgument, OverflowError) as error:
            raise JsonMappingError(path, "expected a rectangular list of numbers") from error
        return True
    if _is_number(obj):
        signal.scalar = _finite_number(obj, path)
        return True
    return False


def _check_numbers(values: list[Json], path: str, depth: int) -> None:
    if depth > _MAX_TENSOR_NESTING:
        raise JsonMappingError(path, f"nested deeper than {_MAX_TENSOR_NESTING} lists")
    for index, value in enumerate(values):
        if isinstance(value, list):
            _check_numbers(value, f"{path}[{index}]", depth + 1)
        elif not isinstance(value, (bool, int, float)):
            raise JsonMappingError(f"{path}[{index}]", f"expected a number, got {_kind(value)}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise JsonMappingError(f"{path}[{index}]", f"expected a finite number, got {value}")


def _is_number(value: Json) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _any(obj: Json, message: Message, path: str, depth: int) -> bool:
    if not isinstance(obj, dict) or not isinstance(obj.get("@type"), str):
        raise JsonMappingError(path, 'expected an object with "@type"')
    packed = cast("AnyMessage", message)
    packed.type_url = cast("str", obj["@type"])
    fields = {name: value for name, value in obj.items() if name != "@type"}
    inner = any_message(packed.type_url)
    if inner is None:
        encoded = fields.pop("value", "")
        packed.value = _base64(encoded if isinstance(encoded, str) else "?", f"{path}.value")
        if fields:
            raise JsonMappingError(path, f"unknown type {packed.type_url[:128]!r}: only value may be given")
    else:
        read_message(fields, inner, path, depth + 1)
        packed.value = inner.SerializeToString(deterministic=True)
    return True


def any_message(type_url: str) -> Message | None:
    """An empty message of the type that an Any names; None where the mapping does not know it."""
    name = type_url.rpartition("/")[2]
    name = ANY_TYPES.get(name, name)
    if not name.startswith("assay.v1."):
        return None
    kind = getattr(v1, name.removeprefix("assay.v1."), None)
    return kind() if isinstance(kind, type) and issubclass(kind, Message) else None


_SPECIAL: dict[str, Callable[[Json, Message, str, int], bool]] = {
    DURATION: _duration,
    CONTENT: _content,
    SIGNAL: _signal,
    ANY: _any,
}


_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "text", int: "an integer", float: "a number"}


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _KINDS.get(type(value), "null")
