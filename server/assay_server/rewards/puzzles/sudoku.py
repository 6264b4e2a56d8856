"""``puzzles/sudoku``: is a grid filled by the rules, with what was given kept?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeAlias

from assay.sdk import Json, Sample, Score, reward
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.puzzles.tasks import PuzzleTask, asked, final_answer, refused, right, wrong

LAYER = "sudoku"
Grid: TypeAlias = list[list[int]]
_BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3)}
_LEVELS = ((4, 9), (6, 20), (9, 46), (9, 36), (9, 29))
"""Size, and how many cells are given."""
LEVELS = len(_LEVELS)
_LINE_MARKS = re.compile(r"[\s|,;\[\]()'\"`+_*-]+")


@reward(
    "puzzles/sudoku-v1",
    bounds=(0.0, 1.0),
    binary=True,
    reference_keys=("puzzle",),
    source="the rules of sudoku",
)
def sudoku(sample: Sample) -> Score:
    """1 where the grid is complete, keeps what is given and repeats nothing in a row, a column or a box, else 0.

    ``puzzle``: rows of numbers, 0 for an empty cell, or one text of 16, 36 or 81 characters with ``0`` or ``.`` for
    empty ones. The size is 4, 6 (boxes two high, three wide) or 9. Component ``filled``: the share of empty cells that
    are filled and break no rule.
    """
    puzzle = _puzzle(sample.reference.get("puzzle"))
    found = final_answer(sample)
    grid = None if found is None else _grid_in(found, len(puzzle))
    if found is None or grid is None:
        return wrong(found, f"no grid of {len(puzzle)} by {len(puzzle)}", LAYER, filled=0.0)
    key = "".join(str(cell) for row in grid for cell in row)
    faults = list(_faults(puzzle, grid))
    if not faults:
        return right(found, key, "complete and by the rules", LAYER, filled=1.0)
    empty = [(r, c) for r, row in enumerate(puzzle) for c, cell in enumerate(row) if not cell]
    bad = {place for _, places in faults for place in places}
    filled = sum(1 for place in empty if place not in bad) / max(1, len(empty))
    return wrong(found, faults[0][0], LAYER, key, filled=min(filled, 0.99))


def _puzzle(held: Json) -> Grid:
    if isinstance(held, str):
        cells = [0 if mark in ".0_*" else int(mark) if mark in "123456789" else -1 for mark in "".join(held.split())]
        size = int(len(cells) ** 0.5)
        rows: list[list[Json]] = [[*cells[at : at + size]] for at in range(0, len(cells), max(1, size))]
    else:
        rows = [row for row in held if isinstance(row, list)] if isinstance(held, list) else []
    size = len(rows)
    grid = [[cell for cell in row if isinstance(cell, int) and 0 <= cell <= size] for row in rows]
    if size not in _BOXES or any(len(row) != size for row in grid):
        raise refused("puzzle", "4, 6 or 9 rows of as many numbers, 0 where a cell is empty", held)
    return grid


def _grid_in(found: JudgedText, size: int) -> Grid | None:
    """The grid of an answer: what its digits are where they are as many as cells, else the last rows of digits."""
    lines = [_LINE_MARKS.sub("", line) for line in found.text.splitlines()]
    rows = [line for line in lines if line]
    digits = "".join(rows)
    if not (len(digits) == size * size and digits.isdecimal()):
        kept = [line for line in rows if len(line) == size and line.isdecimal()]
        if len(kept) < size or (found.method != "whole_text" and len(kept) > size):
            return None
        digits = "".join(kept[-size:])
    return [[int(digit) for digit in digits[at : at + size]] for at in range(0, size * size, size)]


def _faults(puzzle: Grid, grid: Grid) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """What is amiss, with the cells concerned."""
    size = len(puzzle)
    for r, row in enumerate(puzzle):
        for c, cell in enumerate(row):
            if cell and grid[r][c] != cell:
                yield f"row {r + 1}, column {c + 1} was given as {cell}", [(r, c)]
            if not 1 <= grid[r][c] <= size:
                yield f"row {r + 1}, column {c + 1} is {grid[r][c]}", [(r, c)]
    for name, places in units(size):
        by_number: dict[int, list[tuple[int, int]]] = {}
        for r, c in places:
            by_number.setdefault(grid[r][c], []).append((r, c))
        for number, held in by_number.items():
            if len(held) > 1:
                yield f"{name} has {number} more than once", held


def units(size: int) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Rows, columns and boxes by name."""
    high, wide = _BOXES[size]
    for at in range(size):
        yield f"row {at + 1}", [(at, other) for other in range(size)]
        yield f"column {at + 1}", [(other, at) for other in range(size)]
        top, left = at // (size // wide) * high, at % (size // wide) * wide
        yield f"box {at + 1}", [(top + r, left + c) for r in range(high) for c in range(wide)]


def generate_sudoku(rng: Random, level: int) -> PuzzleTask:
    """A grid with one solution; cells are emptied as long as it stays the only one."""
    size, given = _LEVELS[level - 1]
    solution = _full_grid(rng, size)
    puzzle = [row[:] for row in solution]
    places = [(r, c) for r in range(size) for c in range(size)]
    rng.shuffle(places)
    left = size * size
    for r, c in places:
        if left == given:
            break
        puzzle[r][c] = 0
        if _has_other_solution(puzzle, r, c, solution[r][c]):
            puzzle[r][c] = solution[r][c]
        else:
            left -= 1
    high, wide = _BOXES[size]
    question = (
        f"Complete this {size} by {size} sudoku: every row, every column and every box of {high} rows and {wide} "
        f"columns holds each of the numbers 1 to {size} once. A dot is an empty cell.\n\n{_drawn(puzzle)}"
    )
    reference: dict[str, Json] = {"puzzle": [[*row] for row in puzzle]}
    answer = f"<answer>\n{_drawn(solution)}\n</answer>"
    return PuzzleTask(asked(question, "all rows, one a line"), reference, answer)


def _drawn(grid: Sequence[Sequence[int]]) -> str:
    return "\n".join(" ".join(str(cell) if cell else "." for cell in row) for row in grid)


def _full_grid(rng: Random, size: int) -> Grid:
    """A filled grid: a regular one with bands, rows, stacks, columns and numbers shuffled."""
    high, wide = _BOXES[size]
    rows = [band * high + r for band in _shuffled(rng, size // high) for r in _shuffled(rng, high)]
    columns = [stack * wide + c for stack in _shuffled(rng, size // wide) for c in _shuffled(rng, wide)]
    numbers = [number + 1 for number in _shuffled(rng, size)]
    return [[numbers[(wide * (r % high) + r // high + c) % size] for c in columns] for r in rows]


def _shuffled(rng: Random, count: int) -> list[int]:
    return rng.sample(range(count), count)


def _has_other_solution(puzzle: Grid, row: int, column: int, number: int) -> bool:
    """Whether a puzzle that had one solution has another one now that a cell is empty."""
    solver = _Cells(puzzle)
    for other in range(1, len(puzzle) + 1):
        if other != number and solver.place(row, column, other):
            if solver.solvable():
                return True
            solver.take_back(row, column, other)
    return False


class _Cells:
    """Backtracking over the emptiest choice; which numbers a row, a column and a box hold are bit sets."""

    def __init__(self, puzzle: Grid) -> None:
        self._size = len(puzzle)
        self._high, self._wide = _BOXES[self._size]
        self._held = [0] * (3 * self._size)
        self._empty = {(r, c) for r, row in enumerate(puzzle) for c, cell in enumerate(row) if not cell}
        for r, row in enumerate(puzzle):
            for c, cell in enumerate(row):
                if cell:
                    self._toggle(r, c, cell)

    def _units(self, r: int, c: int) -> tuple[int, int, int]:
        box = r // self._high * (self._size // self._wide) + c // self._wide
        return r, self._size + c, 2 * self._size + box

    def _toggle(self, r: int, c: int, number: int) -> None:
        for unit in self._units(r, c):
            self._held[unit] ^= 1 << number

    def _taken(self, r: int, c: int) -> int:
        row, column, box = self._units(r, c)
        return self._held[row] | self._held[column] | self._held[box]

    def place(self, r: int, c: int, number: int) -> bool:
        """Fill an empty cell, unless that breaks a rule at once."""
        if self._taken(r, c) >> number & 1:
            return False
        self._toggle(r, c, number)
        self._empty.discard((r, c))
        return True

    def take_back(self, r: int, c: int, number: int) -> None:
        """Empty a cell again."""
        self._toggle(r, c, number)
        self._empty.add((r, c))

    def solvable(self) -> bool:
        """Whether the empty cells can be filled. As deep as there are empty cells: 81 at most."""
        if not self._empty:
            return True
        r, c = max(self._empty, key=lambda place: (self._taken(*place).bit_count(), place))
        for number in range(1, self._size + 1):
            if self.place(r, c, number):
                solved = self.solvable()
                self.take_back(r, c, number)
                if solved:
                    return True
        return False
