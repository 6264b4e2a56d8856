"""Reading PDDL: nested lists out of text, and what a problem declares.

Everything is lower case, as PDDL does not tell cases apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

from assay_server.environments.protocol import EnvironmentFault

Node: TypeAlias = "str | list[Node]"
"""A name, or a list in parentheses."""

Fact: TypeAlias = "tuple[str, ...]"
"""A predicate and its arguments."""

_WORD = re.compile(r";[^\n]*|[()]|[^\s();]+")
_MAX_DEPTH = 60
_MAX_CHARACTERS = 8_000_000


class UnreadableGame(EnvironmentFault):
    """A game file is damaged, or is of a kind that this engine does not know."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A PDDL problem.

    Attributes:
        types: type of each declared name.
        facts: what holds at the start, without values of functions.
        goal: the goal formula.
    """

    types: dict[str, str]
    facts: tuple[Fact, ...]
    goal: Node


def read_nodes(text: str) -> list[Node]:
    """The top-level lists of a text.

    Raises:
        UnreadableGame: unbalanced, nested too deep, or too long.
    """
    if len(text) > _MAX_CHARACTERS:
        raise UnreadableGame(f"{len(text)} characters of PDDL; at most {_MAX_CHARACTERS} are read")
    top: list[Node] = []
    open_lists = [top]
    for word in _WORD.findall(text.lower()):
        if word == "(":
            if len(open_lists) > _MAX_DEPTH:
                raise UnreadableGame(f"PDDL nested deeper than {_MAX_DEPTH} lists")
            inner: list[Node] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif word == ")":
            open_lists.pop()
            if not open_lists:
                raise UnreadableGame("PDDL with a ')' that closes nothing")
        elif word[0] != ";":
            open_lists[-1].append(word)
    if len(open_lists) > 1:
        raise UnreadableGame(f"PDDL ends inside {len(open_lists) - 1} open lists")
    return top


def read_problem(text: str) -> Problem:
    """A problem file.

    Raises:
        UnreadableGame: it is none.
    """
    sections = dict(_sections(_definition(text, "problem")))
    missing = [name for name in (":objects", ":init", ":goal") if name not in sections]
    if missing:
        raise UnreadableGame(f"the PDDL problem has no {missing[0]}")
    goal = sections[":goal"]
    if len(goal) != 1:
        raise UnreadableGame("the goal of the PDDL problem is not one formula")
    return Problem(dict(typed_names(sections[":objects"])), tuple(_facts(sections[":init"])), goal[0])


def read_actions(text: str) -> dict[str, Node]:
    """The actions of a domain file, by name; each as its parameters, precondition and effect.

    Raises:
        UnreadableGame: it is no domain.
    """
    actions: dict[str, Node] = {}
    for head, body in _sections(_definition(text, "domain")):
        if head == ":action":
            if not body or not isinstance(body[0], str):
                raise UnreadableGame("an action of the PDDL domain has no name")
            actions[body[0]] = body[1:]
    return actions


def typed_names(names: list[Node]) -> Iterator[tuple[str, str]]:
    """``a b - t c`` as (a, t), (b, t), (c, object)."""
    waiting: list[str] = []
    words = iter(names)
    for word in words:
        if not isinstance(word, str):
            raise UnreadableGame("a list of PDDL names holds a list")
        if word == "-":
            kind = next(words, None)
            if not isinstance(kind, str):
                raise UnreadableGame("a '-' in a list of PDDL names has no type after it")
            yield from ((name, kind) for name in waiting)
            waiting = []
        else:
            waiting.append(word)
    yield from ((name, "object") for name in waiting)


def _definition(text: str, kind: str) -> list[Node]:
    for node in read_nodes(text):
        if isinstance(node, list) and len(node) > 1 and node[0] == "define":
            head = node[1]
            if isinstance(head, list) and head[:1] == [kind]:
                return node[2:]
    raise UnreadableGame(f"expected a PDDL (define ({kind} ...) ...)")


def _sections(definition: list[Node]) -> Iterator[tuple[str, list[Node]]]:
    for section in definition:
        if isinstance(section, list) and section and isinstance(section[0], str):
            yield section[0], section[1:]


def _facts(nodes: list[Node]) -> Iterator[Fact]:
    for node in nodes:
        if not isinstance(node, list) or not node:
            raise UnreadableGame("the initial state of the PDDL problem holds something that is no fact")
        if node[0] == "=":
            continue
        if list in map(type, node):
            raise UnreadableGame(f"not a plain fact in the initial state: {str(node)[:80]}")
        yield cast("Fact", tuple(node))
