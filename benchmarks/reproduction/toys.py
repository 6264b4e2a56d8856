"""Two toy tasks: which groups to learn from, and what a tool call costs. Both are streamed like any rollouts.

``sampling``: a prompt is a row of one to six symbols, each of which has one right reply of six; all must be right.
What is learned of short prompts helps with long ones. ``tools``: a question needs no, one or two look-ups before its
answer is sure; an answer given too early is right one time in four, and the policy looks up too much at first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import numpy.typing as npt

import assay
from assay.results import Member
from assay.sdk import Json
from assay.sdk.spec import FilterChoice
from assay_server.compute import compute

from .curves import Curve
from .plan import Toy, Way

Floats = npt.NDArray[np.float64]
CONSUMER = "trainer"
PATIENCE = 120.0
SYMBOLS, REPLIES, LONGEST = 12, 6, 6
KINDS, MOST_CALLS = 6, 4
GUESS, EAGER = 0.25, 1.0


class Table:
    """A softmax policy with a row of logits for each state, and Adam's memory of them."""

    def __init__(self, logits: Floats, rate: float) -> None:
        self._logits, self._rate = logits, rate
        self._first, self._second = np.zeros_like(logits), np.zeros_like(logits)
        self._updates = 0

    def probabilities(self) -> Floats:
        """By state."""
        raised = np.exp(self._logits - self._logits.max(-1, keepdims=True))
        return raised / raised.sum(-1, keepdims=True)

    def learn(self, states: Sequence[int], actions: Sequence[int], gains: Sequence[float]) -> None:
        """One step of Adam along the policy gradient, every decision weighing the same."""
        gradient = np.zeros_like(self._logits)
        weights = np.array(gains) / len(gains)
        np.add.at(gradient, np.array(states), -weights[:, None] * self.probabilities()[states])
        np.add.at(gradient, (np.array(states), np.array(actions)), weights)
        self._updates += 1
        self._first += 0.1 * (gradient - self._first)
        self._second += 0.001 * (gradient**2 - self._second)
        mean = self._first / (1 - 0.9**self._updates)
        self._logits = self._logits + self._rate * mean / (np.sqrt(self._second / (1 - 0.999**self._updates)) + 1e-8)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A rollout of a toy: the decisions that were taken, and what came of them."""

    states: tuple[int, ...]
    actions: tuple[int, ...]
    correct: bool
    reward: float


@dataclass(slots=True)
class Session:
    """A stream, and how long it has been waited for."""

    stream: assay.RolloutStream
    waited: float = 0.0
    sent: dict[str, Attempt] = field(default_factory=dict[str, Attempt])

    def groups(self, groups: Mapping[str, Sequence[Attempt]]) -> list[assay.GroupResult]:
        """Send groups and wait for what comes of each, dropped ones included."""
        for name, members in groups.items():
            for place, attempt in enumerate(members):
                self.sent[f"{name}.{place}"] = attempt
                step = assay.Step(action=" ".join(map(str, attempt.actions)), reward=attempt.reward)
                calls = len(attempt.actions) - 1
                self.stream.send(
                    assay.Rollout(
                        f"{name}.{place}",
                        group_id=name,
                        group_size=len(members),
                        steps=(step,),
                        num_tool_calls=calls,
                    )
                )
        self.stream.flush()
        began = time.perf_counter()
        found: list[assay.GroupResult] = []
        while len(found) < len(groups):
            event = self.stream.receive(timeout=PATIENCE)
            if isinstance(event, assay.GroupResult):
                found.append(event)
        self.waited += time.perf_counter() - began
        return sorted(found, key=lambda result: result.group_id)

    def taught(self, results: Sequence[assay.GroupResult]) -> list[tuple[Attempt, float]]:
        """The attempts that have an advantage, with it."""
        members: Iterator[Member] = (member for result in results for member in result)
        return [(self.sent[one.rollout_id], one.advantage) for one in members if one.advantage is not None]


def train_toy(client: assay.Client, toy: Toy, method: str, seed: int) -> Curve:
    """A run of a toy."""
    began = time.perf_counter()
    given = toy.methods[method]
    run = assay.RunConfig(
        run_id=f"{toy.name}-{method}-{seed}",
        reward="reward/episode_return",
        estimator="advantage/grpo",
        filters=(FilterChoice(given.filter, given.params),) if given.filter else (),
    )
    chance = np.random.default_rng([seed, 2])
    with client.stream(run, CONSUMER) as stream:
        session = Session(stream)
        values = sampling(toy, session, chance) if toy.kind == "sampling" else tools(toy, session, chance, given)
    return Curve(values, time.perf_counter() - began, session.waited)


def sampling(toy: Toy, session: Session, chance: np.random.Generator) -> dict[str, list[float]]:
    """Learn from batches of groups that the run keeps, drawing more prompts until a batch is full.

    An iteration is as many rollouts as a batch has without a filter, so methods are compared at equal cost.
    """
    key = chance.integers(REPLIES, size=SYMBOLS)
    examined = [prompt_of(chance) for _ in range(120)]
    policy = Table(np.zeros((SYMBOLS, REPLIES)), toy.learning_rate)
    values: list[float] = []
    updates: list[float] = []
    kept: list[assay.GroupResult] = []
    groups = made = 0
    while len(values) < toy.iterations:
        probabilities = policy.probabilities()
        missing = toy.groups - len(kept)
        wave = {
            f"{groups + place:07d}": [attempt_at(prompt, key, probabilities, chance) for _ in range(toy.members)]
            for place, prompt in enumerate(prompt_of(chance) for _ in range(missing))
        }
        groups += missing
        kept += [result for result in session.groups(wave) if result.kept]
        if len(kept) == toy.groups:
            learn_from(policy, session.taught(kept))
            made, kept = made + 1, []
        while len(values) < min(groups // toy.groups, toy.iterations):
            values.append(pass_rate(policy.probabilities(), key, examined))
            updates.append(float(made))
    return {"pass rate": values, "updates": updates}


def learn_from(policy: Table, lessons: Sequence[tuple[Attempt, float]]) -> None:
    """Every decision of an attempt gets the attempt's advantage."""
    states = [state for attempt, _ in lessons for state in attempt.states]
    actions = [action for attempt, _ in lessons for action in attempt.actions]
    gains = [gain for attempt, gain in lessons for _ in attempt.states]
    if states:
        policy.learn(states, actions, gains)


def prompt_of(chance: np.random.Generator) -> tuple[int, ...]:
    """A row of symbols; every length is as likely as any other."""
    return tuple(chance.integers(SYMBOLS, size=chance.integers(1, LONGEST + 1)).tolist())


def attempt_at(
    prompt: tuple[int, ...], key: npt.NDArray[np.int64], probabilities: Floats, chance: np.random.Generator
) -> Attempt:
    """A reply to each symbol."""
    replies = tuple(int(chance.choice(REPLIES, p=probabilities[symbol])) for symbol in prompt)
    correct = all(key[symbol] == reply for symbol, reply in zip(prompt, replies, strict=True))
    return Attempt(prompt, replies, correct, float(correct))


def pass_rate(probabilities: Floats, key: npt.NDArray[np.int64], prompts: Sequence[tuple[int, ...]]) -> float:
    """The exact chance of a right answer, averaged over prompts."""
    right = probabilities[np.arange(SYMBOLS), key]
    return float(np.mean([np.prod(right[list(prompt)]) for prompt in prompts]))


def tools(toy: Toy, session: Session, chance: np.random.Generator, given: Way) -> dict[str, list[float]]:
    """Learn when to look up and when to answer, with the method's reward for it."""
    logits = np.zeros((KINDS * (MOST_CALLS + 1), 2))
    logits[:, 1] = EAGER
    policy = Table(logits, toy.learning_rate)
    fewest: dict[str, Json] = {}
    accuracy: list[float] = []
    calls: list[float] = []
    for iteration in range(toy.iterations):
        probabilities = policy.probabilities()
        kinds = chance.integers(KINDS, size=toy.groups).tolist()
        asked = [[question(kind, probabilities, chance) for _ in range(toy.members)] for kind in kinds]
        paid = shaped(given, kinds, asked, fewest)
        groups = {f"{iteration:05d}-{place:03d}": members for place, members in enumerate(paid)}
        learn_from(policy, session.taught(session.groups(groups)))
        everyone = [attempt for members in asked for attempt in members]
        accuracy.append(float(np.mean([attempt.correct for attempt in everyone])))
        calls.append(float(np.mean([len(attempt.actions) - 1 for attempt in everyone])))
    return {"accuracy": accuracy, "look-ups": calls}


def question(kind: int, probabilities: Floats, chance: np.random.Generator) -> Attempt:
    """Look up (action 1) until the policy answers (action 0), or must."""
    states: list[int] = []
    actions: list[int] = []
    calls = 0
    while True:
        states.append(kind * (MOST_CALLS + 1) + calls)
        actions.append(int(calls < MOST_CALLS and chance.random() < probabilities[states[-1], 1]))
        if not actions[-1]:
            break
        calls += 1
    correct = calls >= kind % 3 or bool(chance.random() < GUESS)
    return Attempt(tuple(states), tuple(actions), correct, float(correct))


def shaped(
    given: Way, kinds: Sequence[int], asked: Sequence[Sequence[Attempt]], fewest: dict[str, Json]
) -> list[list[Attempt]]:
    """The attempts with the rewards of the method; ``fewest`` is what it remembers of each kind of question."""
    if not given.reward:
        return [list(members) for members in asked]
    rows: list[Json] = [
        {"group": str(kind), "correct": attempt.correct, "tool_calls": len(attempt.actions) - 1}
        for kind, members in zip(kinds, asked, strict=True)
        for attempt in members
    ]
    inputs: dict[str, Json] = {"rollouts": rows, "known_minimum": fewest}
    case: dict[str, Json] = {"id": given.reward, "params": dict(given.params), "inputs": inputs}
    outputs = cast("dict[str, Json]", compute(case)["outputs"])
    fewest.update(cast("dict[str, Json]", outputs["minimum"]))
    paid = iter(cast("list[float]", outputs["rewards"]))
    return [[replace(attempt, reward=next(paid)) for attempt in members] for members in asked]
