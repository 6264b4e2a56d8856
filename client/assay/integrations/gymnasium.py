"""Episodes of the service as a Gymnasium vector environment, for loops that are written against one.

Observations and actions are texts. There is no automatic reset (``AutoresetMode.DISABLED``), so that the episodes of a
group stay together; an episode that is over stays over until all are reset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv

from assay.episodes import VectorInfo
from assay.errors import invalid
from assay.vector import VectorEnvironment

Texts: TypeAlias = "tuple[str, ...]"
Numbers: TypeAlias = "npt.NDArray[np.float64]"
Flags: TypeAlias = "npt.NDArray[np.bool_]"
_WORDS = ("yes", "no", "look", "help", "north", "south", "wait", "stop")


class TextSpace(gymnasium.Space[str]):
    """Every text. Samples are a few words: what can be done is in the info's ``admissible_actions``."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(shape=None, dtype=str, seed=seed)

    def sample(self, mask: None = None, probability: None = None) -> str:
        del mask, probability
        return _WORDS[int(self.np_random.integers(len(_WORDS)))]

    def contains(self, x: object) -> bool:
        return isinstance(x, str)

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSpace)

    def __hash__(self) -> int:
        return hash(TextSpace)


class AssayVectorEnv(VectorEnv[Texts, Texts, npt.NDArray[np.generic]]):
    """What :meth:`assay.Client.make_vec` gives, in Gymnasium's shape.

    The info has ``anchor``, ``admissible_actions``, ``won`` and all else of :class:`assay.episodes.VectorInfo`. An
    episode that the service failed on is truncated, its ``error`` says why, and its reward is NaN.
    """

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(self, episodes: VectorEnvironment) -> None:
        self.episodes = episodes
        self.num_envs = episodes.num_envs
        self.single_observation_space = TextSpace()
        self.single_action_space = TextSpace()
        self.observation_space = gymnasium.spaces.Tuple([TextSpace() for _ in range(self.num_envs)])
        self.action_space = gymnasium.spaces.Tuple([TextSpace() for _ in range(self.num_envs)])

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, object] | None = None
    ) -> tuple[Texts, dict[str, object]]:
        """Start all episodes.

        Args:
            seed: of the first group; group g starts from ``seed + g``.
            options: ``reset_mask`` only where it names all episodes.

        Raises:
            InvalidArgument: some episodes alone were to be reset: groups start together.
        """
        mask = (options or {}).get("reset_mask")
        if mask is not None and not bool(np.all(cast("Flags", mask))):
            raise invalid("reset_mask", "groups start together: reset all episodes")
        seen, info = self.episodes.reset(seed=seed)
        return tuple(seen), _info(info)

    def step(self, actions: Sequence[str]) -> tuple[Texts, Numbers, Flags, Flags, dict[str, object]]:
        """One action for each episode; those of ended episodes are passed over."""
        seen, rewards, ended, cut, info = self.episodes.step(list(actions))
        failed = np.array([error is not None for error in info["error"]], np.bool_)
        rewards[failed] = np.nan
        return tuple(seen), rewards, ended, cut | failed, _info(info)

    def close_extras(self, **kwargs: object) -> None:
        """End the episodes at the service."""
        del kwargs
        self.episodes.close()


def _info(info: VectorInfo) -> dict[str, object]:
    return {name: np.array(value, object) if name in _LISTS else value for name, value in info.items()}


_LISTS = frozenset({"stop_reason", "state_digest", "agent_id", "session_id", "group_id"})
