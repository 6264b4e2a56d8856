"""The shared geography database with its questions, where it lies beside the repository."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import cast

import pytest

DATA = Path(__file__).parents[5] / "shared" / "data"
DATABASE = DATA / "geography.sqlite"
QUESTIONS = DATA / "geography_questions.json"
needs_geography = pytest.mark.skipif(not QUESTIONS.is_file(), reason="the shared data is not here (geography)")


def questions() -> list[dict[str, object]]:
    """Question, sql and equivalent, those whose reference runs."""
    listed = cast("list[dict[str, object]]", json.loads(QUESTIONS.read_text(encoding="utf-8")))
    connection = sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)
    try:
        return [entry for entry in listed if _runs(connection, str(entry["sql"]))]
    finally:
        connection.close()


def _runs(connection: sqlite3.Connection, sql: str) -> bool:
    try:
        connection.execute(sql).fetchall()
    except sqlite3.Error:
        return False
    return True


def answers(connection: sqlite3.Connection, sql: str) -> list[str] | None:
    """The rows as a sorted list; None where the query fails."""
    try:
        return sorted(map(repr, connection.execute(sql).fetchall()))
    except sqlite3.Error:
        return None
