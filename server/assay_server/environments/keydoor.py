"""Key and door: a small text world in which a treasure lies behind locked doors.

What is seen is the present room. What is carried, which doors elsewhere are open and which keys were taken is part of
the state but not of the view, so grouping steps by the view alone mixes different states; ``anchor()`` does not.
The reward is sparse: 1 for taking the treasure, else 0.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from random import Random

from assay.sdk import Json
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.keydoor_world import Exit, Shape, State, World, generate, moves, solution
from assay_server.environments.protocol import EpisodeOver, InvalidOptions, ResetResult, StepResult

DIFFICULTIES: Mapping[str, tuple[Shape, int]] = {
    "easy": (Shape(columns=3, rows=2, doors=1), 30),
    "medium": (Shape(columns=3, rows=3, doors=2), 50),
    "hard": (Shape(columns=4, rows=4, doors=4), 120),
}
"""Shape and default step limit by difficulty. The limit is more than twice the longest shortest solution seen."""

MAX_STEPS = 10_000
_MAX_ACTION_CHARACTERS = 200


class KeyDoor:
    """The environment.

    Options of ``reset``: ``difficulty`` ("easy" | "medium" | "hard", default "medium") and ``maxSteps`` (1..10,000,
    default by difficulty).
    """

    def __init__(self) -> None:
        self._world: World | None = None
        self._state = State(0)
        self._moves: dict[str, State] = {}
        self._steps = 0
        self._max_steps = 0

    @property
    def state(self) -> State:
        """Everything that changes, as a value; for solvers and tests."""
        return self._state

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start over on the map of ``seed``; equal seeds and difficulties give equal maps."""
        difficulty, max_steps = _read_options(options)
        shape, default_steps = DIFFICULTIES[difficulty]
        self._world = generate(Random(seed), shape)  # noqa: S311 - a game's map, not a secret
        self._state = State(self._world.start)
        self._moves = moves(self._world, self._state)
        self._steps = 0
        self._max_steps = default_steps if max_steps is None else max_steps
        goal = "A treasure is hidden in this house. Find the keys, open the doors, take the treasure."
        return ResetResult(f"{goal}\n{_view(self._world, self._state)}", self.state_digest())

    def step(self, action: str) -> StepResult:
        """Take an action. Case and spaces do not matter; anything not admissible changes nothing and costs a step."""
        world = self._live_world()
        name = " ".join(action[:_MAX_ACTION_CHARACTERS].casefold().split())
        following = self._moves.get(name) if len(action) <= _MAX_ACTION_CHARACTERS else None
        self._steps += 1
        if following is None:
            return self._result(f"Nothing happens.\n{_view(world, self._state)}", valid=False)
        self._state = following
        self._moves = moves(world, following)
        return self._result(_narrate(world, following, name), valid=True)

    def anchor(self) -> str:
        """Room, what is carried, what lies here, and which doors are open; sorted, so equal states read equal."""
        world, state = self._known_world(), self._state
        here = sorted(colour for colour, room in world.key_rooms.items() if room == state.room)
        things = [f"{colour} key" for colour in here if colour not in state.held]
        if world.treasure_room == state.room and not state.has_treasure:
            things.append("treasure")
        return (
            f"{world.names[state.room]} | carrying: {_listed(_carried(state))} | here: {_listed(things)}"
            f" | open doors: {_listed(sorted(state.opened))}"
        )

    def state_digest(self) -> str:
        """Over the map and everything that changes in it; the step counter is no part of the state."""
        world, state = self._known_world(), self._state
        text = repr((
            world.names, world.exits, sorted(world.key_rooms.items()), world.treasure_room, state.room,
            sorted(state.held), sorted(state.opened), state.has_treasure,
        ))  # fmt: skip
        return hashlib.sha256(text.encode()).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """What ``step`` takes as valid now."""
        return tuple(self._moves) if self._steps < self._max_steps else ()

    def solution(self) -> tuple[str, ...]:
        """A shortest way from the present state to the treasure."""
        return solution(self._known_world(), self._state)

    def close(self) -> None:
        """Forget the episode."""
        self._world = None
        self._moves = {}

    def _known_world(self) -> World:
        if self._world is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._world

    def _live_world(self) -> World:
        world = self._known_world()
        if self._state.has_treasure or self._steps >= self._max_steps:
            raise EpisodeOver("the episode is over: call reset() to start another")
        return world

    def _result(self, observation: str, *, valid: bool) -> StepResult:
        won = self._state.has_treasure
        truncated = not won and self._steps >= self._max_steps
        doors = len(self._known_world().key_rooms)
        return StepResult(
            observation=observation,
            reward=1.0 if won else 0.0,
            action_valid=valid,
            executed=valid,
            won=won,
            task_score=1.0 if won else len(self._state.opened) / (doors + 1),
            terminated=won,
            truncated=truncated,
            stop_reason="won" if won else "max_steps" if truncated else "",
        )


def _read_options(options: Mapping[str, Json]) -> tuple[str, int | None]:
    for name in options:
        if name not in ("difficulty", "maxSteps"):
            raise InvalidOptions(name, "unknown; there are difficulty and maxSteps")
    difficulty = options.get("difficulty", "medium")
    if not isinstance(difficulty, str) or difficulty not in DIFFICULTIES:
        raise InvalidOptions("difficulty", f"expected one of {', '.join(DIFFICULTIES)}, got {difficulty!r}")
    max_steps = options.get("maxSteps")
    if max_steps is None:
        return difficulty, None
    if isinstance(max_steps, bool) or not isinstance(max_steps, int) or not 1 <= max_steps <= MAX_STEPS:
        raise InvalidOptions("maxSteps", f"expected an integer from 1 to {MAX_STEPS}, got {max_steps!r}")
    return difficulty, max_steps


def _view(world: World, state: State) -> str:
    keys = [f"a {c} key" for c in sorted(world.key_rooms) if world.key_rooms[c] == state.room and c not in state.held]
    if world.treasure_room == state.room and not state.has_treasure:
        keys.append("the treasure")
    seen = f" You see {_listed(keys)}." if keys else ""
    exits = ", ".join(_describe(exit_, state) for exit_ in world.exits[state.room])
    return f"You are in the {world.names[state.room]}.{seen} Exits: {exits}."


def _describe(exit_: Exit, state: State) -> str:
    if not exit_.door:
        return exit_.direction
    return f"{exit_.direction} ({exit_.door} door, {'open' if exit_.door in state.opened else 'locked'})"


def _narrate(world: World, state: State, action: str) -> str:
    """What happened, then the room."""
    view = _view(world, state)
    verb, _, rest = action.partition(" ")
    events = {
        "look": "",
        "go": "",
        "inventory": f"You carry {_listed(_carried(state))}.\n",
        "take": f"You take the {rest}.\n",
        "open": f"You open the {rest}.\n",
    }
    return events[verb] + view


def _carried(state: State) -> list[str]:
    return [f"{colour} key" for colour in sorted(state.held)] + (["treasure"] if state.has_treasure else [])


def _listed(things: list[str]) -> str:
    return ", ".join(things) or "nothing"


KEYDOOR = EnvironmentDefinition(
    id="assay/keydoor-v1",
    make=KeyDoor,
    summary="A small text world: find keys, open doors, take the treasure.",
    options={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "difficulty": {"enum": list(DIFFICULTIES), "default": "medium"},
            "maxSteps": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS},
        },
    },
    aliases=("keydoor",),
    doc=inspect.getdoc(KeyDoor) or "",
)
