"""What can be done in a state, and what it changes: ALFRED's domain.

Written out by hand, as each rule needs only what is at the agent's place; :mod:`~.domain` refuses games whose own
domain says anything else. Where the planner's semantics surprise, this follows them: see ``docs/environments.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from assay_server.environments.household.language import Act
from assay_server.environments.household.scene import Scene
from assay_server.environments.household.state import EMPTY_HAND, Flag, State
from assay_server.environments.household.words import Binding

Things: TypeAlias = "tuple[int, ...]"


def admissible(state: State) -> tuple[str, ...]:
    """The commands that do something, sorted."""
    scene, language = state.scene, state.scene.language
    names, formats = scene.names, language.formats
    hand = state.hand
    here = scene.receptacles_at.get(state.place, ())
    commands = [*language.idle, *scene.going_from(state.place)]
    used: list[int] = []
    for receptacle in here:
        name, contents = names[receptacle], state.contents.get(receptacle, ())
        commands.append(formats[Act.EXAMINE_RECEPTACLE] % name)
        is_open = True
        if receptacle in scene.openable:
            is_open = state.has(Flag.OPENED, receptacle)
            commands.append(formats[Act.CLOSE if is_open else Act.OPEN] % name)
        if hand == EMPTY_HAND:
            if is_open:
                commands += [
                    language.command(Act.TAKE, names[thing], name) for thing in contents if thing in scene.pickupable
                ]
        elif is_open and receptacle in scene.accepts.get(hand, ()):
            commands.append(language.command(Act.PUT, names[hand], name))
        if scene.toggleable:
            used += [thing for thing in contents if thing in scene.toggleable]
    if used:
        commands += [formats[Act.USE] % names[thing] for thing in set(used)]
    if hand != EMPTY_HAND:
        commands += _with_full_hand(scene, state, here)
    commands.sort()
    return tuple(commands)


def _with_full_hand(scene: Scene, state: State, here: tuple[int, ...]) -> list[str]:
    language, names, hand = scene.language, scene.names, state.hand
    commands = [language.formats[Act.EXAMINE_OBJECT] % names[hand]]
    for act, able, receptacles in (
        (Act.CLEAN, scene.cleanable, scene.cleaners),
        (Act.HEAT, scene.heatable, scene.heaters),
        (Act.COOL, scene.coolable, scene.coolers),
    ):
        if hand in able:
            commands += [language.command(act, names[hand], names[one]) for one in here if one in receptacles]
    if hand in scene.knives:
        near = state.near.get(state.place, ())
        commands += [language.command(Act.SLICE, names[one], names[hand]) for one in near if one in scene.sliceable]
    return commands


def perform(state: State, command: str) -> tuple[Act, str] | None:
    """Carry out a command: which action it was, and what is answered. None where nothing happens."""
    scene = state.scene
    for act, things in scene.language.read(command, scene.numbers):
        if act in _RULES:
            allowed, change = _RULES[act]
            if not allowed(state, things):
                continue
            start = state.place
            change(state, things)
        else:
            start = state.place
        return act, scene.language.answers[act](state, _binding(act, things, state, start))
    return None


def _binding(act: Act, things: Things, state: State, start: int) -> Binding:
    binding = dict(zip(act.value[1], things, strict=True))
    binding["a"] = state.scene.agent
    if act is Act.GO:
        binding["lstart"], binding["lend"] = start, state.place
    elif act not in _WITHOUT_PLACE:
        binding["l"] = state.place
    return binding


_WITHOUT_PLACE = frozenset({Act.INVENTORY, Act.HELP, Act.EXAMINE_RECEPTACLE, Act.EXAMINE_OBJECT})


def is_here(state: State, receptacle: int) -> bool:
    """Whether the agent stands at a receptacle."""
    return receptacle in state.scene.receptacles_at.get(state.place, ())


def is_reachable(state: State, receptacle: int) -> bool:
    """Whether what is in a receptacle can be taken: it is open, or has no door."""
    return receptacle not in state.scene.openable or state.has(Flag.OPENED, receptacle)


def _may_examine(state: State, things: Things) -> bool:
    return is_here(state, things[0])


def _may_examine_object(state: State, things: Things) -> bool:
    # The domain's other case, an object in an open receptacle here, is written so that it never applies.
    return things[0] == state.hand


def _may_go(state: State, things: Things) -> bool:
    # The planner drops what changes nothing, so one cannot go to where one is.
    return state.scene.places_of.get(things[0], [state.place]) != [state.place]


def _go(state: State, things: Things) -> None:
    state.move_to(next(place for place in state.scene.places_of[things[0]] if place != state.place))


def _may_open(state: State, things: Things) -> bool:
    (receptacle,) = things
    return receptacle in state.scene.openable and is_here(state, receptacle) and not state.has(Flag.OPENED, receptacle)


def _open(state: State, things: Things) -> None:
    state.set_flag(Flag.OPENED, things[0])


def _may_close(state: State, things: Things) -> bool:
    (receptacle,) = things
    return receptacle in state.scene.openable and is_here(state, receptacle) and state.has(Flag.OPENED, receptacle)


def _close(state: State, things: Things) -> None:
    state.clear_flag(Flag.OPENED, things[0])


def _may_take(state: State, things: Things) -> bool:
    thing, receptacle = things
    return (
        state.hand == EMPTY_HAND
        and thing in state.contents.get(receptacle, ())
        and thing in state.scene.pickupable
        and is_here(state, receptacle)
        and is_reachable(state, receptacle)
    )


def _take(state: State, things: Things) -> None:
    thing, receptacle = things
    state.take_out(thing, receptacle)
    state.take_away(thing, state.place)
    state.hold(thing)


def _may_put(state: State, things: Things) -> bool:
    thing, receptacle = things
    return (
        thing == state.hand
        and receptacle in state.scene.accepts.get(thing, ())
        and is_here(state, receptacle)
        and is_reachable(state, receptacle)
    )


def _put(state: State, things: Things) -> None:
    thing, receptacle = things
    state.let_go()
    state.put_in(thing, receptacle)
    state.bring_near(thing, state.place)


def _may_clean(state: State, things: Things) -> bool:
    return _may_treat(state, things, state.scene.cleanable, state.scene.cleaners)


def _clean(state: State, things: Things) -> None:
    state.set_flag(Flag.CLEAN, things[0])


def _may_heat(state: State, things: Things) -> bool:
    return _may_treat(state, things, state.scene.heatable, state.scene.heaters)


def _heat(state: State, things: Things) -> None:
    state.set_flag(Flag.HOT, things[0])
    state.clear_flag(Flag.COOL, things[0])


def _may_cool(state: State, things: Things) -> bool:
    return _may_treat(state, things, state.scene.coolable, state.scene.coolers)


def _cool(state: State, things: Things) -> None:
    state.set_flag(Flag.COOL, things[0])
    state.clear_flag(Flag.HOT, things[0])


def _may_treat(state: State, things: Things, able: frozenset[int], receptacles: frozenset[int]) -> bool:
    # No rule asks whether the door is open.
    thing, receptacle = things
    return thing == state.hand and thing in able and receptacle in receptacles and is_here(state, receptacle)


def _may_use(state: State, things: Things) -> bool:
    (thing,) = things
    here = state.scene.receptacles_at.get(state.place, ())
    return thing in state.scene.toggleable and any(thing in state.contents.get(one, ()) for one in here)


def _use(state: State, things: Things) -> None:
    (thing,) = things
    if state.has(Flag.ON, thing):
        state.clear_flag(Flag.ON, thing)
    else:
        state.set_flag(Flag.ON, thing)
    state.set_flag(Flag.TOGGLED, thing)


def _may_slice(state: State, things: Things) -> bool:
    thing, knife = things
    return (
        knife == state.hand
        and knife in state.scene.knives
        and thing in state.scene.sliceable
        and thing in state.near.get(state.place, ())
    )


def _slice(state: State, things: Things) -> None:
    state.set_flag(Flag.SLICED, things[0])


def _nothing(_: State, __: Things) -> None:
    return


_RULES: Mapping[Act, tuple[Callable[[State, Things], bool], Callable[[State, Things], None]]] = {
    Act.EXAMINE_RECEPTACLE: (_may_examine, _nothing),
    Act.EXAMINE_OBJECT: (_may_examine_object, _nothing),
    Act.GO: (_may_go, _go),
    Act.OPEN: (_may_open, _open),
    Act.CLOSE: (_may_close, _close),
    Act.TAKE: (_may_take, _take),
    Act.PUT: (_may_put, _put),
    Act.CLEAN: (_may_clean, _clean),
    Act.HEAT: (_may_heat, _heat),
    Act.COOL: (_may_cool, _cool),
    Act.USE: (_may_use, _use),
    Act.SLICE: (_may_slice, _slice),
}
