"""A second opinion: a game's own PDDL domain, read word for word and tried out by brute force.

Slow, and independent of the rules that the engine has written out: it knows nothing of cabinets and apples. What the
planner adds to the domain is one thing: an action that changes nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assay_server.environments.household.language import Act, Language
from assay_server.environments.household.pddl import Fact, Node, read_actions, read_problem, typed_names
from assay_server.environments.household.words import named_things

Binding = dict[str, str]


@dataclass(frozen=True)
class Schema:
    name: str
    parameters: Mapping[str, str]
    precondition: Node
    effect: Node


class Planner:
    """A game as its PDDL says."""

    def __init__(self, domain: str, problem: str, grammar: str) -> None:
        self._schemas = [_schema(name, body) for name, body in read_actions(domain).items()]
        read = read_problem(problem)
        self.facts = set(read.facts)
        self.goal = read.goal
        self._by_type: dict[str, list[str]] = {}
        for name, kind in read.types.items():
            self._by_type.setdefault(kind, []).append(name)
        self._names = named_things(sorted({name for fact in read.facts for name in fact[1:]}))
        self._language = Language(grammar)

    def commands(self) -> dict[str, tuple[Schema, Binding]]:
        """Everything that can be done, by its command."""
        acts = {act.value[0]: act for act in Act}
        found: dict[str, tuple[Schema, Binding]] = {}
        for schema in self._schemas:
            act = acts[schema.name]
            for binding in self._bindings(schema):
                if self._changes(schema, binding):
                    named = [self._names[binding[f"?{name}"]] for name in act.value[1]]
                    found.setdefault(self._language.command(act, *named), (schema, binding))
        return found

    def perform(self, schema: Schema, binding: Binding) -> None:
        """Deletions first, then additions; conditions are read before."""
        effects = list(self._effects(schema.effect, binding))
        self.facts -= {fact for fact, added in effects if not added}
        self.facts |= {fact for fact, added in effects if added}

    def won(self) -> bool:
        return self.holds(self.goal, {})

    def _bindings(self, schema: Schema) -> Iterator[Binding]:
        conjuncts = _conjuncts(schema.precondition)
        names = sorted(schema.parameters, key=lambda name: (name != "?a", not name.startswith("?l"), name))
        waiting: list[Binding] = [{}]
        for name in names:
            things = self._by_type.get(schema.parameters[name], [])
            waiting = [
                {**binding, name: thing}
                for binding in waiting
                for thing in things
                if thing in self._names and self._possible(conjuncts, {**binding, name: thing}, schema.parameters)
            ]
        yield from waiting

    def _possible(self, conjuncts: list[Node], binding: Binding, parameters: Mapping[str, str]) -> bool:
        return all(
            self.holds(one, binding) for one in conjuncts if _variables(one) & parameters.keys() <= binding.keys()
        )

    def _changes(self, schema: Schema, binding: Binding) -> bool:
        """Whether the action does anything where it does not just state what it requires."""
        required = {_ground(one, binding) for one in _conjuncts(schema.precondition) if _is_atom(one)}
        added = {fact for fact, is_added in self._effects(schema.effect, binding) if is_added}
        deleted = {fact for fact, is_added in self._effects(schema.effect, binding) if not is_added} - added
        return bool(added - required or deleted)

    def holds(self, node: Node, binding: Binding) -> bool:
        if node == []:
            return True
        assert isinstance(node, list)
        head, rest = node[0], node[1:]
        if head == "and":
            return all(self.holds(one, binding) for one in rest)
        if head == "or":
            return any(self.holds(one, binding) for one in rest)
        if head == "not":
            return not self.holds(rest[0], binding)
        if head == "=":
            first, second = (binding.get(str(one), str(one)) for one in rest)
            return first == second
        if head == "exists":
            assert isinstance(rest[0], list)
            return self._exists(list(typed_names(rest[0])), rest[1], binding)
        return _ground(node, binding) in self.facts

    def _exists(self, variables: list[tuple[str, str]], body: Node, binding: Binding) -> bool:
        conjuncts = _conjuncts(body)
        waiting = [binding]
        known = set(binding)
        for name, kind in variables:
            known.add(name)
            ready = [one for one in conjuncts if _free(one) <= known]
            waiting = [
                {**one, name: thing}
                for one in waiting
                for thing in self._by_type.get(kind, [])
                if all(self.holds(test, {**one, name: thing}) for test in ready)
            ]
        return bool(waiting)

    def _effects(self, node: Node, binding: Binding) -> Iterator[tuple[Fact, bool]]:
        assert isinstance(node, list)
        head, rest = node[0], node[1:]
        if head == "and":
            for one in rest:
                yield from self._effects(one, binding)
        elif head == "when":
            if self.holds(rest[0], binding):
                yield from self._effects(rest[1], binding)
        elif head == "not":
            yield _ground(rest[0], binding), False
        elif head != "increase":
            yield _ground(node, binding), True


def _schema(name: str, body: Node) -> Schema:
    assert isinstance(body, list)
    parts = dict(zip((str(one) for one in body[::2]), body[1::2], strict=True))
    parameters = parts[":parameters"]
    assert isinstance(parameters, list)
    return Schema(name, dict(typed_names(parameters)), parts[":precondition"], parts[":effect"])


def _conjuncts(node: Node) -> list[Node]:
    return list(node[1:]) if isinstance(node, list) and node[:1] == ["and"] else [node] if node else []


def _is_atom(node: Node) -> bool:
    return isinstance(node, list) and node[0] not in ("and", "or", "not", "exists", "=")


def _ground(node: Node, binding: Binding) -> Fact:
    assert isinstance(node, list)
    return tuple(binding.get(str(word), str(word)) for word in node)


def _variables(node: Node) -> set[str]:
    if isinstance(node, str):
        return {node} if node.startswith("?") else set()
    return {name for one in node for name in _variables(one)}


def _free(node: Node) -> set[str]:
    """Variables that are not bound inside."""
    if isinstance(node, list) and node[:1] == ["exists"]:
        assert isinstance(node[1], list)
        return _free(node[2]) - {name for name, _ in typed_names(node[1])}
    if isinstance(node, str):
        return {node} if node.startswith("?") else set()
    return {name for one in node for name in _free(one)}
