"""Goals: any formula of PDDL, asked of a state; and what kind of task it is, where it is one of ALFRED's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from assay_server.environments.household.facts import CHANGING, Holds, check_arity, test_of
from assay_server.environments.household.pddl import Node, UnreadableGame, typed_names
from assay_server.environments.household.state import State

if TYPE_CHECKING:
    from assay_server.environments.household.scene import Scene

Binding: TypeAlias = "dict[str, int]"
Formula: TypeAlias = "Callable[[State, Binding], bool]"

_MAX_VARIABLES = 12
_MOST_COMBINATIONS = 5_000_000


@dataclass(frozen=True, slots=True)
class Literal:
    """A fact or its opposite, over variables (with ``?``) and things."""

    predicate: str
    terms: tuple[str, ...]
    negated: bool

    def variables(self) -> set[str]:
        """Those it names."""
        return {term for term in self.terms if term.startswith("?")}


@dataclass(frozen=True, slots=True)
class Block:
    """There are things for these variables (with their types) for which all of these literals hold."""

    variables: Mapping[str, str]
    literals: tuple[Literal, ...]


class Goal:
    """A goal of one scene.

    Attributes:
        reads: the changing predicates that it depends on.
        blocks: it as a list of existential blocks that must all hold; None where it is no such list.
    """

    def __init__(self, node: Node, scene: Scene, types: Mapping[str, str], numbers: Mapping[str, int]) -> None:
        """Compile it.

        Raises:
            UnreadableGame: it is no formula that this engine knows.
        """
        self._node = node
        self._scene = scene
        self._numbers = numbers
        self._by_type: dict[str, list[int]] = {}
        for name, number in numbers.items():
            self._by_type.setdefault(types.get(name, "object"), []).append(number)
        self.blocks = _blocks(node)
        compiler = _Compiler(scene, numbers, self._by_type, test_of, relaxed=False)
        self._candidates = compiler.candidates
        self._formula = compiler.formula(node, frozenset())
        self.reads = frozenset(compiler.reads)

    def met(self, state: State) -> bool:
        """Whether the goal holds."""
        return self._formula(state, {})

    def can_come_true(self, test: Callable[[str], Holds]) -> bool:
        """Whether it holds where each fact counts as true that can come true, and each opposite of one.

        Args:
            test: says of a predicate which of its facts can come true.
        """
        compiler = _Compiler(self._scene, self._numbers, self._by_type, test, relaxed=True)
        return compiler.formula(self._node, frozenset())(self._scene.start, {})

    def candidates(self, variable: str, block: Block) -> list[int]:
        """The things that a variable of a block may stand for, by what never changes."""
        return self._candidates(variable, block)


class _Compiler:
    """Makes functions of formulas.

    Args:
        relaxed: whether opposites of changing facts count as true.
    """

    def __init__(
        self,
        scene: Scene,
        numbers: Mapping[str, int],
        by_type: Mapping[str, list[int]],
        test: Callable[[str], Holds],
        *,
        relaxed: bool,
    ) -> None:
        self._scene = scene
        self._numbers = numbers
        self._by_type = by_type
        self._test = test
        self._relaxed = relaxed
        self.reads: set[str] = set()

    def candidates(self, variable: str, block: Block) -> list[int]:
        """The things that a variable of a block may stand for, by what never changes."""
        kind = block.variables[variable]
        things = sorted(self._numbers.values()) if kind == "object" else self._by_type.get(kind, [])
        for literal in block.literals:
            if literal.predicate not in CHANGING and literal.variables() == {variable} and literal.predicate != "=":
                allowed = self._fitting(literal, variable)
                things = [thing for thing in things if (thing in allowed) is not literal.negated]
        return things

    def _fitting(self, literal: Literal, variable: str) -> set[int]:
        """The things for which a fact that never changes is there."""
        facts = self._scene.lasting.all(literal.predicate)
        if len(literal.terms) == 1 == self._scene.lasting.arity(literal.predicate, 1):
            return {fact[0] for fact in facts}
        if (
            len(literal.terms) == 2 == self._scene.lasting.arity(literal.predicate, 2)
            and literal.terms[0] != literal.terms[1]
        ):
            at = literal.terms.index(variable)
            other = self._numbers.get(literal.terms[1 - at], -1)
            return {fact[at] for fact in facts if fact[1 - at] == other}
        raise UnreadableGame(f"not understood in the goal: {literal.predicate} {' '.join(literal.terms)}")

    def formula(self, node: Node, bound: frozenset[str]) -> Formula:
        """A formula as a function."""
        if not isinstance(node, list) or not node or not isinstance(node[0], str):
            raise UnreadableGame(f"not a formula: {str(node)[:80]}")
        head, rest = node[0], node[1:]
        if head in ("exists", "forall"):
            return self._quantified(head, rest, bound)
        if self._relaxed and head in ("not", "imply") and self._changes(rest):
            return lambda _, __: True
        if head in ("and", "or", "not", "imply"):
            return _connected(head, [self.formula(one, bound) for one in rest])
        literal = _literal(node, negated=False)
        free = literal.variables() - bound
        if free:
            raise UnreadableGame(f"{free.pop()} is not bound in the goal")
        return self._literal(literal)

    def _quantified(self, head: str, rest: list[Node], bound: frozenset[str]) -> Formula:
        if len(rest) != 2 or not isinstance(rest[0], list):
            raise UnreadableGame(f"the goal has a {head} without variables or without a formula")
        if head == "forall":
            if self._relaxed and self._changes(rest):
                return lambda _, __: True
            opposite = self._quantified("exists", [rest[0], ["not", rest[1]]], bound)
            return lambda state, binding: not opposite(state, binding)
        block = _block(["exists", *rest])
        if block is not None and not bound & set(block.variables):
            return self._search(block, bound)
        variables = dict(typed_names(rest[0]))
        inner = self.formula(rest[1], bound | set(variables))
        things = {name: self.candidates(name, Block(variables, ())) for name in variables}
        return _nested([(name, things[name], [inner] if name == [*variables][-1] else []) for name in variables])

    def _search(self, block: Block, bound: frozenset[str]) -> Formula:
        """A nested loop, the variable with the fewest candidates outermost, each literal asked as early as can be."""
        things = {name: self.candidates(name, block) for name in block.variables}
        order = sorted(things, key=lambda name: (len(things[name]), name))
        waiting = [one for one in block.literals if len(one.variables()) != 1 or one.predicate in CHANGING]
        known, levels = set(bound), list[tuple[str, list[int], list[Formula]]]()
        for name in order:
            known.add(name)
            ready = [one for one in waiting if one.variables() <= known]
            waiting = [one for one in waiting if one not in ready]
            levels.append((name, things[name], [self._literal(one) for one in ready]))
        if waiting:
            raise UnreadableGame(f"{(waiting[0].variables() - known).pop()} is not bound in the goal")
        if math.prod(max(len(found), 1) for _, found, _ in levels) > _MOST_COMBINATIONS:
            raise UnreadableGame("the goal asks for too many things at once")
        return _nested(levels)

    def _changes(self, nodes: list[Node]) -> bool:
        return any(node in CHANGING if isinstance(node, str) else self._changes(node) for node in nodes)

    def _literal(self, literal: Literal) -> Formula:
        check_arity(literal.predicate, len(literal.terms))
        if literal.predicate in CHANGING:
            self.reads.add(literal.predicate)
        terms = [term if term.startswith("?") else self._numbers.get(term, -1) for term in literal.terms]
        test, wanted = _equal if literal.predicate == "=" else self._test(literal.predicate), not literal.negated
        if self._relaxed and literal.negated and literal.predicate in CHANGING:
            return lambda _, __: True
        if len(terms) == 1 and isinstance(terms[0], str):
            name = terms[0]
            return lambda state, binding: test(state, (binding[name],)) is wanted

        def holds(state: State, binding: Binding) -> bool:
            return test(state, tuple([binding[term] if isinstance(term, str) else term for term in terms])) is wanted

        return holds


def _equal(_: State, arguments: tuple[int, ...]) -> bool:
    return arguments[0] == arguments[1]


def _connected(head: str, formulas: list[Formula]) -> Formula:
    if head == "and":
        return lambda state, binding: all(one(state, binding) for one in formulas)
    if head == "or":
        return lambda state, binding: any(one(state, binding) for one in formulas)
    if head == "not" and len(formulas) == 1:
        return lambda state, binding: not formulas[0](state, binding)
    if head == "imply" and len(formulas) == 2:
        return lambda state, binding: not formulas[0](state, binding) or formulas[1](state, binding)
    raise UnreadableGame(f"the goal has a {head} of {len(formulas)} formulas")


def _nested(levels: list[tuple[str, list[int], list[Formula]]]) -> Formula:
    if len(levels) > _MAX_VARIABLES:
        raise UnreadableGame(f"the goal has {len(levels)} variables in one place; at most {_MAX_VARIABLES}")

    def found(state: State, binding: Binding, depth: int) -> bool:
        if depth == len(levels):
            return True
        name, things, tests = levels[depth]
        for thing in things:
            binding[name] = thing
            if all(test(state, binding) for test in tests) and found(state, binding, depth + 1):
                return True
        return False

    return lambda state, binding: found(state, dict(binding), 0)


def _literal(node: Node, *, negated: bool) -> Literal:
    if not isinstance(node, list) or not all(isinstance(word, str) for word in node):
        raise UnreadableGame(f"not a fact in the goal: {str(node)[:80]}")
    head, *terms = [str(word) for word in node]
    return Literal(head, tuple(terms), negated)


def _blocks(node: Node) -> tuple[Block, ...] | None:
    parts = node[1:] if isinstance(node, list) and node[:1] == ["and"] else [node]
    blocks = [_block(part) for part in parts]
    found = [block for block in blocks if block is not None]
    return tuple(found) if len(found) == len(blocks) else None


def _block(node: Node) -> Block | None:
    """An existential formula with nested ones pulled out; None where it holds more than literals joined by *and*."""
    variables: dict[str, str] = {}
    literals: list[Literal] = []
    for part in _flat(node):
        if isinstance(part, dict):
            if part.keys() & variables.keys():
                return None
            variables.update(part)
        elif part is None:
            return None
        else:
            literals.append(part)
    return Block(variables, tuple(literals)) if variables else None


def _flat(node: Node) -> Iterator[Literal | dict[str, str] | None]:
    """Literals, variables, and None for what is neither."""
    if not isinstance(node, list) or not node:
        yield None
    elif node[0] == "and":
        for part in node[1:]:
            yield from _flat(part)
    elif node[0] == "exists" and len(node) == 3 and isinstance(node[1], list):
        yield dict(typed_names(node[1]))
        yield from _flat(node[2])
    elif node[0] == "not" and len(node) == 2 and isinstance(node[1], list) and _is_fact(node[1]):
        yield _literal(node[1], negated=True)
    else:
        yield _literal(node, negated=False) if _is_fact(node) else None


def _is_fact(node: list[Node]) -> bool:
    return node[0] not in ("or", "not", "imply", "forall", "exists", "and") and all(
        isinstance(one, str) for one in node
    )
