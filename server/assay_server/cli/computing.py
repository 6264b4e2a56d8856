"""``assay compute``: any computation by its id, in this process and without a server."""

from __future__ import annotations

import sys

from assay_server.cli.answers import Answer, Tally, bad_line, result
from assay_server.cli.json_text import BadLine, read_object
from assay_server.cli.line_source import Line, LineSource
from assay_server.cli.ordered import answer_in_order
from assay_server.cli.progress import progress
from assay_server.compute import compute


def compute_lines() -> Tally:
    """Answer every case of standard input."""
    descriptor = sys.stdin.fileno()
    with progress("computing", descriptor) as wrote:
        return answer_in_order(LineSource(descriptor), _answers, sys.stdout.buffer, workers=1, wrote=wrote)


def _answers(lines: list[Line]) -> list[Answer]:
    return [_answer(line) for line in lines]


def _answer(line: Line) -> Answer:
    try:
        case = read_object(line)
    except BadLine as problem:
        return bad_line(line, "id", problem)
    return result(compute(case))
