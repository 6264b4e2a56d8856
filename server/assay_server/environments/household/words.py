"""Putting states into words: a grammar, compiled to functions of a state and of what the variables stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from assay_server.environments.household.facts import Arguments, Holds, Matches, check_arity, search_of, test_of, unsaid
from assay_server.environments.household.grammar import Atom, Call, Condition, Field, Grammar, Listing, Part, Rule
from assay_server.environments.household.pddl import UnreadableGame
from assay_server.environments.household.state import State

Binding: TypeAlias = "dict[str, int]"
Text: TypeAlias = "Callable[[State, Binding], str]"

_INDEFINITE = "a"
_DEEPEST = 60
_HEAVIEST = 200_000
_LISTED = 40
_MOST_FOUND = 20_000


class Words:
    """The texts of a grammar. Where it has no rule for the task, the scene's is taken."""

    def __init__(self, grammar: Grammar) -> None:
        self._rules = grammar.rules
        self._compiled: dict[str, Text] = {}
        self._open: list[str] = []
        self._weights: dict[str, int] = {}
        self._nothing = self._constant("list_empty", "nothing")
        self._separator = self._constant("list_separator", ", ")
        self._last_separator = self._constant("list_last_separator", ", and ")

    def text(self, parts: Sequence[Part]) -> Text:
        """A text as a function.

        Raises:
            UnreadableGame: it needs a rule that is not there, or that needs itself.
        """
        compiled = [self._part(part) for part in _joined(parts)]
        if len(compiled) == 1:
            return compiled[0]
        return lambda state, binding: "".join([one(state, binding) for one in compiled])

    def symbol(self, name: str) -> Text:
        """A symbol as a function.

        Raises:
            UnreadableGame: as :meth:`text`.
        """
        if name not in self._compiled:
            if name in self._open or len(self._open) > _DEEPEST:
                raise UnreadableGame(f"the grammar's rule {name} needs itself")
            if name == "task" and name not in self._rules:
                return lambda state, _: state.scene.task
            if name not in self._rules:
                raise UnreadableGame(f"the grammar has no rule {name}")
            self._open.append(name)
            self._compiled[name] = self._first_of(self._rules[name])
            self._weights[name] = sum(self._weight(rule.parts) for rule in self._rules[name])
            self._open.pop()
        return self._compiled[name]

    def _weight(self, parts: Sequence[Part]) -> int:
        """About how much work a text is: rules may use each other twice, and lists may stand in lists.

        Raises:
            UnreadableGame: too much.
        """
        weight = 0
        for part in parts:
            if isinstance(part, Listing):
                weight += _LISTED * self._weight(part.item)
            else:
                weight += self._weights.get(part.symbol, 1) if isinstance(part, Call) else 1
        if weight > _HEAVIEST:
            raise UnreadableGame("the rules of the grammar lead to texts without end")
        return weight

    def _constant(self, name: str, otherwise: str) -> str:
        parts = self._rules[name][0].parts if name in self._rules else (otherwise,)
        if not all(isinstance(part, str) for part in parts):
            raise UnreadableGame(f"the grammar's rule {name} is no plain text")
        return "".join(str(part) for part in parts)

    def _first_of(self, rules: Sequence[Rule]) -> Text:
        variants = [(_condition(rule.condition), self.text(rule.parts)) for rule in rules]
        if len(variants) == 1 and not rules[0].condition:
            return variants[0][1]

        def say(state: State, binding: Binding) -> str:
            for condition, text in variants:
                if condition(state, binding):
                    return text(state, binding)
            return ""

        return say

    def _part(self, part: Part) -> Text:
        if isinstance(part, str):
            return lambda _, __: part
        if isinstance(part, Field):
            return _field(part)
        if isinstance(part, Call):
            return self.symbol(part.symbol)
        return self._listing(part)

    def _listing(self, listing: Listing) -> Text:
        item, search = self.text(listing.item), _items(listing.condition)
        nothing, separator, last_separator = self._nothing, self._separator, self._last_separator

        def say(state: State, binding: Binding) -> str:
            items = search(state, binding, item)
            if len(items) < 2:
                return items[0] if items else nothing
            return separator.join(items[:-1]) + last_separator + items[-1]

        return say


def _field(field: Field) -> Text:
    variable = field.variable
    if field.attribute == "indefinite":
        return lambda _, __: _INDEFINITE

    def say(state: State, binding: Binding) -> str:
        try:
            return state.scene.names[binding[variable]]
        except KeyError:
            raise UnreadableGame(f"the grammar names {variable} where nothing is called so") from None

    return say


def _condition(condition: Condition) -> Callable[[State, Binding], bool]:
    if not condition:
        return lambda _, __: True
    search = _search(condition)
    named = {atom.variables for atom in condition}
    only = named.pop()
    if named or len(only) != 1:
        return lambda state, binding: bool(search(state, binding))
    (variable,), tests = only, [_atom(atom)[0] for atom in condition]

    def holds(state: State, binding: Binding) -> bool:
        thing = binding.get(variable)
        if thing is None:
            return bool(search(state, binding))
        arguments = (thing,)
        for test in tests:  # noqa: SIM110 - a generator costs more than the tests
            if not test(state, arguments):
                return False
        return True

    return holds


def _atom(atom: Atom) -> tuple[Holds, Matches]:
    check_arity(atom.predicate, len(atom.variables))
    return unsaid(atom.predicate) if atom.negated else (test_of(atom.predicate), search_of(atom.predicate))


def _search(condition: Condition) -> Callable[[State, Binding], list[Binding]]:
    atoms = [(atom.variables, *_atom(atom)) for atom in condition]

    def search(state: State, binding: Binding) -> list[Binding]:
        found = [binding]
        for variables, test, matches in atoms:
            found = [more for one in found for more in _extended(state, one, variables, test, matches)]
            if not found:
                break
            if len(found) > _MOST_FOUND:
                raise UnreadableGame("a condition of the grammar is met in too many ways")
        return found

    return search


def _items(condition: Condition) -> Callable[[State, Binding, Text], list[str]]:
    """A search that says each thing it finds."""
    search = _search(condition)
    if len(condition) != 1:
        return lambda state, binding, item: [item(state, found) for found in search(state, binding)]
    variables, (_, matches) = condition[0].variables, _atom(condition[0])

    def say(state: State, binding: Binding, item: Text) -> list[str]:
        """Where one variable is free, which is how nearly all lists are, one binding serves for all."""
        pattern = tuple([binding.get(name) for name in variables])
        if pattern.count(None) != 1:
            return [item(state, found) for found in search(state, binding)]
        at = pattern.index(None)
        free, inner, said = variables[at], binding.copy(), list[str]()
        for arguments in matches(state, pattern):
            inner[free] = arguments[at]
            if arguments == tuple([inner[name] for name in variables]):
                said.append(item(state, inner))
        return said

    return say


def _extended(
    state: State, binding: Binding, variables: tuple[str, ...], test: Holds, matches: Matches
) -> list[Binding]:
    pattern = tuple([binding.get(name) for name in variables])
    if None not in pattern:
        bound: Arguments = tuple([binding[name] for name in variables])
        return [binding] if test(state, bound) else []
    return [
        {**binding, **dict(zip(variables, arguments, strict=True))}
        for arguments in matches(state, pattern)
        if all(given is None or given == argument for given, argument in zip(pattern, arguments, strict=True))
    ]


def _joined(parts: Sequence[Part]) -> list[Part]:
    """With fields of fixed text and their neighbours put together."""
    joined: list[Part] = []
    for part in parts:
        said = _INDEFINITE if isinstance(part, Field) and part.attribute == "indefinite" else part
        if isinstance(said, str) and joined and isinstance(joined[-1], str):
            joined[-1] += said
        else:
            joined.append(said)
    return joined or [""]


def named_things(ids: Sequence[str]) -> Mapping[str, str]:
    """What things are called: type and number, counted down in order of the ids.

    A type is what stands before the first ``_bar_``, with ``basin`` where that is in the id.
    """
    kinds = {id_: id_.partition("_bar_")[0] + ("basin" if "basin" in id_ else "") for id_ in ids if "_bar_" in id_}
    counts: dict[str, int] = {}
    for kind in kinds.values():
        counts[kind] = counts.get(kind, 0) + 1
    names: dict[str, str] = {}
    for id_ in sorted(ids):
        kind = kinds.get(id_)
        if kind is None:
            names[id_] = id_
        else:
            names[id_] = f"{kind} {counts[kind]}"
            counts[kind] -= 1
    return names
