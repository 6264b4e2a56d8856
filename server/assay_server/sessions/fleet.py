"""What a server asks of the others about sessions that they hold. Declared here, given by the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from assay_server.sessions.requests import Action, SessionView


@dataclass(frozen=True, slots=True)
class Question:
    """About one session: what an action leads to; without one, how the session stands."""

    tenant: str
    session_id: str
    action: Action | None = None


class NotHeld(Exception):
    """The server that was asked does not hold the session: a third one does."""


class PeerLost(Exception):
    """The server that was asked said nothing. Whether it did what was asked is not known; the journal knows."""


class Fleet(Protocol):
    """The other servers; used from one event loop.

    Attributes:
        lease_seconds: after so long a silence a server's sessions may be claimed.
    """

    lease_seconds: float

    async def open(self) -> None:
        """Say that this server is one of them. Raises StoreUnavailable."""
        ...

    async def ask(self, server: str, question: Question) -> SessionView:
        """What a server answers, which passes nothing on.

        Raises:
            SessionFault: as it raised it there.
            NotHeld, PeerLost.
        """
        ...

    def closed(self, server: str, tenant: str, session_ids: Sequence[str]) -> None:
        """Tell a server that sessions are closed; where that is lost, it learns it from the journal."""
        ...
