"""Keys of callers, as a file holds them: who, of which tenant, what for, until when; of the key itself a digest alone.

A key has 256 random bits, so its SHA-256 tells nothing about it and a slow hash would only cost time at every call. The
file is written whole and put in place at once; a server that reads it never sees half of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from assay.sdk import Json  # imports numpy, which commands without it start faster

_VERSION: Final = 1
_PREFIX: Final = "assay"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_KEY_ID = re.compile(r"[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIELDS: Final = frozenset({"id", "principal", "tenant", "scopes", "sha256", "created", "expires"})
_WRITABLE_BY_OTHERS: Final = 0o022


class Scope(str, Enum):
    """What a key is for."""

    SCORE = "score"
    ENVIRONMENTS = "environments"
    METRICS = "metrics"
    ADMIN = "admin"


class InvalidKeys(ValueError):
    """A file of keys that cannot be used; the message says where and why, and shows no digest."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, without its secret.

    Attributes:
        key_id: public, part of the key's text; names it in lists and in the audit log.
        principal: who holds it; several keys may have the same, while one replaces another.
        digest: SHA-256 of the key's text, as hex digits.
        expires: None = never.
    """

    key_id: str
    principal: str
    tenant: str
    scopes: frozenset[Scope]
    digest: str
    created: datetime
    expires: datetime | None = None

    def matches(self, text: str) -> bool:
        """Whether this is the key's text; takes the same time whatever differs."""
        return hmac.compare_digest(digest_of(text), self.digest)

    def expired(self, now: float) -> bool:
        """Whether its time was over at ``now``, seconds of the epoch."""
        return self.expires is not None and now >= self.expires.timestamp()


def digest_of(text: str) -> str:
    """What is kept of a key's text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def key_id_of(text: str) -> str:
    """The public part of a key's text; empty where it is none."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    return key_id if prefix == _PREFIX and secret and _KEY_ID.fullmatch(key_id) else ""


def new_key(
    principal: str, tenant: str, scopes: Iterable[Scope], now: datetime, expires: datetime | None = None
) -> tuple[Key, str]:
    """A new key, and its text, which is nowhere but here.

    Raises:
        InvalidKeys: a name that is none, no scope, or a time that is over.
    """
    key_id = secrets.token_hex(6)
    text = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    key = Key(key_id, principal, tenant, frozenset(scopes), digest_of(text), now, expires)
    _check(key, "the new key")
    if expires is not None and expires <= now:
        raise InvalidKeys("expires: is over already")
    return key, text


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys in a file.

    Raises:
        InvalidKeys: it is damaged, or others than its owner may change it.
        OSError: it cannot be read.
    """
    mode = path.stat().st_mode & 0o777
    if mode & _WRITABLE_BY_OTHERS:
        raise InvalidKeys(f"{path} has mode {mode:o}: others could add a key; chmod go-w {path}")
    try:
        found: Json = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise InvalidKeys(f"{path} is not JSON") from None
    if not isinstance(found, dict) or found.get("version") != _VERSION or not isinstance(found.get("keys"), list):
        raise InvalidKeys(f'{path}: expected {{"version": {_VERSION}, "keys": [...]}}')
    entries = cast("list[Json]", found["keys"])
    keys = tuple(_read_key(entry, f"keys[{position}]") for position, entry in enumerate(entries))
    if len({key.key_id for key in keys}) < len(keys):
        raise InvalidKeys(f"{path}: two keys have one id")
    return keys


@contextlib.contextmanager
def editing(path: Path) -> Generator[list[Key]]:
    """The keys of a file, to be changed inside; afterwards they are written, readable by their owner alone.

    Who edits at the same time waits. Raises as :func:`read_keys`.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = list(read_keys(path)) if path.exists() else []
        yield keys
        _write(path, keys, folder)
    finally:
        os.close(folder)


def _write(path: Path, keys: Sequence[Key], folder: int) -> None:
    content = {"version": _VERSION, "keys": [_written(key) for key in keys]}
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    os.fsync(folder)


def _written(key: Key) -> Mapping[str, Json]:
    return {
        "id": key.key_id,
        "principal": key.principal,
        "tenant": key.tenant,
        "scopes": [*sorted(scope.value for scope in key.scopes)],
        "sha256": key.digest,
        "created": key.created.isoformat(),
        "expires": None if key.expires is None else key.expires.isoformat(),
    }


def _read_key(entry: Json, where: str) -> Key:
    if not isinstance(entry, dict) or not _FIELDS - {"expires"} <= set(entry) <= _FIELDS:
        raise InvalidKeys(f"{where}: expected an object with {', '.join(sorted(_FIELDS))}")
    scopes = entry["scopes"]
    if not isinstance(scopes, list) or not all(scope in [known.value for known in Scope] for scope in scopes):
        raise InvalidKeys(f"{where}.scopes: expected a list of {', '.join(known.value for known in Scope)}")
    created, expires = _time(entry["created"], f"{where}.created"), entry.get("expires")
    key = Key(
        str(entry["id"]),
        str(entry["principal"]),
        str(entry["tenant"]),
        frozenset(Scope(scope) for scope in scopes),
        str(entry["sha256"]),
        created,
        None if expires is None else _time(expires, f"{where}.expires"),
    )
    _check(key, where)
    return key


def _check(key: Key, where: str) -> None:
    for name, value in (("principal", key.principal), ("tenant", key.tenant)):
        if not _NAME.fullmatch(value):
            raise InvalidKeys(f"{where}: {name}: expected up to 63 letters, digits, dots, dashes, underscores")
    if not _KEY_ID.fullmatch(key.key_id):
        raise InvalidKeys(f"{where}: id: expected twelve hex digits")
    if not _DIGEST.fullmatch(key.digest):
        raise InvalidKeys(f"{where}: sha256: expected 64 hex digits")
    if not key.scopes:
        raise InvalidKeys(f"{where}: scopes: expected one at least")


def _time(value: Json, where: str) -> datetime:
    try:
        time = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise InvalidKeys(f"{where}: expected a time such as 2026-01-31T12:00:00+00:00") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
