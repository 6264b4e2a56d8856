"""What a plugin declares, as data: said in the sandbox, read here, where nothing of it is believed unseen."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from assay.sdk import Json, PluginDefinition, PluginKind, RewardDefinition
from assay.sdk.parameters import Parameter, mismatch

LONGEST_DECLARATION = 1 << 17
"""Bytes, as JSON."""

REWARD = "reward"
_KINDS = frozenset({REWARD, *(kind.value for kind in PluginKind if kind is not PluginKind.ENVIRONMENT)})
_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}/[a-z][a-z0-9_-]{0,63}-v[1-9][0-9]{0,5}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SIGNAL = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_TEXT = 20_000
_MOST = 64
_DEEPEST = 8
_SIMPLE = frozenset({"boolean", "integer", "number", "string", "null"})


class NotDeclared(Exception):
    """Something else than a declaration, or one of what is not run here; the message says what."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What :class:`RewardDefinition` and :class:`PluginDefinition` have, but for functions, digest and lane.

    Attributes:
        kind: ``reward``, ``group reward``, ``batch reward``, ``estimator`` or ``selector``.
    """

    kind: str
    id: str
    parameters: tuple[Parameter, ...]
    minimum: float
    maximum: float
    binary: bool
    required_signals: tuple[str, ...]
    reference_keys: tuple[str, ...]
    source: str
    deterministic: bool
    doc: str
    parts: tuple[tuple[str, float, float], ...]


def encode_declaration(definition: RewardDefinition | PluginDefinition) -> bytes:
    """A definition's declaration as it is sent.

    Raises:
        NotDeclared: it cannot be sent, or it is of a kind that is not run in a sandbox.
    """
    if isinstance(definition, RewardDefinition):
        if definition.wants_ports:
            raise NotDeclared(
                f"{definition.id} takes ports; in the sandbox there are none: it judges by what it is given"
            )
        if definition.aliases:
            raise NotDeclared(
                f"{definition.id} has further names {definition.aliases}; a registered plugin has its id only"
            )
    alone = isinstance(definition, RewardDefinition)
    declaration = Declaration(
        kind=REWARD if alone else definition.kind.value,
        id=definition.id,
        parameters=definition.parameters,
        minimum=definition.minimum,
        maximum=definition.maximum,
        binary=alone and definition.binary,
        required_signals=definition.required_signals,
        reference_keys=definition.reference_keys if alone else (),
        source=definition.source,
        deterministic=definition.deterministic,
        doc=definition.doc[:_LONGEST_TEXT],
        parts=definition.parts if alone else (),
    )
    try:
        return write_declaration(declaration).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotDeclared(f"{definition.id} declares what is no JSON value: {error}") from error


def write_declaration(declaration: Declaration) -> str:
    """As :func:`read_declaration` reads it. Raises TypeError, ValueError for what JSON cannot hold."""
    body: dict[str, object] = {
        "kind": declaration.kind,
        "id": declaration.id,
        "parameters": [[one.name, one.schema, one.required, one.default] for one in declaration.parameters],
        "bounds": [repr(float(declaration.minimum)), repr(float(declaration.maximum))],
        "binary": declaration.binary,
        "requiredSignals": declaration.required_signals,
        "referenceKeys": declaration.reference_keys,
        "source": declaration.source,
        "deterministic": declaration.deterministic,
        "doc": declaration.doc,
        "parts": [[name, repr(float(low)), repr(float(high))] for name, low, high in declaration.parts],
    }
    return json.dumps(body, allow_nan=False)


Body: TypeAlias = "Mapping[str, Json]"


def read_declaration(payload: bytes) -> Declaration:
    """A declaration that anybody may have written. Raises NotDeclared."""
    if len(payload) > LONGEST_DECLARATION:
        raise NotDeclared(f"a declaration of {len(payload)} bytes, where {LONGEST_DECLARATION} are allowed")
    try:
        body = cast("Body", json.loads(payload))
        json.dumps(body, ensure_ascii=False).encode()  # a lone surrogate may have come as an escape
        return _read(body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise NotDeclared("what it declares cannot be read") from error


def _read(body: Body) -> Declaration:
    minimum, maximum = map(_bound, _list(body["bounds"]))
    if not minimum <= maximum:
        raise NotDeclared(f"bounds ({minimum}, {maximum}) are not (minimum, maximum)")
    kind = _text(body["kind"])
    if kind not in _KINDS:
        raise NotDeclared(f"it declares an {kind[:40]}; rewards, estimators and selectors are run in the sandbox")
    return Declaration(
        kind=kind,
        id=_matching(_ID, body["id"], "ids are namespace/name-vN, each part of at most 64 characters"),
        parameters=tuple(_parameter(one) for one in _list(body["parameters"])),
        minimum=minimum,
        maximum=maximum,
        binary=_flag(body["binary"]),
        required_signals=tuple(
            _matching(_SIGNAL, one, "signals have snake_case names") for one in _list(body["requiredSignals"])
        ),
        reference_keys=tuple(_text(one)[:100] for one in _list(body["referenceKeys"])),
        source=_text(body["source"]),
        deterministic=_flag(body["deterministic"]),
        doc=_text(body["doc"]),
        parts=tuple(_part(one) for one in _list(body["parts"])),
    )


def _parameter(given: Json) -> Parameter:
    name, schema, required, default = _list(given)
    parameter = Parameter(
        _matching(_NAME, name, "a parameter has a Python name"), _schema(schema), _flag(required), default
    )
    problem = "" if parameter.required else mismatch(default, parameter.schema)
    if problem:
        raise NotDeclared(f"the default of parameter {parameter.name!r}: {problem[:200]}")
    return parameter


def _schema(given: Json, depth: int = 0) -> dict[str, Json]:
    """A schema as :func:`assay.sdk.parameters.schema_of` makes it."""
    if depth > _DEEPEST or not isinstance(given, dict):
        raise TypeError("expected a schema")
    if "anyOf" in given:
        return {"anyOf": [_schema(one, depth + 1) for one in _list(given["anyOf"])]}
    if "enum" in given:
        return {"enum": list(_list(given["enum"]))}
    if "format" in given:
        raise NotDeclared("it has a parameter that names a judge; in the sandbox there is none")
    kind = _text(given["type"])
    if kind in _SIMPLE:
        return {"type": kind}
    if kind == "object":
        return {"type": kind, "additionalProperties": _schema(given["additionalProperties"], depth + 1)}
    if kind != "array":
        raise TypeError("expected a type")
    if "items" in given:
        return {"type": kind, "items": _schema(given["items"], depth + 1)}
    items: list[Json] = [_schema(one, depth + 1) for one in _list(given["prefixItems"])]
    return {"type": kind, "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _part(given: Json) -> tuple[str, float, float]:
    name, low, high = _list(given)
    return _text(name), _bound(low), _bound(high)


def _bound(given: Json) -> float:
    bound = float(_text(given))
    if math.isnan(bound):
        raise ValueError("not a number")
    return bound


def _list(given: Json) -> Sequence[Json]:
    if not isinstance(given, list) or len(given) > _MOST:
        raise TypeError("expected a list that is not too long")
    return given


def _text(given: Json) -> str:
    if not isinstance(given, str) or len(given) > _LONGEST_TEXT:
        raise TypeError("expected a text that is not too long")
    return given


def _flag(given: Json) -> bool:
    if not isinstance(given, bool):
        raise TypeError("expected true or false")
    return given


def _matching(pattern: re.Pattern[str], given: Json, rule: str) -> str:
    text = _text(given)
    if not pattern.fullmatch(text):
        raise NotDeclared(f"{text[:100]!r}: {rule}")
    return text
