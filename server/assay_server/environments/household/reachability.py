"""Whether a goal can be reached when nothing that was reached is ever lost: what the planner asks before it plays."""

from __future__ import annotations

from assay_server.environments.household.facts import Arguments, Holds, test_of
from assay_server.environments.household.scene import Scene
from assay_server.environments.household.state import EMPTY_HAND, Flag, State


class Reachable:
    """Everything that can come true in a scene, each by itself."""

    def __init__(self, scene: Scene) -> None:
        self._state = scene.start.copy()
        state = self._state
        stands = set(scene.place_of)
        inside = {thing for one in stands for thing in state.contents.get(one, ())}
        self._held = {thing for thing in scene.pickupable if thing in inside}
        if state.hand != EMPTY_HAND:
            self._held.add(state.hand)
        for thing in self._held:
            for receptacle in scene.accepts.get(thing, frozenset()) & stands:
                state.put_in(thing, receptacle)
                state.bring_near(thing, scene.place_of[receptacle])
        self._set_flags(scene, state, stands)
        self._places = {state.place, *scene.receptacles_at}

    def _set_flags(self, scene: Scene, state: State, stands: set[int]) -> None:
        for flag, able, by in (
            (Flag.CLEAN, scene.cleanable, scene.cleaners),
            (Flag.HOT, scene.heatable, scene.heaters),
            (Flag.COOL, scene.coolable, scene.coolers),
        ):
            for thing in self._held & able if by & stands else ():
                state.set_flag(flag, thing)
        if self._held & scene.knives:
            for place in (state.place, *scene.receptacles_at):
                for thing in set(state.near.get(place, ())) & scene.sliceable:
                    state.set_flag(Flag.SLICED, thing)
        for receptacle in stands:
            if receptacle in scene.openable:
                state.set_flag(Flag.OPENED, receptacle)
            for thing in set(state.contents.get(receptacle, ())) & scene.toggleable:
                state.set_flag(Flag.TOGGLED, thing)
                state.set_flag(Flag.ON, thing)

    def test_of(self, predicate: str) -> Holds:
        """A test whether a predicate's facts can come true."""
        if predicate == "holds":
            return self._can_hold
        if predicate == "holdsany":
            return lambda _, __: bool(self._held)
        if predicate == "atlocation":
            return self._can_be_at
        test = test_of(predicate)
        return lambda _, arguments: test(self._state, arguments)

    def _can_hold(self, _: State, arguments: Arguments) -> bool:
        return arguments[1] in self._held

    def _can_be_at(self, _: State, arguments: Arguments) -> bool:
        return arguments[1] in self._places
