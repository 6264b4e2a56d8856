"""Two states of the contract compared: what of the older one the newer one no longer keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

FILES: Final = (
    "advantage_service", "environment_service", "plugin_service", "reward_service", "rollout", "run_service",
    "sandbox_service",
)  # fmt: skip
"""Of ``proto/assay/v1``."""


def present() -> FileDescriptorSet:
    """The contract as it is."""
    found = FileDescriptorSet()
    for name in FILES:
        found.file.append(
            FileDescriptorProto.FromString(import_module(f"assay.v1.{name}_pb2").DESCRIPTOR.serialized_pb)
        )
    return found


def broken(old: FileDescriptorSet, new: FileDescriptorSet) -> list[str]:
    """What somebody who was built with ``old`` would meet at ``new``; empty where nothing."""
    return sorted({*_of_messages(old, new), *_of_enums(old, new), *_of_services(old, new)})


# ---------------------------------------------------------------- messages


def _of_messages(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    before, after = _messages(old), _messages(new)
    for name, message in before.items():
        if name not in after:
            yield f"{name}: the message is gone"
            continue
        yield from _of_fields(name, message, after[name])


def _of_fields(name: str, old: DescriptorProto, new: DescriptorProto) -> Iterator[str]:
    after = {field.number: field for field in new.field}
    names = {field.name: field.number for field in new.field}
    for field in old.field:
        here = f"{name}.{field.name}"
        if field.number not in after:
            yield f"{here}: the field {field.number} is gone"
        else:
            yield from _of_field(here, _kind(old, field), _kind(new, after[field.number]))
        if names.get(field.name, field.number) != field.number:
            yield f"{here}: was number {field.number}, is {names[field.name]}"
    for field in new.field:
        if any(span.start <= field.number < span.end for span in old.reserved_range):
            yield f"{name}.{field.name}: takes the number {field.number}, which is reserved"
        if field.name in old.reserved_name:
            yield f"{name}.{field.name}: takes a name that is reserved"


def _kind(message: DescriptorProto, field: FieldDescriptorProto) -> Mapping[str, object]:
    """All of a field that its bytes, its JSON or its presence depend on."""
    alternative = field.HasField("oneof_index") and not field.proto3_optional
    return {
        "name": field.name,
        "JSON name": field.json_name or field.name,
        "type": FieldDescriptorProto.Type.Name(field.type),
        "type name": field.type_name,
        "cardinality": FieldDescriptorProto.Label.Name(field.label),
        "presence": field.proto3_optional,
        "alternatives": message.oneof_decl[field.oneof_index].name if alternative else "",
    }


def _of_field(here: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for what, before in old.items():
        if new[what] != before and not (what == "JSON name" and not new[what]):
            yield f"{here}: {what} was {before!r}, is {new[what]!r}"


def _messages(files: FileDescriptorSet) -> dict[str, DescriptorProto]:
    found: dict[str, DescriptorProto] = {}
    waiting = [(f"{file.package}.{message.name}", message) for file in files.file for message in file.message_type]
    while waiting:
        name, message = waiting.pop()
        found[name] = message
        waiting += [(f"{name}.{inner.name}", inner) for inner in message.nested_type]
    return found


# ---------------------------------------------------------------- enums and services


def _of_enums(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    before, after = _enums(old), _enums(new)
    for name, enum in before.items():
        values = {value.name: value.number for value in after[name].value} if name in after else {}
        for value in enum.value:
            if values.get(value.name) != value.number:
                yield f"{name}.{value.name}: was {value.number}, is {values.get(value.name, 'gone')}"


def _enums(files: FileDescriptorSet) -> dict[str, EnumDescriptorProto]:
    found = {f"{file.package}.{enum.name}": enum for file in files.file for enum in file.enum_type}
    for name, message in _messages(files).items():
        found |= {f"{name}.{enum.name}": enum for enum in message.enum_type}
    return found


def _of_services(old: FileDescriptorSet, new: FileDescriptorSet) -> Iterator[str]:
    before, after = _methods(old), _methods(new)
    for name, shape in before.items():
        if after.get(name) != shape:
            yield f"{name}: was {shape}, is {after.get(name, 'gone')}"


def _methods(files: FileDescriptorSet) -> dict[str, str]:
    return {
        f"{file.package}.{service.name}/{method.name}": _shape(method)
        for file in files.file
        for service in file.service
        for method in service.method
    }


def _shape(method: MethodDescriptorProto) -> str:
    asked = ("stream " if method.client_streaming else "") + method.input_type
    answered = ("stream " if method.server_streaming else "") + method.output_type
    return f"{asked} -> {answered}"
