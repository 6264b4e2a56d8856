"""Episodes of key and door, played by policies of different skill; all members of a group start in the same house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

from assay.rollouts import Anchor, Rollout, RolloutState, Step
from assay_server.environments import KeyDoor

GROUP_SIZE = 8
_NOISE = (1.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
_JUNK = ("fly over the wall", "open the treasure", "go up")
_JUNK_PROBABILITY = 0.06


AnchorBy = Literal["state", "view", "observation"]
"""Names of a state: the canonical anchor, what was seen of the room, or all that was said after the last action."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of an episode.

    Attributes:
        names: what the state it acted in is called, by each way to name it.
    """

    names: Mapping[AnchorBy, str]
    state_digest: str
    action: str
    observation: str
    reward: float
    action_valid: bool


@dataclass(frozen=True, slots=True)
class Episode:
    """What one policy did in one house.

    Attributes:
        noise: share of its actions that were drawn at random; the others follow a shortest way.
    """

    episode_id: str
    group_id: str
    start: str
    start_digest: str
    noise: float
    turns: tuple[Turn, ...]
    won: bool

    def rollout(self, *, anchor_by: AnchorBy = "state") -> Rollout:
        """The episode as a trainer sends it; an anchor's digest always names the true state."""
        steps = tuple(
            Step(
                action=turn.action,
                observation=turn.observation,
                anchor=Anchor(turn.names[anchor_by], state_digest=turn.state_digest),
                reward=turn.reward,
                done=index == len(self.turns) - 1,
                action_valid=turn.action_valid,
            )
            for index, turn in enumerate(self.turns)
        )
        return Rollout(
            rollout_id=self.episode_id,
            group_id=self.group_id,
            group_size=GROUP_SIZE,
            prompt_id=self.group_id,
            task_type="keydoor",
            prompt=self.start,
            steps=steps,
            state=RolloutState.DONE if self.won else RolloutState.TRUNCATED,
            initial_state_digest=self.start_digest,
        )


def play_group(seed: int, *, difficulty: str = "easy") -> list[Episode]:
    """A group of episodes from one start, from a random walk to a perfect policy."""
    return [_play(seed, member, noise, difficulty) for member, noise in enumerate(_NOISE)]


def _play(seed: int, member: int, noise: float, difficulty: str) -> Episode:
    environment = KeyDoor()
    reset = environment.reset(seed, {"difficulty": difficulty})
    rng = Random(seed * GROUP_SIZE + member)  # noqa: S311 - a policy's dice, not a secret
    turns: list[Turn] = []
    seen, won = reset.observation, False
    while environment.admissible_actions():
        names: dict[AnchorBy, str] = {
            "state": environment.anchor(),
            "view": seen.splitlines()[-1],
            "observation": seen,
        }
        digest = environment.state_digest()
        action = _choose(environment, rng, noise)
        result = environment.step(action)
        turns.append(Turn(names, digest, action, result.observation, result.reward, result.action_valid))
        seen, won = result.observation, result.won
    environment.close()
    return Episode(
        f"house-{seed}.{member}", f"house-{seed}", reset.observation, reset.state_digest, noise, tuple(turns), won
    )


def _choose(environment: KeyDoor, rng: Random, noise: float) -> str:
    if rng.random() >= noise:
        return environment.solution()[0]
    if rng.random() < _JUNK_PROBABILITY:
        return rng.choice(_JUNK)
    return rng.choice(environment.admissible_actions())
