"""The decision table of the documentation, row by row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.sdk import Strictness
from assay_server.rewards.answers import compare, read_answer

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "math.md").read_text(encoding="utf-8")
ROW = re.compile(r"\| `([^`]+)` \| `([^`]+)` \| (yes|no) \| (yes|no) \| (yes|no) \| ([^|]+) \|")
ROWS = ROW.findall(PAGE)
LEVELS: tuple[Strictness, ...] = ("strict", "default", "lenient")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[5])
def test_every_row_holds(row: tuple[str, ...]) -> None:
    prediction, reference = read_answer(row[0]), read_answer(row[1])
    given = ["yes" if compare(prediction, reference, level).equal else "no" for level in LEVELS]
    assert given == list(row[2:5])


def test_no_row_is_overlooked() -> None:
    assert len(ROWS) == sum(line.startswith("| `") and line.count("|") == 7 for line in PAGE.splitlines()) >= 60
