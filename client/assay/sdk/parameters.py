"""Typed parameters: read from a function's signature, checked when a spec is compiled, shown as JSON Schema."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from assay.sdk.samples import Json


@dataclass(frozen=True, slots=True)
class Format:
    """What the texts of an annotated parameter name: ``Annotated[str, Format("judge")]``; JSON Schema's ``format``."""

    name: str


JUDGE = Format("judge")
JudgeName: TypeAlias = Annotated[str, JUDGE]
"""A parameter that names a judge of the operator's catalogue; checked when the spec is compiled."""

_SCALARS: dict[object, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A keyword-only parameter.

    Attributes:
        schema: JSON Schema of its values.
        default: used where the spec says nothing; meaningless if ``required``.
    """

    name: str
    schema: Mapping[str, Json]
    required: bool
    default: object


def parameters_of(function: Callable[..., object]) -> tuple[Parameter, ...]:
    """The keyword-only parameters of ``function``.

    Supported annotations: bool, int, float, str, Literal of strings, list / tuple / dict of these, ``| None``, and
    ``Annotated`` of them.

    Raises:
        ValueError: an annotation is missing or not supported.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    found: list[Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        if parameter.name not in hints:
            raise ValueError(f"parameter {parameter.name!r} has no type annotation")
        required = parameter.default is inspect.Parameter.empty
        schema = schema_of(hints[parameter.name])
        found.append(Parameter(parameter.name, schema, required, None if required else parameter.default))
    return tuple(found)


def schema_of(annotation: object) -> dict[str, Json]:
    """JSON Schema of an annotation.

    Raises:
        ValueError: the annotation is not one of those that :func:`parameters_of` lists.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        named = next((extra for extra in arguments[1:] if isinstance(extra, Format)), None)
        return schema_of(arguments[0]) | ({} if named is None else {"format": named.name})
    if annotation in _SCALARS:
        return {"type": _SCALARS[annotation]}
    if annotation is type(None):
        return {"type": "null"}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema_of(argument) for argument in arguments]}
    if origin in (list, Sequence) or (origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis):
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is tuple:
        items: list[Json] = [schema_of(argument) for argument in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if origin in (dict, Mapping) and arguments[0] is str:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    raise ValueError(f"cannot take values of type {annotation!r} from JSON")


def object_schema(parameters: Sequence[Parameter]) -> dict[str, Json]:
    """JSON Schema of the object that gives these parameters."""
    return {
        "type": "object",
        "properties": {parameter.name: dict(parameter.schema) for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.required],
        "additionalProperties": False,
    }


def bind_parameters(parameters: Sequence[Parameter], given: Mapping[str, Json]) -> dict[str, object]:
    """Complete keyword arguments for a definition's function, with defaults filled in.

    Raises:
        ValueError: unknown name, missing required value, or a value outside its schema.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise ValueError(f"unknown parameter {name!r}; it takes: {listed}")
    bound: dict[str, object] = {}
    for parameter in parameters:
        if parameter.name in given:
            value = given[parameter.name]
            problem = mismatch(value, parameter.schema)
            if problem:
                raise ValueError(f"parameter {parameter.name!r}: {problem}")
            bound[parameter.name] = float(value) if _wants_float(value, parameter.schema) else value
        elif parameter.required:
            raise ValueError(f"parameter {parameter.name!r} must be given")
        else:
            bound[parameter.name] = parameter.default
    return bound


def named_in(value: object, schema: Mapping[str, Json], format: Format) -> Iterator[str]:
    """The texts of this format in a value that fits a schema made by :func:`schema_of`."""
    if schema.get("format") == format.name and isinstance(value, str):
        yield value
    for option in typing.cast("list[dict[str, Json]]", schema.get("anyOf", [])):
        yield from named_in(value, option, format)
    if "items" in schema and isinstance(value, list | tuple):
        items = typing.cast("dict[str, Json]", schema["items"])
        for item in typing.cast("Sequence[object]", value):
            yield from named_in(item, items, format)


def _wants_float(value: Json, schema: Mapping[str, Json]) -> typing.TypeGuard[int]:
    return type(value) is int and schema.get("type") == "number"


def mismatch(value: Json, schema: Mapping[str, Json]) -> str:
    """Why ``value`` does not fit a schema made by :func:`schema_of`; empty where it fits."""
    if "anyOf" in schema:
        options = typing.cast("list[dict[str, Json]]", schema["anyOf"])
        problems = [mismatch(value, option) for option in options]
        return "" if "" in problems else "; ".join(problems)
    if "enum" in schema:
        choices = typing.cast("list[Json]", schema["enum"])
        fits = any(type(value) is type(choice) and value == choice for choice in choices)
        return "" if fits else f"expected one of {choices}, got {value!r}"
    kind = schema["type"]
    expected: dict[Json, tuple[type, ...]] = {
        "boolean": (bool,), "integer": (int,), "number": (int, float), "string": (str,),
        "null": (type(None),), "array": (list, tuple), "object": (dict,),
    }  # fmt: skip
    if not isinstance(value, expected[kind]) or (isinstance(value, bool) and kind in ("integer", "number")):
        return f"expected {kind}, got {value!r}"
    if isinstance(value, float) and value - value != 0.0:
        return f"expected a finite number, got {value!r}"
    if kind == "array":
        return _array_mismatch(typing.cast("list[Json]", value), schema)
    if kind == "object":
        inner = typing.cast("dict[str, Json]", schema["additionalProperties"])
        members = typing.cast("dict[str, Json]", value)
        return next((f"{name}: {problem}" for name, item in members.items() if (problem := mismatch(item, inner))), "")
    return ""


def _array_mismatch(value: Sequence[Json], schema: Mapping[str, Json]) -> str:
    if "prefixItems" in schema:
        schemas = typing.cast("list[dict[str, Json]]", schema["prefixItems"])
        if len(schemas) != len(value):
            return f"expected {len(schemas)} items, got {len(value)}"
    else:
        schemas = [typing.cast("dict[str, Json]", schema["items"])] * len(value)
    pairs = zip(value, schemas, strict=True)
    return next(
        (f"[{i}]: {problem}" for i, (item, inner) in enumerate(pairs) if (problem := mismatch(item, inner))), ""
    )
