"""Folders of games on disk: ALFWorld's, laid out as ``SPLIT/TASK/TRIAL/game.tw-pddl``, and TextWorld's."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from assay_server.environments.catalogue import EnvironmentCatalogue
from assay_server.environments.household import household_definition
from assay_server.environments.textworld_adapter import textworld_definition

GAME_FILE = "game.tw-pddl"
_TEXTWORLD_ENDINGS = (".z8", ".ulx")

_TAIL_BYTES = 64 * 1024
_SOLVABLE = re.compile(rb'"solvable"\s*:\s*(true|false)')
_PASSED_OVER = ("movable", "Sliced")


class GameFolder:
    """The games below a folder; satisfies :class:`assay_server.environments.household.Games`.

    As in ALFWorld, games that are marked unsolvable and those whose path names ``movable`` or ``Sliced`` are passed
    over. The files are listed once, when the first game is asked for.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, split: str) -> Sequence[str]:
        """The games below a folder of it, sorted; all of them where the name is empty."""
        prefix = f"{split.strip('/')}/" if split.strip("/") else ""
        return [name for name in self._names if name.startswith(prefix)]

    def text(self, name: str) -> str:
        """What the file of a game holds.

        Raises:
            KeyError: there is no such game.
        """
        if name not in self._known:
            raise KeyError(name)
        return (self._root / name / GAME_FILE).read_text(encoding="utf-8")

    @cached_property
    def _names(self) -> list[str]:
        found: list[str] = []
        for folder, _, files in os.walk(self._root):
            if GAME_FILE in files and _is_solvable(Path(folder) / GAME_FILE):
                found.append(Path(folder).relative_to(self._root).as_posix())
        return sorted(name for name in found if not any(word in name for word in _PASSED_OVER))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self._names)


class TextWorldFolder:
    """Games of TextWorld below a folder, each with the ``.json`` that was made with it.

    Satisfies :class:`assay_server.environments.textworld_adapter.TextWorldGames`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Sequence[str]:
        """Their paths below the folder, sorted."""
        return self._names

    def path(self, name: str) -> str:
        """The file of a game.

        Raises:
            KeyError: there is no such game.
        """
        if name not in self._names:
            raise KeyError(name)
        return str(self._root / name)

    @cached_property
    def _names(self) -> list[str]:
        files = (Path(folder) / file for folder, _, names in os.walk(self._root) for file in names)
        games = (path for path in files if path.suffix in _TEXTWORLD_ENDINGS and path.with_suffix(".json").is_file())
        return sorted(path.relative_to(self._root).as_posix() for path in games)


def with_game_folder(catalogue: EnvironmentCatalogue, root: Path) -> EnvironmentCatalogue:
    """The catalogue with ``household`` and ``textworld`` over the games of a folder; digests stay the code's."""
    definitions = (household_definition(GameFolder(root)), textworld_definition(TextWorldFolder(root)))
    return catalogue.with_definitions(
        *(dataclasses.replace(one, digest=catalogue.resolve(one.id).digest) for one in definitions)
    )


def _is_solvable(path: Path) -> bool:
    """What the file says of itself, which stands near its end."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        said = _SOLVABLE.search(file.read())
        if said is None:
            file.seek(0)
            said = _SOLVABLE.search(file.read())
    return said is not None and said[1] == b"true"
