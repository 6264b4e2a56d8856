"""A game as it stands before the first command: things, names, what never changes, and the state it starts in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from assay_server.environments.household.facts import CHANGING, FLAGS, Arguments, Lasting, check_arity
from assay_server.environments.household.goal import Goal
from assay_server.environments.household.language import Language
from assay_server.environments.household.pddl import Fact, Node, UnreadableGame
from assay_server.environments.household.state import EMPTY_HAND, Flag, State, state_of
from assay_server.environments.household.task import Task, task_of
from assay_server.environments.household.words import named_things

_HEATER, _COOLER, _CLEANER = "microwavetype", "fridgetype", "sinkbasintype"
_KNIVES = ("knifetype", "butterknifetype")


class Scene:
    """One game. Shared by all episodes that play it, and never changed.

    Attributes:
        names: what each thing is called, by number; numbers are in order of ids.
        numbers: the number of each thing, by name.
        lasting: facts that never change.
        start: the state that an episode copies.
        digest: of everything here.
        receptacles_at: by place, sorted.
        places_of: the places of each receptacle, sorted; mostly one.
        place_of: the first of them.
        task: what the grammar says of the task, where that is not in its rules.
    """

    def __init__(
        self,
        types: Mapping[str, str],
        facts: Sequence[Fact],
        goal: Node,
        language: Language,
        *,
        task: str = "",
        key: str = "",
    ) -> None:
        """Read the facts.

        Args:
            task: the sentence of the task, where the grammar has no rule for it.
            key: names all of this where that is known; the digest is taken of it instead.

        Raises:
            UnreadableGame: they are not of a game of one agent that is somewhere and holds one thing at most.
        """
        ids = sorted({name for fact in facts for name in fact[1:]})
        number = {name: at for at, name in enumerate(ids)}
        self.ids = ids
        named = named_things(ids)
        self.names = [named[name] for name in ids]
        self.numbers = {name: at for at, name in enumerate(self.names)}
        self.language = language
        self.task = task
        by_predicate: dict[str, list[Arguments]] = {}
        for predicate, *names in facts:
            by_predicate.setdefault(predicate, []).append(tuple([number[name] for name in names]))
        for predicate, found in by_predicate.items():
            check_arity(predicate, len(found[0]))
            if any(len(one) != len(found[0]) for one in found):
                raise UnreadableGame(f"{predicate} has facts of different lengths")
        self.lasting = Lasting({name: found for name, found in by_predicate.items() if name not in CHANGING})
        self.agent = _one_agent(by_predicate)
        self._read_receptacles(types, by_predicate)
        self._read_objects(by_predicate, number)
        written = key or "\n".join([repr(sorted(facts)), repr(goal), language.digest, task])
        self.digest = hashlib.sha256(written.encode()).digest()
        self._going: dict[int, tuple[str, ...]] = {}
        self.start = _start(self, by_predicate)
        self.goal = Goal(goal, self, types, number)
        self.task_shape: Task | None = task_of(self.goal)

    def _read_receptacles(self, types: Mapping[str, str], facts: Mapping[str, list[Arguments]]) -> None:
        at: dict[int, list[int]] = {}
        self.places_of: dict[int, list[int]] = {}
        for receptacle, place in sorted(set(_of_length(facts, "receptacleatlocation", 2))):
            at.setdefault(place, []).append(receptacle)
            self.places_of.setdefault(receptacle, []).append(place)
        self.place_of = {receptacle: places[0] for receptacle, places in self.places_of.items()}
        self.receptacles_at = {place: tuple(there) for place, there in at.items()}
        self.receptacles = sorted(self.place_of)
        self.objects = [at for at, name in enumerate(self.ids) if types.get(name) == "object"]
        self.openable = _unary(facts, "openable")

    def _read_objects(self, facts: Mapping[str, list[Arguments]], number: Mapping[str, int]) -> None:
        self.pickupable = _unary(facts, "pickupable")
        self.cleanable = _unary(facts, "cleanable")
        self.heatable = _unary(facts, "heatable")
        self.coolable = _unary(facts, "coolable")
        self.toggleable = _unary(facts, "toggleable")
        self.sliceable = _unary(facts, "sliceable")
        holders: dict[int, list[int]] = {}
        for receptacle, kind in _of_length(facts, "receptacletype", 2):
            holders.setdefault(kind, []).append(receptacle)
        self.heaters = frozenset(holders.get(number.get(_HEATER, -1), ()))
        self.coolers = frozenset(holders.get(number.get(_COOLER, -1), ()))
        self.cleaners = frozenset(holders.get(number.get(_CLEANER, -1), ()))
        accepting: dict[int, set[int]] = {}
        for holder, kind in _of_length(facts, "cancontain", 2):
            accepting.setdefault(kind, set()).update(holders.get(holder, ()))
        self.accepts: dict[int, frozenset[int]] = {}
        knives = {number[name] for name in _KNIVES if name in number}
        found: set[int] = set()
        by_kind = {kind: frozenset(there) for kind, there in accepting.items()}
        for thing, kind in _of_length(facts, "objecttype", 2):
            self.accepts[thing] = self.accepts.get(thing, frozenset()) | by_kind.get(kind, frozenset())
            if kind in knives:
                found.add(thing)
        self.knives = frozenset(found)

    def going_from(self, place: int) -> tuple[str, ...]:
        """The commands that lead elsewhere, sorted; every receptacle but those that are here alone."""
        going = self._going.get(place)
        if going is None:
            go = self.language.go
            names = [self.names[one] for one in self.receptacles if self.places_of[one] != [place]]
            going = self._going[place] = tuple(sorted([go % name for name in names]))
        return going


def _one_agent(facts: Mapping[str, list[Arguments]]) -> int:
    found = {arguments[0] for arguments in _of_length(facts, "atlocation", 2)}
    if len(found) != 1 or len(facts["atlocation"]) != 1:
        raise UnreadableGame(
            f"expected one agent in one place, got {len(facts.get('atlocation', ()))} atLocation facts"
        )
    return found.pop()


def _start(scene: Scene, facts: Mapping[str, list[Arguments]]) -> State:
    held = {thing for _, thing in _of_length(facts, "holds", 2)}
    if len(held) > 1 or bool(held) != bool(facts.get("holdsany")):
        raise UnreadableGame("the agent holds more than one thing at the start, or holds and holdsAny differ")
    flags = [0] * len(Flag)
    for name, flag in FLAGS.items():
        flags[flag] = sum(1 << thing for thing in _unary(facts, name))
    contents: dict[int, set[int]] = {}
    for thing, receptacle in _of_length(facts, "inreceptacle", 2):
        contents.setdefault(receptacle, set()).add(thing)
    near: dict[int, set[int]] = {}
    for thing, place in _of_length(facts, "objectatlocation", 2):
        near.setdefault(place, set()).add(thing)
    return state_of(
        scene,
        facts["atlocation"][0][1],
        held.pop() if held else EMPTY_HAND,
        flags,
        {key: tuple(sorted(things)) for key, things in contents.items()},
        {key: tuple(sorted(things)) for key, things in near.items()},
        [],
    )


def _of_length(facts: Mapping[str, list[Arguments]], name: str, length: int) -> Iterable[tuple[int, ...]]:
    for arguments in facts.get(name, ()):
        if len(arguments) != length:
            raise UnreadableGame(f"{name} with {len(arguments)} arguments; expected {length}")
        yield arguments


def _unary(facts: Mapping[str, list[Arguments]], name: str) -> frozenset[int]:
    return frozenset(arguments[0] for arguments in _of_length(facts, name, 1))
