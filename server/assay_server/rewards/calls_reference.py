"""The calls that a reference expects, and the functions that it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from assay.sdk import Json, Unscorable
from assay.sdk.values import value
from assay_server.rewards.calls_literals import UnreadableCall
from assay_server.rewards.calls_schemas import (
    ANYTHING,
    Schema,
    UnreadableSchema,
    fits_type,
    is_open,
    items_of,
    properties_of,
    required_of,
)
from assay_server.rewards.calls_values import arguments_of, depth_of

_MOST = 64
_DEEPEST = 32
_PLAIN = frozenset((str, int, float, bool, type(None)))
_KEYS = frozenset(("name", "arguments", "parameters", "function", "type", "id", "allowed"))

ExpectedValue: TypeAlias = "Json | Alternatives | dict[str, ExpectedValue] | list[ExpectedValue]"
"""A JSON value with alternatives at any place in it."""


@value
class Alternatives:
    """Any of these values will do; where ``optional`` none is needed."""

    values: Sequence[ExpectedValue]
    optional: bool


@value
class ExpectedCall:
    """One call, with the schema of its function's parameters (None where no function is declared)."""

    name: str
    arguments: dict[str, ExpectedValue]
    schema: Schema | None


@value
class Expectation:
    """A reference: its calls, the declared functions by name, whether the order of calls counts."""

    calls: Sequence[ExpectedCall]
    tools: Mapping[str, Schema]
    ordered: bool


class _Unreadable(ValueError):
    """A reference is not as documented."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def expectation_of(reference: Mapping[str, Json]) -> Expectation:
    """Read a reference.

    Raises:
        Unscorable: ``REFERENCE_MISSING`` without ``calls``; ``REFERENCE_UNPARSEABLE`` where no response could be right:
            it is not as documented, or its calls do not fit the declared functions.
    """
    if reference.get("calls") is None:
        message = 'the reference has no "calls"; send {"calls": [...], "tools": [...]}'
        raise Unscorable("REFERENCE_MISSING", message, field="reference.calls")
    try:
        return _read(reference)
    except _Unreadable as error:
        raise Unscorable("REFERENCE_UNPARSEABLE", str(error), field=f"reference.{error.field}") from error
    except (UnreadableSchema, UnreadableCall) as error:
        raise Unscorable("REFERENCE_UNPARSEABLE", str(error), field="reference") from error


def _read(reference: Mapping[str, Json]) -> Expectation:
    calls, ordered = reference["calls"], reference.get("ordered", False)
    if not isinstance(calls, list) or len(calls) > _MOST or not all(isinstance(call, dict) for call in calls):
        raise _Unreadable("calls", f"calls: expected a list of at most {_MOST} objects")
    if not isinstance(ordered, bool):
        raise _Unreadable("ordered", "ordered: expected true or false")
    if depth_of(calls) > _DEEPEST:
        raise _Unreadable("calls", f"calls: nested deeper than {_DEEPEST}")
    tools = _tools(reference.get("tools"))
    allowed = reference.get("allowed", {})
    if not isinstance(allowed, dict):
        raise _Unreadable("allowed", "allowed: expected an object by function")
    listed = cast("list[dict[str, Json]]", calls)
    return Expectation([_call(call, tools, allowed) for call in listed], tools, ordered)


def _tools(declared: Json) -> dict[str, Schema]:
    if declared is None:
        return {}
    if not isinstance(declared, list):
        raise _Unreadable("tools", "tools: expected a list of function declarations")
    tools: dict[str, Schema] = {}
    for tool in declared:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not name or name in tools:
            raise _Unreadable("tools", "tools: expected objects with different names, in OpenAI's form")
        schema = function.get("parameters")
        if schema is not None and not isinstance(schema, dict):
            raise _Unreadable("tools", f"tools: the parameters of {name[:80]} are no schema")
        tools[name] = schema or ANYTHING
        properties_of(tools[name])
    return tools


def _call(call: dict[str, Json], tools: Mapping[str, Schema], allowed: Mapping[str, Json]) -> ExpectedCall:
    name, arguments = _possible_answer(call) if _is_possible_answer(call) else _plain_call(call, allowed)
    if not tools:
        return ExpectedCall(name, arguments, None)
    schema = tools.get(name)
    if schema is None:
        raise _Unreadable("calls", f"calls: {name[:80]} is not among the tools")
    _check_object(arguments, schema, name)
    return ExpectedCall(name, arguments, schema)


def _is_possible_answer(call: dict[str, Json]) -> bool:
    if len(call) != 1:
        return False
    name, held = next(iter(call.items()))
    if name in ("arguments", "parameters", "allowed"):
        return False
    return isinstance(held, dict) and (name != "function" or not isinstance(held.get("name"), str))


def _possible_answer(call: dict[str, Json]) -> tuple[str, dict[str, ExpectedValue]]:
    """BFCL's form: ``{"f": {"parameter": [alternatives]}}``; ``""`` among them = may be left out."""
    name, held = next(iter(call.items()))
    return name, {
        parameter: _alternatives(listed, f"{name}.{parameter}", nested=True)
        for parameter, listed in cast("dict[str, Json]", held).items()
    }


def _alternatives(listed: Json, where: str, *, nested: bool) -> Alternatives:
    if not isinstance(listed, list) or not listed:
        raise _Unreadable("calls", f"calls: {where[:80]}: expected a list of allowed values")
    values: list[ExpectedValue] = [_possible_value(item) for item in listed] if nested else [*listed]
    return Alternatives(values, "" in listed)


def _possible_value(item: Json) -> ExpectedValue:
    """Members of objects in a possible answer are lists of alternatives themselves."""
    if isinstance(item, dict):
        return {
            key: _alternatives(inner, key, nested=True) if isinstance(inner, list) and inner else inner
            for key, inner in item.items()
        }
    if isinstance(item, list):
        return [_possible_value(inner) for inner in item]
    return item


def _plain_call(call: dict[str, Json], allowed: Mapping[str, Json]) -> tuple[str, dict[str, ExpectedValue]]:
    function = call.get("function", call)
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        raise _Unreadable("calls", 'calls: expected {"name", "arguments"} or {name: {parameter: [values]}}')
    if not _KEYS.issuperset(call) or ("arguments" in function and "parameters" in function):
        unknown = next((key for key in call if key not in _KEYS), None)
        raise _Unreadable("calls", f"calls: {name[:80]}: unexpected {unknown or 'parameters'}")
    arguments: dict[str, ExpectedValue] = {}
    for key, item in arguments_of(name, function.get("arguments", function.get("parameters"))).items():
        if isinstance(item, dict) and len(item) == 1 and "allowed" in item:
            arguments[key] = _alternatives(item["allowed"], f"{name}.{key}", nested=False)
        else:
            arguments[key] = cast("ExpectedValue", item)
    for choices in (allowed.get(name), call.get("allowed")):
        if choices is not None:
            _add_choices(arguments, name, choices)
    return name, arguments


def _add_choices(arguments: dict[str, ExpectedValue], name: str, choices: Json) -> None:
    if not isinstance(choices, dict):
        raise _Unreadable("allowed", f"allowed: {name[:80]}: expected lists of values by parameter")
    for key, listed in choices.items():
        added = _alternatives(listed, f"{name}.{key}", nested=False)
        given = [arguments[key]] if key in arguments else []
        arguments[key] = Alternatives([*given, *added.values], added.optional)


# ---------------------------------------------------------------- do the calls fit the tools?


def _check_object(members: Mapping[str, ExpectedValue], schema: Schema, where: str) -> None:
    properties = properties_of(schema)
    for key, item in members.items():
        inner = properties.get(key)
        if inner is not None:
            if not (type(item) in _PLAIN and fits_type(cast("Json", item), inner)):
                _check(item, inner, f"{where}.{key}")
        elif "properties" in schema and not is_open(schema):
            raise _Unreadable("calls", f"calls: {where[:80]} declares no {key[:80]}")
    for key in required_of(schema):
        if key not in members:
            raise _Unreadable("calls", f"calls: {where[:80]} needs {key[:80]}")


def _check(item: ExpectedValue, schema: Schema, where: str) -> None:
    if isinstance(item, Alternatives):
        _check_alternatives(item, schema, where)
    elif not fits_type(cast("Json", item), schema):
        raise _Unreadable("calls", f"calls: {where[:80]}: a value that the schema does not allow")
    elif isinstance(item, dict):
        _check_object(cast("dict[str, ExpectedValue]", item), schema, where)
    elif isinstance(item, list):
        inner = items_of(schema)
        for each in cast("list[ExpectedValue]", item) if inner else ():
            _check(each, inner, where)


def _check_alternatives(item: Alternatives, schema: Schema, where: str) -> None:
    """One that fits is enough: data sets list spellings of several types."""
    problems = [_problem(each, schema, where) for each in item.values]
    if None not in problems and problems[0] is not None and not item.optional:
        raise problems[0]


def _problem(item: ExpectedValue, schema: Schema, where: str) -> _Unreadable | None:
    try:
        _check(item, schema, where)
    except _Unreadable as error:
        return error
    return None
