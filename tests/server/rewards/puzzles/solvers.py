"""Solvers that know a puzzle's reference and none of the generators: plain search."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import product
from typing import cast

from assay.sdk import Json
from assay_server.rewards.puzzles.vocabulary import WORDS


def tagged(text: str) -> str:
    return f"Let me see.\n<answer>\n{text}\n</answer>"


def anagram(reference: Mapping[str, Json]) -> str:
    letters = sorted(str(reference["letters"]))
    [word, *_] = [word for word in WORDS[len(letters)] if sorted(word) == letters]
    return tagged(word)


def countdown(reference: Mapping[str, Json]) -> str:
    numbers = tuple(cast("list[int]", reference["numbers"]))
    text = make(numbers, Fraction(cast("int", reference["target"])))
    assert text is not None
    return tagged(text)


def splits(numbers: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for mask in range(1, 2 ** len(numbers) - 1):
        one = tuple(n for at, n in enumerate(numbers) if mask >> at & 1)
        if len(one) <= len(numbers) - len(one):
            yield one, tuple(n for at, n in enumerate(numbers) if not mask >> at & 1)


def combined(a: Fraction, b: Fraction) -> Iterator[tuple[Fraction, str]]:
    yield from ((a + b, "{0} + {1}"), (a - b, "{0} - {1}"), (b - a, "{1} - {0}"), (a * b, "{0} * {1}"))
    if b:
        yield a / b, "{0} / {1}"
    if a:
        yield b / a, "{1} / {0}"


@cache
def values(numbers: tuple[int, ...]) -> Mapping[Fraction, str]:
    """Everything that all of a few numbers can make."""
    if len(numbers) == 1:
        return {Fraction(numbers[0]): str(numbers[0])}
    return {
        value: f"({form.format(left, right)})"
        for one, other in splits(numbers)
        for a, left in values(one).items()
        for b, right in values(other).items()
        for value, form in combined(a, b)
    }


def make(numbers: tuple[int, ...], target: Fraction) -> str | None:
    """Backwards from the target: what must the rest be worth?"""
    if len(numbers) <= 3:
        return values(numbers).get(target)
    for one, other in splits(numbers):
        for a, left in values(one).items():
            wanted = [(target - a, "{0} + {1}"), (a - target, "{0} - {1}"), (target + a, "{1} - {0}")]
            wanted += [(target * a, "{1} / {0}")] if a else []
            wanted += [(target / a, "{0} * {1}")] if a else []
            wanted += [(a / target, "{0} / {1}")] if a and target else []
            for b, form in wanted:
                right = make(other, b)
                if right is not None and not (form == "{0} / {1}" and b == 0):
                    return f"({form.format(left, right)})"
    return None


def true_of(world: tuple[bool, ...], kind: str, who: tuple[int, ...]) -> bool:
    told = [world[one] for one in who] if kind != "count" else []
    match kind:
        case "knight" | "both":
            return all(told)
        case "knave" | "neither":
            return not any(told)
        case "same":
            return told[0] is told[1]
        case "different":
            return told[0] is not told[1]
        case "either":
            return any(told)
        case "if":
            return told[1] if told[0] else True
        case _:
            return world.count(True) == who[0]


def knights(reference: Mapping[str, Json]) -> str:
    names = cast("list[str]", reference["names"])
    said = [(kind, tuple(who)) for kind, *who in cast("list[tuple[str, int]]", reference["statements"])]
    [world] = [
        world
        for world in product((True, False), repeat=len(names))
        if all(true_of(world, kind, who) is world[at] for at, (kind, who) in enumerate(said))
    ]
    kinds = ["knight" if one else "knave" for one in world]
    return tagged(", ".join(f"{name}: {kind}" for name, kind in zip(names, kinds, strict=True)))


def queens(reference: Mapping[str, Json]) -> str:
    placed = cast("list[int | None]", reference["queens"])

    def on(columns: tuple[int, ...]) -> tuple[int, ...] | None:
        row = len(columns)
        if row == len(placed):
            return columns
        given = placed[row]
        for column in range(1, len(placed) + 1) if given is None else (given,):
            if all(held != column and abs(held - column) != row - at for at, held in enumerate(columns)):
                found = on((*columns, column))
                if found:
                    return found
        return None

    columns = on(())
    assert columns is not None
    return tagged("\n".join("." * (one - 1) + "Q" + "." * (len(placed) - one) for one in columns))


def sudoku_solutions(grid: list[list[int]], high: int, wide: int) -> Iterator[list[list[int]]]:
    size = len(grid)

    def options(r: int, c: int) -> set[int]:
        box = [
            grid[i][j] for i in range(size) for j in range(size) if i // high == r // high and j // wide == c // wide
        ]
        return set(range(1, size + 1)) - {*grid[r], *(row[c] for row in grid), *box}

    empty = [(len(options(r, c)), r, c) for r in range(size) for c in range(size) if not grid[r][c]]
    if not empty:
        yield [row[:] for row in grid]
        return
    _, r, c = min(empty)
    for number in options(r, c):
        grid[r][c] = number
        yield from sudoku_solutions(grid, high, wide)
    grid[r][c] = 0


def sudoku(reference: Mapping[str, Json]) -> str:
    grid = cast("list[list[int]]", reference["puzzle"])
    high, wide = {4: (2, 2), 6: (2, 3), 9: (3, 3)}[len(grid)]
    [solution] = sudoku_solutions([row[:] for row in grid], high, wide)
    return tagged("\n".join("|".join(map(str, row)) for row in solution))


def sokoban(reference: Mapping[str, Json]) -> str:
    lines = str(reference["room"]).splitlines()
    cells = {(r, c): mark for r, line in enumerate(lines) for c, mark in enumerate(line)}
    goals = frozenset(place for place, mark in cells.items() if mark in ".*+")
    player = next(place for place, mark in cells.items() if mark in "@+")
    start = (player, frozenset(place for place, mark in cells.items() if mark in "$*"))
    plans = {start: ""}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        (r, c), boxes = state
        if boxes == goals:
            return tagged(plans[state])
        for name, dr, dc in (("U", -1, 0), ("D", 1, 0), ("L", 0, -1), ("R", 0, 1)):
            ahead, beyond = (r + dr, c + dc), (r + 2 * dr, c + 2 * dc)
            if cells.get(ahead, "#") == "#" or (ahead in boxes and (cells.get(beyond, "#") == "#" or beyond in boxes)):
                continue
            following = (ahead, boxes - {ahead} | {beyond} if ahead in boxes else boxes)
            if following not in plans:
                plans[following] = plans[state] + name
                queue.append(following)
    raise AssertionError("cannot be solved")


def ladder(reference: Mapping[str, Json]) -> str:
    words = cast("list[str]", reference["words"])
    paths = {str(reference["start"]): [str(reference["start"])]}
    queue = deque(paths)
    while queue:
        word = queue.popleft()
        for other in words:
            if other not in paths and sum(a != b for a, b in zip(word, other, strict=True)) == 1:
                paths[other] = [*paths[word], other]
                queue.append(other)
    return tagged(", ".join(paths[str(reference["end"])]))


SOLVERS: dict[str, Callable[[Mapping[str, Json]], str]] = {
    "puzzles/anagram": anagram,
    "puzzles/countdown": countdown,
    "puzzles/knights-and-knaves": knights,
    "puzzles/n-queens": queens,
    "puzzles/sokoban": sokoban,
    "puzzles/sudoku": sudoku,
    "puzzles/twenty-four": countdown,
    "puzzles/word-ladder": ladder,
}
