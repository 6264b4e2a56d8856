"""What the fake policy samples: a rollout is a function of who samples it, with which weights, in which generation.

One group in four plays key and door, turn by turn; the others answer a word problem in one turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from assay import Anchor, Rollout, RolloutState, Step
from assay_server.environments import KeyDoor

GROUP_SIZE = 8
HEAD_TURNS = 2
"""Turns that the episodes have which are in progress when the checkpoint is taken."""

_GAMES_EVERY = 4
_REASONING = "Each of the {a} boxes holds {b} pens, so that is {a} * {b} = <<{a}*{b}={c}>>{c} pens in all. "


@dataclass(frozen=True, slots=True)
class Draft:
    """One rollout to be sampled.

    Attributes:
        group: number of the group; its prompt.
        version: of the weights that it is begun with.
        generation: of the run; after a restore the same ids come with other content.
        head_generation: where the episode was in progress when the checkpoint was taken: the generation that its first
            turns come from; else 0.
    """

    generation: int
    group: int
    member: int
    version: int
    head_generation: int = 0

    @property
    def rollout_id(self) -> str:
        return f"{self.group:05d}/{self.member}"

    @property
    def group_id(self) -> str:
        return f"{self.group:05d}"

    @property
    def is_game(self) -> bool:
        """Whether it takes several turns."""
        return self.head_generation > 0 or self.group % _GAMES_EVERY == 0

    def dice(self, generation: int) -> Random:
        """The policy's dice."""
        return Random(f"{generation}.{self.group}.{self.member}.{self.version}")


def sample(draft: Draft) -> Rollout:
    """The whole rollout."""
    return _play(draft) if draft.is_game else _answer(draft)


def _answer(draft: Draft) -> Rollout:
    prompt = Random(draft.group)
    a, b = prompt.randint(3, 60), prompt.randint(3, 60)
    skill = prompt.choice((0.0, 0.2, 0.5, 0.7, 1.0)) + 0.05 * draft.version
    right = draft.dice(draft.generation).random() < skill
    text = _REASONING.format(a=a, b=b, c=a * b) * 30
    return Rollout(
        draft.rollout_id,
        group_id=draft.group_id,
        group_size=GROUP_SIZE,
        prompt_id=f"prompt-{draft.group}",
        task_type="math",
        reference={"answer": str(a * b)},
        steps=(Step(f"{text}\nA: {a * b if right else a + b}", anchor=f"boxes {a} pens {b}"),),
    )


def _play(draft: Draft) -> Rollout:
    house = KeyDoor()
    start = house.reset(draft.group, {"difficulty": "easy"})
    dice, noise = draft.dice(draft.head_generation or draft.generation), (0.9, 0.6, 0.4)[draft.version]
    steps: list[Step] = []
    won = False
    while actions := house.admissible_actions():
        if draft.head_generation and len(steps) == HEAD_TURNS:
            dice = draft.dice(draft.generation)
        anchor = Anchor(house.anchor(), state_digest=house.state_digest())
        action = dice.choice((*actions, "fly")) if dice.random() < noise else house.solution()[0]
        taken = house.step(action)
        won = taken.won
        steps.append(
            Step(action, taken.observation, anchor, reward=taken.reward, done=won, action_valid=taken.action_valid)
        )
    return Rollout(
        draft.rollout_id,
        group_id=draft.group_id,
        group_size=GROUP_SIZE,
        prompt_id=f"house-{draft.group}",
        task_type="game",
        steps=tuple(steps),
        state=RolloutState.DONE if won else RolloutState.TRUNCATED,
        initial_state_digest=start.state_digest,
    )
