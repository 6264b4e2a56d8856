"""Queries for rewards that run on the server's loop."""

from __future__ import annotations

import math

from assay.sdk import Json, QueryError, QueryResult, SqlComparison, SqlVerdict, Unscorable
from assay_server.execution.item_clock import current_clock
from assay_server.execution.sql.catalogue import Databases
from assay_server.execution.sql.comparison import Cell
from assay_server.execution.sql.grading import Grading
from assay_server.execution.sql.orders import Answer, Failed, Graded, GradeOrder, Order, Queried, QueryOrder
from assay_server.execution.sql.pool import LaneStopped, SqlPool
from assay_server.execution.sql.sqlite import Caps
from assay_server.execution.sql.targets import Target

_SHOWN_ROWS = 1000
_SHOWN_BYTES = 1 << 20
_MARGIN_SECONDS = 0.05
_MARGIN_SHARE = 0.1
_LONGEST_SQL = 100_000
_LONGEST_MESSAGE = 500


class CatalogueSql:
    """Runs queries on the databases of a catalogue, in processes that can be killed.

    A query that its item's clock would cut off fails by itself a moment before, so that it is known whose fault it was.
    """

    def __init__(self, databases: Databases, pool: SqlPool) -> None:
        self._databases = databases
        self._pool = pool

    async def query(self, database: str, sql: str, *, timeout: float) -> QueryResult:
        """See :class:`assay.sdk.SqlRunner`; at most 1000 rows."""
        order = QueryOrder(self._target(database), sql, Caps(_SHOWN_ROWS, _SHOWN_BYTES), self._limited(timeout))
        answer = await self._answer(order)
        if isinstance(answer, Queried):
            table = answer.table
            rows = tuple(tuple(_json(cell) for cell in row) for row in table.rows)
            return QueryResult(table.columns, rows, table.cut, answer.seconds)
        if isinstance(answer, Failed) and answer.whose == "query":
            raise QueryError(f"{answer.kind}: {answer.message}"[:_LONGEST_MESSAGE])
        raise _unscorable(answer, database)

    async def compare(self, comparison: SqlComparison) -> SqlVerdict:
        """See :class:`assay.sdk.SqlRunner`."""
        target = self._target(comparison.database)
        if len(comparison.sql) > _LONGEST_SQL:
            return SqlVerdict(False, "refused", f"longer than {_LONGEST_SQL} characters", "query")
        how = Grading(
            rows=comparison.rows,
            columns=comparison.columns,
            tolerance=comparison.tolerance,
            neighbours=comparison.neighbours,
            seed=comparison.seed,
            seconds=self._limited(comparison.timeout),
            repeats=comparison.repeats,
        )
        answer = await self._answer(GradeOrder(target, comparison.sql, comparison.reference, how, comparison.parts))
        if isinstance(answer, Failed) and answer.whose == "query":
            return SqlVerdict(False, answer.kind, answer.message, "database")
        if not isinstance(answer, Graded):
            raise _unscorable(answer, comparison.database)
        grade = answer.grade
        return SqlVerdict(
            equal=grade.equal,
            failure=grade.failure,
            reason=grade.reason[:_LONGEST_MESSAGE],
            where=grade.where,
            rows=grade.rows,
            reference_rows=grade.reference_rows,
            neighbours=grade.neighbours,
            parts=answer.parts,
            speed=grade.ratio,
            key=grade.key,
        )

    def _target(self, name: str) -> Target:
        found = self._databases.find(name)
        if found is None:
            known = ", ".join(self._databases.names[:10]) or "none"
            message = f"there is no database called {name[:80]!r}; there are: {known}"
            raise Unscorable("UNKNOWN_DATABASE", message, field="reference.database")
        return found

    def _limited(self, timeout: float) -> float:
        left = current_clock().remaining()
        return (
            timeout if math.isinf(left) else max(0.001, min(timeout, left - max(_MARGIN_SECONDS, _MARGIN_SHARE * left)))
        )

    async def _answer(self, order: Order) -> Answer:
        clock = current_clock()
        try:
            with clock.asking():
                job = self._pool.begin(order)
                with clock.queueing():
                    await self._pool.turn(job)
                return await self._pool.finish(job)
        except LaneStopped:
            raise Unscorable("LANE_STOPPED", "the server is going away", retryable=True) from None


def _unscorable(answer: Answer, database: str) -> Unscorable:
    assert isinstance(answer, Failed)
    if answer.whose == "reference":
        message = f"the reference fails on {database[:80]!r}: {answer.message[:_LONGEST_MESSAGE]}"
        again = answer.kind in ("timeout", "crash")
        return Unscorable("REFERENCE_FAILED", message, field="reference.sql", retryable=again)
    message = f"{database[:80]!r}: {answer.message[:_LONGEST_MESSAGE]}"
    return Unscorable("DATABASE_UNAVAILABLE", message, field="reference.database")


def _json(cell: Cell) -> Json:
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)
    return cell.hex() if isinstance(cell, bytes) else cell
