"""The options of ``reset``, read and refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, get_args

from assay.sdk import Json
from assay_server.environments.household.game_file import read_game
from assay_server.environments.household.generator import (
    DIFFICULTIES,
    TASK_TYPES,
    SceneSpec,
    generate,
)
from assay_server.environments.household.own_language import PutWord
from assay_server.environments.household.pddl import UnreadableGame
from assay_server.environments.household.scene import Scene
from assay_server.environments.protocol import InvalidOptions

DEFAULT_MAX_STEPS = 1000
MAX_STEPS = 100_000

PUT_WORDS: tuple[PutWord, ...] = get_args(PutWord)

SCHEMA: Mapping[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "maxSteps": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_STEPS,
            "default": DEFAULT_MAX_STEPS,
            "description": "Commands after which the episode is cut.",
        },
        "taskType": {"enum": list(TASK_TYPES), "description": "Of a generated scene; drawn from the seed otherwise."},
        "difficulty": {
            "enum": list(DIFFICULTIES),
            "default": "medium",
            "description": "Of a generated scene: how many things there are, and how many behind doors.",
        },
        "sliced": {
            "type": "boolean",
            "description": "Whether a generated task may ask for a slice; by default at the difficulty hard.",
        },
        "putCommand": {
            "enum": list(PUT_WORDS),
            "description": "move X to Y (as ALFWorld since 0.4), or put X in/on Y; by default as the game has it.",
        },
        "game": {
            "type": ["object", "string"],
            "description": "A game to play instead: what a game.tw-pddl holds, or the name of one in the game folder.",
        },
        "split": {
            "type": "string",
            "description": "Play a game of this part of the game folder (train, valid_seen, ...), named by the seed.",
        },
    },
}


class Games(Protocol):
    """A folder of games, opened by whoever may read files."""

    def names(self, split: str) -> Sequence[str]:
        """The games below a folder, in a fixed order; all of them where the name is empty."""
        ...

    def text(self, name: str) -> str:
        """What the file of a game holds.

        Raises:
            KeyError: there is no such game.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reset:
    """What an episode starts from."""

    scene: Scene
    max_steps: int


def read_reset(seed: int, options: Mapping[str, Json], games: Games | None) -> Reset:
    """The scene that seed and options name.

    Raises:
        InvalidOptions: an option is unknown, outside its bounds, or names a game that is not there or not readable.
    """
    known = [*_properties()]
    for name in options:
        if name not in known:
            raise InvalidOptions(name, f"unknown; there are {', '.join(known)}")
    max_steps = options.get("maxSteps", DEFAULT_MAX_STEPS)
    if isinstance(max_steps, bool) or not isinstance(max_steps, int) or not 1 <= max_steps <= MAX_STEPS:
        raise InvalidOptions("maxSteps", f"expected an integer from 1 to {MAX_STEPS}, got {max_steps!r}")
    put_word = _chosen(options, "putCommand", PUT_WORDS)
    if "game" in options or "split" in options:
        for name in ("taskType", "difficulty", "sliced"):
            if name in options:
                raise InvalidOptions(name, "it shapes generated scenes; a game is played as it is")
        return Reset(_given(seed, options, put_word, games), max_steps)
    return Reset(generate(_spec(seed, options, put_word)), max_steps)


def _properties() -> Mapping[str, Json]:
    properties = SCHEMA["properties"]
    return properties if isinstance(properties, dict) else {}


def _spec(seed: int, options: Mapping[str, Json], put_word: PutWord | None) -> SceneSpec:
    difficulty = _chosen(options, "difficulty", DIFFICULTIES) or "medium"
    sliced = options.get("sliced", difficulty == "hard")
    if not isinstance(sliced, bool):
        raise InvalidOptions("sliced", f"expected true or false, got {sliced!r}")
    return SceneSpec(seed, _chosen(options, "taskType", TASK_TYPES), difficulty, sliced, put_word or "move")


def _given(seed: int, options: Mapping[str, Json], put_word: PutWord | None, games: Games | None) -> Scene:
    if "split" in options and "game" in options:
        raise InvalidOptions("split", "the seed picks a game of the split: give either split or game")
    field = "split" if "split" in options else "game"
    contents = options[field]
    if isinstance(contents, str) and not contents.lstrip().startswith("{"):
        contents = _stored(seed, contents, games, split=field == "split")
    elif field == "split":
        raise InvalidOptions("split", f"expected a name, got {str(contents)[:40]!r}")
    try:
        return read_game(contents, put_word)
    except UnreadableGame as error:
        raise InvalidOptions(field, str(error)) from error


def _stored(seed: int, name: str, games: Games | None, *, split: bool) -> str:
    field = "split" if split else "game"
    if games is None:
        raise InvalidOptions(field, f"there is no game folder to find {name[:100]!r} in")
    if split:
        names = games.names(name)
        if not names:
            raise InvalidOptions("split", f"there are no games in {name[:100]!r}")
        name = names[seed % len(names)]
    try:
        return games.text(name)
    except KeyError as error:
        raise InvalidOptions(field, f"there is no game {name[:100]!r} in the game folder") from error


_Choice = TypeVar("_Choice", bound=str)


def _chosen(options: Mapping[str, Json], name: str, choices: Sequence[_Choice]) -> _Choice | None:
    given = options.get(name)
    if given is None:
        return None
    for choice in choices:
        if given == choice:
            return choice
    raise InvalidOptions(name, f"expected one of {', '.join(choices)}, got {str(given)[:100]!r}")
