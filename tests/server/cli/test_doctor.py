from __future__ import annotations

import json
import re
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypedDict

import pytest
from typer.testing import CliRunner

from assay_server.cli.app import app
from assay_server.store.redis.private_server import PrivateRedis, program


class Check(TypedDict):
    check: str
    status: str
    detail: str
    hint: str


class Report(TypedDict):
    ok: bool
    checks: list[Check]


@pytest.fixture(autouse=True)
def healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A configuration of its own in which nothing is wrong."""
    monkeypatch.setenv("ASSAY_STORE", f"sqlite:{tmp_path / 'new' / 'assay.db'}")
    monkeypatch.setenv("ASSAY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("ASSAY_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("ASSAY_HTTP_LISTEN", "127.0.0.1:0")


def examine() -> tuple[dict[str, Check], bool, int]:
    done = CliRunner().invoke(app, ["doctor", "--json"])
    report: Report = json.loads(done.stdout)
    return {check["check"]: check for check in report["checks"]}, report["ok"], done.exit_code


def test_a_healthy_machine_passes_and_the_isolation_that_it_gives_is_said():
    checks, ok, code = examine()
    assert (ok, code) == (True, 0)
    assert "isolation (" in checks["sandbox"]["detail"]
    assert {check["status"] for name, check in checks.items() if not name.startswith("sandbox")} == {"ok"}


def test_isolation_below_the_floor_is_said_with_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ASSAY_SANDBOX_FLOOR", "full")
    checks, ok, _ = examine()
    missing = [name for name in checks if name.startswith("sandbox ")]
    assert checks["sandbox"]["status"] == ("note" if missing else "ok")
    assert ok


def test_sandboxes_that_are_switched_off_are_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ASSAY_SANDBOX", "none")
    assert examine()[0]["sandbox"]["detail"] == "switched off"


def test_looking_changes_nothing(tmp_path: Path):
    examine()
    assert list(tmp_path.iterdir()) == []


def test_people_get_a_table():
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    for name in ("python", "store", "token", "sandbox"):
        assert name in done.stdout


def test_a_token_that_others_can_read_is_unsafe(tmp_path: Path):
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o644)
    checks, ok, code = examine()
    assert (checks["token"]["status"], ok, code) == ("fail", False, 1)
    assert "chmod 600" in checks["token"]["hint"]
    token.chmod(0o600)
    assert examine()[0]["token"]["status"] == "ok"
    assert "secret" not in json.dumps(examine())


def test_a_store_that_is_no_database_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    path = tmp_path / "assay.db"
    path.write_text("this is not a database, and long enough to be read as one " * 20)
    monkeypatch.setenv("ASSAY_STORE", f"sqlite:{path}")
    checks, _, code = examine()
    assert (checks["store"]["status"], code) == ("fail", 1)


def test_a_store_that_exists_is_fine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    path = tmp_path / "assay.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (x)")
    monkeypatch.setenv("ASSAY_STORE", f"sqlite:{path}")
    assert examine()[0]["store"]["status"] == "ok"


@pytest.mark.parametrize(
    ("url", "status"), [("memory:", "note"), ("redis://somewhere", "fail"), ("sqlite:", "fail"), ("files:x", "fail")]
)
def test_other_stores(monkeypatch: pytest.MonkeyPatch, url: str, status: str):
    monkeypatch.setenv("ASSAY_STORE", url)
    assert examine()[0]["store"]["status"] == status


@pytest.fixture
def redis() -> Iterator[PrivateRedis]:
    if program() is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        users = Path(folder) / "users.acl"
        users.write_text("user default off\nuser worker on >hush -@all +ping +hello +auth +client|setname +select\n")
        with PrivateRedis(Path(folder), users=users) as server:
            yield server


def test_a_fleets_store_is_asked_and_its_password_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis: PrivateRedis
):
    monkeypatch.setenv("ASSAY_STORE", f"unix://worker:hush@{redis.socket}")
    assert "folder" in examine()[0]["store"]["detail"]
    monkeypatch.setenv("ASSAY_RECORDS", str(tmp_path))
    checks, ok, _ = examine()
    assert (checks["store"]["status"], ok) == ("ok", True)
    assert str(redis.socket) in checks["store"]["detail"]
    monkeypatch.setenv("ASSAY_STORE", f"unix://worker:wrong@{redis.socket}")
    checks, ok, _ = examine()
    assert (checks["store"]["status"], ok) == ("fail", False)
    assert "AuthenticationError" in checks["store"]["detail"]
    assert not {"hush", "wrong"} & set(re.findall(r"\w+", json.dumps(checks)))


@pytest.mark.parametrize("url", ["redis://[u:hush@x", "redis://", "redis://u:hush@x:port"])
def test_a_url_of_redis_that_is_none_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str):
    monkeypatch.setenv("ASSAY_STORE", url)
    monkeypatch.setenv("ASSAY_RECORDS", str(tmp_path))
    checks, _, code = examine()
    assert (checks["store"]["status"], code) == ("fail", 1)
    assert "hush" not in json.dumps(checks)


def test_programs_that_workers_run_are_not_looked_at_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ASSAY_SANDBOX", "workers")
    assert "workers" in examine()[0]["sandbox"]["detail"]


def test_a_port_in_use_is_worth_knowing(monkeypatch: pytest.MonkeyPatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        monkeypatch.setenv("ASSAY_LISTEN", f"127.0.0.1:{server.getsockname()[1]}")
        checks, ok, _ = examine()
    assert (checks["grpc address"]["status"], ok) == ("note", True)


@pytest.mark.parametrize("address", ["somewhere", "127.0.0.1:port", ":50051", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_broken(monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("ASSAY_LISTEN", address)
    assert examine()[0]["grpc address"]["status"] == "fail"


def test_a_setting_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ASSAY_MAX_IN_FLIGHT", "many")
    checks, _, code = examine()
    assert checks["settings"]["detail"].endswith("ASSAY_MAX_IN_FLIGHT")
    assert code == 1
