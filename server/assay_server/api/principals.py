"""Who calls: resolved once per call, from its metadata."""

from __future__ import annotations

import hmac
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assay_server.api.keyring import Keyring
from assay_server.keys import Key, Scope
from assay_server.pipeline.failures import Code, Failure

DEFAULT_TENANT = "local"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller: its tenant, and what it may do.

    Attributes:
        name: who it is to the operator.
        key: what it showed; None = the token, or nothing where nobody has to.
    """

    tenant: str
    scopes: frozenset[Scope]
    name: str = DEFAULT_TENANT
    key: Key | None = None


_LOCAL = Principal(DEFAULT_TENANT, frozenset(Scope))


class Authenticator:
    """Turns the credentials of a call into a principal.

    With a keyring only its keys count. Else one token stands for the local tenant; without one everybody is that.
    """

    def __init__(
        self, token: str | None, keyring: Keyring | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._keyring = keyring
        self._clock = clock

    @property
    def knows_callers(self) -> bool:
        """Whether who calls has to say who they are."""
        return self._keyring is not None or self._expected is not None

    def principal(self, authorization: str) -> Principal:
        """The caller that sent this ``authorization`` value.

        Raises:
            Failure: UNAUTHENTICATED.
        """
        if self._keyring is not None:
            return self._of_key(self._keyring, authorization)
        if self._expected is None:
            return _LOCAL
        if hmac.compare_digest(authorization.encode("utf-8", "replace"), self._expected):
            return _LOCAL
        raise _unauthenticated("a bearer token is needed; the local client reads it from the server's token file")

    def _of_key(self, keyring: Keyring, authorization: str) -> Principal:
        key = keyring.find(authorization.removeprefix("Bearer "))
        if key is None:
            raise _unauthenticated("a bearer key is needed that this server knows; its operator makes one")
        if key.expired(self._clock()):
            raise _unauthenticated("the key has expired; its operator makes a new one")
        return Principal(key.tenant, key.scopes, key.principal, key)

    def still_knows(self, principal: Principal) -> bool:
        """Whether what the principal showed would be taken now."""
        if principal.key is None or self._keyring is None:
            return True
        return self._keyring.holds(principal.key) and not principal.key.expired(self._clock())

    @property
    def stale(self) -> bool:
        """Whether the file of keys has changed and cannot be used."""
        return self._keyring is not None and self._keyring.stale

    def refresh(self) -> None:
        """Take notice of keys that were added or revoked."""
        if self._keyring is not None:
            self._keyring.refresh()


def no_longer_known() -> Failure:
    """What a stream is told whose key was revoked, or has expired."""
    return _unauthenticated("the key was revoked, or has expired")


def _unauthenticated(message: str) -> Failure:
    return Failure(Code.UNAUTHENTICATED, "UNAUTHENTICATED", message)


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
