"""The grammar inside a game file: command templates, and rules that put facts into words.

A rule has an optional condition (facts joined by ``&``) and a text. In a text stand ``#symbol#`` (another rule, perhaps
with arguments), ``{variable.attribute}`` and lists ``[{item | condition}]``. Of the rules of a symbol the first whose
condition holds is taken. A variable that is bound where a rule is used stays bound in it; the others range over all
that fits, in order of their ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from assay.sdk import Json
from assay_server.environments.household.pddl import UnreadableGame

_MAX_CHARACTERS = 1_000_000
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"')
_STATEMENT = re.compile(r"\s*(\w+)\s*::\s*")
_ACTION = re.compile(r"\s*action\s+(\w+)\s*\{")
_END = re.compile(r"\s*;?\s*(?:\}\s*;?\s*)?")
_ATOM = re.compile(r"\s*(\w+)\s*\(([^()]*)\)\s*")
_SYMBOL = re.compile(r"#([\w.\-]+)(?:\(([^()#]*)\))?#")
_FIELD = re.compile(r"\s*(\w+)(?:\s*\.\s*(\w+))?\s*")
_ATTRIBUTES = frozenset({"name", "indefinite", "id"})


@dataclass(frozen=True, slots=True)
class Atom:
    """``predicate(x:type, y:type)``; ``negated`` where it is written ``not_predicate``."""

    predicate: str
    variables: tuple[str, ...]
    negated: bool


Condition: TypeAlias = "tuple[Atom, ...]"


@dataclass(frozen=True, slots=True)
class Field:
    """``{variable.attribute}``."""

    variable: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Call:
    """``#symbol(arguments)#``; the name includes the arguments, as two rules may differ in these alone."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Listing:
    """``[{item | condition}]``."""

    item: tuple[Part, ...]
    condition: Condition


Part: TypeAlias = "str | Field | Call | Listing"


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to put a symbol into words."""

    condition: Condition
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ActionText:
    """How an action is commanded, and the symbol of what is answered."""

    template: tuple[Part, ...]
    feedback: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Grammar:
    """All rules by symbol, and the texts of all actions by lower-case name."""

    rules: Mapping[str, tuple[Rule, ...]]
    actions: Mapping[str, ActionText]


def read_grammar(text: str) -> Grammar:
    """The grammar of a game file.

    Raises:
        UnreadableGame: it cannot be read.
    """
    if len(text) > _MAX_CHARACTERS:
        raise UnreadableGame(f"a grammar of {len(text)} characters; at most {_MAX_CHARACTERS} are read")
    rules: dict[str, tuple[Rule, ...]] = {}
    actions: dict[str, ActionText] = {}
    for action, statements in _blocks(text):
        if "grammar" in statements:
            rules.update(_rules(statements["grammar"]))
        if action:
            template, feedback = statements.get("template", ""), statements.get("feedback", "")
            actions[action.lower()] = ActionText(read_parts(template), read_parts(feedback))
    return Grammar(rules, actions)


def _blocks(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(action or empty, its statements)."""
    position = _END.match(text, 0).end()  # pyright: ignore[reportOptionalMemberAccess] - it matches the empty text
    while position < len(text):
        if found := _ACTION.match(text, position):
            statements: dict[str, str] = {}
            position = found.end()
            while _STATEMENT.match(text, position):
                name, value, position = _statement(text, position)
                statements[name] = value
            close = text.find("}", position)
            if close < 0 or text[position:close].strip():
                raise UnreadableGame(f"the grammar's action {found[1]} does not end")
            yield found[1], statements
            position = close + 1
        else:
            name, value, position = _statement(text, position)
            yield "", {name: value}
        position = _END.match(text, position).end()  # pyright: ignore[reportOptionalMemberAccess]


def _statement(text: str, position: int) -> tuple[str, str, int]:
    """Name, value, and where it ends."""
    found = _STATEMENT.match(text, position)
    if not found:
        raise UnreadableGame(f"not understood in the grammar: {text[position : position + 60].strip()!r}")
    start = found.end()
    if text.startswith('"""', start):
        end = text.find('"""', start + 3)
        if end < 0:
            raise UnreadableGame(f"the grammar's {found[1]} does not end")
        value, stop = text[start + 3 : end], end + 3
    else:
        quoted = _QUOTED.match(text, start)
        if not quoted:
            raise UnreadableGame(f"the grammar's {found[1]} is no quoted text")
        value, stop = quoted[1], quoted.end()
    semicolon = text.find(";", stop)
    if semicolon < 0 or text[stop:semicolon].strip():
        raise UnreadableGame(f"the grammar's {found[1]} has no ';' after it")
    return found[1], value, semicolon + 1


def _rules(text: str) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    try:
        loaded = cast("Json", json.loads(text))
    except (ValueError, RecursionError) as error:
        raise UnreadableGame(f"the grammar's rules are no JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise UnreadableGame("the grammar's rules are no JSON object")
    for head, variants in loaded.items():
        if not isinstance(variants, list):
            raise UnreadableGame(f"the grammar's rule {head} is no list")
        yield (
            _symbol_name(*head.strip().removesuffix(")").partition("(")[::2]),
            tuple(_rule(head, variant) for variant in variants),
        )


def _symbol_name(name: str, arguments: str | None) -> str:
    listed = [word.partition(":")[0].strip().lower() for word in (arguments or "").split(",")]
    return f"{name.strip()}({', '.join(listed)})" if any(listed) else name.strip()


def _rule(head: str, variant: Json) -> Rule:
    if not isinstance(variant, dict) or not isinstance(variant.get("rhs"), str):
        raise UnreadableGame(f"the grammar's rule {head} has no text")
    condition = variant.get("condition", "")
    if not isinstance(condition, str):
        raise UnreadableGame(f"the condition of the grammar's rule {head} is no text")
    # A text's leading white space is not part of it.
    return Rule(read_condition(condition), read_parts(str(variant["rhs"]).lstrip()))


def read_condition(text: str) -> Condition:
    """Facts joined by ``&``; none where the text is empty.

    Raises:
        UnreadableGame: it is something else.
    """
    if not text.strip():
        return ()
    atoms: list[Atom] = []
    for written in text.lower().split("&"):
        found = _ATOM.fullmatch(written)
        if not found:
            raise UnreadableGame(f"not understood in a condition of the grammar: {written.strip()[:60]!r}")
        negated = found[1].startswith("not_")
        variables = tuple(word.partition(":")[0].strip() for word in found[2].split(","))
        atoms.append(Atom(found[1].removeprefix("not_"), variables, negated))
    return tuple(atoms)


def read_parts(text: str) -> tuple[Part, ...]:
    """A text with its symbols, fields and lists.

    Raises:
        UnreadableGame: a list or field does not end, or holds what is not known.
    """
    parts: list[Part] = []
    position = 0
    while position < len(text):
        following = _next_special(text, position)
        if following > position:
            parts.append(text[position:following])
        if following == len(text):
            break
        read, position = _special(text, following)
        parts += read
    return tuple(parts)


def _next_special(text: str, position: int) -> int:
    found = [at for at in (text.find("#", position), text.find("{", position), text.find("[{", position)) if at >= 0]
    return min(found, default=len(text))


def _special(text: str, at: int) -> tuple[list[Part], int]:
    if text[at] == "#":
        symbol = _SYMBOL.match(text, at)
        return ([Call(_symbol_name(symbol[1], symbol[2]))], symbol.end()) if symbol else (["#"], at + 1)
    if text[at] == "{":
        end = text.find("}", at)
        if end < 0:
            raise UnreadableGame(f"a field does not end: {text[at : at + 60]!r}")
        return _fields(text[at + 1 : end]), end + 1
    end = text.find("}]", at)
    if end < 0:
        raise UnreadableGame(f"a list does not end: {text[at : at + 60]!r}")
    item, bar, condition = text[at + 2 : end].partition("|")
    if not bar:
        raise UnreadableGame(f"a list without a condition: {text[at : end + 2]!r}")
    symbol = _SYMBOL.fullmatch(item.strip())
    parts: list[Part] = [Call(_symbol_name(symbol[1], symbol[2]))] if symbol else _fields(item)
    return [Listing(tuple(parts), read_condition(condition))], end + 2


def _fields(expression: str) -> list[Part]:
    """``o.indefinite + ' ' + o.name``; of ``a or b`` the first, since every name is there."""
    parts: list[Part] = []
    for term in expression.split("+"):
        written = term.partition(" or ")[0].strip()
        if len(written) >= 2 and written[0] == written[-1] and written[0] in "'\"":
            parts.append(written[1:-1])
            continue
        found = _FIELD.fullmatch(written)
        if not found or (found[2] or "name") not in _ATTRIBUTES:
            raise UnreadableGame(f"not understood in a field of the grammar: {expression[:60]!r}")
        parts.append(Field(found[1].lower(), found[2] or "name"))
    return parts
