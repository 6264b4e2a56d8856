"""Questions about sessions go to the server that holds them, and stay here where nobody does.

One hop: who is asked by another server answers itself or says that it does not hold the session. A server that does not
answer is waited for until its lease has ended; then the session is claimed here, never before: the journal refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from assay_server.sessions.fleet import Fleet, NotHeld, PeerLost, Question
from assay_server.sessions.requests import SessionFigures, SessionView
from assay_server.sessions.values import Reason, SessionFault
from assay_server.store.journal import HeldElsewhere

_REMEMBERED = 131_072
_PATIENCE_LEASES = 1.5
_PATIENCE_SECONDS = 2.0
_PAUSE_LEASES = 0.1
_PAUSE_SECONDS = 1.0
_RETRY_SECONDS = 1.0


class Forwarding:
    """Finds out who holds sessions, and remembers it.

    Args:
        here: answers for sessions that this server holds, or claims. Raises HeldElsewhere, SessionFault.
    """

    def __init__(
        self, fleet: Fleet, figures: SessionFigures, here: Callable[[Question], Awaitable[SessionView]]
    ) -> None:
        self._fleet = fleet
        self._figures = figures
        self._here = here
        self._holders: dict[tuple[str, str], str] = {}

    async def answer(self, question: Question) -> SessionView:
        """What whoever holds the session answers.

        Raises:
            SessionFault: OWNER_UNREACHABLE, and what the answer is.
        """
        place = (question.tenant, question.session_id)
        holder = self._holders.get(place, "")
        lost, why, end = "", "", 0.0
        while True:
            outcome = await (self._there(holder, question) if holder else self._here_unless_held(question))
            match outcome:
                case SessionView():
                    if holder:
                        self._remember(place, holder)
                    return outcome
                case HeldElsewhere():
                    holder = outcome.server
                    if holder == lost:  # and may be claimed no sooner than its lease ends
                        end = await self._wait(end, holder, why)
                case NotHeld() | PeerLost():
                    self._holders.pop(place, None)
                    holder, lost, why = "", holder, str(outcome)

    async def _here_unless_held(self, question: Question) -> SessionView | HeldElsewhere:
        try:
            return await self._here(question)
        except HeldElsewhere as held:
            return held

    async def _there(self, holder: str, question: Question) -> SessionView | NotHeld | PeerLost:
        try:
            view = await self._fleet.ask(holder, question)
        except (NotHeld, PeerLost) as lost:
            return lost
        except SessionFault as fault:
            if fault.reason is Reason.JOURNAL_UNAVAILABLE:  # it may be cut off: this server may see the journal
                return PeerLost(fault.message)
            raise
        self._figures.forwarded += 1
        return view

    async def _wait(self, end: float, holder: str, why: str) -> float:
        """Let some time pass; when there is no more. Raises SessionFault: OWNER_UNREACHABLE."""
        lease = self._fleet.lease_seconds
        now = asyncio.get_running_loop().time()
        end = end or now + lease * _PATIENCE_LEASES + _PATIENCE_SECONDS
        if now > end:
            self._figures.faults[Reason.OWNER_UNREACHABLE.value] += 1
            text = f"the server that holds the session lives and cannot be asked ({why})"
            raise SessionFault(Reason.OWNER_UNREACHABLE, text, {"server": holder}, retry_after=_RETRY_SECONDS)
        await asyncio.sleep(min(lease * _PAUSE_LEASES, _PAUSE_SECONDS))
        return end

    def _remember(self, place: tuple[str, str], holder: str) -> None:
        self._holders[place] = holder
        if len(self._holders) > _REMEMBERED:
            del self._holders[next(iter(self._holders))]

    def closed(self, tenant: str, holders: Mapping[str, str]) -> None:
        """Tell others that sessions which they hold are closed."""
        by_server: dict[str, list[str]] = {}
        for session_id, server in holders.items():
            self._holders.pop((tenant, session_id), None)
            by_server.setdefault(server, []).append(session_id)
        for server, session_ids in by_server.items():
            self._fleet.closed(server, tenant, session_ids)
