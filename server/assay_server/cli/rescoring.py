"""``assay rescore``: a run's stored rollouts, scored with another reward beside their first result."""

from __future__ import annotations

import sys

from assay.json_mapping import sample_result_to_json
from assay.results import SampleResult
from assay.sdk import Json
from assay_server.cli.answers import Answer, Kind, Tally
from assay_server.cli.connection import connected, named_reward, read_params
from assay_server.cli.json_text import write_line


def rescore_run(
    run: str, reward: str, params: str, *, store: str | None, server: str | None, token: str | None
) -> Tally:
    """Write ``{"rolloutId", "before", "after"}`` for every stored rollout.

    Raises:
        Usage: parameters that are not an object, a file named to a remote server, or a store beside a server.
        assay.errors.AssayError: no such run, an unknown reward, or no server.
    """
    named = named_reward(reward, read_params(params))
    tally = Tally()
    with connected(server, token, store=store, reward=named) as client:
        for before, after in client.rescore(run, named):
            answer = _answer(before, after)
            sys.stdout.buffer.write(write_line(answer.value))
            sys.stdout.buffer.flush()
            tally.counts[answer.kind] += 1
    return tally


def _answer(before: SampleResult, after: SampleResult) -> Answer:
    value: dict[str, Json] = {
        "rolloutId": after.rollout_id,
        "before": sample_result_to_json(before.message),
        "after": sample_result_to_json(after.message),
    }
    return Answer(Kind.RESULT if after.scored else Kind.ITEM_ERROR, value)
