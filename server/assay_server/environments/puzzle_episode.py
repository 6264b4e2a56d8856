"""What the puzzles of several turns share: options, the step limit, digests, results. A game says the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, Protocol, TypeVar

from assay.sdk import Json
from assay_server.environments.protocol import EpisodeOver, InvalidOptions, ResetResult, StepResult

MAX_STEPS = 10_000
_MAX_ACTION_CHARACTERS = 200

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a position is worth.

    Attributes:
        score: in [0, 1]; 1 exactly where ``won``.
        over: the game has ended, won or not.
    """

    score: float
    won: bool = False
    over: bool = False


class Game(Protocol[S]):
    """The rules of a puzzle. A position is a frozen value whose ``repr`` is the same for equal positions."""

    @property
    def levels(self) -> Sequence[int]:
        """By level from 1, the step limit unless the options say another."""
        ...

    def deal(self, rng: Random, level: int) -> S:
        """The first position; it can be won."""
        ...

    def rules(self, position: S) -> str:
        """What to do, and how."""
        ...

    def view(self, position: S) -> str:
        """The position as the policy sees it: no history."""
        ...

    def actions(self, position: S) -> Sequence[str]:
        """What can be done, in a fixed order; lower case."""
        ...

    def follow(self, position: S, action: str) -> S:
        """The position after one of the actions."""
        ...

    def outcome(self, position: S) -> Outcome:
        """What the position is worth."""
        ...

    def reward(self, before: S, after: S) -> float:
        """Of the step from one position to the next."""
        ...

    def solution(self, position: S) -> Sequence[str]:
        """Actions that win; raises ValueError where none do."""
        ...


def options_schema(levels: int) -> Mapping[str, Json]:
    """JSON Schema of the options of a game."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "level": {"type": "integer", "minimum": 1, "maximum": levels, "default": 1},
            "maxSteps": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS},
        },
    }


class PuzzleEpisode(Generic[S]):
    """An episode of a game.

    Options of ``reset``: ``level`` (from 1, the easiest, which is the default) and ``maxSteps`` (1..10,000, default by
    level).

    Attributes:
        longest_action: in characters; longer ones are not read.
    """

    longest_action = _MAX_ACTION_CHARACTERS

    def __init__(self, game: Game[S]) -> None:
        self._game = game
        self._position: S | None = None
        self._steps = 0
        self._max_steps = 0

    @property
    def game(self) -> Game[S]:
        """The rules."""
        return self._game

    @property
    def position(self) -> S:
        """Everything that changes, as a value; for solvers and tests."""
        if self._position is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._position

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start over; equal seeds and levels give equal games."""
        level, max_steps = self._options(options)
        rng = Random(f"{type(self._game).__name__}/{level}/{seed}")  # noqa: S311 - a game, not a secret
        self._position = self._game.deal(rng, level)
        self._steps, self._max_steps = 0, max_steps or self._game.levels[level - 1]
        view = self._game.view(self._position)
        return ResetResult(f"{self._game.rules(self._position)}\n{view}", self.state_digest())

    def _options(self, options: Mapping[str, Json]) -> tuple[int, int]:
        for name in options:
            if name not in ("level", "maxSteps"):
                raise InvalidOptions(name, "unknown; there are level and maxSteps")
        level = _whole("level", options.get("level", 1), len(self._game.levels))
        given = options.get("maxSteps")
        return level, 0 if given is None else _whole("maxSteps", given, MAX_STEPS)

    def step(self, action: str) -> StepResult:
        """Take an action. Case and spaces do not matter; one that is not listed changes nothing and costs a step."""
        position = self.position
        if self._ended():
            raise EpisodeOver("the episode is over: call reset() to start another")
        name = self._understood(position, action) if len(action) <= self.longest_action else ""
        self._steps += 1
        if not name:
            return self._result(f"Nothing happens.\n{self._game.view(position)}", 0.0, valid=False)
        following = self._game.follow(position, name)
        self._position = following
        return self._result(self._game.view(following), self._game.reward(position, following), valid=True)

    def _understood(self, position: S, action: str) -> str:
        """Which of the actions a text is; empty where it is none."""
        name = " ".join(action.casefold().split())
        return name if name in self._game.actions(position) else ""

    def _ended(self) -> bool:
        return self._steps >= self._max_steps or self._game.outcome(self.position).over

    def _result(self, observation: str, reward: float, *, valid: bool) -> StepResult:
        outcome = self._game.outcome(self.position)
        truncated = not outcome.over and self._steps >= self._max_steps
        reason = "won" if outcome.won else "finished" if outcome.over else "max_steps" if truncated else ""
        return StepResult(
            observation=observation,
            reward=reward,
            action_valid=valid,
            executed=valid,
            won=outcome.won,
            task_score=outcome.score,
            terminated=outcome.over,
            truncated=truncated,
            stop_reason=reason,
        )

    def anchor(self) -> str:
        """The position as it is seen."""
        return self._game.view(self.position)

    def state_digest(self) -> str:
        """Over everything in the position, what is hidden too."""
        text = f"{type(self._game).__name__}\n{self.position!r}"
        return hashlib.sha256(text.encode()).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """What ``step`` takes as valid now."""
        return () if self._ended() else tuple(self._game.actions(self.position))

    def solution(self) -> tuple[str, ...]:
        """Actions that win from the present position, whatever is hidden; raises ValueError where none do."""
        return tuple(self._game.solution(self.position))

    def close(self) -> None:
        """Forget the episode."""
        self._position = None


def _whole(name: str, held: Json, most: int) -> int:
    if isinstance(held, bool) or not isinstance(held, int) or not 1 <= held <= most:
        raise InvalidOptions(name, f"expected an integer from 1 to {most}, got {held!r}")
    return held
