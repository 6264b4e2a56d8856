"""What kind of task a goal is, and how much of it is done: ALFRED's goal conditions.

The conditions are those of ALFRED's task classes: the object in its place; the object hot, cool or clean; both of one
object; one more where it must be sliced, and then only sliced ones count; of two objects each one; at the lamp, the
object in the hand and the lamp used where the agent is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf
from typing import TypeAlias

from assay_server.environments.household.facts import FLAGS
from assay_server.environments.household.goal import Block, Goal
from assay_server.environments.household.state import Flag, State

TaskKind: TypeAlias = OneOf["place", "place_two", "look_in_light"]

_TREATMENTS = frozenset({Flag.HOT, Flag.COOL, Flag.CLEAN})


@dataclass(frozen=True, slots=True)
class Task:
    """A goal of one of ALFRED's shapes.

    Attributes:
        things: what may be brought.
        receptacles: where it may be brought to; none for ``look_in_light``.
        lamps: under which it may be looked at; none for the others.
        flags: what must be true of it, in order of the flags.
    """

    kind: TaskKind
    things: tuple[int, ...]
    receptacles: tuple[int, ...]
    lamps: tuple[int, ...]
    flags: tuple[Flag, ...]

    def conditions(self, state: State) -> tuple[int, int]:
        """How many goal conditions are met, and how many there are."""
        things = self.things
        met, total = 0, 0
        if Flag.SLICED in self.flags:
            things = tuple([one for one in things if state.has(Flag.SLICED, one)])
            wanted = 2 if self.kind == "place_two" else 1
            met, total = min(len(things), wanted), wanted
        if self.kind == "look_in_light":
            lit = any(self._lit(state, lamp) for lamp in self.lamps)
            return met + (state.hand in things) + lit, total + 2
        placed = [[one for one in things if one in state.contents.get(where, ())] for where in self.receptacles]
        if self.kind == "place_two":
            return met + min(max(map(len, placed), default=0), 2), total + 2
        met, total = met + any(placed), total + 1
        for flag in self.flags:
            if flag in _TREATMENTS:
                met += any(state.has(flag, one) for one in things)
                met += any(state.has(flag, one) for there in placed for one in there)
                total += 2
        return met, total

    @staticmethod
    def _lit(state: State, lamp: int) -> bool:
        if not state.has(Flag.TOGGLED, lamp):
            return False
        here = state.scene.receptacles_at.get(state.place, ())
        return any(lamp in state.contents.get(one, ()) for one in here)


def done_share(task: Task | None, state: State, *, won: bool) -> float:
    """The share of goal conditions that are met, in [0, 1]; 1 exactly where it is won.

    A goal that is none of ALFRED's is one condition.
    """
    if won or task is None:
        return 1.0 if won else 0.0
    met, total = task.conditions(state)
    return min(met, total - 1) / total


def task_of(goal: Goal) -> Task | None:
    """The task that a goal is; None where it is none of ALFRED's."""
    blocks = goal.blocks or ()
    if len(blocks) == 1:
        return _placing(goal, blocks[0])
    if len(blocks) == 2:
        return _looking(goal, *blocks) or _looking(goal, *blocks[::-1])
    return None


_Facts: TypeAlias = "list[tuple[str, tuple[str, ...]]]"


def _changing(block: Block) -> _Facts:
    lasting = {"objecttype", "receptacletype", "receptacleatlocation", "canhold", "="}
    return [
        (one.predicate, one.terms)
        for one in block.literals
        if not one.negated and one.predicate not in lasting and not one.predicate.endswith("able")
    ]


def _negated(block: Block) -> _Facts:
    return [(one.predicate, one.terms) for one in block.literals if one.negated]


def _placing(goal: Goal, block: Block) -> Task | None:
    facts = _changing(block)
    placed = [terms for name, terms in facts if name == "inreceptacle" and len(terms) == 2]
    things, where = [terms[0] for terms in placed], {terms[1] for terms in placed}
    flags = {(FLAGS[name], terms[0]) for name, terms in facts if name in FLAGS}
    if len(where) != 1 or len(things) != len(set(things)) or not 1 <= len(things) <= 2:
        return None
    if len(placed) + len(flags) != len(set(facts)) or set(block.variables) != {*things, *where}:
        return None
    by_thing = [sorted(flag for flag, of in flags if of == thing) for thing in things]
    if any(one != by_thing[0] for one in by_thing) or sum(map(len, by_thing)) != len(flags):
        return None
    if len(things) == 2:
        unequal = [(name, set(terms)) for name, terms in _negated(block)]
        if unequal != [("=", set(things))] or len({tuple(goal.candidates(one, block)) for one in things}) != 1:
            return None
    elif _negated(block):
        return None
    return Task(
        "place" if len(things) == 1 else "place_two",
        tuple(goal.candidates(things[0], block)),
        tuple(goal.candidates(where.pop(), block)),
        (),
        tuple(by_thing[0]),
    )


def _looking(goal: Goal, light: Block, hand: Block) -> Task | None:
    lit, held = _changing(light), _changing(hand)
    lamps = [terms[0] for name, terms in lit if name == "istoggled"]
    if sorted(name for name, _ in lit) != ["atlocation", "inreceptacle", "istoggled"] or _negated(light):
        return None
    things = [terms[1] for name, terms in held if name == "holds" and len(terms) == 2]
    flags = {FLAGS[name] for name, terms in held if name in FLAGS and terms == (things[0] if things else "",)}
    if len(things) != 1 or len(held) != 1 + len(flags) or _negated(hand):
        return None
    return Task(
        "look_in_light",
        tuple(goal.candidates(things[0], hand)),
        (),
        tuple(goal.candidates(lamps[0], light)),
        tuple(sorted(flags)),
    )
