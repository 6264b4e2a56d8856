"""Every estimator on 100,000 rollouts in groups of 8, and GiGPO on 1,000,000 steps beside the grouping alone.

Method of the first table: Member objects in, GroupAdvantages out, in this process; the best of several runs in CPU
seconds of the process, so that other work on the machine does not count. Rollouts carry one step, 32 token ids, a
budget, a stratum, two components and an answer key; ReMax's groups have a greedy member, and in trees every second
rollout branches off the one before it. Ids of step groups are made when they are read: "with ids" is the same and all
of them read. The last column is the same by ``compute`` from a flat list of JSON rollouts, where the method's worked
cases have that form.

Method of the second: 8 rollouts of 50 steps a group, 60 states of 190 characters, fresh string objects for every pass.
"bare dict" is the plainest pass, ``ids.setdefault(text, len(ids))`` of each group's texts; "grouping" is what any GiGPO
needs first, from steps to step groups with their ids; "GiGPO" is the whole estimator with its results and all ids.

    python benchmarks/estimators.py [--rollouts 100000] [--steps 1000000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice, Grouping
from assay_server.compute import compute
from assay_server.estimators import (
    ESTIMATORS,
    AnchorState,
    Group,
    Member,
    Role,
    StepRecord,
    compile_estimator,
)
from assay_server.estimators.anchors import group_steps
from assay_server.estimators.catalogue import Estimator
from assay_server.estimators.columns import columns_of
from assay_server.estimators.gigpo import step_rows

SIZE = 8
TOKENS = 32
STEPS = 50
PARAMS: dict[str, dict[str, Json]] = {"advantage/stratified-v1": {"alpha": 0.5}}


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description="Estimators, timed.")
    arguments.add_argument("--rollouts", type=int, default=100_000)
    arguments.add_argument("--steps", type=int, default=1_000_000)
    arguments.add_argument("--repeats", type=int, default=3)
    chosen = arguments.parse_args()
    _estimators(chosen.rollouts, chosen.repeats)
    print(f"\n{'steps':>10} {'bare dict':>10} {'grouping':>10} {'GiGPO':>8} {'GiGPO / grouping':>17} {'us a step':>10}")
    for steps in (chosen.steps // 4, chosen.steps):
        _gigpo(steps, chosen.repeats)


def _estimators(rollouts: int, repeats: int) -> None:
    groups = _groups(rollouts)
    greedy = [replace(g, members=(replace(g.members[0], role=Role.GREEDY), *g.members[1:])) for g in groups]
    trees = [replace(g, members=tuple(_branched(g.members))) for g in groups]
    flat = _flat(groups)
    print(f"{rollouts:,} rollouts in groups of {SIZE}: CPU seconds, best of {repeats}")
    print(f"{'id':<36} {'estimator':>10} {'with ids':>8} {'compute':>8}")
    for name, definition in ESTIMATORS.items():
        estimator = compile_estimator(EstimatorChoice(name, PARAMS.get(name, {})))
        own = greedy if definition.reference_roles else trees if "_tree-" in name or "tree_sub" in name else groups
        seconds = _best(lambda e=estimator, g=own: e.advantages(g), repeats)
        named = f"{_best(lambda e=estimator, g=own: _named(e, g), repeats):.3f}" if definition.reads_steps else ""
        by_case = ""
        if not definition.reads_steps and name != "advantage/tree_subgroup-v1":
            rows: list[Json] = _greedy_rows(flat) if definition.reference_roles else list(flat)
            case: dict[str, Json] = {"id": name, "params": PARAMS.get(name, {}), "inputs": {"rollouts": rows}}
            by_case = f"{_best(lambda c=case: _computed(c), repeats):.3f}"
        print(f"{name:<36} {seconds:>10.3f} {named:>8} {by_case:>8}", flush=True)


def _named(estimator: Estimator, groups: Sequence[Group]) -> None:
    for result in estimator.advantages(groups):
        _ = result.step_group_ids


def _groups(rollouts: int) -> list[Group]:
    generator = np.random.default_rng(0)
    rewards: list[float] = generator.integers(0, 2, rollouts).astype(float).tolist()
    tokens = generator.integers(0, 50_000, (rollouts, TOKENS))
    tokens[:, :4] %= 2  # what some members share
    return [
        Group(f"g{first // SIZE}", tuple(_member(rewards[first + i], tokens[first + i], i) for i in range(SIZE)))
        for first in range(0, rollouts, SIZE)
    ]


def _member(reward: float, tokens: np.typing.NDArray[np.int64], place: int) -> Member:
    return Member(
        f"r{place}",
        reward,
        steps=(StepRecord(AnchorState(observation=f"s{place % 2}"), reward),),
        signals={"token_ids": tokens, "budget": 512.0 * (1 + place % 2), "stratum": float(place % 3)},
        components={"right": reward, "format": 0.5},
        num_tool_calls=place % 3,
        answer_key=str(place % 3),
    )


def _branched(members: Sequence[Member]) -> list[Member]:
    return [
        replace(member, parent_rollout_id=members[place - 1].rollout_id) if place % 2 else member
        for place, member in enumerate(members)
    ]


def _flat(groups: Sequence[Group]) -> list[dict[str, Json]]:
    return [
        {
            "group": group.group_id,
            "reward": member.reward,
            "answer_key": member.answer_key,
            "stratum": member.num_tool_calls,
            "budget": 512 * (1 + place % 2),
            "tokens": np.asarray(member.signals["token_ids"]).tolist(),
            "components": dict(member.components),
        }
        for group in groups
        for place, member in enumerate(group.members)
    ]


def _greedy_rows(flat: Sequence[dict[str, Json]]) -> list[Json]:
    return [{**row, "role": "policy" if place % SIZE else "greedy"} for place, row in enumerate(flat)]


def _computed(case: dict[str, Json]) -> None:
    answer = compute(case)
    if "outputs" not in answer:
        raise SystemExit(f"{case['id']}: {answer}")


def _gigpo(steps: int, repeats: int) -> None:
    gigpo = compile_estimator(EstimatorChoice("advantage/gigpo"))
    bare = min(_pass(_bare, steps) for _ in range(repeats))
    grouping = min(_pass(_grouped, steps) for _ in range(repeats))
    whole = min(_pass(lambda groups: _named(gigpo, groups), steps) for _ in range(repeats))
    ratio, each = whole / grouping, whole / steps * 1e6
    print(f"{steps:>10,} {bare:>10.3f} {grouping:>10.3f} {whole:>8.3f} {ratio:>17.2f} {each:>10.2f}", flush=True)


def _agents(groups: int) -> list[Group]:
    generator = random.Random(1)
    found: list[Group] = []
    for number in range(groups):
        states = [f"room {k} of house {number}: " + "you see a lamp, a book " * 8 for k in range(60)]
        members = [
            Member(f"r{place}", 1.0, steps=tuple(_step(generator.choice(states)) for _ in range(STEPS)))
            for place in range(SIZE)
        ]
        found.append(Group(f"g{number}", tuple(members)))
    return found


def _step(text: str) -> StepRecord:
    return StepRecord(AnchorState(observation="".join((text[:1], text[1:]))))  # a string object of its own


def _bare(groups: Sequence[Group]) -> None:
    index: list[int] = []
    for group in groups:
        ids: dict[str, int] = {}
        for member in group.members:
            for step in member.steps:
                text = step.anchor.observation
                index.append(ids.setdefault(text, len(ids)))


def _grouped(groups: Sequence[Group]) -> None:
    rows = step_rows(columns_of(groups))
    found = group_steps(
        [group.group_id for group in groups],
        [step.anchor for step in rows.steps],
        rows.bounds,
        np.repeat(rows.first_row, rows.counts),
        Grouping(),
        str,
    )
    found.ids.part(0, len(found.ids))


def _pass(work: Callable[[Sequence[Group]], object], steps: int) -> float:
    groups = _agents(steps // (SIZE * STEPS))
    return _seconds(lambda: work(groups))


def _best(work: Callable[[], object], repeats: int) -> float:
    return min(_seconds(work) for _ in range(repeats))


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
