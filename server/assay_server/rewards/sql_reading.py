"""What a response and a reference say in SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass

from assay.sdk import Evidence, Sample, Score, Unscorable, Verdict
from assay_server.rewards.code_blocks import Block, find_program
from assay_server.rewards.references import reference_text

_TAGGED = re.compile(r"<(answer|sql)>((?:[^<]|<(?!/?(?:answer|sql)>))*)</\1>", re.IGNORECASE)
_LONGEST_SHOWN = 2000
_MOST_NEIGHBOURS = 100
_LONGEST_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class SqlTask:
    """What a query is compared with, and where."""

    sql: str
    database: str


def sql_task(sample: Sample, database: str) -> SqlTask:
    """The reference's query and database; ``database`` wins where it is given.

    Raises:
        Unscorable: one of them is missing.
    """
    sql = reference_text(sample.reference, "sql")
    return SqlTask(sql, database or reference_text(sample.reference, "database"))


def check_limits(neighbours: int, timeout: float, tolerance: float) -> None:
    """Raise Unscorable where a parameter is out of range."""
    if not 0 <= neighbours <= _MOST_NEIGHBOURS:
        raise Unscorable("INVALID_PARAMETER", f"neighbours: expected 0 to {_MOST_NEIGHBOURS}, got {neighbours}")
    if not 0.0 < timeout <= _LONGEST_TIMEOUT:
        raise Unscorable("INVALID_PARAMETER", f"timeout: expected more than 0 and at most {_LONGEST_TIMEOUT:g} s")
    if not 0.0 <= tolerance < 1.0:
        raise Unscorable("INVALID_PARAMETER", f"tolerance: expected 0 to 1, got {tolerance:g}")


def find_sql(response: str) -> Block | None:
    """The last complete fenced block in SQL, else what the last ``<answer>`` or ``<sql>`` holds, else the whole text.

    None where there is nothing, or a fence is never closed. Linear in the response.
    """
    block = find_program(response, "sql", "whole")
    if block is None or block.method != "whole_text":
        return block if block is None or block.text.strip() else None
    found = list(_TAGGED.finditer(block.text))
    if found and found[-1][2].strip():
        tagged = found[-1]
        start = block.start + tagged.start(2)
        return Block(tagged[2], "", start, block.start + tagged.end(2), "answer_tag")
    return block


def shown(block: Block) -> str:
    """As much of a query as evidence holds."""
    return block.text.strip()[:_LONGEST_SHOWN]


def no_query(components: dict[str, float]) -> Score:
    """The score of a response that holds no query: the model's failure."""
    return Score(0.0, Verdict.INCORRECT, Evidence(reason="no query found"), components=components)
