"""``sql/partial``: what a query gets right, part by part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from assay.sdk import (
    JudgeName,
    JudgeRequest,
    Lane,
    Ports,
    Sample,
    Score,
    SqlComparison,
    SqlVerdict,
    Unscorable,
    Verdict,
    reward,
)
from assay_server.rewards.judged_questions import object_schema, rationale, with_question
from assay_server.rewards.sql_execution import evidence_of
from assay_server.rewards.sql_reading import SqlTask, check_limits, find_sql, no_query, shown, sql_task

_WEIGHTS = {"execution": 3.0, "judge": 2.0, "syntax": 1.0, "schema": 1.0, "ngram": 1.0, "format": 1.0}
_PARTS = ("execution", "judge", "format", "syntax", "executes", "schema", "tables", "columns", "ngram", "structure",
          "efficiency")  # fmt: skip
_MOST_REPEATS = 100
_INSTRUCTIONS = """\
The texts "query" and "reference" are SQL for the same question; the reference is right by definition, and the query \
gives another result on a test database. Say how much of the logic of the reference the query has: tables and joins, \
conditions, grouping, aggregates, order. Give a short rationale first, then a share from 0 (nothing) to 1 (all)."""
_SCHEMA = object_schema(share={"type": "number", "minimum": 0, "maximum": 1})


@reward(
    "sql/partial-v1",
    bounds=(0.0, 1.0),
    lane=Lane.IO,
    reference_keys=("sql", "database"),
    source="Reasoning-SQL; efficiency: BIRD's valid efficiency score",
    deterministic=False,
    parts=dict.fromkeys(_PARTS, (0.0, 1.0)),
)
async def partial(
    sample: Sample,
    ports: Ports,
    *,
    weights: Mapping[str, float] | None = None,
    judge: JudgeName | None = None,
    repeats: int = 0,
    database: str = "",
    rows: Literal["reference", "ordered", "bag", "set"] = "reference",
    columns: Literal["fixed", "free"] = "free",
    tolerance: float = 1e-6,
    neighbours: int = 3,
    seed: int = 0,
    timeout: float = 5.0,
) -> Score:
    """``sum(weight * part) / sum(weight)`` of the parts, each in [0, 1]; all of them are components.

    Parts: ``format``, ``syntax``, ``executes``, ``tables``, ``columns``, ``schema`` (tables and columns together),
    ``ngram``, ``structure``, ``execution``, ``efficiency`` (with ``repeats``), ``judge`` (a judge is asked only where
    the execution is wrong; its weight is not in the denominator). ``weights`` by itself: execution 3, judge 2, syntax,
    schema, ngram and format 1.

    Raises:
        Unscorable: as ``sql/execution``, and what the judge raises.
    """
    check_limits(neighbours, timeout, tolerance)
    if not 0 <= repeats <= _MOST_REPEATS:
        raise Unscorable("INVALID_PARAMETER", f"repeats: expected 0 to {_MOST_REPEATS}, got {repeats}")
    wanted = _weights(weights)
    task = sql_task(sample, database)
    block = find_sql(sample.response)
    if block is None:
        return no_query(dict.fromkeys(_PARTS, 0.0))
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
            parts=True,
            repeats=repeats,
        )
    )
    parts = _parts(said, marked=block.method != "whole_text")
    if judge is not None and not said.equal and wanted.get("judge", 0.0) > 0.0:
        parts["judge"] = await _judged(sample, ports, judge, shown(block), task)
    total = sum(weight for name, weight in wanted.items() if name != "judge")
    value = min(1.0, sum(weight * parts[name] for name, weight in wanted.items()) / total)
    verdict = Verdict.CORRECT if said.equal else Verdict.INCORRECT
    return Score(value, verdict, evidence_of(block, said), said.key, components=parts)


def _weights(given: Mapping[str, float] | None) -> Mapping[str, float]:
    weights = _WEIGHTS if given is None else given
    for name, weight in weights.items():
        if name not in _PARTS:
            raise Unscorable("INVALID_PARAMETER", f"weights: {name[:80]!r} is none of {', '.join(_PARTS)}")
        if not (math.isfinite(weight) and weight >= 0.0):
            raise Unscorable("INVALID_PARAMETER", f"weights.{name}: expected a finite number from 0 on")
    if sum(weight for name, weight in weights.items() if name != "judge") <= 0.0:
        raise Unscorable("INVALID_PARAMETER", "weights: expected one above 0 besides the judge's")
    return weights


def _parts(said: SqlVerdict, *, marked: bool) -> dict[str, float]:
    """All parts."""
    ran = not said.failure
    parts = dict.fromkeys(_PARTS, 0.0) | dict(said.parts)
    parts["syntax"] = max(parts["syntax"], float(ran))
    parts["format"], parts["executes"], parts["execution"] = float(marked), float(ran), float(said.equal)
    parts["efficiency"] = said.speed
    return parts


async def _judged(sample: Sample, ports: Ports, endpoint: str, query: str, task: SqlTask) -> float:
    graded = with_question(sample, {"reference": task.sql, "query": query})
    said = await ports.judge.ask(JudgeRequest(endpoint, _INSTRUCTIONS, graded, _SCHEMA))
    share = said.verdict["share"]
    if isinstance(share, bool) or not isinstance(share, int | float) or not math.isfinite(share):
        raise Unscorable("JUDGE_UNPARSEABLE", f"the judge {endpoint} gave no number: {rationale(said)[:200]}")
    return min(1.0, max(0.0, float(share)))
