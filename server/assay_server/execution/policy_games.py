"""Environments that programs play, hosted outside of the sandbox: programs see what they are shown and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from assay.sdk import Json, PlayedEpisode, PolicyTrial, Unscorable
from assay_sandbox.suites.policy import Ending, View, World
from assay_server.environments.catalogue import UnknownEnvironment, builtin_environments
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.protocol import Environment, EnvironmentFault, InvalidOptions

_HOSTED = ("assay/household-", "assay/keydoor-", "assay/shop-", "dialogues/hidden-facts-", "puzzles/")
"""Those that need no package, process or folder beside them, and take any action in bounded time."""


class HostedEpisode:
    """One episode, and what it came to. Satisfies :class:`assay_sandbox.suites.policy.World`."""

    def __init__(
        self, definition: EnvironmentDefinition, seed: int, options: Mapping[str, Json], max_steps: int
    ) -> None:
        self._environment: Environment = definition.make()
        self._seed = seed
        self._options = options
        self._max_steps = max_steps
        self._total = self._score = 0.0
        self._won = False
        self._steps = 0

    async def start(self) -> View | None:
        """Reset, beside the loop. Raises EnvironmentFault."""
        return await asyncio.to_thread(self._start)

    def _start(self) -> View:
        reset = self._environment.reset(self._seed, self._options)
        return View(reset.observation, self._environment.admissible_actions())

    async def act(self, action: str) -> View | None:
        """Step, beside the loop."""
        return await asyncio.to_thread(self._act, action)

    def _act(self, action: str) -> View | None:
        result = self._environment.step(action)
        self._steps += 1
        self._total += result.reward
        self._score, self._won = result.task_score, result.won
        if result.terminated or result.truncated or self._steps >= self._max_steps:
            return None
        return View(result.observation, self._environment.admissible_actions())

    def played(self, ending: Ending) -> PlayedEpisode:
        """What it came to, now that it has ended so."""
        self._environment.close()
        status = ending.status.value
        return PlayedEpisode(status, self._total, self._score, self._won, self._steps, ending.message)


class PolicyGames:
    """The episodes of a trial."""

    def __init__(self, trial: PolicyTrial) -> None:
        """Find the environment. Raises Unscorable."""
        self._trial = trial
        self._definition = _hosted(trial.environment)
        self._episodes: dict[int, HostedEpisode] = {}

    async def check(self) -> None:
        """Whether the options are ones. Raises Unscorable."""
        try:
            await self._new(self._trial.seeds[0]).start()
        except EnvironmentFault as error:
            at = f".{error.field}" if isinstance(error, InvalidOptions) else ""
            raise Unscorable("INVALID_OPTIONS", str(error), field=f"reference.options{at}") from error

    @property
    def worlds(self) -> Sequence[Callable[[], World]]:
        """Makers of the episodes' worlds."""
        return [partial(self._begun, number) for number in range(len(self._trial.seeds))]

    def played(self, endings: Sequence[Ending]) -> list[PlayedEpisode]:
        """What each episode came to; those that never began came to nothing."""
        return [
            self._episodes[number].played(ending)
            if number in self._episodes
            else PlayedEpisode(ending.status.value, 0.0, 0.0, False, 0, ending.message)
            for number, ending in enumerate(endings)
        ]

    def _begun(self, number: int) -> HostedEpisode:
        self._episodes[number] = episode = self._new(self._trial.seeds[number])
        return episode

    def _new(self, seed: int) -> HostedEpisode:
        return HostedEpisode(self._definition, seed, self._trial.options, self._trial.max_steps)


def _hosted(name: str) -> EnvironmentDefinition:
    catalogue = builtin_environments()
    try:
        definition = catalogue.resolve(name)
    except UnknownEnvironment as error:
        raise Unscorable("UNKNOWN_ENVIRONMENT", str(error), field="reference.environment") from error
    if not definition.id.startswith(_HOSTED):
        known = ", ".join(one.id for one in catalogue.definitions() if one.id.startswith(_HOSTED))
        message = f"programs do not play {definition.id}; they play {known}"
        raise Unscorable("UNKNOWN_ENVIRONMENT", message, field="reference.environment")
    return definition
