from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.execution.sql.comparison import Cell, Row, Semantics, difference

CELLS = st.one_of(st.integers(-3, 3), st.sampled_from(["a", "b", None, 0.5, b"x"]))
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=6))
BAG, FIXED = Semantics("bag"), Semantics("bag", "fixed")


@given(TABLES, st.randoms())
def test_a_table_equals_itself_with_rows_and_columns_in_any_order(table: list[Row], source: random.Random) -> None:
    shuffled = list(table)
    source.shuffle(shuffled)
    assert difference(shuffled, table, FIXED) == ""
    order = list(range(len(table[0])))
    source.shuffle(order)
    moved: list[Row] = [tuple(row[place] for place in order) for row in shuffled]
    assert difference(moved, table, BAG) == ""


@given(TABLES, TABLES)
def test_it_agrees_with_trying_all_orders_of_columns(one: list[Row], other: list[Row]) -> None:
    def equal(permutation: tuple[int, ...]) -> bool:
        moved = [tuple(row[place] for place in permutation) for row in one]
        return sorted(moved, key=repr) == sorted(other, key=repr)

    same = len(one[0]) == len(other[0]) and any(map(equal, itertools.permutations(range(len(one[0])))))
    if not any(isinstance(cell, float) for row in (*one, *other) for cell in row):
        assert (difference(one, other, BAG) == "") is same


@given(TABLES, TABLES)
def test_it_is_symmetric(one: list[Row], other: list[Row]) -> None:
    for semantics in (BAG, FIXED, Semantics("set"), Semantics("ordered", "fixed")):
        assert (difference(one, other, semantics) == "") is (difference(other, one, semantics) == "")


@pytest.mark.parametrize(
    ("one", "other", "rows", "equal"),
    [
        ([(1,), (2,)], [(2,), (1,)], "ordered", False),
        ([(1,), (2,)], [(2,), (1,)], "bag", True),
        ([(1,), (1,)], [(1,)], "bag", False),
        ([(1,), (1,)], [(1,)], "set", True),
        ([(1,)], [(1.0,)], "bag", True),
        ([(1,)], [("1",)], "bag", False),
        ([(None,)], [(0,)], "bag", False),
        ([], [], "bag", True),
        ([], [(1,)], "set", False),
        ([(1, 2)], [(1,)], "bag", False),
        ([(0.1 + 0.2,)], [(0.3,)], "bag", True),
        ([(0.3001,)], [(0.3,)], "bag", False),
        ([(2**60,)], [(2**60 + 1,)], "bag", False),
        ([(float("inf"),)], [(float("inf"),)], "bag", True),
        ([(1e300,), ("x",)], [("x",), (1e300,)], "bag", True),
    ],
)
def test_semantics(one: list[Row], other: list[Row], rows: str, equal: bool) -> None:
    assert (difference(one, other, Semantics(rows)) == "") is equal  # type: ignore[arg-type] - one of the literals


def test_near_floats_are_matched_row_by_row_and_not_by_sorting_alone() -> None:
    tiny = 1e-9
    one: list[Row] = [(1.0, 5.0), (1.0 + tiny, 3.0)]
    other: list[Row] = [(1.0 + tiny, 5.0), (1.0, 3.0)]
    assert difference(one, other, FIXED) == ""
    assert difference(one, [(1.0, 5.0), (1.0, 4.0)], FIXED) == "other values"


@pytest.mark.parametrize("columns", [8, 12])
def test_columns_that_look_alike_do_not_explode(columns: int) -> None:
    source = random.Random(3)
    values: list[list[Cell]] = []
    for _ in range(columns):
        column: list[Cell] = list(range(40))
        source.shuffle(column)
        values.append(column)
    reference: list[Row] = list(zip(*values, strict=True))
    order = source.sample(range(columns), columns)
    moved: list[Row] = [tuple(row[place] for place in order) for row in reference]
    source.shuffle(moved)
    assert difference(moved, reference, BAG) == ""
    wrong = [*moved[:-1], tuple(reversed(moved[-1]))]
    assert difference(wrong, reference, BAG) == "other values"
    same: list[Row] = [tuple([number] * columns) for number in range(40)]
    assert difference(same, list(reversed(same)), BAG) == ""
    assert difference(same, reference, BAG) == "other values"


def test_why_tables_differ_is_told() -> None:
    assert difference([(1,)], [(1,), (2,)], BAG) == "1 rows instead of 2"
    assert difference([(1, 2)], [(1,)], BAG) == "2 columns instead of 1"
    assert difference([(1,), (2,)], [(2,), (1,)], Semantics("ordered")) == "the rows come in another order"
