from __future__ import annotations

from pathlib import Path

import pytest

from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay_server.config import Settings
from assay_server.embedded import Engine
from assay_server.store.redis.private_server import PrivateRedis

from .command import assay


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:{tmp_path_factory.mktemp('report') / 'assay.db'}"
    fill(Settings(store=url))
    return url


def fill(settings: Settings) -> None:
    """One run of one rollout."""
    config = RunConfig(run_id="run", reward="math")
    with Engine(settings) as engine, engine.stream(run=config, consumer="c") as stream:
        stream.send(Rollout("r", "g", 1, prompt_id="the-prompt", reference={"answer": "18"}, response="A: 18"))
        stream.finish()
        assert list(stream)


def test_a_report_is_one_file(store: str, tmp_path: Path):
    done = assay("report", "run", "--store", store, "--output", str(tmp_path / "run.html"))
    assert (done.code, done.lines) == (0, [])
    page = (tmp_path / "run.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "the-prompt" in page


def test_records_in_use_are_read(store: str, tmp_path: Path):
    with Engine(Settings(store=store)):
        assert assay("report", "run", "--store", store, "-o", str(tmp_path / "run.html")).code == 0


def test_a_run_of_a_fleet_is_reported(redis: PrivateRedis, tmp_path: Path):
    fill(Settings(store=redis.url, records=tmp_path))
    page = tmp_path / "run.html"
    done = assay("report", "run", "--store", redis.url, "--records", str(tmp_path), "-o", str(page))
    assert (done.code, done.stderr) == (0, "")
    assert "the-prompt" in page.read_text()
    done = assay("report", "nowhere", "--store", redis.url, "--records", str(tmp_path))
    assert (done.code, done.lines) == (2, [])
    assert "nowhere" in done.stderr


def test_a_fleet_that_cannot_be_read_is_a_usage_error_without_its_password(redis: PrivateRedis, tmp_path: Path):
    wrong = f"unix://gateway:sesame@{redis.socket}"
    for url, folder, said in (
        (wrong, ["--records", str(tmp_path)], "cannot be read"),
        ("redis://gateway:sesame", ["--records", str(tmp_path)], "names no Redis"),
        (redis.url.replace(":gateway@", ":sesame@"), [], "--records"),
    ):
        done = assay("report", "run", "--store", url, *folder)
        assert (done.code, done.lines) == (2, [])
        assert said in done.stderr
        assert "sesame" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere"),
        (["run", "--tenant", "another"], "run"),
        (["run", "--store", "memory:"], "sqlite:PATH"),
        (["run", "--store", "sqlite:nowhere.db"], "no such file"),
        (["run", "--server", "localhost:1"], "--store"),
    ],
)
def test_what_cannot_be_reported_is_a_usage_error(store: str, arguments: list[str], said: str):
    chosen = [] if "memory:" in arguments or "sqlite:nowhere.db" in arguments else ["--store", store]
    done = assay("report", *arguments, *chosen)
    assert (done.code, done.lines) == (2, [])
    assert said in done.stderr


def test_a_file_that_is_no_store_is_a_usage_error(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one" * 30)
    done = assay("report", "run", "--store", f"sqlite:{tmp_path / 'notes.txt'}")
    assert done.code == 2
    assert "cannot be read" in done.stderr


@pytest.mark.parametrize("server", ["ftp://localhost", "file:///etc/passwd", "localhost:1"])
def test_a_server_that_is_none_is_a_usage_error(server: str):
    done = assay("report", "run", "--server", server)
    assert done.code == 2
    assert server in done.stderr
