"""Finding a judge's verdict in what it said: one JSON object that fits the schema, or none."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import NoReturn, Protocol, cast

from jsonschema import Draft202012Validator
from referencing import Registry

from assay.sdk import Json

_MOST_CHARACTERS = 65_536
_MOST_OPENINGS = 64
_LONGEST_PROBLEM = 300
_THOUGHT_END = "</think>"


class NoVerdict(ValueError):
    """An answer holds no verdict; the message says what is wrong with it."""


class Schema(Protocol):
    """A compiled schema."""

    def problem(self, value: Mapping[str, Json]) -> str:
        """Why the object does not fit; empty where it does."""
        ...


class _CompiledSchema:
    def __init__(self, schema: Mapping[str, Json]) -> None:
        Draft202012Validator.check_schema(dict(schema))
        # An own empty registry: a reference to another document is an error, not a request.
        self._validator = Draft202012Validator(dict(schema), registry=Registry())

    def problem(self, value: Mapping[str, Json]) -> str:
        error = next(iter(self._validator.iter_errors(value)), None)
        if error is None:
            return ""
        where = "/".join(str(part) for part in error.absolute_path)
        return f"{where or 'object'}: {error.message}"[:_LONGEST_PROBLEM]


def compile_schema(schema: Mapping[str, Json]) -> Schema:
    """A schema ready to check verdicts.

    Raises:
        jsonschema.SchemaError: it is no JSON Schema.
    """
    return _CompiledSchema(schema)


def read_verdict(text: str, schema: Schema) -> Mapping[str, Json]:
    """The object in ``text`` that fits ``schema``; thoughts, fences and words around it are passed over.

    Args:
        text: what the judge said; at most 64 Ki characters after its thoughts.
        schema: what fits.

    Raises:
        NoVerdict: there is none, or several that differ.
    """
    said = text.rpartition(_THOUGHT_END)[2]
    if len(said) > _MOST_CHARACTERS:
        raise NoVerdict(f"it has more than {_MOST_CHARACTERS} characters")
    fitting: list[Mapping[str, Json]] = []
    problem = "there is no JSON object in it"
    for found in _objects(said):
        misfit = schema.problem(found)
        if not misfit:
            fitting.append(found)
        problem = misfit or problem
    if not fitting:
        raise NoVerdict(problem)
    if any(other != fitting[0] for other in fitting[1:]):
        raise NoVerdict("it has several JSON objects that fit the schema and differ")
    return fitting[0]


def _objects(text: str) -> Iterator[Mapping[str, Json]]:
    position = text.find("{")
    for _ in range(_MOST_OPENINGS):
        if position == -1:
            return
        try:
            value, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            yield cast("dict[str, Json]", value)
        position = text.find("{", end)


def _without_repeats(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_float=_finite, parse_constant=_refuse)
