"""What stands in the output for one input line, and how failures are written in JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from assay.errors import Failure
from assay.sdk import Json
from assay_server.cli.exit_codes import ExitCode
from assay_server.cli.json_text import BadLine, find_text
from assay_server.cli.line_source import Line

_INVALID_ARGUMENT = 3
_TYPE_PREFIX = "type.googleapis.com/google.rpc."


class Kind(Enum):
    """A result; an error of an item that was understood; a line that was not."""

    RESULT = 1
    ITEM_ERROR = 2
    BAD_LINE = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of output."""

    kind: Kind
    value: Mapping[str, Json]


@dataclass(slots=True)
class Tally:
    """How many answers of each kind were written."""

    counts: Counter[Kind] = field(default_factory=Counter[Kind])

    def exit_code(self, *, strict: bool) -> ExitCode:
        """What the command's exit status should say."""
        if self.counts[Kind.BAD_LINE]:
            return ExitCode.BAD_INPUT
        if strict and self.counts[Kind.ITEM_ERROR]:
            return ExitCode.ITEM_ERRORS
        return ExitCode.OK


def result(value: Mapping[str, Json]) -> Answer:
    """The answer of an item that has one; an item error where the value says so."""
    return Answer(Kind.ITEM_ERROR if "error" in value else Kind.RESULT, value)


def item_error(key: str, id: str, failure: Failure) -> Answer:
    """The answer of an item that was understood, but failed."""
    return Answer(Kind.ITEM_ERROR, {key: id, "error": error_json(failure)})


def bad_line(line: Line, key: str, problem: BadLine) -> Answer:
    """The answer of a line that could not be read; with its id where that much could be."""
    failure = Failure(_INVALID_ARGUMENT, f"line {line.number}: {problem.message}", problem.reason)
    return _at_line(line, key, find_text(line, key), failure)


def bad_item(line: Line, key: str, id: Json, failure: Failure) -> Answer:
    """The answer of a line that holds an object, but not the expected one."""
    told = Failure(
        failure.code,
        f"line {line.number}: {failure.message}",
        failure.reason,
        failure.metadata,
        failure.violations,
    )
    return _at_line(line, key, id if isinstance(id, str) else "", told)


def _at_line(line: Line, key: str, id: str, failure: Failure) -> Answer:
    named: dict[str, Json] = {key: id} if id else {}
    return Answer(Kind.BAD_LINE, {**named, "error": error_json(failure, {"line": str(line.number)})})


def error_json(failure: Failure, metadata: Mapping[str, str] | None = None) -> dict[str, Json]:
    """A google.rpc.Status in JSON: code, message, details with ErrorInfo first."""
    told: dict[str, Json] = {**failure.metadata, **(metadata or {})}
    told.setdefault("retryable", "true" if failure.retryable else "false")
    reason = failure.reason or failure.code_name
    details: list[Json] = [{"@type": f"{_TYPE_PREFIX}ErrorInfo", "reason": reason, "domain": "assay", "metadata": told}]
    if failure.retry_after is not None:
        details.append({"@type": f"{_TYPE_PREFIX}RetryInfo", "retryDelay": f"{failure.retry_after:g}s"})
    if failure.violations:
        violations: list[Json] = [
            {"field": violation.field, "description": violation.description} for violation in failure.violations
        ]
        details.append({"@type": f"{_TYPE_PREFIX}BadRequest", "fieldViolations": violations})
    return {"code": failure.code, "message": failure.message, "details": details}
