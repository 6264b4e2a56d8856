"""An episode: schema, queries with what they give, and one submission."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from random import Random

from assay.sdk import Json
from assay_server.environments.option_values import refuse_unknown, text_of, whole_of
from assay_server.environments.protocol import EpisodeOver, InvalidOptions, ResetResult, StepResult
from assay_server.environments.sql.bench import GENERATED, Answer, Place, Question, SqlBench

OPTIONS: Mapping[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "questions": {"type": "string", "default": GENERATED, "description": "a set of questions"},
        "split": {"type": "string", "default": "", "description": "of the set; empty = all of it"},
        "question": {"type": "integer", "minimum": 0, "description": "which one; by itself drawn from the seed"},
        "dataSeed": {"type": "integer", "minimum": 0, "default": 0, "description": "of generated data"},
        "rows": {"type": "integer", "minimum": 1, "maximum": 200, "default": 20, "description": "shown of a result"},
        "maxSteps": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
    },
}
_RULES = """\
Answer the question with one SQL query. Actions:
schema            the tables, and how each was made
schema TABLE      one of them
query SELECT ...  run a query and see the first rows
submit SELECT ... hand in the answer; this ends the episode"""
_VERB = re.compile(r"\s*(schema|query|submit)\b[ \t]*:?(.*)\Z", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r"\A\s*```(?:sql)?\s*\n?(.*?)\n?```\s*\Z", re.IGNORECASE | re.DOTALL)
_LONGEST_ACTION = 20_000
_WIDEST_CELL = 60
_LONGEST_VIEW = 8000
_NO_VIEW = "Nothing has been looked at yet."


class SqlEpisode:
    """A question about a database. ``schema`` and ``query`` look around; ``submit`` is graded like ``sql/execution``.

    Options of ``reset``: ``questions`` (``generated``, or a set of the operator's), ``split``, ``question`` (its
    number; by itself the seed draws one), ``dataSeed`` (of generated data: another database for each), ``rows``
    (1..200, default 20) and ``maxSteps`` (1..1000, default 10).
    """

    def __init__(self, bench: SqlBench | None = None) -> None:
        self._bench = bench
        self._question: Question | None = None
        self._place = Place("", "", 0)
        self._tables: dict[str, str] = {}
        self._view = _NO_VIEW
        self._rows = self._max_steps = self._steps = 0
        self._submitted = self._won = False

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start over with the question that options and seed name."""
        refuse_unknown(options, ("questions", "split", "question", "dataSeed", "rows", "maxSteps"))
        name, split = text_of(options, "questions", GENERATED), text_of(options, "split", "")
        self._rows, self._max_steps = whole_of(options, "rows", 20, 1, 200), whole_of(options, "maxSteps", 10, 1, 1000)
        data_seed = whole_of(options, "dataSeed", 0, 0, 1 << 53)
        questions = self._given().questions(name, split)
        drawn = Random(f"sql/{seed}").randrange(len(questions))  # noqa: S311 - a question, not a secret
        number = whole_of(options, "question", drawn, 0, len(questions) - 1)
        self._question = questions[number]
        self._place = Place(name, self._question.database, data_seed)
        self._tables = self._given().tables(self._place)
        self._view, self._steps, self._submitted, self._won = _NO_VIEW, 0, False, False
        return ResetResult(f"{_RULES}\n\n{self._task()}", self.state_digest())

    def _given(self) -> SqlBench:
        if self._bench is None:
            raise InvalidOptions("questions", "this process has no databases")
        return self._bench

    def _asked(self) -> Question:
        if self._question is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._question

    def _task(self) -> str:
        question = self._asked()
        evidence = f"\nEvidence: {question.evidence}" if question.evidence else ""
        return f"Database: {question.database}\nTables: {', '.join(self._tables)}\nQuestion: {question.text}{evidence}"

    def step(self, action: str) -> StepResult:
        """Take an action; a text that is none changes nothing and costs a step."""
        self._asked()
        if self._ended():
            raise EpisodeOver("the episode is over: call reset() to start another")
        self._steps += 1
        read = _VERB.match(action) if len(action) <= _LONGEST_ACTION else None
        if read is None:
            return self._result("Unknown action: expected schema, query or submit.", valid=False)
        verb, rest = read[1].lower(), read[2].strip()
        if verb == "schema":
            return self._schema(rest)
        fence = _FENCE.match(rest)
        sql = fence[1].strip() if fence else rest
        if not sql:
            return self._result(f"{verb} needs a query.", valid=False)
        return self._query(sql) if verb == "query" else self._submit(sql)

    def _schema(self, table: str) -> StepResult:
        shown = {name: text for name, text in self._tables.items() if not table or name.lower() == table.lower()}
        if not shown:
            return self._result(f"There is no table {table[:80]!r}.", valid=False)
        self._view = "\n".join(shown.values())[:_LONGEST_VIEW]
        return self._result(self._view)

    def _query(self, sql: str) -> StepResult:
        answer = self._given().query(self._place, sql, self._rows)
        if answer.failure:
            return self._result(f"Error: {answer.failure}", executed=False)
        self._view = table_text(answer)
        return self._result(self._view)

    def _submit(self, sql: str) -> StepResult:
        self._won, reason = self._given().correct(self._place, sql, self._asked().sql)
        self._submitted = True
        self._view = "Correct." if self._won else "Not correct."
        return self._result(self._view if self._won else f"Not correct: {reason[:200]}", reward=float(self._won))

    def _ended(self) -> bool:
        return self._submitted or self._steps >= self._max_steps

    def _result(
        self, observation: str, *, reward: float = 0.0, valid: bool = True, executed: bool | None = None
    ) -> StepResult:
        truncated = not self._submitted and self._steps >= self._max_steps
        reason = "won" if self._won else "finished" if self._submitted else "max_steps" if truncated else ""
        return StepResult(
            observation=observation,
            reward=reward,
            action_valid=valid,
            executed=valid if executed is None else executed,
            won=self._won,
            task_score=float(self._won),
            terminated=self._submitted,
            truncated=truncated,
            stop_reason=reason,
        )

    def anchor(self) -> str:
        """The question, and what was looked at last."""
        return f"{self._task()}\n\n{self._view}"

    def state_digest(self) -> str:
        """Over the database, the question and what was looked at last."""
        state = (self._place, self._asked(), self._view, self._submitted, self._rows)
        return hashlib.sha256(repr(state).encode("utf-8", "backslashreplace")).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """Looking at the schema, and a row count of every table: queries are the policy's to write."""
        if self._submitted:
            return ()
        names = list(self._tables)
        counts = [f'query SELECT count(*) FROM "{name}"' for name in names]  # noqa: S608 - a text for the policy
        return ("schema", *(f"schema {name}" for name in names), *counts)

    def close(self) -> None:
        """Forget the episode."""
        self._question = None


def table_text(answer: Answer) -> str:
    """A result as a table of text."""
    lines = [" | ".join(answer.columns), *(" | ".join(map(_cell, row)) for row in answer.rows)]
    if answer.cut:
        lines.append(f"... more than these {len(answer.rows)} rows")
    elif not answer.rows:
        lines.append("(no rows)")
    text = "\n".join(lines)
    return text if len(text) <= _LONGEST_VIEW else f"{text[:_LONGEST_VIEW]}\n... cut"


def _cell(cell: Json) -> str:
    text = "NULL" if cell is None else str(cell).replace("\n", " ")
    return text if len(text) <= _WIDEST_CELL else f"{text[:_WIDEST_CELL]}..."
