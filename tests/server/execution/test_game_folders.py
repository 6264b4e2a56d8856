"""Folders of games: which are found, and that sessions' workers find them by name and by seed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from assay.sdk import Json
from assay_server.environments.catalogue import builtin_environments
from assay_server.execution.game_folders import GAME_FILE, GameFolder, with_game_folder
from assay_server.sessions.environments import environment_maker
from assay_server.sessions.values import EnvironmentSources, SessionSpec

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "alfworld" / "games"


def write_game(folder: Path, name: str, contents: dict[str, Json]) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / GAME_FILE).write_text(json.dumps(contents))


def test_games_are_those_of_a_split_that_can_be_solved(tmp_path: Path) -> None:
    for name in ("valid/b", "valid/a", "train/c", "valid/d-movable-e", "valid/SlicedApple"):
        write_game(tmp_path, name, {"pddl_problem": "x", "solvable": True})
    write_game(tmp_path, "valid/unsolvable", {"solvable": False, "pddl_problem": "x" * 100_000})
    write_game(tmp_path, "valid/solvable-said-early", {"solvable": True, "pddl_problem": "x" * 100_000})
    write_game(tmp_path, "valid/not-said", {"pddl_problem": "x"})
    games = GameFolder(tmp_path)
    assert games.names("valid") == ["valid/a", "valid/b", "valid/solvable-said-early"]
    assert games.names("train/") == ["train/c"]
    assert games.names("") == ["train/c", *games.names("valid")]
    assert games.names("val") == []
    assert json.loads(games.text("train/c"))["solvable"] is True
    for name in ("valid/unsolvable", "../x", "", str(tmp_path / "train/c")):
        with pytest.raises(KeyError):
            games.text(name)


def test_a_worker_starts_a_game_of_the_operators_folder(tmp_path: Path) -> None:
    if not RECORDED.exists():
        pytest.skip(f"the shared data is absent: {RECORDED}")
    for path in sorted(RECORDED.rglob(GAME_FILE))[:2]:
        shutil.copytree(path.parent, tmp_path / "valid" / path.parts[-3])
    definition = builtin_environments().resolve("household")
    assert with_game_folder(builtin_environments(), tmp_path).resolve("household").digest == definition.digest
    make = environment_maker(EnvironmentSources(games=str(tmp_path)))
    started: set[str] = set()
    for seed in range(4):
        spec = SessionSpec(definition.id, definition.digest, seed, {"split": "valid"})
        started.add(make(spec).reset(seed, spec.options).state_digest)
    assert len(started) == 2
