from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay.sdk import Json
from assay_server.config import Settings
from assay_server.embedded import Engine

from .command import assay


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with a run of three scored rollouts, one of which could not be scored."""
    url = f"sqlite:{tmp_path / 'assay.db'}"
    references: list[dict[str, Json]] = [{"answer": "18"}, {"answer": "19"}, {}]
    with (
        Engine(Settings(store=url)) as engine,
        engine.stream(run=RunConfig(run_id="run", reward="math"), consumer="c") as stream,
    ):
        for index, reference in enumerate(references):
            stream.send(Rollout(f"r{index}", "g", len(references), reference=reference, response="so A: 18"))
        stream.finish()
        assert len(list(stream)) == len(references) + 1
    return url


def value_of(side: Json) -> Json:
    return cast("dict[str, dict[str, Json]]", side)["score"]["value"]


def test_stored_rollouts_are_scored_again_beside_their_first_result(store: str):
    done = assay("rescore", "run", "--reward", "numeric_tolerance", "--params", '{"absolute": 1.0}', "--store", store)
    assert done.code == 0
    lines = {str(line["rolloutId"]): line for line in done.lines}
    assert [value_of(lines[name]["before"]) for name in ("r0", "r1")] == [1.0, 0.0]
    assert [value_of(lines[name]["after"]) for name in ("r0", "r1")] == [1.0, 1.0]
    assert "error" in cast("dict[str, Json]", lines["r2"]["before"])


def test_an_unscorable_rollout_counts_with_strict(store: str):
    assert assay("rescore", "run", "--reward", "math", "--store", store, "--strict").code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nowhere", "--reward", "math"], "run"), (["run", "--reward", "mathh"], "mathh")],
)
def test_a_run_or_a_reward_that_is_not_there_is_a_usage_error(store: str, arguments: list[str], said: str):
    done = assay("rescore", *arguments, "--store", store)
    assert (done.code, done.lines) == (2, [])
    assert said in done.stderr


def test_a_store_and_a_server_exclude_each_other(store: str):
    assert assay("rescore", "run", "--reward", "math", "--store", store, "--server", "localhost:1").code == 2
