"""Who answers what environments ask of the outside. Declared here, given by the server."""

from __future__ import annotations

import json
from typing import Protocol


class Outside(Protocol):
    """Answers requests of sessions; used from one event loop."""

    async def answer(self, tenant: str, session_id: str, request: str) -> str:
        """The answer, as JSON, never empty. What goes wrong is an answer, too: it raises nothing."""
        ...

    def forget(self, tenant: str, session_id: str) -> None:
        """The session is over, or elsewhere: let go of what is held for it."""
        ...


class NobodyOutside:
    """Says that there is nobody to ask."""

    async def answer(self, tenant: str, session_id: str, request: str) -> str:
        """Why there is no answer."""
        del tenant, session_id, request
        return json.dumps({"unavailable": "this server runs no programs"})

    def forget(self, tenant: str, session_id: str) -> None:
        """There is nothing to let go of."""
