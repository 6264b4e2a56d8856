"""A way to win, found from the facts of a state: the expert."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import permutations

from assay_server.environments.household.language import Act
from assay_server.environments.household.rules import is_here, is_reachable, perform
from assay_server.environments.household.state import EMPTY_HAND, Flag, State
from assay_server.environments.household.task import Task

_MOST_THINGS_TRIED = 8


class _NoWay(Exception):
    """This way does not lead there; another one may."""


def shortest_plan(state: State, task: Task) -> tuple[str, ...] | None:
    """Commands that win from a state: the shortest of the straightforward ways; None where there is none.

    Straightforward means: the things needed are fetched one after the other, each door is opened when it is needed.
    Something shorter may exist where two errands share a way.
    """
    plans = [plan for attempt in _attempts(state, task) if (plan := _tried(state, attempt)) is not None]
    return min(plans, key=len, default=None)


def _tried(state: State, attempt: Callable[[_Errand], None]) -> tuple[str, ...] | None:
    errand = _Errand(state)
    try:
        attempt(errand)
    except _NoWay:
        return None
    return tuple(errand.commands) if state.scene.goal.met(errand.state) else None


def _attempts(state: State, task: Task) -> Iterator[Callable[[_Errand], None]]:
    scene = state.scene
    if task.kind == "look_in_light":
        for thing in task.things:
            for lamp in task.lamps:
                yield lambda errand, thing=thing, lamp=lamp: errand.look(thing, lamp, task.flags)
        return
    for where in task.receptacles:
        inside = state.contents.get(where, ())
        fitting = [one for one in task.things if where in scene.accepts.get(one, ()) or one in inside]
        if task.kind == "place":
            for thing in fitting:
                yield lambda errand, thing=thing, where=where: errand.bring(thing, where, task.flags)
        else:
            nearest = sorted(fitting, key=lambda one: one not in inside and one != state.hand)[:_MOST_THINGS_TRIED]
            for pair in permutations(nearest, 2):
                yield lambda errand, pair=pair, where=where: errand.bring_all(pair, where, task.flags)


class _Errand:
    """Commands given to a copy of a state."""

    def __init__(self, state: State) -> None:
        self.state = state.copy()
        self.commands: list[str] = []
        self._scene = state.scene

    def bring_all(self, things: tuple[int, ...], where: int, flags: tuple[Flag, ...]) -> None:
        """Bring several things to one receptacle; they are sliced first, with one knife."""
        for thing in things:
            if Flag.SLICED in flags and not self.state.has(Flag.SLICED, thing):
                self._slice(thing)
        for thing in things:
            self.bring(thing, where, flags)

    def bring(self, thing: int, where: int, flags: tuple[Flag, ...]) -> None:
        """Make a thing what the flags say and put it there."""
        self._treat(thing, flags)
        if thing not in self.state.contents.get(where, ()):
            self._fetch(thing)
            self._reach(where)
            self._do(Act.PUT, thing, where)

    def look(self, thing: int, lamp: int, flags: tuple[Flag, ...]) -> None:
        """Hold a thing beside a lamp that was used."""
        self._treat(thing, flags)
        self._fetch(thing)
        self._go(self._first(one for one in self._scene.receptacles if lamp in self.state.contents.get(one, ())))
        if not self.state.has(Flag.TOGGLED, lamp):
            self._do(Act.USE, lamp)

    def _treat(self, thing: int, flags: tuple[Flag, ...]) -> None:
        missing = [flag for flag in flags if not self.state.has(flag, thing)]
        if Flag.SLICED in missing:
            self._slice(thing)
        scene = self._scene
        for flag, act, receptacles in (
            (Flag.CLEAN, Act.CLEAN, scene.cleaners),
            (Flag.HOT, Act.HEAT, scene.heaters),
            (Flag.COOL, Act.COOL, scene.coolers),
        ):
            if flag in missing:
                self._fetch(thing)
                self._go(self._nearest(receptacles))
                self._do(act, thing, self._first(one for one in receptacles if is_here(self.state, one)))

    def _slice(self, thing: int) -> None:
        if self.state.hand == thing:
            self._drop()
        if self.state.hand not in self._scene.knives:
            self._fetch(self._first(one for one in sorted(self._scene.knives, key=self._distance) if one != thing))
        if thing not in self.state.near.get(self.state.place, ()):
            places = self._scene.receptacles_at.items()
            self._go(self._first(there[0] for place, there in places if thing in self.state.near.get(place, ())))
        self._do(Act.SLICE, thing, self.state.hand)

    def _distance(self, thing: int) -> tuple[int, int]:
        """How far away: held, here, in the open, behind a door, nowhere."""
        holders = [one for one in self._scene.receptacles if thing in self.state.contents.get(one, ())]
        steps = [2 * (not is_here(self.state, one)) + (not is_reachable(self.state, one)) for one in holders]
        return (0 if thing == self.state.hand else 1 + min(steps, default=9), thing)

    def _fetch(self, thing: int) -> None:
        if self.state.hand == thing:
            return
        if self.state.hand != EMPTY_HAND:
            self._drop()
        if thing not in self._scene.pickupable:
            raise _NoWay
        holder = self._nearest(one for one in self._scene.receptacles if thing in self.state.contents.get(one, ()))
        self._reach(holder)
        self._do(Act.TAKE, thing, holder)

    def _drop(self) -> None:
        where = self._nearest(self._scene.accepts.get(self.state.hand, ()))
        self._reach(where)
        self._do(Act.PUT, self.state.hand, where)

    def _nearest(self, receptacles: Iterable[int]) -> int:
        state = self.state
        there = [one for one in receptacles if one in self._scene.place_of]
        if not there:
            raise _NoWay
        return min(there, key=lambda one: (2 * (not is_here(state, one)) + (not is_reachable(state, one)), one))

    def _reach(self, receptacle: int) -> None:
        self._go(receptacle)
        if not is_reachable(self.state, receptacle):
            self._do(Act.OPEN, receptacle)

    def _go(self, receptacle: int) -> None:
        if not is_here(self.state, receptacle):
            self._do(Act.GO, receptacle)

    def _do(self, act: Act, *things: int) -> None:
        command = self._scene.language.command(act, *(self._scene.names[thing] for thing in things))
        if perform(self.state, command) is None:
            raise _NoWay
        self.commands.append(command)

    @staticmethod
    def _first(things: Iterable[int]) -> int:
        found = next(iter(things), None)
        if found is None:
            raise _NoWay
        return found
