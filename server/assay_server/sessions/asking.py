"""Who answers what environments ask of the outside. Declared here, given by the server."""

from __future__ import annotations

import json
from typing import Protocol

from assay.sdk import Unscorable
from assay_server.environments.apps.outside import ERRAND
from assay_server.environments.asked import QUESTION


class Outside(Protocol):
    """Answers requests of sessions; used from one event loop."""

    async def answer(self, tenant: str, session_id: str, request: str) -> str:
        """The answer, as JSON, never empty.

        What goes wrong in what is asked for is an answer, too.

        Raises:
            Unscorable: nobody could answer; the action is not taken.
        """
        ...

    def forget(self, tenant: str, session_id: str) -> None:
        """The session is over, or elsewhere: let go of what is held for it."""
        ...


class NobodyOutside:
    """Says that there is nobody to ask."""

    async def answer(self, tenant: str, session_id: str, request: str) -> str:
        """Why there is no answer. Raises Unscorable where that is none."""
        del tenant, session_id
        if request.startswith((ERRAND, QUESTION)):
            raise Unscorable("SANDBOX_UNAVAILABLE", "this server runs no programs and asks no judges")
        return json.dumps({"unavailable": "this server runs no programs"})

    def forget(self, tenant: str, session_id: str) -> None:
        """There is nothing to let go of."""
