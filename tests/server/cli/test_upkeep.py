"""``assay gc``, ``backup`` and ``restore``: what goes, what stays, and copies that a server can go on from."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay_server.cli.app import app
from assay_server.config import Settings
from assay_server.embedded import Engine

from .command import assay

TABLES = (
    "groups",
    "rollouts",
    "texts",
    "steps",
    "results",
    "barriers",
    "consumers",
    "audiences",
    "checkpoints",
    "outbox",
)


def scored(engine: Engine, run_id: str, *, groups: int = 2, fetch: bool = True) -> None:
    """A run with groups of two; fetched and acknowledged, or owed."""
    with engine.stream(run=RunConfig(run_id=run_id, reward="math"), consumer="c") as stream:
        for group in range(groups):
            for member in range(2):
                name = f"{group}-{member}"
                stream.send(Rollout(name, f"g{group}", 2, reference={"answer": "18"}, response="so A: 18"))
        if fetch:
            stream.finish()
            assert len(list(stream)) == 3 * groups


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an old run, a young one, and an old one that is owed."""
    path = tmp_path_factory.mktemp("store") / "assay.db"
    with Engine(Settings(store=f"sqlite:{path}")) as engine:
        for run_id in ("old", "young", "owed"):
            scored(engine, run_id, fetch=run_id != "owed")
            engine.checkpoint_run(run_id, "point")
    with closing(sqlite3.connect(path)) as database, database:
        for run_id in ("old", "owed"):
            age = "UPDATE groups SET first_at = first_at - 864000 WHERE run = (SELECT run FROM runs WHERE run_id = ?)"
            database.execute(age, (run_id,))
    return path


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(made, tmp_path / "assay.db"))


def fates(*arguments: str) -> dict[str, bool]:
    done = assay("gc", "--json", *arguments)
    assert done.code == 0, done.stderr
    return {str(line["runId"]): bool(line["removed"]) for line in done.lines}


def rows(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as database:
        return {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def held(store: str) -> dict[str, int]:
    """How many rollouts each run has."""
    done = assay("gc", "--json", "--dry-run", "--store", store)
    return {str(line["runId"]): int(str(line["rollouts"])) for line in done.lines}


def test_old_runs_go_whole_and_the_others_stay(file: Path):
    store = f"sqlite:{file}"
    before = rows(file)
    assert fates("--store", store, "--dry-run") == {"old": False, "young": False, "owed": False}
    assert rows(file) == before
    assert fates("--store", store) == {"old": True, "young": False, "owed": False}
    assert held(store) == {"young": 4, "owed": 4}
    assert fates("--store", store, "--owed") == {"young": False, "owed": True}
    after = rows(file)
    assert (after["rollouts"], after["groups"], after["texts"], after["consumers"]) == (4, 2, 4, 1)
    assert fates("--store", store, "--run", "young") == {"young": True}
    assert set(rows(file).values()) == {0}
    with Engine(Settings(store=store)) as engine:
        scored(engine, "old", groups=1)
    assert held(store) == {"old": 2}


def test_runs_of_other_tenants_and_other_names_stay(file: Path):
    store = f"sqlite:{file}"
    assert not any(fates("--store", store, "--tenant", "another").values())
    assert not any(fates("--store", store, "--run", "nothing").values())


def test_a_file_that_a_server_uses_is_left_alone(file: Path):
    with Engine(Settings(store=f"sqlite:{file}")):
        done = assay("gc", "--store", f"sqlite:{file}", "--older-than-days", "0")
        assert (done.code, done.lines) == (2, [])
        assert "in use" in done.stderr


def test_a_copy_taken_from_a_server_at_work_is_one_to_go_on_from(file: Path, tmp_path: Path):
    store, folder, elsewhere = f"sqlite:{file}", tmp_path / "copies", f"sqlite:{tmp_path / 'new' / 'again.db'}"
    with Engine(Settings(store=store)) as engine:
        scored(engine, "later")
        assert copied(folder, store) == 0
        scored(engine, "after the copy")
    assert (folder / "assay.db").stat().st_mode & 0o777 == 0o600
    assert restored(folder, elsewhere) == 0
    assert held(elsewhere) == {"old": 4, "young": 4, "owed": 4, "later": 4}
    with Engine(Settings(store=elsewhere)) as engine:
        scored(engine, "goes on")
        rescored = list(engine.rescore("young", "math"))
        assert [before.value for before, _ in rescored] == [after.value for _, after in rescored] == [1.0] * 4


def test_nothing_is_overwritten_and_nothing_damaged_is_taken(file: Path, tmp_path: Path):
    store, folder, elsewhere = f"sqlite:{file}", tmp_path / "copies", f"sqlite:{tmp_path / 'again.db'}"
    assert restored(folder, elsewhere) == 2
    assert copied(folder, store) == 0
    assert copied(folder, store) == 2
    assert restored(folder, store) == 2
    copy = folder / "assay.db"
    content = copy.read_bytes()
    for damaged in (b"", b"no store", content[: len(content) // 2], content[:5000] + b"\xff" * 5000 + content[10000:]):
        copy.write_bytes(damaged)
        assert restored(folder, elsewhere) == 2
        assert not (tmp_path / "again.db").exists()
    copy.write_bytes(content)
    with closing(sqlite3.connect(copy)) as database:
        database.execute("PRAGMA user_version = 999")
    assert restored(folder, elsewhere) == 2


@pytest.mark.parametrize("command", ["gc", "backup", "restore"])
@pytest.mark.parametrize("store", ["memory:", "redis://somewhere", "sqlite:", "sqlite:/nowhere/assay.db"])
def test_stores_without_a_file_are_refused(tmp_path: Path, command: str, store: str):
    arguments = ["gc"] if command == "gc" else [command, str(tmp_path / "copies")]
    assert assay(*arguments, "--store", store).code == 2


def copied(folder: Path, store: str) -> int:
    return _code("backup", str(folder), "--store", store)


def restored(folder: Path, store: str) -> int:
    return _code("restore", str(folder), "--store", store)


def _code(*arguments: str) -> int:
    return CliRunner().invoke(app, arguments).exit_code
