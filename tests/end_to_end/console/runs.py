"""Runs to look at: solutions of models where they are there, the demo's, and texts that attack pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import cast

from assay import Client
from assay.results import SampleResult
from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay.sdk import Json
from assay.sdk.spec import Leaf, Route
from assay_server.demo.episodes import play_group
from assay_server.demo.problems import load_problems, rollouts_of

SOLUTIONS = Path(__file__).resolve().parents[4] / "shared" / "data" / "gsm8k_model_solutions.jsonl"
EPOCHS = 6
HOUSES = (1, 2, 3, 5, 7, 10)
HOSTILE = (
    "<script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title = 'taken'\"> A: 42",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J A: 42",
    "price \u202e24 :A\u202c \u2066isolated\u2069 zero\u200bwidth \ufeff A: 42",
    "A: 42</pre></main><style>body{display:none}</style>\u2028\u2029",
    "javascript:alert(1) {{constructor.constructor('x')()}} A: 41",
)
HOSTILE_ID = "<b>hostile</b> & %2F id"


def stream_runs(client: Client) -> None:
    """Three runs: ``problems``, ``houses`` and ``hostile``; with the shared data a fourth, ``solutions``."""
    problems = RunConfig(
        run_id="problems", reward=Route({"math": Leaf("math"), "choice": Leaf("choice")}), estimator="advantage/grpo"
    )
    epochs = [rollout for epoch in range(1, EPOCHS + 1) for rollout in rollouts_of(load_problems(), epoch)]
    _stream(client, problems, [*epochs, Rollout("unscored", "unscored", 1, reference={}, response="A: 7")])
    houses = RunConfig(
        run_id="houses",
        reward="episode_return",
        params={"success_threshold": 1.0},
        estimator="advantage/gigpo",
        estimator_params={"gamma": 0.95, "w": 1.0, "norm": "mean"},
    )
    _stream(client, houses, [episode.rollout() for house in HOUSES for episode in play_group(house)])
    _stream(client, RunConfig(run_id="hostile", reward="math", estimator="advantage/grpo"), hostile_rollouts())
    if SOLUTIONS.exists():
        run = RunConfig(run_id="solutions", reward="math", estimator="advantage/grpo")
        _stream(client, run, islice(solutions(), 2400))


def hostile_rollouts() -> list[Rollout]:
    """One group of texts that would do something if they were markup, or were shown as they ask."""
    return [
        Rollout(
            f"{HOSTILE_ID}.{index}", HOSTILE_ID, len(HOSTILE), prompt_id=HOSTILE_ID, task_type=HOSTILE_ID,
            prompt=text, reference={"answer": "42"}, response=text,
        )
        for index, text in enumerate(HOSTILE)
    ]  # fmt: skip


def solutions() -> Iterator[Rollout]:
    """Solutions of models to school problems, a group a problem."""
    with SOLUTIONS.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            problem = cast("dict[str, Json]", json.loads(line))
            texts = cast("list[dict[str, str]]", problem["solutions"])
            for index, solution in enumerate(texts):
                yield Rollout(
                    f"{problem['prompt_id']}.{index}", str(problem["prompt_id"]), len(texts),
                    prompt_id=str(problem["prompt_id"]), task_type=solution["model"].partition("_")[0],
                    prompt=str(problem["question"]), reference={"answer": problem["answer"]},
                    response=solution["text"], global_step=number // 10,
                )  # fmt: skip


def _stream(client: Client, run: RunConfig, rollouts: Iterable[Rollout]) -> None:
    with client.stream(run=run, consumer="trainer") as stream:
        stream.send_many(rollouts)
        stream.finish()
        for event in stream:
            assert not isinstance(event, SampleResult) or event.rollout_id
