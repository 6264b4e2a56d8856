"""Sokoban as mathematics: rooms, positions, moves, shortest solutions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Place: TypeAlias = tuple[int, int]
"""Row and column."""

DIRECTIONS: Mapping[str, Place] = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
_LARGEST = 40
_MOST_STATES = 400_000


@dataclass(frozen=True, slots=True)
class Room:
    """What never changes."""

    floor: frozenset[Place]
    goals: frozenset[Place]
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where the player stands, and where the boxes are."""

    player: Place
    boxes: frozenset[Place]


class NoRoom(ValueError):
    """A text is no room; the message says why."""


def read_room(text: str) -> tuple[Room, Position]:
    """A room as it is usually drawn: ``#`` wall, ``@`` player, ``$`` box, ``.`` goal, ``*`` box on a goal, ``+`` player
    on a goal, a space or ``_`` floor.

    Raises:
        NoRoom: it has another character, not one player, not as many boxes as goals, or is too large.
    """
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    height, width = len(lines), max(map(len, lines), default=0)
    if not 0 < height <= _LARGEST or not 0 < width <= _LARGEST:
        raise NoRoom(f"expected 1 to {_LARGEST} rows and columns")
    marks = {(r, c): mark for r, line in enumerate(lines) for c, mark in enumerate(line) if mark != "#"}
    strange = set(marks.values()) - set("@$.*+ _")
    players = [place for place, mark in marks.items() if mark in "@+"]
    boxes = frozenset(place for place, mark in marks.items() if mark in "$*")
    goals = frozenset(place for place, mark in marks.items() if mark in ".*+")
    if strange or len(players) != 1 or not boxes or len(boxes) != len(goals):
        raise NoRoom("expected # @ $ . * + and spaces, one player, and as many boxes as goals")
    inside = _reachable(frozenset(marks), players[0])
    return Room(inside | boxes | goals, goals, height, width), Position(players[0], boxes)


def _reachable(floor: frozenset[Place], start: Place) -> frozenset[Place]:
    found, waiting = {start}, [start]
    while waiting:
        place = waiting.pop()
        for other in beside(place):
            if other in floor and other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)


def beside(place: Place) -> list[Place]:
    """The four places around one."""
    return [(place[0] + down, place[1] + right) for down, right in DIRECTIONS.values()]


def drawn(room: Room, position: Position) -> str:
    """The room as :func:`read_room` reads it."""
    return "\n".join(
        "".join(_mark(room, position, (r, c)) for c in range(room.width)).rstrip() for r in range(room.height)
    )


def _mark(room: Room, position: Position, place: Place) -> str:
    if place not in room.floor:
        return "#"
    on_goal = place in room.goals
    if place == position.player:
        return "+" if on_goal else "@"
    if place in position.boxes:
        return "*" if on_goal else "$"
    return "." if on_goal else " "


def moved(room: Room, position: Position, direction: str) -> Position | None:
    """What follows a step, pushing a box that stands there; None where a wall or a second box is in the way."""
    down, right = DIRECTIONS[direction]
    ahead = (position.player[0] + down, position.player[1] + right)
    if ahead not in room.floor:
        return None
    if ahead not in position.boxes:
        return Position(ahead, position.boxes)
    beyond = (ahead[0] + down, ahead[1] + right)
    if beyond not in room.floor or beyond in position.boxes:
        return None
    return Position(ahead, position.boxes - {ahead} | {beyond})


def solved(room: Room, position: Position) -> bool:
    """Whether every box is on a goal."""
    return position.boxes == room.goals


def live_places(room: Room) -> frozenset[Place]:
    """Where a box can still be pushed to a goal, other boxes apart: found by pulling one away from each goal."""
    found, waiting = set(room.goals), [*room.goals]
    while waiting:
        box = waiting.pop()
        for down, right in DIRECTIONS.values():
            pulled, player = (box[0] + down, box[1] + right), (box[0] + 2 * down, box[1] + 2 * right)
            if pulled in room.floor and player in room.floor and pulled not in found:
                found.add(pulled)
                waiting.append(pulled)
    return frozenset(found)


def shortest_solution(room: Room, start: Position) -> tuple[str, ...]:
    """A shortest sequence of directions; breadth first.

    Raises:
        ValueError: there is none, or it lies beyond 400,000 positions.
    """
    came_from: dict[Position, tuple[Position, str]] = {}
    live = live_places(room)
    queue = deque([start])
    while queue and len(came_from) < _MOST_STATES:
        present = queue.popleft()
        if solved(room, present):
            return _path(came_from, start, present)
        for direction in DIRECTIONS:
            following = moved(room, present, direction)
            if following is None or following == start or following in came_from:
                continue
            if following.boxes <= live:
                came_from[following] = (present, direction)
                queue.append(following)
    raise ValueError("no solution was found from this position")


def _path(came_from: Mapping[Position, tuple[Position, str]], start: Position, end: Position) -> tuple[str, ...]:
    taken: list[str] = []
    while end != start:
        end, direction = came_from[end]
        taken.append(direction)
    return tuple(reversed(taken))


def distance_to_goals(room: Room, boxes: Iterable[Place]) -> int:
    """How many pushes are needed at least."""
    return sum(min(abs(r - goal[0]) + abs(c - goal[1]) for goal in room.goals) for r, c in boxes)
