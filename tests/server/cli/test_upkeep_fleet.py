"""``assay gc`` of a fleet: what goes from Redis and from the folder of records, and what stays, while servers work."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import cast

import pytest

from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay_server.config import Settings
from assay_server.embedded import Engine
from assay_server.store.records import folder_name
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis, program

from .command import assay

TEN_DAYS = 10 * 86_400


@pytest.fixture(scope="module")
def redis() -> Generator[PrivateRedis]:
    if program() is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder, PrivateRedis(Path(folder)) as server:
        yield server


@pytest.fixture
def made(redis: PrivateRedis, tmp_path: Path) -> Settings:
    """A fleet's store with an old run, a young one, an old one that is owed, and one that Redis has forgotten."""
    redis.empty()
    settings = Settings(store=redis.url, records=tmp_path / "records")
    with Engine(settings) as engine:
        for run_id in ("old", "young", "owed", "expired"):
            scored(engine, run_id, fetch=run_id != "owed")
    for run_id in ("old", "owed", "expired"):
        for path in records_of(settings, run_id):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - TEN_DAYS))
    ask(redis, "DEL", *(f"local:{{expired}}:{part}" for part in ("record", "head", "log", "snapshot")))
    return settings


def scored(engine: Engine, run_id: str, *, fetch: bool = True) -> None:
    """A run with a group of two; fetched and acknowledged, or owed."""
    with engine.stream(run=RunConfig(run_id=run_id, reward="math"), consumer="c") as stream:
        for member in range(2):
            stream.send(Rollout(f"r{member}", "g", 2, reference={"answer": "18"}, response="so A: 18"))
        if fetch:
            stream.finish()
            assert len(list(stream)) == 3


def records_of(settings: Settings, run_id: str) -> list[Path]:
    assert settings.records is not None
    return list((settings.records / folder_name("local") / folder_name(run_id)).glob("*.records"))


def ask(redis: PrivateRedis, *command: str) -> object:
    async def asked() -> object:
        server = Server(f"unix://{redis.socket}")
        try:
            return await server.command(*command)
        finally:
            await server.close()

    return asyncio.run(asked())


def keys(redis: PrivateRedis) -> set[str]:
    return {key.decode() for key in cast("list[bytes]", ask(redis, "KEYS", "*"))}


def fates(settings: Settings, *arguments: str) -> dict[str, object]:
    done = assay("gc", "--json", "--store", settings.store, "--records", str(settings.records), *arguments)
    assert done.code == 0, done.stderr
    return {str(line.get("runId", "orphans")): line["removed"] for line in done.lines}


def test_old_and_forgotten_runs_go_whole_and_the_others_stay(made: Settings, redis: PrivateRedis) -> None:
    before = keys(redis)
    assert fates(made, "--dry-run") == dict.fromkeys(("old", "young", "owed", "expired"), False)
    assert keys(redis) == before
    assert fates(made) == {"old": True, "young": False, "owed": False, "expired": True}
    assert not [key for key in keys(redis) if "{old}" in key]
    assert [key for key in keys(redis) if "{young}" in key] == [
        key for key in keys(redis) if "{young}" in key and key in before
    ]
    assert ask(redis, "ZRANGE", "local:runs", "0", "-1") == [b"young", b"owed"]
    assert records_of(made, "old") == records_of(made, "expired") == []
    assert records_of(made, "young") != []
    assert fates(made) == {"young": False, "owed": False}


def test_what_stayed_can_be_worked_with_and_what_went_begins_anew(made: Settings) -> None:
    fates(made)
    with Engine(made) as engine:
        with engine.stream(run=RunConfig(run_id="owed", reward="math"), consumer="c") as stream:
            assert [type(stream.receive(20.0)).__name__ for _ in range(3)].count("SampleResult") == 2
        scored(engine, "old")
    assert fates(made)["old"] is False


def test_named_runs_go_whatever_their_age_and_owed_ones_where_that_is_said(made: Settings) -> None:
    assert fates(made, "--run", "young") == {"old": False, "young": True, "owed": False, "expired": False}
    assert fates(made, "--owed", "--tenant", "another") == {"old": False, "owed": False, "expired": False}
    assert fates(made, "--owed") == {"old": True, "owed": True, "expired": True}


def test_a_run_that_a_server_works_on_stays(made: Settings) -> None:
    with Engine(made) as engine, engine.stream(run=RunConfig(run_id="old", reward="math"), consumer="c"):
        assert fates(made, "--run", "old")["old"] is False
        assert fates(made, "--older-than-days", "0")["old"] is False


def test_texts_that_no_run_has_go_when_they_are_old(made: Settings) -> None:
    assert made.records is not None
    lost = made.records / folder_name("local") / folder_name("lost") / "0123456789abcdef.records"
    shared = made.records / folder_name("local") / folder_name("objects") / "0123456789abcdef.records"
    for path in (lost, shared):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"texts")
    assert "orphans" not in fates(made)
    for path in (lost, shared):
        os.utime(path, (0, path.stat().st_mtime - TEN_DAYS))
    assert fates(made, "--dry-run")["orphans"] is False
    assert lost.exists()
    assert fates(made)["orphans"] is True
    assert not lost.parent.exists()
    assert shared.exists()


def test_what_is_missing_is_said(redis: PrivateRedis, tmp_path: Path) -> None:
    assert "--records" in assay("gc", "--store", redis.url).stderr
    done = assay("gc", "--store", redis.url, "--records", str(tmp_path / "nothing"))
    assert (done.code, "no folder" in done.stderr) == (2, True)
