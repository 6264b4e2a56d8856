"""What the JSON mapping knows of a message type: its fields by every name they may have in JSON."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

MAX_DEPTH = 64
"""Levels of messages within messages, in and out."""

_LABEL_REPEATED = 3

DURATION = "google.protobuf.Duration"
ANY = "google.protobuf.Any"
CONTENT = "assay.v1.Content"
SIGNAL = "assay.v1.Signal"

ANY_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "google.rpc.ErrorInfo": "assay.v1.ErrorInfo",
        "google.rpc.RetryInfo": "assay.v1.RetryInfo",
        "google.rpc.BadRequest": "assay.v1.BadRequest",
    }
)
"""Details that are read and written by their fields; the right-hand types are wire-identical."""


class JsonMappingError(ValueError):
    """A JSON value that is not the message it should be.

    Attributes:
        field: path of the offending value, in the names of the input.
        message: what was expected and what came.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class JsonField:
    """A proto field as JSON sees it.

    Attributes:
        name: the proto name.
        json_name: the name it is written under.
        value: it is the ``x`` of a field ``x_json``: the JSON value itself.
        raw: it is the ``xJson`` of such a field: the text.
        map_value: the field of the values, for maps.
    """

    name: str
    json_name: str
    field: FieldDescriptor
    value: bool = False
    raw: bool = False
    repeated: bool = False
    map_key: FieldDescriptor | None = None
    map_value: FieldDescriptor | None = None


@functools.cache
def fields_by_json_name(descriptor: Descriptor) -> Mapping[str, JsonField]:
    """All fields of a message type by the names they may have on input."""
    found: dict[str, JsonField] = {}
    for field in fields_of(descriptor).values():
        found[field.json_name] = field
        if field.value:
            found[field.name.removesuffix("_json")] = field
            raw = JsonField(field.name, str(field.field.json_name), field.field, raw=True)
            found[raw.json_name] = found[field.name] = raw
        else:
            found[field.name] = field
    return found


@functools.cache
def fields_of(descriptor: Descriptor) -> Mapping[str, JsonField]:
    """All fields of a message type by their proto names."""
    return {str(field.name): _field(field) for field in descriptor.fields}


def _field(field: FieldDescriptor) -> JsonField:
    name, json_name = str(field.name), str(field.json_name)
    repeated = is_repeated(field)
    entry = field.message_type
    if name.endswith("_json") and field.type == FieldDescriptor.TYPE_STRING and not repeated:
        return JsonField(name, json_name.removesuffix("Json"), field, value=True)
    if repeated and entry is not None and entry.GetOptions().map_entry:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        return JsonField(name, json_name, field, map_key=key, map_value=value)
    return JsonField(name, json_name, field, repeated=repeated)


def is_repeated(field: FieldDescriptor) -> bool:
    """Whether a field is repeated, asked in the way that the installed protobuf knows."""
    asked = cast("bool | None", getattr(field, "is_repeated", None))
    return asked if asked is not None else getattr(field, "label", 0) == _LABEL_REPEATED


@functools.cache
def enum_prefix(enum: EnumDescriptor) -> str:
    """The prefix that all values of an enum share by style: ``RolloutRole`` -> ``ROLLOUT_ROLE_``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(enum.name)).upper() + "_"


def signal_name(json_name: str) -> str:
    """The snake_case name of a signal: ``seqLogprobMean`` -> ``seq_logprob_mean``."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda match: "_" + match[0], json_name).lower()


def signal_json_name(name: str) -> str:
    """The lowerCamelCase name of a signal, where that leads back to it; else the name itself."""
    camel = re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
    return camel if signal_name(camel) == name else name


def message_type(field: FieldDescriptor) -> str:
    """Full name of the messages in a field; empty where they are scalars."""
    kind = field.message_type
    return "" if kind is None else str(kind.full_name)
