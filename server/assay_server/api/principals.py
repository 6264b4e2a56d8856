"""Who calls: resolved once per call, from its metadata."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from assay_server.pipeline.failures import Code, Failure

DEFAULT_TENANT = "local"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller: its tenant, and what it may do."""

    tenant: str
    scopes: frozenset[str]


_LOCAL = Principal(DEFAULT_TENANT, frozenset({"score", "environments", "admin"}))


class Authenticator:
    """Turns a bearer token into a principal. Without a token everyone is the local tenant."""

    def __init__(self, token: str | None) -> None:
        self._expected = None if token is None else f"Bearer {token}".encode()

    @property
    def knows_callers(self) -> bool:
        """Whether who calls has to say who they are."""
        return self._expected is not None

    def principal(self, authorization: str) -> Principal:
        """The caller that sent this ``authorization`` value.

        Raises:
            Failure: UNAUTHENTICATED.
        """
        if self._expected is None:
            return _LOCAL
        if hmac.compare_digest(authorization.encode("utf-8", "replace"), self._expected):
            return _LOCAL
        message = "a bearer token is needed; the local client reads it from the server's token file"
        raise Failure(Code.UNAUTHENTICATED, "UNAUTHENTICATED", message)


def load_or_create_token(path: Path) -> str:
    """The token in the file, made where there is none.

    Raises:
        OSError: the file cannot be read or written.
        PermissionError: others than its owner may read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise PermissionError(f"{path} has mode {mode:o}; others could read the token: chmod 600 {path}") from None
        token = path.read_text(encoding="ascii").strip()
        if not token:
            raise ValueError(f"{path} is empty; remove it and a new token is made") from None
        return token
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token
