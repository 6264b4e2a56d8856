"""One run on an environment: play groups of episodes, stream them as they end, learn from what comes back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import assay
from assay.episodes import VectorInfo
from assay.sdk.spec import AnchorRecipe, EstimatorChoice, Grouping

from .curves import Curve
from .plan import Episodes, Method, Plan
from .policy import Choice, Ints, Policy, crossed, hashed, hashed_action

CONSUMER = "trainer"
PATIENCE = 120.0


def train(client: assay.Client, plan: Plan, experiment: Episodes, method: Method, seed: int) -> Curve:
    """A policy from nothing, for the experiment's iterations."""
    run = assay.RunConfig(
        run_id=f"{experiment.name}-{method.name}-{seed}",
        reward="reward/episode_return",
        estimator=EstimatorChoice(method.estimator, method.params),
        grouping=Grouping(
            AnchorRecipe[method.recipe],
            history_length=method.history,
            similarity_threshold=method.similarity,
        ),
    )
    policy = Policy(plan.learning)
    chance = np.random.default_rng([seed, 1])
    values: list[float] = []
    seconds: list[float] = []
    waited: list[float] = []
    with (
        client.stream(run, CONSUMER) as stream,
        client.make_vec(
            experiment.environment, experiment.groups, experiment.members, options=experiment.options
        ) as episodes,
    ):
        for iteration in range(experiment.iterations):
            began = time.perf_counter()
            first = iteration * experiment.groups % experiment.boards
            played = play(policy, episodes, stream, 1000 * seed + first, chance)
            ended = time.perf_counter()
            results = collect(stream, experiment.groups)
            waited.append(time.perf_counter() - ended)
            steps, advantages = lessons(played, results)
            if steps:
                policy.learn(steps, advantages)
            values.append(played.won)
            seconds.append(time.perf_counter() - began)
    return Curve({"won": values}, sum(seconds), sum(waited))


@dataclass(frozen=True, slots=True)
class Played:
    """Episodes that are over.

    Attributes:
        choices: by rollout id, in the order of the episodes.
        won: share of the episodes.
    """

    choices: dict[str, list[Choice]]
    won: float


def play(
    policy: Policy,
    episodes: assay.VectorEnvironment,
    stream: assay.RolloutStream,
    seed: int,
    chance: np.random.Generator,
) -> Played:
    """Play all episodes to their ends; each is sent when it ends."""
    seen, info = episodes.reset(seed=seed)
    starts, names = list(seen), list(info["session_id"])
    choices: dict[str, list[Choice]] = {name: [] for name in names}
    active = np.flatnonzero(info["active"]).tolist()
    while active:
        blocks = [block_of(episodes, place, starts[place], seen[place], info) for place in active]
        acted: list[str | None] = [None] * len(names)
        for place, block, chosen in zip(active, blocks, policy.act(blocks, chance), strict=True):
            acted[place] = info["admissible_actions"][place][chosen]
            choices[names[place]].append(Choice(block, chosen))
        seen, _, _, _, info = episodes.step(acted)
        ended = [place for place in active if not info["active"][place]]
        if ended:
            rollouts = episodes.rollouts()
            stream.send_many(rollouts[place] for place in ended)
            stream.flush()
        active = np.flatnonzero(info["active"]).tolist()
    return Played(choices, float(info["won"].mean()))


def block_of(episodes: assay.VectorEnvironment, place: int, start: str, seen: str, info: VectorInfo) -> Ints:
    """What the policy reads: the task, what is seen and carried, and the last actions, with each admissible one."""
    past = " / ".join(action for _, action in episodes.history(place, 3))
    anchor = info["anchor"][place]
    words = hashed(start, seen, str(anchor.observation), str(anchor.inventory), past)
    actions = np.array([hashed_action(action) for action in info["admissible_actions"][place]], np.int64)
    return crossed(words, actions)


def collect(stream: assay.RolloutStream, groups: int) -> list[assay.GroupResult]:
    """The results of as many groups; single scores are passed over."""
    results: list[assay.GroupResult] = []
    while len(results) < groups:
        event = stream.receive(timeout=PATIENCE)
        if isinstance(event, assay.GroupResult):
            results.append(event)
    return results


def lessons(played: Played, results: Sequence[assay.GroupResult]) -> tuple[list[Choice], list[float]]:
    """Every step with its advantage, in the order of the episodes: arrival must not change a sum's last digit."""
    advantages: dict[str, list[float]] = {}
    for member in (member for result in results for member in result):
        if member.advantage is not None:  # could not be scored: it teaches nothing, rather than something wrong
            taken = len(played.choices[member.rollout_id])
            by_step = len(member.step_totals) == taken
            advantages[member.rollout_id] = member.step_totals.tolist() if by_step else [member.advantage] * taken
    counted = [name for name in played.choices if name in advantages]
    steps = [choice for name in counted for choice in played.choices[name]]
    return steps, [value for name in counted for value in advantages[name]]
