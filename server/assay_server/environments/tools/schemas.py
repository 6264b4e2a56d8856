"""The tools as they are declared to a model, in OpenAI's form, and calls held against these declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from assay.sdk import Json
from assay_server.environments.tools.calculator import LONGEST
from assay_server.environments.tools.files import MOST_CHARACTERS, MOST_FILES
from assay_server.rewards.calls_literals import Call
from assay_server.rewards.calls_schemas import fits_type

TOOLS = ("python", "search", "calculator", "sql", "files")
"""What a session may offer; some are several functions."""

ANSWER = "answer"
_TEXT: dict[str, Json] = {"type": "string"}
_MOST_SHOWN = 80


class BadCall(Exception):
    """A call does not fit its tool's declaration; the message says what was expected."""


def declared(tools: Sequence[str], bases: Sequence[str], most_results: int) -> dict[str, dict[str, Json]]:
    """The functions of these tools by name, each as OpenAI's ``tools`` lists it."""
    functions: list[dict[str, Json]] = []
    for tool in tools:
        functions += _functions(tool, bases, most_results)
    functions.append(
        _function(
            ANSWER, "Give the final answer; this ends the episode.", {"text": {"type": ["string", "number"]}}, ["text"]
        )
    )
    return {_name(one): one for one in functions}


def _functions(tool: str, bases: Sequence[str], most_results: int) -> list[dict[str, Json]]:
    match tool:
        case "python":
            told = "Run Python code; names are kept from call to call. Shows what is printed and the last expression."
            return [_function("python", told, {"code": _TEXT}, ["code"])]
        case "search":
            of: dict[str, Json] = {"type": "string", "enum": [*bases]}
            many: dict[str, Json] = {"type": "integer", "minimum": 1, "maximum": most_results}
            told = "Find documents of a knowledge base by words."
            return [_function("search", told, {"base": of, "query": _TEXT, "results": many}, ["base", "query"])]
        case "calculator":
            told = f"Work out an arithmetic expression of up to {LONGEST} characters."
            return [_function("calculator", told, {"expression": _TEXT}, ["expression"])]
        case "sql":
            return [
                _function("sql_schema", "Show how the database's tables were made.", {"table": _TEXT}, []),
                _function("sql_query", "Run a query and see its first rows.", {"query": _TEXT}, ["query"]),
            ]
        case _:
            return _file_functions()


def _file_functions() -> list[dict[str, Json]]:
    at: dict[str, Json] = {"type": "integer", "minimum": 0}
    written: dict[str, Json] = {"name": _TEXT, "text": _TEXT, "append": {"type": "boolean"}}
    told = f"Write a text of up to {MOST_CHARACTERS} characters; {MOST_FILES} files at most."
    return [
        _function("list_files", "List the session's files with their lengths.", {}, []),
        _function("read_file", "Read a file, from a character on.", {"name": _TEXT, "start": at}, ["name"]),
        _function("write_file", told, written, ["name", "text"]),
        _function("delete_file", "Delete a file.", {"name": _TEXT}, ["name"]),
    ]


def _function(name: str, told: str, properties: dict[str, Json], required: list[str]) -> dict[str, Json]:
    parameters: dict[str, Json] = {
        "type": "object",
        "properties": properties,
        "required": cast("list[Json]", required),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": told, "parameters": parameters}}


def _name(function: Mapping[str, Json]) -> str:
    return cast("str", cast("Mapping[str, Json]", function["function"])["name"])


def arguments_for(call: Call, functions: Mapping[str, Mapping[str, Json]]) -> dict[str, Json]:
    """The arguments of a call by name, as its function declares them.

    Raises:
        BadCall: there is no such function, or they do not fit.
    """
    function = functions.get(call.name)
    if function is None:
        raise BadCall(f"there is no tool {call.name[:_MOST_SHOWN]!r}; there are: {', '.join(functions)}")
    declaration = cast("Mapping[str, Json]", function["function"])
    parameters = cast("Mapping[str, Json]", declaration["parameters"])
    properties = cast("Mapping[str, Mapping[str, Json]]", parameters["properties"])
    given = _named(call, list(properties))
    for name, value in given.items():
        if name not in properties:
            expected = ", ".join(properties) or "none"
            raise BadCall(f"{call.name} has no argument {name[:_MOST_SHOWN]!r}; it takes: {expected}")
        _check(call.name, name, value, properties[name])
    missing = [name for name in cast("list[str]", parameters["required"]) if name not in given]
    if missing:
        raise BadCall(f"{call.name} needs {', '.join(missing)}")
    return given


def _named(call: Call, names: Sequence[str]) -> dict[str, Json]:
    if len(call.positional) > len(names):
        raise BadCall(f"{call.name} takes {len(names)} arguments at most")
    given = dict(zip(names, call.positional, strict=False))
    twice = given.keys() & call.arguments.keys()
    if twice:
        raise BadCall(f"{call.name}: {min(twice)} is given twice")
    return {**given, **call.arguments}


def _check(function: str, name: str, value: Json, schema: Mapping[str, Json]) -> None:
    low, high = schema.get("minimum"), schema.get("maximum")
    fits = fits_type(value, schema)
    if fits and isinstance(value, int | float) and not isinstance(value, bool):
        fits = (low is None or value >= cast("int", low)) and (high is None or value <= cast("int", high))
    if not fits:
        choices = schema.get("enum")
        wanted = "one of " + ", ".join(map(str, choices)) if isinstance(choices, list) else _kind(schema)
        bounds = "" if low is None else f" from {low}" + ("" if high is None else f" to {high}")
        raise BadCall(f"{function}: {name} is {wanted}{bounds}, not {str(value)[:_MOST_SHOWN]!r}")


def _kind(schema: Mapping[str, Json]) -> str:
    kind = schema["type"]
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
