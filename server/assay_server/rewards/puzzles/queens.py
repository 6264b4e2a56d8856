"""``puzzles/n-queens``: does each row have a queen, and does no queen attack another?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from assay.sdk import Json, Sample, Score, reward
from assay_server.rewards.judged_text import JudgedText
from assay_server.rewards.puzzles.tasks import PuzzleTask, asked, final_answer, refused, right, wrong

LAYER = "n-queens"
_LEVELS = ((4, 1), (5, 1), (6, 1), (8, 2), (10, 2), (12, 3))
"""Size of the board, and how many queens are placed."""
LEVELS = len(_LEVELS)
_MOST = 32
_NUMBER = re.compile(r"\d{1,3}")
_BOARD_ROW = re.compile(r"[.Q_0x-]+", re.IGNORECASE)


@reward(
    "puzzles/n-queens-v1", bounds=(0.0, 1.0), binary=True, reference_keys=("queens",), source="the n queens completion"
)
def n_queens(sample: Sample) -> Score:
    """1 where a board has one queen in each row, those that were placed among them, and none attacks another, else 0.

    ``queens``: by row, the column of the queen that is placed, from 1, or null. The answer is the column of each row's
    queen, or the board with ``Q`` and ``.``.
    """
    placed = _placed(sample.reference.get("queens"))
    found = final_answer(sample)
    columns = None if found is None else _columns(found, len(placed))
    if found is None or columns is None:
        return wrong(found, f"no {len(placed)} columns", LAYER)
    fault = _fault(placed, columns)
    key = ",".join(map(str, columns))
    return wrong(found, fault, LAYER, key) if fault else right(found, key, "no queen attacks another", LAYER)


def _placed(held: Json) -> list[int | None]:
    if not isinstance(held, list) or not 1 <= len(held) <= _MOST:
        raise refused("queens", f"1 to {_MOST} columns or nulls", held)
    placed = [one if isinstance(one, int) and not isinstance(one, bool) else None for one in held]
    if any(one is None and given is not None for one, given in zip(placed, held, strict=True)):
        raise refused("queens", "columns from 1, or nulls", held)
    return placed


def _columns(found: JudgedText, size: int) -> list[int] | None:
    lines = [line for line in found.text.splitlines() if line.strip()]
    if any("q" in line.lower() for line in lines):
        board = _board([line.replace(" ", "").replace("|", "").strip("`") for line in lines], size)
        if board is not None:
            return board
    if found.method == "whole_text":
        lines = [line for line in lines if len(_NUMBER.findall(line)) == size][-1:]
    numbers = [int(number) for line in lines for number in _NUMBER.findall(line)]
    return numbers if len(numbers) == size else None


def _board(lines: list[str], size: int) -> list[int] | None:
    rows = [line.lower() for line in lines if len(line) == size and _BOARD_ROW.fullmatch(line)][-size:]
    if len(rows) != size or any(row.count("q") != 1 for row in rows):
        return None
    return [row.index("q") + 1 for row in rows]


def _fault(placed: Sequence[int | None], columns: Sequence[int]) -> str:
    size = len(placed)
    for row, column in enumerate(columns):
        if not 1 <= column <= size:
            return f"row {row + 1}: there is no column {column}"
        if placed[row] not in (None, column):
            return f"row {row + 1}: the queen was placed in column {placed[row]}"
        for other in range(row):
            if columns[other] == column or abs(columns[other] - column) == row - other:
                return f"the queens of rows {other + 1} and {row + 1} attack each other"
    return ""


def generate_queens(rng: Random, level: int) -> PuzzleTask:
    """A board with some queens of a solution drawn at random."""
    size, count = _LEVELS[level - 1]
    columns: list[int] = []
    _complete(rng, size, columns)
    shown = set(rng.sample(range(size), count))
    queens: list[Json] = [column + 1 if row in shown else None for row, column in enumerate(columns)]
    listed = ", ".join(f"row {row + 1}: column {columns[row] + 1}" for row in sorted(shown))
    question = (
        f"Place {size} queens on a {size} by {size} board, one in each row, so that no two share a column or a "
        f"diagonal. Already placed are: {listed}."
    )
    answer = f"<answer>{', '.join(str(column + 1) for column in columns)}</answer>"
    form = "the columns of the queens of all rows from the first, with commas, e.g. 2, 4, 1, 3"
    return PuzzleTask(asked(question, form), {"queens": queens}, answer)


def _complete(rng: Random, size: int, columns: list[int]) -> bool:
    """Put the queens of the other rows, in random order; as deep as the board has rows."""
    row = len(columns)
    if row == size:
        return True
    for column in rng.sample(range(size), size):
        if all(column != held and abs(column - held) != row - other for other, held in enumerate(columns)):
            columns.append(column)
            if _complete(rng, size, columns):
                return True
            columns.pop()
    return False
