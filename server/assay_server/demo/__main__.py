"""``python -m assay_server.demo``: the main job in half a minute, from rollouts to advantages."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from assay.groups import RolloutGroup, ScoredRollout
from assay.results import GroupResult, SampleResult
from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay.sdk.spec import Leaf, Route
from assay.v1 import rollout_pb2 as v1
from assay_server.config import Settings
from assay_server.demo import tables
from assay_server.demo.episodes import Episode, play_group
from assay_server.demo.problems import load_problems, rollouts_of
from assay_server.embedded import Engine

_WIDTH = 100
_PICKS = (
    ("bakery-trays", 0), ("bakery-trays", 1), ("train-speed", 3), ("garden-fence", 5), ("pizza-fraction", 3),
    ("temperature", 5), ("percent-girls", 4), ("library-books", 2), ("bus-seats", 7), ("heavier", 1), ("angle", 3),
)  # fmt: skip
_WITHOUT_REFERENCE = Rollout(
    "no-reference.0.0", group_id="no-reference.0", group_size=1, task_type="math", reference={}, response="A: 7"
)
_SHOWN_PROBLEM = "train-speed"
_HOUSES = (1, 2, 3, 5, 7, 10)
_SHOWN_HOUSE = 10
_EPOCHS = 40


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back from one stream, by id."""

    samples: dict[str, SampleResult]
    groups: dict[str, GroupResult]


def main() -> None:
    """Run the demo."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    with tempfile.TemporaryDirectory(prefix="assay-demo-") as directory:
        settings = Settings(store=f"sqlite:{Path(directory) / 'assay.db'}")
        with Engine(settings) as engine:
            _single_turn(console, engine)
            _multi_step(console, engine)
            _throughput(console, engine)
    _farewell(console)


def _single_turn(console: Console, engine: Engine) -> None:
    problems = load_problems()
    run = RunConfig(
        run_id="problems",
        reward=Route({"math": Leaf("math"), "choice": Leaf("choice")}),
        estimator="advantage/grpo",
    )
    answers = _stream(engine, run, [*rollouts_of(problems), _WITHOUT_REFERENCE])
    _title(console, "1", "Single-turn: word problems, verified answers, GRPO")
    console.print(
        f"{len(problems)} problems with 4 to 8 sampled answers each went in over one stream, and one rollout without\n"
        f"a reference; {len(answers.samples)} answers and {len(answers.groups)} groups came back.\n"
    )
    console.print("[bold]Scores with their evidence[/]")
    console.print(tables.scores(problems, answers.samples, _PICKS, _WITHOUT_REFERENCE))
    refused = answers.samples[_WITHOUT_REFERENCE.rollout_id].error
    if refused is not None:
        console.print(f"What cannot be scored is never a 0. It has a status: {refused.code_name}, {refused.reason}.\n")
    shown = next(problem for problem in problems if problem.id == _SHOWN_PROBLEM)
    console.print(f"[bold]One group and its advantages[/]: {shown.question}")
    console.print(tables.group(shown, answers.groups[f"{shown.id}.0"]))
    flat = sum(
        group.statistics.size > 1 and group.statistics.reward_min == group.statistics.reward_max
        for group in answers.groups.values()
    )
    agreed = sum(
        answers.samples[f"{problem.id}.0.{index}"].value == float(sample.correct)
        for problem in problems
        for index, sample in enumerate(problem.samples)
    )
    console.print(
        f"{flat} groups are all right or all wrong: their advantages are 0 and a filter could drop them.\n"
        f"{agreed} of {sum(len(problem.samples) for problem in problems)} verdicts agree with what a person says.\n"
    )


def _multi_step(console: Console, engine: Engine) -> None:
    played = {seed: play_group(seed) for seed in _HOUSES}
    episodes = [episode for group in played.values() for episode in group]
    run = RunConfig(
        run_id="houses",
        reward="episode_return",
        params={"success_threshold": 1.0},
        estimator="advantage/gigpo",
        estimator_params={"gamma": 0.95, "w": 1.0, "norm": "mean"},
    )
    answers = _stream(engine, run, [episode.rollout() for episode in episodes])
    shown, result = played[_SHOWN_HOUSE], answers.groups[f"house-{_SHOWN_HOUSE}"]
    _title(console, "2", "Multi-step: key and door, anchor states, GiGPO")
    console.print(
        f"{len(episodes)} episodes in {len(played)} houses, {sum(len(e.turns) for e in episodes)} steps; "
        "the reward is 1 for the treasure, else 0.\n"
        "All eight policies of a group start in the same house. This one begins with:\n"
    )
    console.print(f"[italic]{shown[0].start}[/]\n")
    console.print("[bold]Episodes of this group[/]: reward against the group's mean")
    console.print(tables.episodes(shown, result))
    console.print("[bold]Its most visited states[/]: what each action taken there was worth, against the same state")
    console.print(tables.step_groups(shown, result, rows=3))
    statistics = [group.statistics for group in answers.groups.values()]
    console.print("[bold]How many steps share a state[/], all houses")
    console.print(tables.histogram(statistics))
    console.print("[bold]Why states have names of their own[/]: the same steps, grouped in three ways")
    console.print(tables.recipes(_compare_recipes(engine, episodes)))
    console.print(
        "The view hides what is carried and which doors are open: steps from different states get compared.\n"
    )


def _compare_recipes(engine: Engine, episodes: Sequence[Episode]) -> dict[str, list[v1.GroupStatistics]]:
    named = {
        "room, things carried, open doors": [episode.rollout() for episode in episodes],
        "what is seen of the room": [episode.rollout(anchor_by="view") for episode in episodes],
        "all that was said last": [episode.rollout(anchor_by="observation") for episode in episodes],
    }
    return {
        name: [group.statistics for group in engine.advantages(_scored_groups(rollouts), "advantage/gigpo")]
        for name, rollouts in named.items()
    }


def _scored_groups(rollouts: Sequence[Rollout]) -> list[RolloutGroup]:
    groups: dict[str, list[ScoredRollout]] = {}
    for rollout in rollouts:
        groups.setdefault(rollout.group_id, []).append(ScoredRollout(rollout.rollout_id, steps=rollout.steps))
    return [RolloutGroup(group_id, members) for group_id, members in groups.items()]


def _throughput(console: Console, engine: Engine) -> None:
    problems = load_problems()
    rollouts = [rollout for epoch in range(1, _EPOCHS + 1) for rollout in rollouts_of(problems, epoch)]
    run = RunConfig(run_id="epochs", reward=Route({"math": Leaf("math"), "choice": Leaf("choice")}))
    started = time.perf_counter()
    answers = _stream(engine, run, rollouts)
    seconds = time.perf_counter() - started
    _title(console, "3", "Throughput")
    console.print(
        f"{len(answers.samples):,} rollouts in {len(answers.groups):,} groups, sent, stored, scored, grouped and "
        f"answered:\n{seconds:.2f} s, {len(answers.samples) / seconds:,.0f} rollouts/s with client and server in one "
        "process. `make bench` measures properly.\n"
    )


def _stream(engine: Engine, run: RunConfig, rollouts: Sequence[Rollout]) -> Answers:
    """The whole conversation of a trainer: open, send, finish, read until nothing is owed."""
    answers = Answers({}, {})
    with engine.stream(run=run, consumer="demo") as stream:
        stream.send_many(rollouts)
        stream.finish()
        for event in stream:
            if isinstance(event, SampleResult):
                answers.samples[event.rollout_id] = event
            elif isinstance(event, GroupResult):
                answers.groups[event.group_id] = event
    return answers


def _title(console: Console, number: str, text: str) -> None:
    console.rule(f"[bold]{number}. {text}", align="left")
    console.print()


def _farewell(console: Console) -> None:
    console.rule("[bold]What to try next", align="left")
    console.print(
        """
  .venv/bin/assay doctor                             is this machine ready?
  .venv/bin/assay serve                              a server of your own on localhost:50051
  .venv/bin/assay score --reward math < rollouts.jsonl
  .venv/bin/assay advantages --estimator gigpo < groups.jsonl
  README.md                                          a trainer in 20 lines
  docs/streaming.md                                  what the stream promises
""",
        markup=False,
        highlight=False,
    )


if __name__ == "__main__":
    main()
