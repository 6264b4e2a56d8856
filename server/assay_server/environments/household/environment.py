"""The environment: an episode in a household, from a game file or from a seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from assay.sdk import Json
from assay_server.environments.household.language import Act
from assay_server.environments.household.options import Games, read_reset
from assay_server.environments.household.rules import admissible, perform
from assay_server.environments.household.scene import Scene
from assay_server.environments.household.solver import shortest_plan
from assay_server.environments.household.state import State, state_from_lists
from assay_server.environments.household.task import done_share
from assay_server.environments.protocol import EnvironmentFault, EpisodeOver, InvalidDump, ResetResult, StepResult

_NOTHING = "Nothing happens."
_NO_MARK = -1
_CHANGES: Mapping[Act, frozenset[str]] = {
    Act.GO: frozenset({"atlocation"}),
    Act.OPEN: frozenset({"opened"}),
    Act.CLOSE: frozenset({"opened"}),
    Act.TAKE: frozenset({"inreceptacle", "objectatlocation", "holds", "holdsany"}),
    Act.PUT: frozenset({"inreceptacle", "objectatlocation", "holds", "holdsany"}),
    Act.CLEAN: frozenset({"isclean"}),
    Act.HEAT: frozenset({"ishot", "iscool"}),
    Act.COOL: frozenset({"ishot", "iscool"}),
    Act.USE: frozenset({"ison", "istoggled"}),
    Act.SLICE: frozenset({"issliced"}),
}


class NoSolution(EnvironmentFault):
    """From the present state there is no way to win that the expert knows."""


class Household:
    """ALFWorld's text games without its planner: those of its game files, and generated ones without end.

    Options of ``reset``: see :data:`~.options.SCHEMA`. ``task_score`` is the share of ALFRED's goal conditions that are
    met.
    """

    def __init__(self, games: Games | None = None) -> None:
        """Make one without an episode.

        Args:
            games: a folder of games that options may name.
        """
        self._games = games
        self._state: State | None = None
        self._steps = self._max_steps = 0
        self._won = False
        self._share = 0.0
        self._listed: tuple[int, tuple[str, ...]] = (_NO_MARK, ())
        self._named: tuple[int, str] = (_NO_MARK, "")
        self._over = True

    @property
    def scene(self) -> Scene:
        """What never changes; for solvers and tests."""
        return self._known().scene

    @property
    def state(self) -> State:
        """A copy of what changes; for solvers and tests."""
        return self._known().copy()

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start the game of the options, or the scene of the seed."""
        start = read_reset(seed, options, self._games)
        scene, self._max_steps = start.scene, start.max_steps
        state = self._state = scene.start.copy()
        self._steps, self._over = 0, False
        self._won = scene.goal.met(state)
        self._share = done_share(scene.task_shape, state, won=self._won)
        self._forget_answers()
        return ResetResult(scene.language.intro(state, {}), self.state_digest(), self._won)

    def step(self, action: str) -> StepResult:
        """Give a command. White space around it does not matter, everything else does."""
        state = self._known()
        if self._over:
            raise EpisodeOver("the episode is over: call reset() to start another")
        done = perform(state, action.strip())
        self._steps += 1
        scene = state.scene
        if done is not None and not scene.goal.reads.isdisjoint(_CHANGES.get(done[0], ())):
            self._won = scene.goal.met(state)
            self._share = done_share(scene.task_shape, state, won=self._won)
        won = self._won
        truncated = not won and self._steps >= self._max_steps
        self._over = won or truncated
        return StepResult(
            observation=_NOTHING if done is None else done[1],
            reward=1.0 if won else 0.0,
            action_valid=done is not None,
            executed=done is not None,
            won=won,
            task_score=self._share,
            terminated=won,
            truncated=truncated,
            stop_reason="won" if won else "max_steps" if truncated else "",
        )

    def anchor(self) -> str:
        """What can be seen from here, whatever was done last: as ``look`` and ``examine`` of each receptacle answer.

        What is carried is no part of it (:meth:`inventory` says that), nor are other places: states that look alike
        have equal anchors, and only the digest tells them apart.
        """
        state = self._known()
        scene = state.scene
        answers, here = scene.language.answers, scene.receptacles_at.get(state.place, ())
        seen = [answers[Act.LOOK](state, {"a": scene.agent, "l": state.place})]
        examined = answers[Act.EXAMINE_RECEPTACLE]
        return " ".join([*seen, *(examined(state, {"a": scene.agent, "r": receptacle}) for receptacle in here)])

    def inventory(self) -> str:
        """As ``inventory`` answers."""
        state = self._known()
        return state.scene.language.answers[Act.INVENTORY](state, {"a": state.scene.agent})

    def state_digest(self) -> str:
        """Over the game and every fact that a rule reads."""
        state = self._known()
        if self._named[0] != state.mark:
            self._named = (state.mark, state.digest())
        return self._named[1]

    def admissible_actions(self) -> tuple[str, ...]:
        """Sorted; also once the episode is over, as ALFWorld lists them."""
        state = self._known()
        if self._listed[0] != state.mark:
            self._listed = (state.mark, admissible(state))
        return self._listed[1]

    def dump(self) -> bytes:
        """Step count and facts, as JSON."""
        state = self._known()
        return json.dumps([self._steps, self._won, self._over, state.to_lists()], separators=(",", ":")).encode()

    def restore(self, dumped: bytes) -> None:
        """Continue where ``dump`` was called."""
        scene = self._known().scene
        try:
            steps, won, over, lists = cast("list[Json]", json.loads(dumped))
            state = state_from_lists(scene, cast("list[Json]", lists))
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
            raise InvalidDump(f"no dump of this game: {error}") from error
        if not isinstance(steps, int) or not isinstance(won, bool) or not isinstance(over, bool):
            raise InvalidDump("no dump of this game: step count, won and over are of other types")
        self._state, self._steps, self._won, self._over = state, steps, won, over
        self._share = done_share(scene.task_shape, state, won=won)
        self._forget_answers()

    def solution(self) -> tuple[str, ...]:
        """Commands that win from the present state: an expert's, found from the facts.

        Raises:
            NoSolution: it cannot be won any more (what is held fits nowhere), or the goal is none of ALFRED's.
        """
        state = self._known()
        if self._won:
            return ()
        task = state.scene.task_shape
        found = None if task is None else shortest_plan(state, task)
        if found is None:
            raise NoSolution(
                "no way to win from here" if task else "the goal is of a kind that the expert does not know"
            )
        return found

    def close(self) -> None:
        """Forget the episode."""
        self._state = None
        self._over = True

    def _forget_answers(self) -> None:
        """Of another scene: marks tell states of one scene apart."""
        self._listed, self._named = (_NO_MARK, ()), (_NO_MARK, "")

    def _known(self) -> State:
        if self._state is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._state


_NO_CHANGE: frozenset[str] = frozenset()
