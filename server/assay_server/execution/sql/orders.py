"""What a worker is asked and what it answers, as values; how they look as messages is told here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias, cast

from assay_server.execution.sql.comparison import Cell, Row
from assay_server.execution.sql.grading import Grade, Grading
from assay_server.execution.sql.sqlite import Caps, Table
from assay_server.execution.sql.targets import Target

WORKER_MODULE = "assay_server.execution.sql.worker"
"""What answers orders, in a process of its own."""


@dataclass(frozen=True, slots=True)
class QueryOrder:
    """Give me the first rows of this.

    Attributes:
        operations: of SQLite's machine after which it is over; 0 = as many as it has time for.
    """

    target: Target
    sql: str
    caps: Caps
    seconds: float
    operations: int = 0

    @property
    def preparing_seconds(self) -> float:
        return self.seconds

    @property
    def affinity(self) -> str:
        return self.target.location


@dataclass(frozen=True, slots=True)
class GradeOrder:
    """Grade this against that.

    Attributes:
        parts: tell the partial scores, too.
    """

    target: Target
    sql: str
    reference: str
    how: Grading
    parts: bool = False

    @property
    def seconds(self) -> float:
        return self.how.seconds

    @property
    def preparing_seconds(self) -> float:
        return self.how.reference_seconds

    @property
    def affinity(self) -> str:
        return f"{self.target.location}\0{self.reference}"


Order: TypeAlias = "QueryOrder | GradeOrder"


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade, with the partial scores where they were asked for."""

    grade: Grade
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Queried:
    """Rows, and the seconds they took."""

    table: Table
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing came of it.

    Attributes:
        whose: ``query``, ``reference`` or ``database``.
        kind: as :class:`assay_server.execution.sql.sqlite.QueryFailed` has it; empty where it is no query's failure.
    """

    whose: str
    kind: str
    message: str


Answer: TypeAlias = "Graded | Queried | Failed"


def order_message(number: int, order: Order) -> dict[str, object]:
    """An order as a message."""
    return {"number": number, "order": type(order).__name__, **asdict(order)}


def order_of(message: Mapping[str, object]) -> Order:
    """The inverse of :func:`order_message`; what it gets was written by it."""
    plain = cast("dict[str, dict[str, object]]", message)
    target = Target(**cast("dict[str, str]", plain["target"]))
    sql = cast("str", message["sql"])
    if message["order"] == QueryOrder.__name__:
        seconds, operations = cast("float", message["seconds"]), cast("int", message["operations"])
        return QueryOrder(target, sql, _caps(plain["caps"]), seconds, operations)
    how = Grading(**{**plain["how"], "caps": _caps(cast("dict[str, object]", plain["how"]["caps"]))})  # pyright: ignore[reportArgumentType] - as above
    return GradeOrder(target, sql, cast("str", message["reference"]), how, cast("bool", message["parts"]))


def _caps(plain: Mapping[str, object]) -> Caps:
    return Caps(**cast("dict[str, int]", plain))


def answer_message(number: int, answer: Answer) -> dict[str, object]:
    """An answer as a message."""
    if isinstance(answer, Queried):
        table = answer.table
        rows = [[_plain(cell) for cell in row] for row in table.rows]
        said: dict[str, object] = {"columns": table.columns, "rows": rows, "cut": table.cut, "seconds": answer.seconds}
    else:
        said = asdict(answer)
    return {"number": number, "answer": type(answer).__name__, **said}


def _plain(cell: Cell) -> Cell:
    return f"x'{cell.hex()}'" if isinstance(cell, bytes) else cell


def answer_of(message: Mapping[str, object]) -> Answer:
    """The inverse of :func:`answer_message`; bytes come back as text.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    if message["answer"] == Failed.__name__:
        return Failed(str(message["whose"]), str(message["kind"]), str(message["message"]))
    if message["answer"] == Graded.__name__:
        parts = {str(name): float(value) for name, value in cast("dict[str, float]", message["parts"]).items()}
        return Graded(Grade(**cast("dict[str, object]", message["grade"])), parts)  # pyright: ignore[reportArgumentType] - a worker writes what asdict gave
    rows: list[Row] = [tuple(row) for row in cast("list[list[Cell]]", message["rows"])]
    columns = tuple(map(str, cast("list[str]", message["columns"])))
    return Queried(Table(columns, rows, cut=bool(message["cut"])), float(cast("float", message["seconds"])))
