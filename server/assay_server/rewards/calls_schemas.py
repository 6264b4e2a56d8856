"""What a declared parameter may hold: the part of JSON Schema that function declarations use.

Types go by their JSON names or their Python names (``dict``, ``float``, ``tuple``, ``any``), as function-calling data
sets write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from assay.sdk import Json

Schema: TypeAlias = Mapping[str, Json]
"""One JSON schema, read as it is."""

ANYTHING: Schema = {}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "dict": (dict,), "array": (list,), "list": (list,), "tuple": (list,), "string": (str,),
    "str": (str,), "integer": (int,), "int": (int,), "long": (int,), "number": (int, float), "float": (int, float),
    "double": (int, float), "boolean": (bool,), "bool": (bool,), "null": (type(None),), "none": (type(None),),
    "any": (dict, list, str, int, float, bool, type(None)),
}  # fmt: skip
_NUMBERS = frozenset(("number", "float", "double", "any"))
_BRANCHES = ("anyOf", "oneOf", "allOf")
_BRANCHING = frozenset((*_BRANCHES, "$ref"))
_NARROWING = frozenset((*_BRANCHING, "enum", "const"))
_EXACTLY: dict[Json, type] = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}


class UnreadableSchema(ValueError):
    """A declaration is no schema that can be read."""


def types_of(schema: Schema) -> list[str]:
    """The names of its types; empty where any is allowed.

    Raises:
        UnreadableSchema: they are no names of types.
    """
    declared = schema.get("type")
    if declared is None:
        return []
    names = declared if isinstance(declared, list) else [declared]
    for name in names:
        if not isinstance(name, str) or name.lower() not in _TYPES:
            raise UnreadableSchema(f"unknown type {str(name)[:40]!r}")
    nullable = ["null"] if schema.get("nullable") is True else []
    return [cast("str", name).lower() for name in names] + nullable


def branches_of(schema: Schema) -> Sequence[tuple[str, list[Schema]]]:
    """The alternatives of a schema by keyword.

    Raises:
        UnreadableSchema: a keyword that holds no list of schemas, or a reference to a schema elsewhere.
    """
    if _BRANCHING.isdisjoint(schema):
        return []
    if "$ref" in schema:
        raise UnreadableSchema("$ref is not followed; write the schema in its place")
    found: list[tuple[str, list[Schema]]] = []
    for keyword in _BRANCHES:
        listed = schema.get(keyword)
        if listed is None:
            continue
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise UnreadableSchema(f"{keyword} is no list of schemas")
        found.append((keyword, cast("list[Schema]", listed)))
    return found


def allows_float(schema: Schema) -> bool:
    """Whether 5 and 5.0 are the same value here."""
    if not _NUMBERS.isdisjoint(types_of(schema)):
        return True
    return any(allows_float(branch) for _, listed in branches_of(schema) for branch in listed)


def properties_of(schema: Schema) -> Mapping[str, Schema]:
    """The declared members of an object, those of its alternatives too.

    Raises:
        UnreadableSchema: they are no schemas.
    """
    declared = schema.get("properties")
    if declared is None:
        found: dict[str, Schema] = {}
    elif isinstance(declared, dict):
        for item in declared.values():
            if not isinstance(item, dict):
                raise UnreadableSchema("properties is no object of schemas")
        found = cast("dict[str, Schema]", declared)
    else:
        raise UnreadableSchema("properties is no object of schemas")
    if _BRANCHING.isdisjoint(schema):
        return found
    for _, listed in branches_of(schema):
        for branch in listed:
            found = {**properties_of(branch), **found}
    return found


def required_of(schema: Schema) -> list[str]:
    """Names of the members that must be there.

    Raises:
        UnreadableSchema: they are no names.
    """
    listed = schema.get("required")
    if listed is None or isinstance(listed, bool):  # some declarations mark each property instead
        return []
    if not isinstance(listed, list):
        raise UnreadableSchema("required is no list of names")
    for name in listed:
        if not isinstance(name, str):
            raise UnreadableSchema("required is no list of names")
    return cast("list[str]", listed)


def items_of(schema: Schema) -> Schema:
    """What the elements of an array may be."""
    items = schema.get("items")
    if isinstance(items, dict):
        return items
    for _, listed in branches_of(schema):
        found = next((inner for branch in listed if (inner := items_of(branch))), None)
        if found is not None:
            return found
    return ANYTHING


def is_open(schema: Schema) -> bool:
    """Whether members that are not declared may be there too."""
    return schema.get("additionalProperties", False) is not False


def fits_type(value: Json, schema: Schema) -> bool:
    """Whether a value has one of the types and allowed values; its members are not looked at."""
    declared = schema.get("type")
    if type(declared) is str and type(value) is _EXACTLY.get(declared) and _NARROWING.isdisjoint(schema):
        return True
    types = types_of(schema)
    if types and not any(_is_of(value, name) for name in types):
        return False
    allowed = schema.get("enum")
    if isinstance(allowed, list) and not any(is_same_plain(value, choice) for choice in allowed):
        return False
    if "const" in schema and not is_same_plain(value, schema["const"]):
        return False
    for keyword, listed in branches_of(schema):
        fitting = [fits_type(value, branch) for branch in listed]
        if not (all(fitting) if keyword == "allOf" else any(fitting)):
            return False
    return True


def _is_of(value: Json, name: str) -> bool:
    if isinstance(value, bool):
        return name in ("boolean", "bool", "any")
    if isinstance(value, float) and value.is_integer() and int in _TYPES[name]:
        return True
    return isinstance(value, _TYPES[name])


def is_same_plain(left: Json, right: Json) -> bool:
    """Equality that keeps booleans apart from numbers."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)
