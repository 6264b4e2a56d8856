"""One episode of an environment of the service, played in text by a trainer that keeps an object for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import AssayError, Misuse, error_of
from assay.integrations.service import EpisodePlan
from assay.rollouts import Anchor, Rollout
from assay.vector import VectorEnvironment

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Turn:
    """What a policy is shown, and what its last action brought.

    Attributes:
        reward: of the last action; 0 before the first.
        done: the episode is over: it ended or was cut.
        anchor: of the present state, the one that the next action answers.
    """

    observation: str
    reward: float
    done: bool
    won: bool
    action_valid: bool
    admissible_actions: tuple[str, ...]
    anchor: Anchor
    stop_reason: str = ""


class TextEpisode:
    """One episode; equal seeds start from the identical state, which is what makes episodes members of a group.

    Use it as a context manager, or call :meth:`close`. One thread at a time.
    """

    def __init__(self, plan: EpisodePlan, seed: int = 0) -> None:
        self._plan = plan
        self._seed = seed
        self._vector: VectorEnvironment | None = None
        self._turn: Turn | None = None

    @property
    def turn(self) -> Turn:
        """How things stand.

        Raises:
            Misuse: the episode was not started.
        """
        if self._turn is None:
            raise Misuse("the episode was not started: call start() first")
        return self._turn

    def start(self) -> Turn:
        """Start, or start anew.

        Raises:
            AssayError: the service has no such environment, no room, or does not answer.
        """
        plan = self._plan
        self.close()
        self._vector = plan.service.client().make_vec(
            plan.environment, 1, 1, self._seed, options=plan.options, policy=plan.policy
        )
        seen, info = self._vector.reset()
        self._turn = Turn(
            observation=seen[0],
            reward=0.0,
            done=not bool(info["active"][0]),
            won=False,
            action_valid=True,
            admissible_actions=info["admissible_actions"][0],
            anchor=info["anchor"][0],
        )
        return self._turn

    def act(self, action: str) -> Turn:
        """Do something.

        Raises:
            Misuse: the episode was not started, or is over.
            AssayError: the service failed on it. That says nothing about the policy, and is no reward.
        """
        if self._vector is None or self.turn.done:
            raise Misuse("the episode is over or was not started: call start() first")
        seen, rewards, ended, cut, info = self._vector.step([action])
        failure = info["error"][0]
        if failure is not None:
            raise error_of(failure)
        self._turn = Turn(
            observation=seen[0],
            reward=float(rewards[0]),
            done=bool(ended[0] or cut[0]),
            won=bool(info["won"][0]),
            action_valid=bool(info["action_valid"][0]),
            admissible_actions=info["admissible_actions"][0],
            anchor=info["anchor"][0],
            stop_reason=info["stop_reason"][0],
        )
        return self._turn

    def rollout(self, task_type: str = "") -> Rollout:
        """All that happened, as a rollout with steps, rewards and anchors."""
        if self._vector is None:
            raise Misuse("the episode was not started: call start() first")
        return self._vector.rollouts(task_type)[0]

    def close(self) -> None:
        """End it at the service; harmless to repeat."""
        vector, self._vector = self._vector, None
        if vector is not None:
            vector.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.close()
        except AssayError:
            if exception[0] is None:
                raise


def shown(turn: Turn, *, list_actions: bool = True) -> str:
    """A turn as what a model reads: the observation, and what may be done."""
    if not list_actions or not turn.admissible_actions or turn.done:
        return turn.observation
    return turn.observation + "\n\nPossible actions: " + ", ".join(turn.admissible_actions)
