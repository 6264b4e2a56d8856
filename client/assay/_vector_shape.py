"""What a vector of episodes is, whichever way its answers are waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from assay.episodes import Episodes, EpisodesPlan, VectorInfo
from assay.errors import Misuse, invalid
from assay.rollouts import Rollout
from assay.v1 import environment_service_pb2 as wire

UNAVAILABLE = 14
MAX_ACTIONS = 4096
"""Actions in one message."""

Observations: TypeAlias = "list[str]"
Stepped: TypeAlias = (
    "tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], VectorInfo]"
)
"""(observations, rewards, terminations, truncations, info) as Gymnasium's vector environments answer."""


class VectorShape:
    """Groups of episodes; the members of a group start from the identical state.

    Episode ``group * group_size + member`` is at that place of every list and array. There is no automatic reset: an
    episode that is over stays over, is passed over by ``step``, and keeps its last observation, so that groups stay
    whole.
    """

    def __init__(self, plan: EpisodesPlan) -> None:
        self._plan = plan
        self._episodes: Episodes | None = None

    @property
    def num_envs(self) -> int:
        """Episodes."""
        return self._plan.num_groups * self._plan.group_size

    @property
    def group_size(self) -> int:
        """Episodes that start alike."""
        return self._plan.group_size

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """Which episodes take actions."""
        return np.array([self._live[place].active for place in range(self.num_envs)], np.bool_)

    def history(self, index: int, last: int) -> list[tuple[str, str]]:
        """The last steps of an episode, oldest first, as (what was seen, what was done); for prompts."""
        return self._live.history(index, last)

    def rollouts(self, task_type: str = "") -> list[Rollout]:
        """All episodes as they stand, as rollouts with steps, rewards and anchors: ready for a rollout stream.

        Args:
            task_type: for reward routing; empty = the environment's id.
        """
        return self._live.rollouts(task_type)

    @property
    def _live(self) -> Episodes:
        if self._episodes is None:
            raise Misuse("there are no episodes: call reset() first")
        return self._episodes

    def _stepped(self, places: Sequence[int], moved: set[int]) -> Stepped:
        episodes = self._live
        seen = episodes.observations()
        rewards = episodes.collect(lambda state: state.reward, places)
        rewards[[place not in moved for place in places]] = 0.0
        return (
            [seen[place] for place in places],
            rewards,
            episodes.flags(lambda state: state.terminated, places),
            episodes.flags(lambda state: state.truncated, places),
            episodes.info(places),
        )

    def _begin(self, states: Sequence[wire.SessionState]) -> tuple[Observations, VectorInfo]:
        self._episodes = Episodes(self._plan, states)
        return self._episodes.observations(), self._episodes.info(range(self.num_envs))

    def _requests(self, actions: Sequence[str | None]) -> list[wire.StepRequest]:
        if len(actions) != self.num_envs:
            raise invalid("actions", f"expected {self.num_envs}, one an episode (None = wait), got {len(actions)}")
        messages = self._live.act(range(self.num_envs), actions)
        return [
            wire.StepRequest(actions=messages[start : start + MAX_ACTIONS])
            for start in range(0, len(messages), MAX_ACTIONS)
        ]

    def _ready(self, results: Sequence[wire.StepResult]) -> tuple[npt.NDArray[np.int64], Stepped] | None:
        """What answers mean; None where nobody waits for any of them."""
        places = [place for place in map(self._live.take, results) if place >= 0]
        return (np.array(places, np.int64), self._stepped(places, set(places))) if places else None

    def _check_awaiting(self) -> None:
        if not self._live.awaiting:
            raise Misuse("there is nothing to wait for: send() actions first")
