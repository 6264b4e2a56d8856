"""Keys of two tenants in a file, and a server that takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path

from assay_server.config import Settings
from assay_server.keys import Scope, editing, new_key

from .server import settings

ALL = ("score", "environments", "metrics", "admin")
OWNER, STRANGER = "owner", "stranger"


def add_key(path: Path, tenant: str, *scopes: str, expires: datetime | None = None) -> str:
    """A new key in the file; its text."""
    with editing(path) as keys:
        now = datetime.now(timezone.utc)
        key, text = new_key(f"someone-of-{tenant}", tenant, map(Scope, scopes), now, expires)
        keys.append(key)
    return text


def make_keys(path: Path, scopes: Iterable[str] = ALL) -> Mapping[str, str]:
    """A key of each scope for the owner, and one with all of them for each tenant, by name."""
    return {
        **{scope: add_key(path, OWNER, scope) for scope in scopes},
        OWNER: add_key(path, OWNER, *ALL),
        STRANGER: add_key(path, STRANGER, *ALL),
    }


def keyed(path: Path, **changes: object) -> Settings:
    """Settings of a server that takes the keys of this file, at both doors."""
    return settings(http=True).model_copy(update={"keys_file": path, **changes})
