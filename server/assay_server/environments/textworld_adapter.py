"""Games that TextWorld made (``tw-make``), played by TextWorld itself. Needs the extra ``textworld``.

The interpreter of such a game knows commands that save, quit and write transcripts. Only what the game lists as
admissible is handed to it: anything else is answered here, and nothing of the game has moved.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol, cast

from assay.sdk import Json
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.protocol import EpisodeOver, InvalidOptions, ResetResult, StepResult

MAX_STEPS = 100_000
_LONGEST_ACTION = 1_000
_REFUSED = "That is no command here."
_BLANK_LINES = re.compile(r"\n{3,}")
_STATUS_LINE = re.compile(r">[^\S\n]*-= [^\n]{0,200}$")
_NEAREST = 5
_ASKED = (
    *("admissible_commands", "won", "lost", "max_score", "facts"),
    *("description", "inventory", "objective", "feedback"),
)

OPTIONS_SCHEMA: Mapping[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "game": {"type": "string", "description": "A game of the operator's folder. Default: the seed chooses one."},
        "maxSteps": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS},
    },
}


class TextWorldGames(Protocol):
    """Where games are found."""

    def names(self) -> Sequence[str]:
        """All of them, sorted."""
        ...

    def path(self, name: str) -> str:
        """The file of a game that :meth:`names` lists."""
        ...


class _State(Protocol):
    feedback: str

    def __getitem__(self, name: str) -> object: ...


class _Game(Protocol):
    """What is used of TextWorld."""

    def reset(self) -> _State: ...
    def step(self, command: str) -> tuple[_State, float, bool]: ...
    def close(self) -> None: ...


class _TextWorld(Protocol):
    """The package."""

    def EnvInfos(self, *, extras: Sequence[str], **wanted: bool) -> object: ...  # noqa: N802 - its name
    def start(self, path: str, request_infos: object) -> _Game: ...


class NoGames:
    """Where no folder is set; satisfies :class:`TextWorldGames`."""

    def names(self) -> Sequence[str]:
        """None."""
        return ()

    def path(self, name: str) -> str:
        """There is none.

        Raises:
            KeyError: always.
        """
        raise KeyError(name)


class TextWorldEpisode:
    """A game of TextWorld; the reward of a step is what it adds to the score.

    Args:
        games: where games are found.
    """

    def __init__(self, games: TextWorldGames | None = None) -> None:
        self._games = games or NoGames()
        self._game: _Game | None = None
        self._state: _State | None = None
        self._name = ""
        self._score = 0.0
        self._steps = 0
        self._most = MAX_STEPS
        self._over = True

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start the named game, or the one that the seed chooses."""
        name = self._chosen(seed, options)
        if self._game is None or name != self._name:
            self.close()
            self._game = _opened(self._games.path(name))
            self._name = name
        self._most = _most_steps(options)
        self._state = self._game.reset()
        self._score, self._steps, self._over = 0.0, 0, False
        return ResetResult(self._introduction(), self.state_digest())

    def step(self, action: str) -> StepResult:
        """Give the game a command that it lists as admissible."""
        game, state = self._known()
        if self._over:
            raise EpisodeOver("the episode is over: call reset() to start another")
        command = action.strip() if len(action) <= _LONGEST_ACTION else ""
        valid = command in self.admissible_actions()
        before, ended = self._score, False
        if valid:
            state, score, ended = game.step(command)
            self._state, self._score = state, float(score)
        self._steps += 1
        won = valid and bool(state["won"])
        terminated = won or (valid and (ended or bool(state["lost"])))
        truncated = not terminated and self._steps >= self._most
        self._over = terminated or truncated
        most = float(cast("float | None", state["max_score"]) or 0.0)
        return StepResult(
            observation=_text(state.feedback) if valid else _REFUSED,
            reward=self._score - before,
            action_valid=valid,
            executed=valid,
            won=won,
            task_score=min(1.0, max(0.0, self._score / most)) if most else float(won),
            terminated=terminated,
            truncated=truncated,
            stop_reason="won" if won else "finished" if terminated else "max_steps" if truncated else "",
        )

    def anchor(self) -> str:
        """What the place looks like, and what is carried."""
        _, state = self._known()
        return f"{_text(str(state['description']))}\n{self.inventory()}"

    def inventory(self) -> str:
        """What is carried, in the game's words."""
        _, state = self._known()
        return _text(str(state["inventory"]))

    def state_digest(self) -> str:
        """sha256 over the game and the facts that hold; steps are not counted."""
        _, state = self._known()
        facts = sorted(map(str, cast("Sequence[object]", state["facts"])))
        text = "\n".join([self._name, str(self._score), *facts])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """What the game lists, sorted."""
        _, state = self._known()
        return tuple(sorted(cast("Sequence[str]", state["admissible_commands"])))

    def solution(self) -> tuple[str, ...]:
        """The commands that TextWorld made the game with, from its start."""
        _, state = self._known()
        return tuple(cast("Sequence[str]", state["extra.walkthrough"] or ()))

    def close(self) -> None:
        """End the game."""
        if self._game is not None:
            self._game.close()
        self._game, self._state, self._name, self._over = None, None, "", True

    def _known(self) -> tuple[_Game, _State]:
        if self._game is None or self._state is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._game, self._state

    def _introduction(self) -> str:
        """What the game says first, without the banner that stands before its objective."""
        _, state = self._known()
        said, objective = _text(state.feedback), str(state["objective"] or "").strip()
        place = said.rfind("-=")
        return f"{objective}\n\n{said[place:] if place >= 0 else said}".strip()

    def _chosen(self, seed: int, options: Mapping[str, Json]) -> str:
        for name in options:
            if name not in ("game", "maxSteps"):
                raise InvalidOptions(name, "unknown; there are game and maxSteps")
        names = self._games.names()
        if not names:
            raise InvalidOptions("game", "there are no games here; the operator names a folder of them (--games)")
        game = options.get("game", names[seed % len(names)])
        if not isinstance(game, str) or game not in names:
            shown = ", ".join(names[:_NEAREST])
            raise InvalidOptions("game", f"there is no {str(game)[:80]!r} among {len(names)}: {shown}, ...")
        return game


def _most_steps(options: Mapping[str, Json]) -> int:
    most = options.get("maxSteps", MAX_STEPS)
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MAX_STEPS:
        raise InvalidOptions("maxSteps", f"expected an integer from 1 to {MAX_STEPS}, got {most!r}")
    return most


def _text(said: str) -> str:
    """What is said, without the prompt and the status line at its end, and without runs of empty lines."""
    shown = _STATUS_LINE.sub("", said.strip()).strip().removesuffix(">").strip()
    return _BLANK_LINES.sub("\n\n", shown)


def _opened(path: str) -> _Game:
    try:
        import textworld  # type: ignore[import-not-found] - an extra
    except ImportError as error:
        raise InvalidOptions("game", "textworld is not installed here; install assay-server[textworld]") from error
    made = cast("_TextWorld", textworld)
    return made.start(path, made.EnvInfos(**dict.fromkeys(_ASKED, True), extras=["walkthrough"]))


def textworld_definition(games: TextWorldGames) -> EnvironmentDefinition:
    """The environment over these games."""
    return EnvironmentDefinition(
        id="assay/textworld-v1",
        make=partial(TextWorldEpisode, games),
        summary="Games made by TextWorld, from a folder of the operator's.",
        options=OPTIONS_SCHEMA,
        aliases=("textworld",),
        doc=inspect.getdoc(TextWorldEpisode) or "",
    )


TEXTWORLD = textworld_definition(NoGames())
