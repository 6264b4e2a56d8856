"""Episodes that verl's tools and interactions play, by the name of the trajectory that plays them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from assay.errors import NotFound
from assay.integrations.settings import episode_plan_of
from assay.integrations.text_episode import TextEpisode, Turn


class Episodes:
    """The episodes of one worker. Blocks no event loop.

    Args:
        config: see :func:`assay.integrations.settings.episode_plan_of`. An episode that nobody ends is ended by the
            service after ``idle_timeout``.

    Raises:
        InvalidArgument: no environment is named.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        self._plan = episode_plan_of(config)
        self._episodes: dict[str, TextEpisode] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._episodes

    async def start(self, name: str, seed: int) -> Turn:
        """Start the episode of a trajectory; equal seeds start alike."""
        episode = self._episodes[name] = TextEpisode(self._plan, seed)
        return await asyncio.to_thread(episode.start)

    def turn(self, name: str) -> Turn:
        """How an episode stands.

        Raises:
            NotFound: the trajectory plays none.
        """
        return self._named(name).turn

    async def act(self, name: str, action: str) -> Turn:
        """Do something in the episode of a trajectory.

        Raises:
            NotFound: it plays none. Misuse: it is over. AssayError: the service failed on it.
        """
        return await asyncio.to_thread(self._named(name).act, action)

    async def end(self, name: str) -> None:
        """End the episode of a trajectory, if it plays one."""
        episode = self._episodes.pop(name, None)
        if episode is not None:
            await asyncio.to_thread(episode.close)

    def _named(self, name: str) -> TextEpisode:
        episode = self._episodes.get(name)
        if episode is None:
            raise NotFound(f"trajectory {name!r} plays no episode")
        return episode
