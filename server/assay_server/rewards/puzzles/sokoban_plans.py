"""``puzzles/sokoban``: do the moves of a plan bring every box to a goal? And rooms that can be solved."""

from __future__ import annotations

import re
from random import Random

from assay.sdk import Sample, Score, reward
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.puzzles.sokoban import (
    DIRECTIONS,
    NoRoom,
    Place,
    Position,
    Room,
    beside,
    distance_to_goals,
    drawn,
    moved,
    read_room,
    solved,
)
from assay_server.rewards.puzzles.tasks import PuzzleTask, asked, final_answer, refused, right, wrong

LAYER = "sokoban"
LEVELS = ((6, 6, 1, 2), (7, 7, 1, 4), (7, 7, 2, 4), (8, 8, 2, 6), (8, 8, 3, 7))
"""Height, width with the walls around, boxes, pushes that are needed at least."""
_WALLS = 0.16
_PULLS = 160
_MOST_MOVES = 2000
_NAMES = re.compile(r"\b(up|down|left|right)\b|([↑↓←→⬆⬇⬅➡])", re.IGNORECASE)
_ARROWS = {"↑": "up", "⬆": "up", "↓": "down", "⬇": "down", "←": "left", "⬅": "left", "→": "right", "➡": "right"}
_LETTERS = {"u": "up", "d": "down", "l": "left", "r": "right"}
_WORD = re.compile(r"[^\W\d_]+")
_FILLERS = frozenset(("then", "and", "push", "move", "moves", "go", "step", "steps", *DIRECTIONS))
_ALL_LETTERS = re.compile(r"[udlrUDLR\s,;]+")


@reward(
    "puzzles/sokoban-v1", bounds=(0.0, 1.0), binary=True, reference_keys=("room",), source="Sokoban, as RAGEN asks it"
)
def sokoban(sample: Sample) -> Score:
    """1 where the moves of the answer bring every box to a goal, else 0.

    ``room``: as it is usually drawn (``# @ $ . * +``). The answer is a list of up, down, left, right, arrows, or the
    letters U D L R. A move against a wall changes nothing; what follows the solution may undo it. Component ``placed``:
    the share of the boxes that stand on goals in the end.
    """
    held = sample.reference.get("room")
    if not isinstance(held, str):
        raise refused("room", "a text", held)
    try:
        room, position = read_room(held)
    except NoRoom as error:
        raise refused("room", str(error), held) from error
    found = final_answer(sample)
    plan = [] if found is None else moves_in(found)
    if found is None or not plan or len(plan) > _MOST_MOVES:
        return wrong(found, "no moves, or too many", LAYER, placed=0.0)
    for direction in plan:
        position = moved(room, position, direction) or position
    placed = len(position.boxes & room.goals) / len(room.goals)
    key = "".join(direction[0] for direction in plan)
    if solved(room, position):
        return right(found, key, f"solved in {len(plan)} moves", LAYER, placed=placed)
    return wrong(found, f"{placed:.0%} of the boxes are on goals in the end", LAYER, key, placed=placed)


def moves_in(found: JudgedText) -> list[str]:
    """The moves of an answer: letters alone, else names and arrows; of an unmarked text, those of its last line.

    A marked answer with words that are no moves has none: what they were to do nobody knows.
    """
    text = found.text
    if found.method == "whole_text":
        lines = [line for line in text.splitlines() if _NAMES.search(line) or _ALL_LETTERS.fullmatch(line)]
        text = lines[-1] if lines else ""
    if text.strip() and _ALL_LETTERS.fullmatch(text):
        return [_LETTERS[letter] for letter in text.lower() if letter in _LETTERS]
    if found.method != "whole_text" and any(word.lower() not in _FILLERS for word in _WORD.findall(text)):
        return []
    return [match[1].lower() if match[1] else _ARROWS[match[2]] for match in _NAMES.finditer(text)]


def generate_sokoban(rng: Random, level: int) -> PuzzleTask:
    """A room of :func:`draw_room`, to be solved in one go."""
    room, position, plan = draw_room(rng, level)
    picture = drawn(room, position)
    question = (
        "Push every box onto a goal. # is a wall, @ you, $ a box, . a goal, * a box on a goal, + you on a goal. You "
        f"move up, down, left and right, and push the one box that stands in your way.\n\n{picture}"
    )
    answer = f"<answer>{', '.join(plan)}</answer>"
    return PuzzleTask(asked(question, "all moves in order, e.g. up, left, left"), {"room": picture}, answer)


def draw_room(rng: Random, level: int) -> tuple[Room, Position, tuple[str, ...]]:
    """A room, where it starts, and a plan that solves it: made by pulling boxes away from their goals."""
    height, width, boxes, pushes = LEVELS[level - 1]
    while True:
        floor = _floor(rng, height, width)
        if len(floor) < 4 * boxes + 6:
            continue
        places = sorted(floor)
        goals = frozenset(rng.sample(places, boxes))
        room = Room(frozenset(floor), goals, height, width)
        player = rng.choice([place for place in places if place not in goals])
        start, plan = _pulled(rng, room, Position(player, goals))
        apart = not start.boxes & goals
        if apart and distance_to_goals(room, start.boxes) >= pushes:
            return room, start, _until_solved(room, start, plan)


def _until_solved(room: Room, start: Position, plan: tuple[str, ...]) -> tuple[str, ...]:
    """A plan without the steps that follow the last push."""
    position = start
    for number, direction in enumerate(plan):
        position = moved(room, position, direction) or position
        if solved(room, position):
            return plan[: number + 1]
    raise AssertionError("a walk backwards from the solved position does not lead there")


def _floor(rng: Random, height: int, width: int) -> set[Place]:
    """The largest connected part of a rectangle with walls strewn in."""
    left = {(r, c) for r in range(1, height - 1) for c in range(1, width - 1) if rng.random() > _WALLS}
    largest: set[Place] = set()
    while left:
        part, waiting = set[Place](), [min(left)]
        while waiting:
            place = waiting.pop()
            if place in left:
                left.discard(place)
                part.add(place)
                waiting += beside(place)
        largest = max(largest, part, key=len)
    return largest


def _pulled(rng: Random, room: Room, end: Position) -> tuple[Position, tuple[str, ...]]:
    """Walk backwards from the solved position, pulling whenever possible; positions seen again cut the walk short."""
    path = [end]
    taken: list[str] = []
    place_of = {end: 0}
    for _ in range(_PULLS):
        choices = _backwards(room, path[-1])
        if not choices:
            break
        pulls = [choice for choice in choices if choice[1].boxes != path[-1].boxes]
        direction, before = rng.choice(pulls if pulls and rng.random() < 0.7 else choices)
        if before in place_of:
            kept = place_of[before]
            for dropped in path[kept + 1 :]:
                del place_of[dropped]
            del path[kept + 1 :], taken[kept:]
        else:
            place_of[before] = len(path)
            path.append(before)
            taken.append(direction)
    return path[-1], tuple(reversed(taken))


def _backwards(room: Room, position: Position) -> list[tuple[str, Position]]:
    """The positions from which a move leads to this one, with the move."""
    found: list[tuple[str, Position]] = []
    for direction, (down, right_) in DIRECTIONS.items():
        r, c = position.player
        before, ahead = (r - down, c - right_), (r + down, c + right_)
        if before not in room.floor or before in position.boxes:
            continue
        found.append((direction, Position(before, position.boxes)))
        if ahead in position.boxes:
            found.append((direction, Position(before, position.boxes - {ahead} | {position.player})))
    return found
