"""``assay advantages``: finished groups in, advantages out. All lines of the input are one batch."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from assay.json_mapping import JsonMappingError, group_result_to_json, message_from_json
from assay.sdk.spec import Grouping
from assay.v1 import rollout_pb2 as v1
from assay_server.cli.answers import Answer, Tally, bad_item, bad_line, result
from assay_server.cli.connection import connected, read_params
from assay_server.cli.json_text import BadLine, read_object, write_line
from assay_server.cli.line_source import Line, LineSource
from assay_server.cli.progress import progress
from assay_server.cli.scoring import mapping_failure

_BATCH_LINES = 256
_BATCH_BYTES = 8 * 1024 * 1024


def advantage_lines(
    estimator: str,
    params: str,
    grouping: Grouping,
    *,
    plugins: Sequence[str] = (),
    server: str | None,
    token: str | None,
) -> Tally:
    """Read all groups of standard input, compute, write one line per input line.

    Lines that cannot be read are answered in their place and are no part of the batch.

    Raises:
        Usage: parameters that are not an object.
        assay.errors.AssayError: the estimator refuses the batch, or the server cannot be reached.
    """
    given = read_params(params)
    read = _read_all(sys.stdin.fileno())
    groups = [item for item in read if isinstance(item, v1.RolloutGroup)]
    with connected(server, token, plugins=plugins) as client:
        results = client.advantages(groups, estimator=estimator, params=given, grouping=grouping)
    computed = (result(group_result_to_json(group.message)) for group in results)
    answers = [item if isinstance(item, Answer) else next(computed) for item in read]
    tally = Tally()
    for answer in answers:
        sys.stdout.buffer.write(write_line(answer.value))
        tally.counts[answer.kind] += 1
    sys.stdout.buffer.flush()
    return tally


def _read_all(descriptor: int) -> list[v1.RolloutGroup | Answer]:
    source = LineSource(descriptor)
    read: list[v1.RolloutGroup | Answer] = []
    with progress("reading", descriptor) as seen:
        for batch in source.batches(max_lines=_BATCH_LINES, max_bytes=_BATCH_BYTES):
            read.extend(_read(line) for line in batch)
            seen(batch)
    source.close()
    return read


def _read(line: Line) -> v1.RolloutGroup | Answer:
    try:
        value = read_object(line)
    except BadLine as problem:
        return bad_line(line, "groupId", problem)
    try:
        return message_from_json(value, v1.RolloutGroup)
    except JsonMappingError as problem:
        return bad_item(line, "groupId", value.get("groupId"), mapping_failure(problem))
