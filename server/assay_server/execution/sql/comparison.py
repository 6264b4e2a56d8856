"""Whether two result tables say the same, under semantics that can be chosen.

Numbers are equal by value, whatever their type; columns that hold floats are compared within a tolerance. Where the
order of columns is free, an assignment of columns is sought that makes the rows agree; the work is bounded by a
polynomial in the number of columns, whatever the columns look like.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Cell: TypeAlias = "int | float | str | bytes | None"
Row: TypeAlias = "tuple[Cell, ...]"
RowsMode = Literal["ordered", "bag", "set"]
ColumnsMode = Literal["fixed", "free"]

_LONGEST_MATCHING = 64
_SPARE_STEPS = 64


@dataclass(frozen=True, slots=True)
class Semantics:
    """When two tables are equal.

    Attributes:
        rows: as lists, as multisets, or as sets.
        columns: whether the order of columns counts. Their names never do.
        tolerance: floats a and b are equal where ``|a - b| <= tolerance * max(1, |a|, |b|)``.
    """

    rows: RowsMode = "bag"
    columns: ColumnsMode = "free"
    tolerance: float = 1e-6


def difference(candidate: Sequence[Row], reference: Sequence[Row], semantics: Semantics) -> str:
    """Why two tables differ, in a few words; empty where they are equal."""
    if candidate == reference:
        return ""
    if semantics.rows == "set":
        candidate, reference = list(dict.fromkeys(candidate)), list(dict.fromkeys(reference))
    if not candidate or not reference:
        return "" if len(candidate) == len(reference) else _counts(candidate, reference)
    width = len(reference[0])
    if len(candidate[0]) != width:
        return f"{len(candidate[0])} columns instead of {width}"
    if len(candidate) != len(reference) and semantics.rows != "set":
        return _counts(candidate, reference)
    if _equal(candidate, reference, semantics):
        return ""
    if semantics.columns == "free" and width > 1 and _assigned(candidate, reference, semantics):
        return ""
    if semantics.rows == "ordered" and _equal(candidate, reference, Semantics("bag", "fixed", semantics.tolerance)):
        return "the rows come in another order"
    return "other values"


def _counts(candidate: Sequence[Row], reference: Sequence[Row]) -> str:
    return f"{len(candidate)} rows instead of {len(reference)}"


def _equal(candidate: Sequence[Row], reference: Sequence[Row], semantics: Semantics) -> bool:
    """With the columns as they are."""
    approximate = _float_columns(candidate, reference)
    if semantics.rows == "ordered":
        if len(candidate) != len(reference):
            return False
        return all(_close_rows(a, b, semantics.tolerance) for a, b in zip(candidate, reference, strict=True))
    if not approximate:
        return Counter(candidate) == Counter(reference)
    if semantics.rows == "bag" and Counter(candidate) == Counter(reference):
        return True
    return _close_bags(candidate, reference, approximate, semantics)


def _float_columns(candidate: Sequence[Row], reference: Sequence[Row]) -> tuple[int, ...]:
    found = {
        place
        for rows in (candidate, reference)
        for row in rows
        for place, cell in enumerate(row)
        if type(cell) is float
    }
    return tuple(sorted(found))


def _close(a: Cell, b: Cell, tolerance: float) -> bool:
    if a == b:
        return True
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return False
    if type(a) is int and type(b) is int:
        return False
    try:
        return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b)) or (math.isnan(a) and math.isnan(b))
    except OverflowError:
        return False


def _close_rows(a: Row, b: Row, tolerance: float) -> bool:
    return a == b or all(_close(one, other, tolerance) for one, other in zip(a, b, strict=True))


def _close_bags(
    candidate: Sequence[Row], reference: Sequence[Row], approximate: tuple[int, ...], semantics: Semantics
) -> bool:
    """Rows in classes by what is exact; within a class one must be found for each other."""
    ours, theirs = _classes(candidate, approximate), _classes(reference, approximate)
    if ours.keys() != theirs.keys():
        return False
    if semantics.rows == "set":
        return all(_cover(ours[key], theirs[key], semantics.tolerance) for key in ours)
    return all(_matched(ours[key], theirs[key], semantics.tolerance) for key in ours)


def _classes(rows: Sequence[Row], approximate: tuple[int, ...]) -> dict[Row, list[Row]]:
    """Rows by their exact cells. A number in a column of floats counts as approximate, anything else there as exact."""
    classes: dict[Row, list[Row]] = {}
    places = set(approximate)
    for row in rows:
        exact = tuple(
            "" if place in places and isinstance(cell, int | float) else (cell, place) if place in places else cell
            for place, cell in enumerate(row)
        )
        numbers = tuple(
            cell if isinstance(cell := row[place], int | float) and not math.isnan(cell) else 0.0
            for place in approximate
        )
        classes.setdefault(exact, []).append(numbers)  # pyright: ignore[reportArgumentType] - a class key, not a row
    return classes


def _matched(ours: list[Row], theirs: list[Row], tolerance: float) -> bool:
    if len(ours) != len(theirs):
        return False
    ours, theirs = _sorted(ours), _sorted(theirs)
    if all(_close_rows(a, b, tolerance) for a, b in zip(ours, theirs, strict=True)):
        return True
    if len(ours) > _LONGEST_MATCHING or len(ours[0]) == 1:
        return False
    return _perfect_matching(ours, theirs, tolerance)


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType] - numbers only


def _cover(ours: list[Row], theirs: list[Row], tolerance: float) -> bool:
    """As sets: each has its like on the other side."""
    ours, theirs = _sorted(set(ours)), _sorted(set(theirs))
    if len(ours) == len(theirs) and all(_close_rows(a, b, tolerance) for a, b in zip(ours, theirs, strict=True)):
        return True
    if max(len(ours), len(theirs)) > _LONGEST_MATCHING:
        return False
    return all(any(_close_rows(a, b, tolerance) for b in theirs) for a in ours) and all(
        any(_close_rows(a, b, tolerance) for a in ours) for b in theirs
    )


def _perfect_matching(ours: list[Row], theirs: list[Row], tolerance: float) -> bool:
    """Kuhn's algorithm: O(n^3) for the few rows that a class may have here."""
    partner: dict[int, int] = {}
    near = [[place for place, other in enumerate(theirs) if _close_rows(row, other, tolerance)] for row in ours]

    def place(row: int, tried: set[int]) -> bool:
        for other in near[row]:
            if other not in tried:
                tried.add(other)
                if other not in partner or place(partner[other], tried):
                    partner[other] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(ours)))


class _Search:
    """Finds which column of the candidate stands for which of the reference's, one after the other.

    A partial assignment goes on only where the rows of the columns assigned so far agree. Columns that are equal in
    every row are tried once. The tries are counted: beyond a cube of the number of columns it gives up.
    """

    def __init__(self, candidate: Sequence[Row], reference: Sequence[Row], semantics: Semantics) -> None:
        self._candidate = list(zip(*candidate, strict=True))
        self._reference = list(zip(*reference, strict=True))
        self._semantics = Semantics(semantics.rows, "fixed", semantics.tolerance)
        self._left = len(self._reference) ** 3 + _SPARE_STEPS
        self._likely = [
            [place for place, column in enumerate(self._candidate) if self._alike([column], [wanted])]
            for wanted in self._reference
        ]
        self._order = sorted(range(len(self._reference)), key=lambda place: len(self._likely[place]))

    def _alike(self, ours: list[tuple[Cell, ...]], theirs: list[tuple[Cell, ...]]) -> bool:
        return _equal(list(zip(*ours, strict=True)), list(zip(*theirs, strict=True)), self._semantics)

    def found(self) -> bool:
        if not all(self._likely):
            return False
        return self._extended([])

    def _extended(self, chosen: list[int]) -> bool:
        if len(chosen) == len(self._order):
            return True
        wanted = [self._reference[place] for place in self._order[: len(chosen) + 1]]
        tried: list[tuple[Cell, ...]] = []
        for place in self._likely[self._order[len(chosen)]]:
            column = self._candidate[place]
            if place in chosen or column in tried:
                continue
            tried.append(column)
            self._left -= 1
            if self._left < 0:
                return False
            if self._alike([*(self._candidate[one] for one in chosen), column], wanted) and self._extended(
                [*chosen, place]
            ):
                return True
        return False


def _assigned(candidate: Sequence[Row], reference: Sequence[Row], semantics: Semantics) -> bool:
    return _Search(candidate, reference, semantics).found()
