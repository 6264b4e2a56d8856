"""Pages of the Python client and of the plugin SDK, from what they export and its docstrings."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import cast

import assay
import assay.sdk

from .markdown import page, prose

CLIENT = (
    "`import assay`. Names are imported when they are first used. `assay.aio.Client` has the same methods with `await`."
)
SDK = "`from assay.sdk import ...`: what plugins are written against. It needs neither grpc nor protobuf."
LONG = 100


def client_page() -> str:
    """The public names of ``assay``."""
    return page("Python client", CLIENT, sections(assay, public(assay)))


def sdk_page() -> str:
    """The public names of ``assay.sdk``."""
    return page("Plugin SDK", SDK, sections(assay.sdk, public(assay.sdk)))


def public(module: ModuleType) -> list[str]:
    """Names of a module that are for others, modules apart."""
    return [
        name
        for name in sorted(dir(module))
        if not name.startswith("_") and name != "annotations" and not inspect.ismodule(getattr(module, name))
    ]


def sections(module: ModuleType, names: Sequence[str]) -> Iterator[str]:
    """A section a name."""
    for name in names:
        yield section(name, getattr(module, name))


def section(name: str, found: object) -> str:
    """A class with its methods, a function, or a value."""
    if isinstance(found, type):
        return class_section(name, cast("type[object]", found))
    if inspect.isfunction(found):
        return "\n\n".join([f"## {name}", code(f"{name}{signature(found)}"), documentation(found)])
    return f"## {name}\n\nA type or a value: `{found}`."


def class_section(name: str, found: type[object]) -> str:
    """A class, its constructor and its public methods and properties."""
    parts = [f"## {name}"]
    if issubclass(found, enum.Enum):
        return "\n\n".join([*parts, documentation(found), ", ".join(f"`{member}`" for member in found.__members__)])
    if not issubclass(found, BaseException) and not getattr(found, "_is_protocol", False):
        parts.append(code(f"{name}{signature(found)}"))
    parts.append(documentation(found))
    members = cast("Mapping[str, object]", vars(found))
    for word, member in members.items():
        if word.startswith("_"):
            continue
        function = cast("object", getattr(member, "__func__", member))
        if isinstance(member, property):
            parts.append(f"**{word}** {documentation(member)}".rstrip())
        elif inspect.isfunction(function):
            parts += [f"### {name}.{word}", code(f"{word}{signature(function)}"), documentation(function)]
    return "\n\n".join(part for part in parts if part)


def signature(found: object) -> str:
    """Parameters with types and defaults, one a line where they are long."""
    if not callable(found):
        return "(...)"
    read = inspect.signature(found)
    parameters = [one for one in read.parameters.values() if one.name not in ("self", "cls")]
    shown: list[str] = []
    for place, one in enumerate(parameters):
        named_only = one.kind is inspect.Parameter.KEYWORD_ONLY
        if named_only and all(other.kind is not inspect.Parameter.KEYWORD_ONLY for other in parameters[:place]):
            shown.append("*")
        shown.append(parameter(one))
    answer = "" if read.return_annotation is inspect.Signature.empty else f" -> {typed(read.return_annotation)}"
    text = f"({', '.join(shown)}){answer}"
    return text if len(text) < LONG else "(\n" + "".join(f"    {one},\n" for one in shown) + f"){answer}"


def parameter(one: inspect.Parameter) -> str:
    """A parameter as it is written; a default that is made anew each time, or has no short text, is ``...``."""
    mark = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(one.kind, "")
    kind = "" if one.annotation is inspect.Parameter.empty else f": {typed(one.annotation)}"
    if one.default is inspect.Parameter.empty:
        return f"{mark}{one.name}{kind}"
    default = one.default.name if isinstance(one.default, enum.Enum) else repr(one.default)
    return f"{mark}{one.name}{kind} = {'...' if default.startswith('<') or len(default) > LONG else default}"


def typed(annotation: object) -> str:
    """A type as it is written."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return text.replace("'", "").replace('"', "")


def code(text: str) -> str:
    """A block of Python."""
    return f"```python\n{text}\n```"


def documentation(found: object) -> str:
    """A docstring as Markdown."""
    text = inspect.getdoc(found) or ""
    return prose(text)
