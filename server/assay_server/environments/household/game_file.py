"""Reading ALFWorld's ``game.tw-pddl``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from weakref import WeakValueDictionary

from assay.sdk import Json
from assay_server.environments.household.domain import check_domain
from assay_server.environments.household.language import Language
from assay_server.environments.household.own_language import PutWord, with_put_word
from assay_server.environments.household.pddl import UnreadableGame, read_problem
from assay_server.environments.household.reachability import Reachable
from assay_server.environments.household.scene import Scene

_GAMES_KEPT = 64
_GRAMMARS_KEPT = 8
_PLAYED: WeakValueDictionary[bytes, Scene] = WeakValueDictionary()
"""Games that are being played, by what their files hold: all their episodes share one scene."""

_TASK = re.compile(r'"task"\s*:\s*\[\s*\{\s*"rhs"\s*:\s*"([^"]*)"\s*\}\s*\]\s*,')
_SPECIAL = frozenset("#{}[]\\")


def read_game(contents: Json, put_word: PutWord | None = None) -> Scene:
    """The scene of a game file: its text, or the JSON object that it holds. Games read lately are kept.

    Args:
        put_word: how putting is said instead of as the game says it.

    Raises:
        UnreadableGame: it is no game file, or of a kind that this engine does not know.
    """
    if isinstance(contents, str):
        return _scene_of_text(contents, put_word)
    if not isinstance(contents, dict):
        raise UnreadableGame("expected the contents of a game.tw-pddl file: a JSON object")
    return _scene(*_parts(contents), put_word)


@lru_cache(maxsize=_GAMES_KEPT)
def _scene_of_text(text: str, put_word: PutWord | None) -> Scene:
    try:
        loaded: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableGame(f"the game file is no JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise UnreadableGame("the game file is no JSON object")
    return _scene(*_parts(loaded), put_word)


def _parts(contents: Mapping[str, Json]) -> tuple[str, str, str]:
    return _part(contents, "pddl_domain"), _part(contents, "grammar"), _part(contents, "pddl_problem")


def _part(contents: Mapping[str, Json], name: str) -> str:
    part = contents.get(name)
    if not isinstance(part, str):
        raise UnreadableGame(f"the game file has no text {name!r}")
    return part


@lru_cache(maxsize=_GAMES_KEPT)
def _scene(domain: str, grammar: str, problem: str, put_word: PutWord | None) -> Scene:
    written = "\0".join((domain, grammar, problem, put_word or "")).encode("utf-8", "surrogatepass")
    key = hashlib.sha256(written).digest()
    scene = _PLAYED.get(key)
    if scene is None:
        scene = _PLAYED[key] = _made(domain, grammar, problem, put_word)
    return scene


def _made(domain: str, grammar: str, problem: str, put_word: PutWord | None) -> Scene:
    check_domain(domain)
    if put_word is not None:
        grammar = with_put_word(grammar, put_word)
    read = read_problem(problem)
    grammar, task = _without_task(grammar)
    scene = Scene(read.types, read.facts, read.goal, _language(grammar), task=task)
    if not scene.goal.can_come_true(Reachable(scene).test_of):
        raise UnreadableGame("the goal of the game cannot be reached; ALFWorld does not load it either")
    return scene


def _without_task(grammar: str) -> tuple[str, str]:
    """A grammar without the sentence of its task, by which alone the grammars of games differ, and that sentence.

    All of it where the sentence is not plain text.
    """
    found = _TASK.search(grammar)
    if found is None or _SPECIAL & set(found[1]):
        return grammar, ""
    return grammar[: found.start()] + grammar[found.end() :], found[1].lstrip()


@lru_cache(maxsize=_GRAMMARS_KEPT)
def _language(grammar: str) -> Language:
    return Language(grammar)
