"""Sets of questions on disk, as Spider and BIRD lay them out.

A set is a folder with JSON files, one a split, that list ``{"db_id", "question", "query" or "SQL", "evidence"?}``, and
a folder of databases, ``DB/DB.sqlite`` in ``database``, ``dev_databases``, ``train_databases`` or ``test_database``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from assay.sdk import Json
from assay_server.environments.protocol import EnvironmentFault, InvalidOptions
from assay_server.environments.sql import Answer, Question
from assay_server.environments.sql.asking import generated_questions
from assay_server.environments.sql.bench import GENERATED, Place
from assay_server.execution.sql.comparison import Cell
from assay_server.execution.sql.grading import Grading
from assay_server.execution.sql.orders import Failed, Graded, GradeOrder, Queried, QueryOrder
from assay_server.execution.sql.process import SqlProcess
from assay_server.execution.sql.sqlite import Caps
from assay_server.execution.sql.targets import Target, generated_target

_DATABASES = ("database", "dev_databases", "train_databases", "test_database", "databases")
_TABLES = """
SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name
"""
_SECONDS = 3.0
_OPERATIONS = 20_000_000
_SHOWN_BYTES = 1 << 20
_MOST_TABLES = 1000


class DatabaseFailed(EnvironmentFault):
    """A database of a set cannot be read, or a question's own query fails: the set is wrong."""


class QuestionFolders:
    """Satisfies :class:`assay_server.environments.sql.SqlBench` with folders and with what is generated.

    Args:
        folders: name -> folder; None = a name is a path, which is for the command line only.
        seconds: that a query may take.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None, seconds: float = _SECONDS) -> None:
        self._folders = folders
        self._seconds = seconds
        self._process = SqlProcess()
        self._read: dict[tuple[str, str], list[Question]] = {}

    def questions(self, name: str, split: str) -> Sequence[Question]:
        """See :class:`SqlBench`."""
        if name == GENERATED:
            if split:
                raise InvalidOptions("split", "generated questions have no splits")
            return generated_questions()
        if (name, split) not in self._read:
            self._read[name, split] = self._listed(self._folder(name), split)
        return self._read[name, split]

    def _folder(self, name: str) -> Path:
        folder = Path(name).absolute() if self._folders is None else self._folders.get(name)
        if folder is None or not folder.is_dir():
            known = ", ".join((GENERATED, *sorted(self._folders or ())))
            raise InvalidOptions("questions", f"there is no set called {name[:80]!r}; there are: {known}")
        return folder

    def _listed(self, folder: Path, split: str) -> list[Question]:
        found: list[Question] = []
        files = {path.stem: path for path in sorted(folder.glob("*.json"))}
        if split and split not in files:
            raise InvalidOptions("split", f"there is no {split[:80]!r}; there are: {', '.join(files)}")
        for path in [files[split]] if split else files.values():
            found += _questions_in(path)
        if not found:
            raise InvalidOptions("questions", "no file of it lists questions with db_id and query or SQL")
        return found

    def _target(self, place: Place) -> Target:
        if place.questions == GENERATED:
            return generated_target(place.database, place.data_seed)
        folder, name = self._folder(place.questions), place.database
        if "/" not in name and not name.startswith("."):
            for databases in _DATABASES:
                file = folder / databases / name / f"{name}.sqlite"
                if file.is_file():
                    return Target("sqlite", str(file))
        raise DatabaseFailed(f"there is no database {name[:80]!r} in the set")

    def tables(self, place: Place) -> dict[str, str]:
        """See :class:`SqlBench`."""
        answer = self._process.ask(QueryOrder(self._target(place), _TABLES, Caps(_MOST_TABLES), self._seconds))
        if not isinstance(answer, Queried):
            raise DatabaseFailed(f"{place.database[:80]}: its tables cannot be listed")
        return {str(name): str(sql) for name, sql in answer.table.rows}

    def query(self, place: Place, sql: str, rows: int) -> Answer:
        """See :class:`SqlBench`. Long queries are stopped by what they do, not by the time it takes."""
        order = QueryOrder(self._target(place), sql, Caps(rows, _SHOWN_BYTES), self._seconds, _OPERATIONS)
        answer = self._process.ask(order)
        if isinstance(answer, Queried):
            table = answer.table
            return Answer(table.columns, tuple(tuple(map(_json, row)) for row in table.rows), table.cut)
        if isinstance(answer, Failed) and answer.whose == "query":
            return Answer(failure="it takes too long" if answer.kind == "timeout" else answer.message)
        raise DatabaseFailed(f"{place.database[:80]}: it cannot be read")

    def correct(self, place: Place, sql: str, reference: str) -> tuple[bool, str]:
        """See :class:`SqlBench`."""
        answer = self._process.ask(GradeOrder(self._target(place), sql, reference, Grading(seconds=self._seconds)))
        if isinstance(answer, Graded):
            return answer.grade.equal, answer.grade.reason
        if isinstance(answer, Failed) and answer.whose == "query":
            return False, answer.message
        raise DatabaseFailed(f"{place.database[:80]}: the question's own query fails")

    def close(self) -> None:
        """End the process that runs queries."""
        self._process.close()


def _json(cell: Cell) -> Json:
    return cell.hex() if isinstance(cell, bytes) else cell


def _questions_in(path: Path) -> list[Question]:
    try:
        listed: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidOptions("questions", f"{path.name}: {error}") from error
    if not isinstance(listed, list):
        return []
    found: list[Question] = []
    for entry in cast("list[object]", listed):
        if isinstance(entry, dict):
            fields = cast("dict[str, object]", entry)
            sql = fields.get("query", fields.get("SQL"))
            database, text = fields.get("db_id"), fields.get("question")
            if isinstance(sql, str) and isinstance(database, str) and isinstance(text, str):
                found.append(Question(text, sql, database, str(fields.get("evidence", ""))))
    return found
