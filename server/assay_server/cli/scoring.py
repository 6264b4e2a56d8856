"""``assay score``: rollouts in, scores with their evidence or the reason why there is none out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from assay.client import Client
from assay.errors import Failure, Misuse, ResourceExhausted, Violation
from assay.json_mapping import JsonMappingError, rollout_from_json, sample_result_to_json
from assay.sdk.spec import Leaf
from assay.v1 import rollout_pb2 as v1
from assay_server.cli.answers import Answer, Tally, bad_item, bad_line, item_error, result
from assay_server.cli.connection import connected, named_reward, read_params
from assay_server.cli.json_text import BadLine, read_object
from assay_server.cli.line_source import Line, LineSource
from assay_server.cli.ordered import answer_in_order
from assay_server.cli.progress import progress

_WORKERS = 8
_CALL_SECONDS = 600.0
_INVALID_ARGUMENT = 3


def score_lines(
    reward: str,
    params: str,
    execution_timeout: float | None,
    *,
    plugins: Sequence[str] = (),
    server: str | None,
    token: str | None,
) -> Tally:
    """Answer every line of standard input.

    Raises:
        Usage: parameters that are not an object, or a file named to a remote server.
        assay.errors.AssayError: the reward is not known, or the server cannot be reached.
    """
    named = named_reward(reward, read_params(params))
    with connected(server, token, reward=named, plugins=plugins) as client:
        scorer = Scorer(client, named, execution_timeout)
        scorer.check()
        descriptor = sys.stdin.fileno()
        with progress("scoring", descriptor) as wrote:
            source = LineSource(descriptor)
            return answer_in_order(source, scorer.answer, sys.stdout.buffer, workers=_WORKERS, wrote=wrote)


class Scorer:
    """Scores lines with one reward. May be used by several threads."""

    def __init__(self, client: Client, reward: Leaf, execution_timeout: float | None) -> None:
        self._client = client
        self._reward = reward
        self._execution_timeout = execution_timeout

    def check(self) -> None:
        """Raise what is wrong with the reward before any line is read.

        A rollout without steps is refused before any reward runs, but after the reward was compiled.
        """
        self._score([v1.Rollout(rollout_id="check")])

    def answer(self, lines: list[Line]) -> list[Answer]:
        """One answer per line."""
        answers: dict[int, Answer] = {}
        rollouts: dict[int, v1.Rollout] = {}
        for line in lines:
            read = _read(line)
            if isinstance(read, Answer):
                answers[line.number] = read
            else:
                rollouts[line.number] = read
        answers.update(zip(rollouts, self._answers(list(rollouts.values())), strict=True))
        return [answers[line.number] for line in lines]

    def _answers(self, rollouts: list[v1.Rollout]) -> list[Answer]:
        if not rollouts:
            return []
        try:
            return self._score(rollouts)
        except (Misuse, ResourceExhausted) as error:
            # The reward was checked: it is something about these rollouts, such as their size together.
            if len(rollouts) > 1:
                middle = len(rollouts) // 2
                return [*self._answers(rollouts[:middle]), *self._answers(rollouts[middle:])]
            return [item_error("rolloutId", rollouts[0].rollout_id, error.failure)]

    def _score(self, rollouts: list[v1.Rollout]) -> list[Answer]:
        results = self._client.score(
            rollouts,
            reward=self._reward,
            execution_timeout=self._execution_timeout,
            timeout=_CALL_SECONDS,
        )
        return [result(sample_result_to_json(scored.message)) for scored in results]


def _read(line: Line) -> v1.Rollout | Answer:
    try:
        value = read_object(line)
    except BadLine as problem:
        return bad_line(line, "rolloutId", problem)
    try:
        return rollout_from_json(value)
    except JsonMappingError as problem:
        return bad_item(line, "rolloutId", value.get("rolloutId"), mapping_failure(problem))


def mapping_failure(problem: JsonMappingError) -> Failure:
    """An object of the wrong shape, as the service would say it."""
    return Failure(
        _INVALID_ARGUMENT, str(problem), "INVALID_ARGUMENT", violations=(Violation(problem.field, problem.message),)
    )
