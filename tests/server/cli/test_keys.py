"""``assay keys``: what is in the file, who may read it, what is printed, and what is never."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay_server.api.keyring import Keyring
from assay_server.cli.app import app
from assay_server.keys import InvalidKeys, Scope, editing, new_key, read_keys


def keys(*arguments: str, code: int = 0) -> str:
    """The standard output of a command."""
    done = CliRunner().invoke(app, ["keys", *arguments])
    assert done.exit_code == code, done.stderr
    return done.stdout


def created(file: Path, *more: str) -> str:
    return keys("create", "--file", str(file), "--principal", "nightly", "--scope", "score", *more).strip()


def test_a_key_is_printed_once_and_kept_as_a_digest(tmp_path: Path):
    file = tmp_path / "new" / "keys.json"
    text = created(file, "--tenant", "vision", "--days", "30")
    assert file.stat().st_mode & 0o777 == 0o600
    assert text.rpartition("_")[2] not in file.read_text()
    assert text not in keys("list", "--file", str(file))
    (key,) = read_keys(file)
    assert key.matches(text)
    assert (key.tenant, key.principal, key.scopes) == ("vision", "nightly", {Scope.SCORE})
    assert key.expires is not None
    assert timedelta(days=29) < key.expires - datetime.now(timezone.utc) <= timedelta(days=30)
    assert key.key_id in text


def test_rotation_has_two_valid_keys_and_then_one(tmp_path: Path):
    file = tmp_path / "keys.json"
    first = created(file)
    (old,) = read_keys(file)
    second = keys("rotate", old.key_id, "--file", str(file), "--overlap-hours", "2").strip()
    ring = Keyring(file)
    now = datetime.now(timezone.utc).timestamp()
    for text, later in ((first, True), (second, False)):
        key = ring.find(text)
        assert key is not None
        assert not key.expired(now)
        assert key.expired(now + 3 * 3600) is later
        assert (key.tenant, key.principal, key.scopes) == (old.tenant, old.principal, old.scopes)


def test_rotation_never_prolongs_the_old_key(tmp_path: Path):
    file = tmp_path / "keys.json"
    created(file, "--days", "1")
    (old,) = read_keys(file)
    keys("rotate", old.key_id, "--file", str(file), "--overlap-hours", "100")
    assert read_keys(file)[0].expires == old.expires


def test_a_revoked_key_is_gone(tmp_path: Path):
    file = tmp_path / "keys.json"
    text = created(file)
    ring = Keyring(file)
    key = ring.find(text)
    assert key is not None
    keys("revoke", key.key_id, "--file", str(file))
    assert ring.refresh()
    assert ring.find(text) is None
    assert not ring.holds(key)
    keys("revoke", key.key_id, "--file", str(file), code=2)


def test_lists_have_no_digest(tmp_path: Path):
    file = tmp_path / "keys.json"
    made = json.loads(created(file, "--json"))
    listed = json.loads(keys("list", "--file", str(file), "--json"))
    assert made.pop("key")
    assert listed.pop("expired") is False
    assert listed == made
    assert set(listed) == {"id", "principal", "tenant", "scopes", "created", "expires"}


@pytest.mark.parametrize(
    "arguments",
    [("--tenant", "a/b"), ("--tenant", ""), ("--tenant", ".."), ("--tenant", "x" * 64), ("--principal", "a b")],
)
def test_names_that_are_none_are_refused(tmp_path: Path, arguments: tuple[str, str]):
    keys("create", "--file", str(tmp_path / "k"), "--principal", "p", "--scope", "score", *arguments, code=2)
    assert not (tmp_path / "k").exists()


def test_a_file_that_others_can_write_is_not_used(tmp_path: Path):
    file = tmp_path / "keys.json"
    created(file)
    file.chmod(0o640)
    Keyring(file)
    file.chmod(0o660)
    with pytest.raises(InvalidKeys, match="chmod go-w"):
        Keyring(file)
    keys("list", "--file", str(file), code=2)


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{", '{"version":2,"keys":[]}', '{"version":1,"keys":[{}]}', '{"version":1,"keys":{}}',
        '{"version":1,"keys":[{"id":"0","principal":"p","tenant":"t","scopes":["score"],"sha256":"0","created":"x"}]}',
        '{"version":1,"keys":[{"id":"' + "0" * 12 + '","principal":"p","tenant":"t","scopes":["root"],"sha256":"'
        + "0" * 64 + '","created":"2026-01-01T00:00:00+00:00"}]}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, content: str):
    file = tmp_path / "keys.json"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(InvalidKeys):
        read_keys(file)


def test_a_text_that_only_looks_like_a_key_is_none(tmp_path: Path):
    file = tmp_path / "keys.json"
    text = created(file)
    ring = Keyring(file)
    for wrong in ("", "_", "assay__", text[:-1], text + "=", text.upper(), text.replace("assay", "essay"), "assay_\0_"):
        assert ring.find(wrong) is None


def test_who_edits_at_the_same_time_loses_nothing(tmp_path: Path):
    file = tmp_path / "keys.json"

    def add() -> None:
        for _ in range(5):
            with editing(file) as present:
                present.append(new_key("p", "t", [Scope.SCORE], datetime.now(timezone.utc))[0])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_keys(file)) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]
