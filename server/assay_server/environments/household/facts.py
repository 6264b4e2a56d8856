"""Facts of a state by their PDDL names: whether one holds, and which ones match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from assay_server.environments.household.pddl import UnreadableGame
from assay_server.environments.household.state import EMPTY_HAND, Flag, State

Arguments: TypeAlias = "tuple[int, ...]"
Pattern: TypeAlias = "tuple[int | None, ...]"
"""Arguments, None where anything will do."""

Holds: TypeAlias = "Callable[[State, Arguments], bool]"
Matches: TypeAlias = "Callable[[State, Pattern], Iterable[Arguments]]"

FLAGS: Mapping[str, Flag] = {
    "opened": Flag.OPENED,
    "ishot": Flag.HOT,
    "iscool": Flag.COOL,
    "isclean": Flag.CLEAN,
    "issliced": Flag.SLICED,
    "istoggled": Flag.TOGGLED,
    "ison": Flag.ON,
}
CHANGING = frozenset({*FLAGS, "atlocation", "holds", "holdsany", "inreceptacle", "objectatlocation"})
"""Predicates that actions change. ``checked``, which every look sets and nothing reads, is left out."""

ARITIES: Mapping[str, int] = {
    **dict.fromkeys((*FLAGS, "holdsany"), 1),
    **dict.fromkeys(("atlocation", "holds", "inreceptacle", "objectatlocation", "receptacleatlocation", "="), 2),
}
"""How many arguments those predicates have that this engine reads by itself."""

_NEVER_UNSAID = frozenset({"istoggled", "issliced", "isclean"})


class Lasting:
    """The facts of a game that never change."""

    def __init__(self, facts: Mapping[str, Iterable[Arguments]]) -> None:
        self._unsorted = facts
        self._sorted: dict[str, list[Arguments]] = {}
        self._sets: dict[str, frozenset[Arguments]] = {}

    def all(self, predicate: str) -> list[Arguments]:
        """The facts of a predicate, in order of their arguments."""
        found = self._sorted.get(predicate)
        if found is None:
            found = self._sorted[predicate] = sorted(set(self._unsorted.get(predicate, ())))
        return found

    def arity(self, predicate: str, otherwise: int) -> int:
        """How many arguments its facts have; what is given where there are none."""
        return len(next(iter(self._unsorted.get(predicate, ())), (0,) * otherwise))

    def holds(self, predicate: str, arguments: Arguments) -> bool:
        """Whether there is this fact."""
        found = self._sets.get(predicate)
        if found is None:
            found = self._sets[predicate] = frozenset(self.all(predicate))
        return arguments in found


def check_arity(predicate: str, given: int) -> None:
    """Make sure that a predicate is used with as many arguments as it has.

    Raises:
        UnreadableGame: it is not.
    """
    if ARITIES.get(predicate, given) != given:
        raise UnreadableGame(f"{predicate} with {given} arguments; expected {ARITIES[predicate]}")


def test_of(predicate: str) -> Holds:
    """A test of a predicate's facts."""
    if predicate in FLAGS:
        flag = FLAGS[predicate]
        return lambda state, args: state.flags[flag] >> args[0] & 1 == 1
    if predicate in _TESTS:
        return _TESTS[predicate]
    return lambda state, args: state.scene.lasting.holds(predicate, args)


def search_of(predicate: str) -> Matches:
    """A search among a predicate's facts, in order of their arguments; it may find more than the pattern asks for."""
    if predicate in FLAGS:
        flag = FLAGS[predicate]
        return lambda state, _: ((thing,) for thing in state.flagged(flag))
    return _SEARCHES.get(predicate) or (lambda state, _: state.scene.lasting.all(predicate))


def unsaid(predicate: str) -> tuple[Holds, Matches]:
    """Test and search for ``not_predicate``: what an action has undone, as opposed to what never was.

    Raises:
        UnreadableGame: this engine does not keep it for that predicate.
    """
    if predicate == "inreceptacle":
        return _was_left, _all_left
    if predicate in _NEVER_UNSAID:
        return _never, _nothing
    raise UnreadableGame(f"the grammar asks for not_{predicate}, which is not kept")


def _search_place(state: State, _: Pattern) -> Iterable[Arguments]:
    return ((state.scene.agent, state.place),)


def _search_hand(state: State, _: Pattern) -> Iterable[Arguments]:
    return () if state.hand == EMPTY_HAND else ((state.scene.agent, state.hand),)


def _search_full_hand(state: State, _: Pattern) -> Iterable[Arguments]:
    return () if state.hand == EMPTY_HAND else ((state.scene.agent,),)


def _search_receptacles(state: State, pattern: Pattern) -> Iterable[Arguments]:
    place = pattern[1]
    if place is None:
        return state.scene.lasting.all("receptacleatlocation")
    return [(receptacle, place) for receptacle in state.scene.receptacles_at.get(place, ())]


def _search_contents(state: State, pattern: Pattern) -> Iterable[Arguments]:
    return _pairs(state.contents, pattern)


def _search_near(state: State, pattern: Pattern) -> Iterable[Arguments]:
    return _pairs(state.near, pattern)


def _pairs(held: Mapping[int, tuple[int, ...]], pattern: Pattern) -> Iterable[Arguments]:
    where = pattern[1]
    if where is not None:
        return [(thing, where) for thing in held.get(where, ())]
    return sorted((thing, key) for key, things in held.items() for thing in things)


def _was_left(state: State, args: Arguments) -> bool:
    return args in state.left


def _all_left(state: State, _: Pattern) -> Iterable[Arguments]:
    return sorted(state.left)


def _never(_: State, __: Arguments) -> bool:
    return False


def _nothing(_: State, __: Pattern) -> Iterable[Arguments]:
    return ()


_TESTS: Mapping[str, Holds] = {
    "atlocation": lambda state, args: args[1] == state.place,
    "holds": lambda state, args: args[1] == state.hand,
    "holdsany": lambda state, _: state.hand != EMPTY_HAND,
    "inreceptacle": lambda state, args: args[0] in state.contents.get(args[1], ()),
    "objectatlocation": lambda state, args: args[0] in state.near.get(args[1], ()),
}
_SEARCHES: Mapping[str, Matches] = {
    "atlocation": _search_place,
    "holds": _search_hand,
    "holdsany": _search_full_hand,
    "inreceptacle": _search_contents,
    "objectatlocation": _search_near,
    "receptacleatlocation": _search_receptacles,
}
