# pyright: basic, reportMissingImports=false
# PyTorch and Matplotlib are not installed where types are checked.
"""A small policy learns to act, with episodes, rewards, step groups and advantages from the service.

    pip install assay-client[trainer] && assay serve &
    python reference_trainer.py --task household --estimator advantage/gigpo --out run/gigpo
    python reference_trainer.py --out run/gigpo --resume

Each iteration plays groups of episodes that start alike. An episode is sent as soon as it ends, so it is scored and
grouped while the others still play; what is left to wait for afterwards is measured, and is the last curve. The policy
scores the admissible actions by hashed words of what is seen, carried and was done; it runs on a GPU unchanged
(--device cuda). Checkpoints name the run's state at the service too, so --resume goes back in both.

Not covered: a language model, several ranks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

import assay

if TYPE_CHECKING:
    from assay.sdk.samples import Json

BUCKETS, WIDTH, HISTORY = 8192, 64, 3
CONSUMER = "trainer"
TASKS: Mapping[str, tuple[str, Mapping[str, Json]]] = {
    "household": (
        "household",
        {"difficulty": "easy", "taskType": "pick_and_place_simple", "maxSteps": 30},
    ),
    "sokoban": ("puzzles/sokoban", {"level": 1, "maxSteps": 20}),
    "number-line": ("puzzles/number-line", {"level": 1, "maxSteps": 10}),
}
ESTIMATORS: Mapping[str, Mapping[str, Json]] = {
    "advantage/grpo": {},
    "advantage/leave_one_out": {},
    "advantage/gigpo": {"gamma": 0.95, "w": 1.0, "norm": "mean"},
}


@dataclass(frozen=True)
class Plan:
    """What is trained and how; kept beside the checkpoints.

    Attributes:
        boards: different starts; iterations go round them.
    """

    task: str
    estimator: str
    iterations: int
    groups: int = 4
    members: int = 16
    boards: int = 4
    learning_rate: float = 3e-3
    entropy: float = 0.003
    passes: int = 4
    clip: float = 0.2
    seed: int = 0
    every: int = 10


@dataclass(frozen=True)
class Measured:
    """One iteration."""

    iteration: int
    won: float
    mean_return: float
    counted: float
    step_seconds: float
    waiting_seconds: float


class Policy(nn.Module):
    """Scores actions in a state, both as bags of hashed words."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(BUCKETS, WIDTH, mode="sum")  # a mean would hide the one word that differs
        nn.init.normal_(self.words.weight, std=0.1)
        self.state = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.Tanh(), nn.Linear(2 * WIDTH, WIDTH))
        self.action = nn.Sequential(nn.Linear(2 * WIDTH, 2 * WIDTH), nn.Tanh(), nn.Linear(2 * WIDTH, 1))

    def forward(self, states: Sequence[Sequence[int]], actions: Sequence[Sequence[Sequence[int]]]) -> torch.Tensor:
        """Log probabilities, shape (states, most actions); -inf where a state has fewer."""
        sizes = [len(options) for options in actions]
        seen = self.state(self._bags(states))
        done = self._bags([option for options in actions for option in options])
        owner = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(seen.device)
        scores = self.action(torch.cat([seen[owner], done], 1)).squeeze(1)
        padded = nn.utils.rnn.pad_sequence(list(scores.split(sizes)), batch_first=True, padding_value=-math.inf)
        return padded.log_softmax(1)

    def _bags(self, bags: Sequence[Sequence[int]]) -> torch.Tensor:
        starts = [0]
        for bag in bags[:-1]:
            starts.append(starts[-1] + len(bag))
        device = self.words.weight.device
        flat = torch.tensor([word for bag in bags for word in bag], device=device)
        return self.words(flat, torch.tensor(starts, device=device))


@lru_cache(maxsize=1 << 16)
def hashed(*texts: str) -> list[int]:
    """Words, pairs of words and whole lines of texts, told apart by the text they stand in; not to be changed."""
    found: list[int] = []
    for place, text in enumerate(texts):
        words = text.lower().replace(",", " ").replace(".", " ").split()
        pairs = [f"{one} {two}" for one, two in itertools.pairwise(words)]
        lines = [f"{number}|{line}" for number, line in enumerate(text.splitlines())]
        found += [zlib.crc32(f"{place}{token}".encode()) % BUCKETS for token in (*words, *pairs, *lines, "")]
    return found


@dataclass
class Choice:
    """A step of an episode: what was seen, what could be done, and which of it was."""

    state: list[int]
    actions: list[list[int]]
    chosen: int


def play(
    policy: Policy, episodes: assay.VectorEnvironment, stream: assay.RolloutStream, seed: int
) -> tuple[dict[str, list[Choice]], list[assay.Rollout], float]:
    """Play all episodes to their ends; each is sent when it ends.

    Returns the choices by rollout id, the rollouts, and the share of episodes won.
    """
    seen, info = episodes.reset(seed=seed)
    starts, names = list(seen), list(info["session_id"])
    choices: dict[str, list[Choice]] = {name: [] for name in names}
    sent: list[assay.Rollout] = []
    active = episodes.active
    while active.any():
        places = [place for place in range(len(names)) if active[place]]
        states: list[list[int]] = []
        for place in places:
            past = " / ".join(action for _, action in episodes.history(place, HISTORY))
            anchor = info["anchor"][place]
            states.append(hashed(starts[place], seen[place], str(anchor.inventory), past))
        options = [info["admissible_actions"][place] for place in places]
        bags = [[hashed(action) for action in actions] for actions in options]
        with torch.no_grad():
            drawn = policy(states, bags).exp().cpu().multinomial(1).squeeze(1).tolist()
        acted: list[str | None] = [None] * len(names)
        for place, state, actions, bag, chosen in zip(places, states, options, bags, drawn, strict=True):
            acted[place] = actions[chosen]
            choices[names[place]].append(Choice(state, bag, chosen))
        seen, _, _, _, info = episodes.step(acted)
        ended = [place for place in places if not info["active"][place]]
        if ended:
            rollouts = episodes.rollouts()
            stream.send_many(rollouts[place] for place in ended)
            stream.flush()
            sent += [rollouts[place] for place in ended]
        active = episodes.active
    return choices, sent, float(info["won"].mean())


def collect(stream: assay.RolloutStream, groups: int) -> tuple[list[assay.GroupResult], int]:
    """The results of as many groups, and the number of the last result; single scores are passed over."""
    results: list[assay.GroupResult] = []
    last = 0
    while len(results) < groups:
        event = stream.receive(timeout=120.0)
        if isinstance(event, assay.GroupResult):
            results.append(event)
            last = event.sequence
    return results, last


@dataclass(frozen=True)
class Batch:
    """Every step that has an advantage.

    Attributes:
        rollouts: how many those are of.
    """

    steps: Sequence[Choice]
    weights: Sequence[float]
    rollouts: int


def batch_of(choices: Mapping[str, Sequence[Choice]], results: Sequence[assay.GroupResult]) -> Batch:
    """The steps with what the loss uses: step totals where the estimator reads steps, else the rollout's advantage."""
    steps: list[Choice] = []
    weights: list[float] = []
    counted = 0
    for member in (member for result in results for member in result):
        if member.advantage is None:  # could not be scored: it teaches nothing, rather than something wrong
            continue
        counted += 1
        taken = choices[member.rollout_id]
        steps += taken
        by_step = len(member.step_totals) == len(taken)
        weights += member.step_totals.tolist() if by_step else [member.advantage] * len(taken)
    return Batch(steps, weights, counted)


def losses(policy: Policy, batch: Batch, plan: Plan) -> Iterator[torch.Tensor]:
    """The clipped loss, as often as the batch is used; take a step of the optimiser between them."""
    states, actions = [step.state for step in batch.steps], [step.actions for step in batch.steps]
    old: torch.Tensor | None = None
    for _ in range(plan.passes):
        logs = policy(states, actions)
        chosen = torch.tensor([step.chosen for step in batch.steps], device=logs.device)
        weights = torch.tensor(batch.weights, device=logs.device)
        picked = logs.gather(1, chosen[:, None]).squeeze(1)
        old = picked.detach() if old is None else old
        ratio = (picked - old).exp()
        gained = torch.minimum(ratio * weights, ratio.clamp(1 - plan.clip, 1 + plan.clip) * weights).mean()
        spread = -(logs.exp() * logs.masked_fill(logs.isinf(), 0.0)).sum(1).mean()
        yield -gained - plan.entropy * spread


class Trainer:
    """One run: the policy, its optimiser, and the run of the service that goes with it."""

    def __init__(self, client: assay.Client, plan: Plan, out: Path, device: str) -> None:
        torch.manual_seed(plan.seed)
        self.client, self.plan, self.out = client, plan, out
        self.policy = Policy().to(device)
        self.optimiser = torch.optim.Adam(self.policy.parameters(), plan.learning_rate)
        self.curve: list[Measured] = []
        self.run = assay.RunConfig(
            run_id=f"reference-{out.resolve().name}-{plan.task}-{plan.seed}",
            reward="reward/episode_return",
            estimator=plan.estimator,
            estimator_params=ESTIMATORS[plan.estimator],
        )

    def train(self) -> list[Measured]:
        """All iterations that are left."""
        environment, options = TASKS[self.plan.task]
        plan = self.plan
        with (
            self.client.stream(self.run, CONSUMER) as stream,
            self.client.make_vec(environment, plan.groups, plan.members, options=options) as episodes,
        ):
            for iteration in range(len(self.curve), plan.iterations):
                self.curve.append(self._iterate(iteration, stream, episodes))
        self._draw()
        return self.curve

    def _iterate(self, iteration: int, stream: assay.RolloutStream, episodes: assay.VectorEnvironment) -> Measured:
        plan = self.plan
        began = time.perf_counter()
        first = iteration * plan.groups % plan.boards
        choices, sent, won = play(self.policy, episodes, stream, plan.seed * 1000 + first)
        waiting = time.perf_counter()
        results, last = collect(stream, plan.groups)
        waited = time.perf_counter() - waiting
        batch = batch_of(choices, results)
        for loss in losses(self.policy, batch, plan) if batch.steps else ():
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
            self.optimiser.step()
        returns = [
            sum(step.reward or 0.0 for step in rollout.steps if isinstance(step, assay.Step)) for rollout in sent
        ]
        taken = time.perf_counter() - began
        measured = Measured(iteration, won, sum(returns) / len(returns), batch.rollouts / len(sent), taken, waited)
        if (iteration + 1) % plan.every == 0 or iteration + 1 == plan.iterations:
            self._save([*self.curve, measured], last)
            print(f"{iteration + 1:4d}  won {won:.2f}  return {measured.mean_return:+.2f}  waited {waited / taken:.1%}")
        return measured

    def _save(self, curve: Sequence[Measured], last: int) -> None:
        """Both states under one name; the file comes last, so that it never names a state that is not there."""
        name = f"iteration-{len(curve)}"
        self.client.checkpoint_run(self.run.run_id, name, acked={CONSUMER: last})
        state = {
            "plan": asdict(self.plan),
            "checkpoint": name,
            "policy": self.policy.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "curve": [asdict(measured) for measured in curve],
        }
        self.out.mkdir(parents=True, exist_ok=True)
        torch.save(state, self.out / "new.pt")
        (self.out / "new.pt").replace(self.out / "checkpoint.pt")
        (self.out / "curve.json").write_text(json.dumps(state["curve"]))

    def resume(self) -> None:
        """Go back to the last checkpoint, here and at the service."""
        state = torch.load(self.out / "checkpoint.pt", weights_only=True)
        self.policy.load_state_dict(state["policy"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        self.curve = [Measured(**measured) for measured in state["curve"]]
        self.client.restore_run(self.run.run_id, state["checkpoint"])

    def _draw(self) -> None:
        """The curves as a PNG, and as a page that shows it with the numbers."""
        import matplotlib as mpl

        mpl.use("agg")
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(1, 3, figsize=(13, 3.6))
        of = [measured.iteration + 1 for measured in self.curve]
        shares = [100 * measured.waiting_seconds / measured.step_seconds for measured in self.curve]
        lines = {
            "episodes won": [measured.won for measured in self.curve],
            "mean return": [measured.mean_return for measured in self.curve],
            "waiting for rewards, % of the iteration": shares,
        }
        for axis, (title, values) in zip(axes, lines.items(), strict=True):
            axis.plot(of, values)
            axis.set(title=title, xlabel="iteration")
        figure.suptitle(f"{self.plan.task}, {self.plan.estimator}")
        figure.tight_layout()
        figure.savefig(self.out / "curves.png", dpi=120)
        plt.close(figure)
        waited = sum(measured.waiting_seconds for measured in self.curve)
        share = waited / sum(measured.step_seconds for measured in self.curve)
        rows = "".join(
            f"<tr><td>{m.iteration + 1}<td>{m.won:.2f}<td>{m.mean_return:+.3f}<td>{m.step_seconds:.2f}"
            f"<td>{m.waiting_seconds / m.step_seconds:.1%}"
            for m in self.curve
        )
        (self.out / "curves.html").write_text(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{figure.get_suptitle()}</title>"
            f"<h1>{figure.get_suptitle()}</h1><p>Waiting for rewards: {share:.2%} of the time.</p>"
            "<img src=curves.png alt='Episodes won, mean return and waiting time by iteration'>"
            "<table><tr><th>iteration<th>won<th>return<th>seconds<th>waited" + rows + "</table></html>\n"
        )
        print(f"waited for rewards: {share:.2%} of the time; curves in {self.out}")


def main() -> None:
    """Train, or go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="localhost:50051")
    parser.add_argument("--task", choices=sorted(TASKS), default="household")
    parser.add_argument("--estimator", choices=sorted(ESTIMATORS), default="advantage/gigpo")
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=10, help="iterations from one checkpoint to the next")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    plan = Plan(chosen.task, chosen.estimator, chosen.iterations, seed=chosen.seed, every=chosen.every)
    if chosen.resume:
        saved = torch.load(chosen.out / "checkpoint.pt", weights_only=True)["plan"]
        plan = Plan(**{**saved, "iterations": max(saved["iterations"], chosen.iterations)})
    torch.set_num_threads(1)  # the policy is small, and the service may be on this machine
    with assay.Client(chosen.target) as client:
        trainer = Trainer(client, plan, chosen.out, chosen.device)
        if chosen.resume:
            trainer.resume()
        trainer.train()


if __name__ == "__main__":
    main()
