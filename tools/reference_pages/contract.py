"""Pages of the contract: services, messages and enumerations with their comments, from protoc's own reading of them."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from .markdown import page, table

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / ".venv-proto/bin/python"
# Numbers of fields in descriptor.proto, which comments are found by.
SERVICE, MESSAGE, ENUM, METHOD, FIELD, NESTED, NESTED_ENUM, VALUE = 6, 4, 5, 2, 2, 3, 4, 2

Comments = dict[tuple[int, ...], str]


def contract_pages() -> dict[str, str]:
    """By name the page of each file of proto/assay/v1.

    Raises:
        FileNotFoundError: the generator of `make setup` is not there.
    """
    files = [file for file in descriptors().file if file.name.startswith("assay/v1/")]
    return {f"contract/{Path(file.name).stem}.md": contract_page(file) for file in files}


def descriptors() -> FileDescriptorSet:
    """What protoc reads in proto/, comments included."""
    sources = sorted(path.relative_to(ROOT / "proto").as_posix() for path in (ROOT / "proto").rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "set"
        command = [str(GENERATOR), "-m", "grpc_tools.protoc", "--proto_path=proto", "--include_source_info"]
        subprocess.run([*command, f"--descriptor_set_out={found}", *sources], cwd=ROOT, check=True)  # noqa: S603 - our own
        return FileDescriptorSet.FromString(found.read_bytes())


def contract_page(file: FileDescriptorProto) -> str:
    """One file's page."""
    said = comments_of(file)
    sections = [service_section(service, said, (SERVICE, place)) for place, service in enumerate(file.service)]
    sections += [
        part
        for place, message in enumerate(file.message_type)
        for part in message_sections(message, said, (MESSAGE, place), "")
    ]
    sections += [enum_section(enum, said, (ENUM, place), "") for place, enum in enumerate(file.enum_type)]
    named = [service.name for service in file.service]
    title = named[0] if named else Path(file.name).stem.replace("_", " ").capitalize()
    return page(title, f"`{file.name}`, package `{file.package}`. {said.get((12,), '')}", sections)


def comments_of(file: FileDescriptorProto) -> Comments:
    """By path the comment before or behind a declaration; that of the syntax line is the file's."""
    found: Comments = {}
    for location in file.source_code_info.location:
        texts = [*location.leading_detached_comments, location.leading_comments, location.trailing_comments]
        words = [text for text in texts if "-----" not in text]
        told = "\n".join(line.removeprefix(" ").rstrip() for text in words for line in text.splitlines())
        if told.strip():
            found[tuple(location.path)] = told.strip()
    return found


def service_section(service: ServiceDescriptorProto, said: Comments, path: tuple[int, ...]) -> str:
    """A service and its methods."""
    parts = [f"## {service.name}", said.get(path, "")]
    for place, method in enumerate(service.method):
        asked = ("stream " if method.client_streaming else "") + linked(method.input_type)
        answered = ("stream " if method.server_streaming else "") + linked(method.output_type)
        parts += [f"### {method.name}", f"{asked} → {answered}", said.get((*path, METHOD, place), "")]
    return "\n\n".join(part for part in parts if part)


def message_sections(message: DescriptorProto, said: Comments, path: tuple[int, ...], outer: str) -> Iterator[str]:
    """A message with its fields, then what is declared inside it."""
    name = f"{outer}{message.name}"
    entries = {nested.name for nested in message.nested_type if nested.options.map_entry}
    rows = [field_row(field, message, said.get((*path, FIELD, place), "")) for place, field in enumerate(message.field)]
    parts = [f"## {name}", said.get(path, ""), table(("field", "number", "type", ""), rows) or "No fields."]
    yield "\n\n".join(part for part in parts if part)
    for place, nested in enumerate(message.nested_type):
        if nested.name not in entries:
            yield from message_sections(nested, said, (*path, NESTED, place), f"{name}.")
    for place, enum in enumerate(message.enum_type):
        yield enum_section(enum, said, (*path, NESTED_ENUM, place), f"{name}.")


def field_row(field: FieldDescriptorProto, message: DescriptorProto, comment: str) -> Sequence[str]:
    """A line of a message's table."""
    kind = type_of(field, message)
    if field.HasField("oneof_index") and not field.proto3_optional:
        comment = f"one of `{message.oneof_decl[field.oneof_index].name}`. {comment}"
    return (f"`{field.name}`", str(field.number), kind, comment)


def type_of(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    """A field's type in words, linked where it is of the same file or package."""
    entry = next(
        (one for one in message.nested_type if one.options.map_entry and field.type_name.endswith(f".{one.name}")), None
    )
    if entry is not None:
        return f"map of {type_of(entry.field[0], entry)} to {type_of(entry.field[1], entry)}"
    plain = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    kind = linked(field.type_name) if field.type_name else plain
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {kind}"
    return f"optional {kind}" if field.proto3_optional else kind


def linked(name: str) -> str:
    """A type's name without its package."""
    return f"`{name.removeprefix('.').removeprefix('assay.v1.')}`"


def enum_section(enum: EnumDescriptorProto, said: Comments, path: tuple[int, ...], outer: str) -> str:
    """An enumeration with its values."""
    rows = [
        (f"`{value.name}`", str(value.number), said.get((*path, VALUE, place), ""))
        for place, value in enumerate(enum.value)
    ]
    parts = [f"## {outer}{enum.name}", said.get(path, ""), table(("value", "number", ""), rows)]
    return "\n\n".join(part for part in parts if part)
