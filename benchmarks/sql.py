"""SQL verifiers: gradings a second and core, warm. Prints its method.

    python benchmarks/sql.py [DATABASE QUESTIONS]

DATABASE is an SQLite file, QUESTIONS a JSON list of {"sql": ...}; without them a generated database is used.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from assay_server.environments.sql.asking import generated_questions
from assay_server.execution.sql.grading import Grader, Grading, ReferenceBroken
from assay_server.execution.sql.orders import Graded, GradeOrder
from assay_server.execution.sql.pool import SqlPool
from assay_server.execution.sql.targets import Target, generated_target

ROUNDS = 3
METHOD = """\
Every query that runs is graded against itself, so that nothing ends early: on the database and on all neighbours.
Warm: connections, references and neighbours are there. One process; CPU seconds, best of three rounds.
"same text": the query's text was graded before (prepared statements are found); "new text": no text was seen before.
"through the pool": one worker process behind the server's side of the lane, wall-clock seconds of 64 at a time."""


def best(run: Callable[[int], int]) -> float:
    """Items a CPU second of the best round."""
    rates: list[float] = []
    for number in range(ROUNDS):
        started = time.process_time()
        count = run(number)
        rates.append(count / (time.process_time() - started))
    return max(rates)


def usable(grader: Grader, target: Target, queries: Sequence[str]) -> list[str]:
    """Those that run, each graded once."""
    return [sql for sql in queries if _equals_itself(grader, target, sql)]


def _equals_itself(grader: Grader, target: Target, sql: str) -> bool:
    try:
        return grader.grade(target, f"{sql} ", sql, Grading()).equal
    except ReferenceBroken:
        return False


def graded(grader: Grader, target: Target, queries: Sequence[str], how: Grading, ending: str, *, parts: bool) -> int:
    """Grade all; how many there were."""
    for number, sql in enumerate(queries):
        text = f"{sql} {ending.format(number)}"
        assert grader.grade(target, text, sql, how).equal
        if parts:
            grader.parts(target, text, sql, how)
    return len(queries)


async def pooled(target: Target, queries: Sequence[str]) -> float:
    """Gradings a second through one worker."""
    pool = SqlPool(1, 1 << 30)
    rates: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for place in range(0, len(queries), 64):
            orders = [GradeOrder(target, f"{sql} ", sql, Grading()) for sql in queries[place : place + 64]]
            answers = await asyncio.gather(*map(pool.ask, orders))
            assert all(isinstance(one, Graded) and one.grade.equal for one in answers)
        rates.append(len(queries) / (time.perf_counter() - started))
    await pool.stop()
    return max(rates)


def report(target: Target, queries: Sequence[str]) -> None:
    """Measure and print."""
    grader = Grader()
    queries = usable(grader, target, queries)
    print(METHOD)
    print(f"{len(queries)} queries, {len(set(queries))} different")
    for name, how in (("no neighbours", Grading(neighbours=0)), ("3 neighbours (default)", Grading())):
        for kind, ending in (("same text", ""), ("new text", "/* {{}} {} {} */")):
            rate = best(
                lambda turn, how=how, ending=ending, name=name: graded(
                    grader, target, queries, how, ending.format(name, turn), parts=False
                )
            )
            print(f"sql/execution, {name}, {kind}: {rate:,.0f} gradings/s/core")
    rate = best(lambda turn: graded(grader, target, queries, Grading(), f"/* p {{}} {turn} */", parts=True))
    print(f"sql/partial, 3 neighbours, new text: {rate:,.0f} gradings/s/core")
    print(f"sql/execution, 3 neighbours, same text, through the pool: {asyncio.run(pooled(target, queries)):,.0f}/s")


def main() -> None:
    """Read what to measure, or generate it."""
    if len(sys.argv) == 1:
        report(generated_target("bookshop"), [one.sql for one in generated_questions() if one.database == "bookshop"])
        return
    database, questions = Path(sys.argv[1]), Path(sys.argv[2])
    entries = cast("list[dict[str, str]]", json.loads(questions.read_text(encoding="utf-8")))
    report(Target("sqlite", str(database.absolute())), [entry["sql"] for entry in entries])


if __name__ == "__main__":
    main()
