"""Whether the calls made are the calls expected, and in which words they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from assay.sdk import Json
from assay.sdk.values import value
from assay_server.rewards.calls_literals import Call
from assay_server.rewards.calls_reference import Alternatives, Expectation, ExpectedCall, ExpectedValue
from assay_server.rewards.calls_schemas import ANYTHING, Schema, allows_float, is_same_plain, items_of, properties_of

_MOST_LINES = 20
_LONGEST_SHOWN = 120


def _several(item: object) -> str:
    """What JSON cannot hold in an expected value are alternatives."""
    return f"one of {len(item.values)}" if isinstance(item, Alternatives) else "?"


_JSON = json.JSONEncoder(default=_several)


@value
class Match:
    """How two lists of calls relate.

    Attributes:
        equal: all calls are as expected and no other is made.
        credit: the part that is right: calls' parts over the larger number of calls, see :func:`match_calls`.
        names: the part of the calls with an expected name.
        diff: what differs, a line each; empty where nothing does.
    """

    equal: bool
    credit: float
    names: float
    diff: Sequence[str]


def match_calls(expected: Expectation, made: Sequence[Call], *, ordered: bool) -> Match:
    """Compare ``made`` with what is expected; each expected call takes one call made.

    A call's part is 0 with another name, else ``(1 + equal arguments) / (1 + arguments in either)``. Pairs are made in
    order where ``ordered``, else equal calls first and then the best parts first.
    """
    calls = [_with_names(call, expected) if call.positional else call for call in made]
    wanted = expected.calls
    if len(wanted) == len(calls) and all(map(same_call, wanted, calls)):
        return Match(True, 1.0, 1.0, ())
    if not ordered and len(wanted) == len(calls) > 1 and len(_equal_pairs(wanted, calls)) == len(wanted):
        return Match(True, 1.0, 1.0, ())
    if len(wanted) == len(calls) == 1 and wanted[0].name == calls[0].name:
        wrong = _argument_lines(wanted[0], calls[0])
        return Match(False, _part(wanted[0], calls[0], len(wrong)), 1.0, wrong[:_MOST_LINES])
    pairs = _in_order(wanted, calls) if ordered else _best_pairs(wanted, calls)
    lines = {at: _argument_lines(wanted[at], calls[taken]) for at, taken in pairs.items()}
    parts = [_part(wanted[at], calls[taken], len(lines[at])) for at, taken in pairs.items()]
    most = max(len(wanted), len(calls), 1)
    named = sum(wanted[at].name == calls[taken].name for at, taken in pairs.items())
    return Match(False, sum(parts) / most, named / most, _diff(expected, calls, pairs, lines))


def _with_names(call: Call, expected: Expectation) -> Call:
    """Positional arguments by the names of the declared parameters, else of the expected call's."""
    schema = expected.tools.get(call.name)
    like = next((one for one in expected.calls if one.name == call.name), None)
    names = list(properties_of(schema)) if schema is not None else [] if like is None else list(like.arguments)
    arguments = dict(call.arguments)
    for place, item in enumerate(call.positional):
        name = names[place] if place < len(names) and names[place] not in call.arguments else f"#{place + 1}"
        arguments[name] = item
    return Call(call.name, arguments)


def same_call(expected: ExpectedCall, made: Call) -> bool:
    """Whether a call is as expected; defaults that are left out or written out make no difference."""
    if expected.name != made.name:
        return False
    return _same_object(expected.arguments, made.arguments, ANYTHING if expected.schema is None else expected.schema)


def _same_object(expected: Mapping[str, ExpectedValue], given: Mapping[str, Json], schema: Schema) -> bool:
    properties = properties_of(schema)
    for key, item in given.items():
        inner = properties.get(key, ANYTHING)
        if key in expected:
            if not same_value(expected[key], item, inner):
                return False
        elif "default" not in inner or not same_value(cast("ExpectedValue", inner["default"]), item, inner):
            return False
    if expected.keys() <= given.keys():
        return True
    return all(key in given or _may_be_left_out(key, item, schema, properties) for key, item in expected.items())


def _may_be_left_out(key: str, item: ExpectedValue, schema: Schema, properties: Mapping[str, Schema]) -> bool:
    required = schema.get("required")
    if isinstance(required, list) and key in required:
        return False
    if isinstance(item, Alternatives) and item.optional:
        return True
    inner = properties.get(key, ANYTHING)
    return "default" in inner and same_value(item, inner["default"], inner)


def same_value(expected: ExpectedValue, given: Json, schema: Schema) -> bool:
    """Whether a value is as expected: types are distinct, but an integer will do for a number.

    Recursion goes no deeper than the reference does.
    """
    if isinstance(expected, str):
        return expected == given
    if isinstance(expected, Alternatives):
        return any(same_value(item, given, schema) for item in expected.values)
    if isinstance(expected, dict):
        return isinstance(given, dict) and _same_object(cast("dict[str, ExpectedValue]", expected), given, schema)
    if isinstance(expected, list):
        items = cast("list[ExpectedValue]", expected)
        if not isinstance(given, list) or len(given) != len(items):
            return False
        inner = items_of(schema)
        return all(same_value(one, other, inner) for one, other in zip(items, given, strict=True))
    if isinstance(given, float) and not isinstance(expected, float):
        return is_same_plain(cast("Json", expected), given) and allows_float(schema)
    return is_same_plain(cast("Json", expected), given)


# ---------------------------------------------------------------- pairs


def _equal_pairs(wanted: Sequence[ExpectedCall], calls: Sequence[Call]) -> dict[int, int]:
    """The most pairs of equal calls: expected place -> place of the call that it takes."""
    equal = [[place for place, call in enumerate(calls) if same_call(one, call)] for one in wanted]
    taken_by: dict[int, int] = {}
    for start in range(len(wanted)):
        _augment(start, equal, taken_by)
    return {at: place for place, at in taken_by.items()}


def _augment(start: int, equal: Sequence[Sequence[int]], taken_by: dict[int, int]) -> None:
    """One breadth-first search for a free call, by way of pairs that can be changed."""
    came_from: dict[int, int] = {}
    waiting = [start]
    for at in waiting:
        for place in equal[at]:
            if place in came_from:
                continue
            came_from[place] = at
            if place in taken_by:
                waiting.append(taken_by[place])
                continue
            free: int | None = place
            while free is not None:
                holder = came_from[free]
                before = next((held for held, by in taken_by.items() if by == holder), None)
                taken_by[free] = holder
                free = before if holder != start else None
            return


def _in_order(wanted: Sequence[ExpectedCall], calls: Sequence[Call]) -> dict[int, int]:
    return {place: place for place in range(min(len(wanted), len(calls)))}


def _best_pairs(wanted: Sequence[ExpectedCall], calls: Sequence[Call]) -> dict[int, int]:
    pairs = _equal_pairs(wanted, calls)
    taken = set(pairs.values())
    rest = [
        (-_part(one, call, len(_argument_lines(one, call))), at, place)
        for at, one in enumerate(wanted)
        if at not in pairs
        for place, call in enumerate(calls)
        if place not in taken and call.name == one.name
    ]
    for _, at, place in sorted(rest):
        if at not in pairs and place not in taken:
            pairs[at] = place
            taken.add(place)
    return pairs


def _part(expected: ExpectedCall, made: Call, wrong: int) -> float:
    if expected.name != made.name:
        return 0.0
    total = len(expected.arguments.keys() | made.arguments.keys())
    return (1 + total - wrong) / (1 + total)


# ---------------------------------------------------------------- words


def _diff(
    expected: Expectation, calls: Sequence[Call], pairs: Mapping[int, int], differences: Mapping[int, list[str]]
) -> list[str]:
    lines: list[str] = []
    for at, one in enumerate(expected.calls):
        made = calls[pairs[at]] if at in pairs else None
        if made is None:
            lines.append(f"{one.name}: the call is missing")
        elif made.name != one.name:
            lines.append(f"expected a call of {one.name}, got {_plain(made.name)}")
        else:
            lines += differences[at]
    taken = set(pairs.values())
    for place, call in enumerate(calls):
        if place not in taken:
            unknown = bool(expected.tools) and call.name not in expected.tools
            lines.append(f"{_plain(call.name)}: {'no such function' if unknown else 'the call is not expected'}")
    return lines[:_MOST_LINES]


def _argument_lines(expected: ExpectedCall, made: Call) -> list[str]:
    schema = ANYTHING if expected.schema is None else expected.schema
    properties = properties_of(schema)
    lines: list[str] = []
    for key, item in expected.arguments.items():
        if key not in made.arguments:
            if not _may_be_left_out(key, item, schema, properties):
                lines.append(f"{expected.name}.{key}: missing, expected {_shown(item)}")
        elif not same_value(item, made.arguments[key], properties.get(key, ANYTHING)):
            lines.append(f"{expected.name}.{key}: expected {_shown(item)}, got {_shown(made.arguments[key])}")
    for key, item in made.arguments.items():
        inner = properties.get(key, ANYTHING)
        if key not in expected.arguments and not (
            "default" in inner and same_value(cast("ExpectedValue", inner["default"]), item, inner)
        ):
            why = "not declared" if expected.schema is not None and key not in properties else "not expected"
            lines.append(f"{expected.name}.{_plain(key)}: {why}, got {_shown(item)}")
    return lines


def _shown(item: ExpectedValue) -> str:
    if isinstance(item, Alternatives):
        return " or ".join([_shown(each) for each in item.values[:5]])
    text = _JSON.encode(item)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _plain(name: str) -> str:
    """Names are the model's: they may hold what cannot be sent."""
    return name[:_LONGEST_SHOWN].encode("ascii", "backslashreplace").decode("ascii")
