"""Deployments that are unsafe, and what ``assay doctor`` says of each."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from assay_server.cli.doctor_safety import examine_safety
from assay_server.cli.findings import Finding, Status
from assay_server.config import Settings
from assay_server.keys import Scope, editing, new_key

OPEN = "0.0.0.0:50051"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    return tmp_path / "token"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return add_key(tmp_path / "keys.json", days=90)


def add_key(file: Path, days: int | None, *scopes: Scope) -> Path:
    now = datetime.now(timezone.utc)
    with editing(file) as present:
        expires = None if days is None else now + timedelta(days=days)
        present.append(new_key("p", "t", scopes or (Scope.SCORE,), now, expires)[0])
    return file


def examined(token: Path | None, **settings: object) -> dict[str, Finding]:
    chosen = Settings(token_file=token).model_copy(update={"http_listen": "127.0.0.1:8080", **settings})
    return {finding.check: finding for finding in examine_safety(chosen)}


def test_a_laptop_is_safe(token: Path):
    assert {finding.status for finding in examined(token).values()} == {Status.OK}


def test_the_network_without_keys_is_unsafe(token: Path):
    assert examined(None, listen=OPEN)["exposure"].status is Status.FAIL
    assert "without authentication" in examined(None, listen=OPEN)["exposure"].detail
    assert examined(token, listen="127.0.0.1:1", http_listen="10.0.0.7:80")["exposure"].status is Status.FAIL


def test_plain_text_over_the_network_is_unsafe_unless_the_network_encrypts(token: Path):
    finding = examined(token, listen=OPEN)["exposure"]
    assert finding.status is Status.FAIL
    assert "plain text" in finding.detail
    assert examined(token, listen=OPEN, network_encrypts=True)["exposure"].status is Status.NOTE


def test_certificates_that_cannot_be_used_are_found(token: Path, tmp_path: Path):
    (tmp_path / "pem").write_text("none")
    for certificate, key in ((tmp_path / "pem", None), (tmp_path / "pem", tmp_path / "pem"), (tmp_path / "gone",) * 2):
        found = examined(token, tls_certificate=certificate, tls_key=key)
        assert found["tls"].status is Status.FAIL


def test_keys_that_are_well_kept(keys: Path, token: Path):
    found = examined(token, keys_file=keys)
    assert found["keys"].status is Status.OK
    assert "token" not in found


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o602])
def test_files_of_keys_that_others_can_read_or_write_are_unsafe(keys: Path, token: Path, mode: int):
    keys.chmod(mode)
    assert examined(token, keys_file=keys)["keys"].status is Status.FAIL


def test_files_of_keys_without_a_valid_key_are_broken(tmp_path: Path, token: Path):
    assert examined(token, keys_file=tmp_path / "gone")["keys"].status is Status.FAIL
    (tmp_path / "empty").write_text('{"version":1,"keys":[]}')
    (tmp_path / "empty").chmod(0o600)
    assert examined(token, keys_file=tmp_path / "empty")["keys"].status is Status.FAIL


@pytest.mark.parametrize(
    ("days", "scopes", "word"),
    [(None, (), "never expire"), (3, (), "soon to expire"), (90, tuple(Scope), "every scope")],
)
def test_keys_that_deserve_a_look_are_noted(
    tmp_path: Path, token: Path, days: int | None, scopes: tuple[Scope, ...], word: str
):
    found = examined(token, keys_file=add_key(tmp_path / "k", days, *scopes))["keys"]
    assert found.status is Status.NOTE
    assert word in found.detail


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("redis://redis:6379/0", Status.FAIL),
        ("redis://user@redis:6379/0", Status.FAIL),
        ("redis://user:hush@redis:6379/0", Status.NOTE),
        ("rediss://user:hush@redis:6379/0", Status.OK),
        ("rediss://user:hush@redis:6379/0?ssl_ca_certs=ca.pem", Status.OK),
        ("rediss://user:hush@redis:6379/0?ssl_cert_reqs=none", Status.FAIL),
        ("rediss://user:hush@redis:6379/0?ssl_check_hostname=False", Status.FAIL),
        ("redis://127.0.0.1:6379", Status.OK),
    ],
)
def test_redis_without_a_password_is_unsafe(token: Path, url: str, status: Status):
    finding = examined(token, store=url)["redis access"]
    assert finding.status is status
    assert "hush" not in finding.detail + finding.hint


@pytest.mark.parametrize(
    ("check", "settings", "status"),
    [
        ("database paths", {"database_paths": True, "listen": OPEN}, Status.FAIL),
        ("http names", {"http_hosts": ("*",)}, Status.NOTE),
        ("sandbox floor", {"sandbox_floor": "partial"}, Status.FAIL),
        ("docker", {"sandbox": "docker"}, Status.NOTE),
        ("quotas", {"listen": OPEN}, Status.NOTE),
        ("audit log", {"listen": OPEN}, Status.NOTE),
    ],
)
def test_settings_that_open_too_much_are_found(token: Path, check: str, settings: dict[str, object], status: Status):
    assert examined(token, **settings)[check].status is status
    assert check not in examined(token)
