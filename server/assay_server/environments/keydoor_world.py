"""The key-and-door world as mathematics: maps, states, moves, and shortest solutions.

A map is a grid of rooms. Some passages hold a locked door; a key of the door's colour opens it. The map is made
region by region: a key always lies in a region that can be entered before its door is needed, so every map that
:func:`generate` makes can be solved, and since no move destroys anything, so can every state on the way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

COLOURS: tuple[str, ...] = ("red", "blue", "green", "yellow", "purple", "white")
_NAMES = (
    "attic", "bakery", "cellar", "chapel", "courtyard", "gallery", "garden", "great hall", "kitchen", "laboratory",
    "library", "observatory", "pantry", "stable", "study", "tower room", "vault", "workshop",
)  # fmt: skip
_DIRECTIONS = (("north", 0, -1), ("east", 1, 0), ("south", 0, 1), ("west", -1, 0))
_LOOP_PROBABILITY = 0.35


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a map is. ``doors`` must be below the number of rooms and of colours."""

    columns: int
    rows: int
    doors: int


@dataclass(frozen=True, slots=True)
class Exit:
    """A passage out of a room; ``door`` is the colour of its door, empty where there is none."""

    direction: str
    room: int
    door: str


@dataclass(frozen=True, slots=True)
class World:
    """A map. Rooms are numbered row by row.

    Attributes:
        key_rooms: where each key lies at the start, by colour.
    """

    names: tuple[str, ...]
    exits: tuple[tuple[Exit, ...], ...]
    key_rooms: Mapping[str, int]
    treasure_room: int
    start: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything that changes. Keys that are not held lie where the map put them."""

    room: int
    held: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    has_treasure: bool = False


def moves(world: World, state: State) -> dict[str, State]:
    """The admissible actions of a state with the state each leads to, in a fixed order; none once the treasure is held.

    ``look`` and ``inventory`` lead back to the same state.
    """
    if state.has_treasure:
        return {}
    found = {"look": state, "inventory": state}
    for colour in sorted(world.key_rooms):
        if world.key_rooms[colour] == state.room and colour not in state.held:
            found[f"take {colour} key"] = State(state.room, state.held | {colour}, state.opened)
    if world.treasure_room == state.room:
        found["take treasure"] = State(state.room, state.held, state.opened, has_treasure=True)
    for exit_ in world.exits[state.room]:
        if not exit_.door or exit_.door in state.opened:
            found[f"go {exit_.direction}"] = State(exit_.room, state.held, state.opened)
        elif exit_.door in state.held:
            found[f"open {exit_.door} door"] = State(state.room, state.held, state.opened | {exit_.door})
    return found


def solution(world: World, state: State) -> tuple[str, ...]:
    """A shortest sequence of actions from ``state`` to the treasure; breadth first, so the first found is shortest."""
    came_from: dict[State, tuple[State, str]] = {}
    queue = deque([state])
    while queue:
        present = queue.popleft()
        if present.has_treasure:
            return _path(came_from, state, present)
        for action, following in moves(world, present).items():
            if following != state and following not in came_from:
                came_from[following] = (present, action)
                queue.append(following)
    raise ValueError("no way to the treasure: this map was not made by generate()")


def _path(came_from: Mapping[State, tuple[State, str]], start: State, end: State) -> tuple[str, ...]:
    actions: list[str] = []
    while end != start:
        end, action = came_from[end]
        actions.append(action)
    return tuple(reversed(actions))


def generate(rng: Random, shape: Shape) -> World:
    """A solvable map of the given shape, drawn from ``rng``; the treasure is behind the last door."""
    rooms = shape.columns * shape.rows
    edges = _grid_edges(shape)
    tree = _spanning_tree(rng, rooms, edges)
    locked = sorted(rng.sample(sorted(tree), shape.doors))
    region = _regions(rooms, [edge for edge in tree if edge not in locked])
    loops = [
        edge
        for edge in edges
        if edge not in tree and region[edge[0]] == region[edge[1]] and rng.random() < _LOOP_PROBABILITY
    ]
    start = rng.randrange(rooms)
    colours = rng.sample(COLOURS, shape.doors)
    key_rooms, doors, last = _place_keys(rng, region, locked, colours, start)
    open_edges = dict.fromkeys((*tree, *loops), "")
    return World(
        names=tuple(rng.sample(_NAMES, rooms)),
        exits=_exits(shape, {**open_edges, **doors}),
        key_rooms=MappingProxyType(key_rooms),
        treasure_room=rng.choice([room for room in range(rooms) if region[room] == last and room != start]),
        start=start,
    )


_Edge = tuple[int, int]


def _grid_edges(shape: Shape) -> list[_Edge]:
    columns, rows = shape.columns, shape.rows
    across = [(row * columns + c, row * columns + c + 1) for row in range(rows) for c in range(columns - 1)]
    down = [(row * columns + c, (row + 1) * columns + c) for row in range(rows - 1) for c in range(columns)]
    return across + down


def _spanning_tree(rng: Random, rooms: int, edges: list[_Edge]) -> list[_Edge]:
    shuffled = rng.sample(edges, len(edges))
    region = list(range(rooms))
    tree: list[_Edge] = []
    for low, high in shuffled:
        if region[low] != region[high]:
            tree.append((low, high))
            merged, kept = region[high], region[low]
            region = [kept if value == merged else value for value in region]
    return tree


def _regions(rooms: int, open_edges: list[_Edge]) -> list[int]:
    region = list(range(rooms))
    for low, high in open_edges:
        merged, kept = region[high], region[low]
        region = [kept if value == merged else value for value in region]
    return region


def _place_keys(
    rng: Random, region: list[int], locked: list[_Edge], colours: list[str], start: int
) -> tuple[dict[str, int], dict[_Edge, str], int]:
    """Keys by colour, doors by edge, and the region entered last."""
    reached = {region[start]}
    last = region[start]
    waiting = list(locked)
    key_rooms: dict[str, int] = {}
    doors: dict[_Edge, str] = {}
    for colour in colours:
        edge = rng.choice([edge for edge in waiting if (region[edge[0]] in reached) != (region[edge[1]] in reached)])
        waiting.remove(edge)
        doors[edge] = colour
        key_rooms[colour] = rng.choice([room for room in range(len(region)) if region[room] in reached])
        last = region[edge[1]] if region[edge[0]] in reached else region[edge[0]]
        reached.add(last)
    return key_rooms, doors, last


def _exits(shape: Shape, doors: Mapping[_Edge, str]) -> tuple[tuple[Exit, ...], ...]:
    exits: list[tuple[Exit, ...]] = []
    for room in range(shape.columns * shape.rows):
        column, row = room % shape.columns, room // shape.columns
        here: list[Exit] = []
        for name, dx, dy in _DIRECTIONS:
            if 0 <= column + dx < shape.columns and 0 <= row + dy < shape.rows:
                other = room + dx + dy * shape.columns
                edge = (min(room, other), max(room, other))
                if edge in doors:
                    here.append(Exit(name, other, doors[edge]))
        exits.append(tuple(here))
    return tuple(exits)
