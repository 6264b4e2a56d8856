"""Calls written as JSON values: which objects are calls, in the forms that models and chat protocols use."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import NoReturn, TypeAlias

from assay.sdk import Json
from assay_server.rewards.calls_literals import Call, UnreadableCall

_ARGUMENT_KEYS = ("arguments", "parameters", "input")
_CALL_KEYS = frozenset(("function", "tool", "tool_name", "tool_calls", "function_call", *_ARGUMENT_KEYS))
_DEEPEST = 32

Names: TypeAlias = Collection[str]
"""Functions that are declared or expected: what makes a doubtful text an attempt to call one."""


def _pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise UnreadableCall("a key is given twice in one object")
    return read


def _constant(name: str) -> NoReturn:
    raise UnreadableCall(f"{name} is no JSON value")


def _float(text: str) -> float:
    number = float(text)
    if number - number != 0.0:
        raise UnreadableCall(f"{text[:20]} is too large")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float)


def decode(text: str, start: int = 0) -> tuple[Json, int]:
    """The JSON value at ``start`` and where it ends.

    Raises:
        UnreadableCall: there is none, a key is repeated, a number is not finite, or it is nested too deep.
    """
    try:
        found, end = _DECODER.raw_decode(text, start)
    except UnreadableCall:
        raise
    except (ValueError, RecursionError) as error:
        raise UnreadableCall(f"no JSON: {str(error)[:100]}") from error
    if text.count("{", start, end) + text.count("[", start, end) > _DEEPEST and depth_of(found) > _DEEPEST:
        raise UnreadableCall(f"nested deeper than {_DEEPEST}")
    return found, end


def depth_of(whole: Json) -> int:
    """Levels of lists and objects; counted level by level, no recursion."""
    depth, level = 0, [whole]
    while True:
        inner: list[Json] = []
        found = False
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
                found = True
            elif isinstance(item, list):
                inner += item
                found = True
        if not found:
            return depth
        depth += 1
        level = inner


def calls_in(found: Json, names: Names) -> list[Call] | None:
    """The calls that a value is: one, a list, or a message with ``tool_calls``; None where it is something else.

    Raises:
        UnreadableCall: it tries to be a call and is none.
    """
    if isinstance(found, list):
        return _calls_in_list(found, names)
    if not isinstance(found, dict):
        return None
    listed = found.get("tool_calls")
    if isinstance(listed, list):
        return _calls_in_list(listed, names) or []
    call = _call_in(found, names)
    return None if call is None else [call]


def _calls_in_list(items: list[Json], names: Names) -> list[Call] | None:
    calls = [_call_in(item, names) if isinstance(item, dict) else None for item in items]
    readable = [call for call in calls if call is not None]
    if readable and len(readable) < len(calls):
        raise UnreadableCall("a list holds calls and something else")
    return readable if readable or not items else None


def _call_in(found: dict[str, Json], names: Names) -> Call | None:
    name = found.get("name")
    if type(name) is str:
        return _named(name, found, names)
    function = found.get("function", found.get("function_call"))
    if isinstance(function, dict):
        inner = function.get("name")
        if type(inner) is str:
            return _named(inner, function, {inner})
        raise UnreadableCall("a function call without a name")
    if isinstance(function, str) and any(key in found for key in _ARGUMENT_KEYS):
        return _named(function, found, names)
    if len(found) == 1:
        name, arguments = next(iter(found.items()))
        if name in names and isinstance(arguments, dict):
            return Call(name, arguments)
        if name in names:
            raise UnreadableCall(f"the arguments of {name} are no object")
    if not _CALL_KEYS.isdisjoint(found):
        raise UnreadableCall("an object with the keys of a call, and no name that can be read")
    return None


def _named(name: str, holder: dict[str, Json], names: Names) -> Call | None:
    given = [key for key in _ARGUMENT_KEYS if key in holder]
    if not given and any(key in holder for key in ("args", "kwargs", "params")):
        raise UnreadableCall(f"{name}: arguments are called arguments or parameters")
    if not given:
        return Call(name, {}) if name in names else None
    if len(given) > 1:
        raise UnreadableCall(f"{name}: both {given[0]} and {given[1]}")
    return Call(name, arguments_of(name, holder[given[0]]))


def arguments_of(name: str, arguments: Json) -> dict[str, Json]:
    """An object, or JSON text of one; nothing at all is no arguments.

    Raises:
        UnreadableCall: it is something else.
    """
    if isinstance(arguments, str):
        text = arguments.strip()
        arguments, end = decode(text) if text else ({}, 0)
        if end < len(text):
            raise UnreadableCall(f"{name}: text after the arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise UnreadableCall(f"{name}: the arguments are no object")
    return arguments
