"""``sql/execution``: does the query in the response answer what the reference's query answers?"""

from __future__ import annotations

from typing import Literal

from assay.sdk import Evidence, Json, Lane, Ports, Sample, Score, SqlComparison, SqlVerdict, Verdict, reward
from assay_server.rewards.code_blocks import Block
from assay_server.rewards.sql_reading import check_limits, find_sql, no_query, shown, sql_task


@reward(
    "sql/execution-v1",
    bounds=(0.0, 1.0),
    binary=True,
    lane=Lane.IO,
    aliases=("sql",),
    reference_keys=("sql", "database"),
    parts={"executes": (0.0, 1.0)},
    source="Spider, BIRD; neighbours: Semantic Evaluation for Text-to-SQL with Distilled Test Suites",
)
async def execution(
    sample: Sample,
    ports: Ports,
    *,
    database: str = "",
    rows: Literal["reference", "ordered", "bag", "set"] = "reference",
    columns: Literal["fixed", "free"] = "free",
    tolerance: float = 1e-6,
    neighbours: int = 3,
    seed: int = 0,
    timeout: float = 5.0,
) -> Score:
    """1 where the response's query and ``reference.sql`` give the same table on ``reference.database``, else 0.

    They have to agree on ``neighbours`` databases with other data, too, made from the database and ``seed``; 0 = none.
    ``rows="reference"`` compares in order where the reference orders, else as multisets. ``columns="free"`` lets
    columns stand in any order. A query that fails, is refused or goes on for longer than ``timeout`` seconds is wrong.

    Raises:
        Unscorable: no reference (REFERENCE_MISSING), one that fails (REFERENCE_FAILED), no such database.
    """
    check_limits(neighbours, timeout, tolerance)
    task = sql_task(sample, database)
    block = find_sql(sample.response)
    if block is None:
        return no_query({"executes": 0.0})
    said = await ports.sql.compare(
        SqlComparison(
            database=task.database,
            sql=block.text,
            reference=task.sql,
            rows=rows,
            columns=columns,
            tolerance=tolerance,
            neighbours=neighbours,
            seed=seed,
            timeout=timeout,
        )
    )
    verdict = Verdict.CORRECT if said.equal else Verdict.INCORRECT
    components = {"executes": 0.0 if said.failure else 1.0}
    return Score(float(said.equal), verdict, evidence_of(block, said), said.key, components=components)


def evidence_of(block: Block, said: SqlVerdict) -> Evidence:
    """What was run, and what came of it."""
    reason = said.reason or f"equal on the database and {said.neighbours} neighbours"
    detail: dict[str, Json] = {"rows": said.rows, "referenceRows": said.reference_rows, "neighbours": said.neighbours}
    if said.failure:
        detail["failure"] = said.failure
        reason = f"{said.failure}: {reason}"
    layer = said.where or "execution"
    return Evidence(shown(block), block.method, block.start, block.end, reason, layer=layer, detail=detail)
