"""The sessions that are known, and the workers that hold them."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assay_server.sessions.channel import Act, Answer, Open
from assay_server.sessions.requests import SessionSettings, SessionView, Timeouts
from assay_server.sessions.values import Reason, SessionFault, SessionSpec, Turn
from assay_server.sessions.workers import Errand, WorkerPool
from assay_server.store.journal import SessionKey

_MAX_LOSSES = 10
_LOSSES_SECONDS = 30.0
_MAX_CRASHES = 3
_AFTER_CRASH_SECONDS = 0.25
_RETRY_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class LiveSession:
    """A live session as the engine knows it.

    Attributes:
        place: of the worker that holds it; ``None`` where none does.
        last: the last action, its agent and the index that it answered.
        busy: an action is under way.
    """

    number: int
    key: SessionKey
    group_id: str
    run_id: str
    timeouts: Timeouts
    used: float
    place: int | None = None
    index: int = 0
    ended: bool = False
    state: bytes = b""
    last: tuple[int, str, str] | None = None
    busy: bool = False

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.key.tenant

    @property
    def session_id(self) -> str:
        """Its name."""
        return self.key.session_id

    @property
    def where(self) -> Mapping[str, str]:
        """What tells a caller where the session stands."""
        return {"step_index": str(self.index)}

    def view(self) -> SessionView:
        return SessionView(self.session_id, self.group_id, self.index, self.state)


class Registry:
    """The live sessions of all tenants."""

    def __init__(self, limit: int, tenant_limit: int = 0) -> None:
        """Take at most ``limit``, and of each tenant ``tenant_limit``; 0 = as many as there is room for."""
        self._limit = limit
        self._tenant_limit = tenant_limit or limit
        self._of_tenant: Counter[str] = Counter()
        self._by_number: dict[int, LiveSession] = {}
        self._by_id: dict[tuple[str, str], LiveSession] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(self._by_number.values())

    def get(self, tenant: str, session_id: str) -> LiveSession | None:
        """A session by id."""
        return self._by_id.get((tenant, session_id))

    def admit(self, tenant: str, count: int) -> None:
        """Refuse so many more of a tenant where they are too many. Raises SessionFault: SESSIONS_FULL."""
        present = self._of_tenant[tenant]
        if present + count > self._tenant_limit:
            text = f"{count} sessions more than the {present} of this tenant are too many: {self._tenant_limit} at most"
            raise SessionFault(Reason.SESSIONS_FULL, text, retry_after=_RETRY_SECONDS)
        if len(self) + count > self._limit:  # how many others have is not said
            text = f"there is no room for {count} sessions more: {self._limit} at most, of all tenants together"
            raise SessionFault(Reason.SESSIONS_FULL, text, retry_after=_RETRY_SECONDS)

    def add(self, tenant: str, group_id: str, run_id: str, timeouts: Timeouts, session_id: str = "") -> LiveSession:
        """A session, from now on known; a new id where none is given."""
        now = asyncio.get_running_loop().time()
        number = next(self._numbers)
        name = session_id or f"es-{secrets.token_hex(12)}"
        session = LiveSession(number, SessionKey(tenant, name), group_id, run_id, timeouts, now)
        self._by_number[number] = self._by_id[tenant, name] = session
        self._of_tenant[tenant] += 1
        return session

    def remove(self, session: LiveSession) -> None:
        """Forget a session; no error where that is done already."""
        if self._by_number.pop(session.number, None) is None:
            return
        self._of_tenant[session.tenant] -= 1
        if not self._of_tenant[session.tenant]:
            del self._of_tenant[session.tenant]
        self._by_id.pop((session.tenant, session.session_id), None)


class Placement:
    """Sessions in workers: makes them there, passes actions on, and notes when a worker is gone."""

    def __init__(self, registry: Registry, settings: SessionSettings) -> None:
        self.workers = WorkerPool(settings.workers, self._on_loss, settings.sources)
        self._registry = registry
        self._step_timeout = settings.step_timeout
        self._open_timeout = settings.open_timeout
        self._orders = itertools.count(1)

    async def open(
        self, session: LiveSession, spec: SessionSpec, turns: tuple[Turn, ...] = (), dump: bytes = b""
    ) -> Answer:
        """Make a session in a worker and take its recorded actions; those before ``dump`` are in it.

        Raises:
            SessionFault: INVALID_OPTIONS, REPLAY_MISMATCH, ENVIRONMENT_FAILED, ENVIRONMENT_CRASHED, STEP_TIMEOUT.
        """
        losses = Losses()
        while True:
            place = session.number % self.workers.size
            order = Open(next(self._orders), session.number, spec, turns, dump)
            answer = await self._errand(place, order, self._open_timeout)
            if answer is None:
                losses.worker()
            elif answer.fault is not None:
                await losses.fault(answer.fault)
            else:
                session.place = place
                self._note(session, answer)
                return answer

    async def take(self, session: LiveSession, action: str, agent_id: str, heard: str = "") -> Answer | None:
        """Have a session's worker take an action; ``None`` where the session lives nowhere any more.

        The session does not move on: see :meth:`moved_on`. Where the answer has a request, the action was not taken:
        it comes again, with what was heard.

        Raises:
            SessionFault: EPISODE_OVER, INVALID_ACTION_CONTENT, STEP_TIMEOUT, ENVIRONMENT_FAILED, ENVIRONMENT_CRASHED.
        """
        place = session.place
        if place is None:
            return None
        order = Act(next(self._orders), session.number, action, agent_id, heard)
        try:
            answer = await self._errand(place, order, session.timeouts.step or self._step_timeout)
        except asyncio.CancelledError:
            self.leave(session)  # it takes the action, of which nothing will be journaled
            raise
        if answer is None:
            session.place = None
        elif answer.fault is not None:
            if answer.fault.reason not in (Reason.EPISODE_OVER, Reason.INVALID_ACTION_CONTENT):
                self.leave(session)  # what the environment is like after that, nobody knows
            raise answer.fault
        elif not answer.request and answer.index != session.index + 1:
            self.leave(session)
            raise SessionFault(Reason.REPLAY_MISMATCH, "the worker is at another step than the journal", session.where)
        return answer

    def moved_on(self, session: LiveSession, answer: Answer, action: str, agent_id: str) -> None:
        """The action of an answer is journaled: the session is where the answer says."""
        session.last = (session.index, action, agent_id)
        self._note(session, answer)

    def leave(self, session: LiveSession) -> None:
        """Have the worker forget a session; it is made again when it is next touched."""
        if session.place is not None:
            self.workers.drop(session.place, [session.number])
            session.place = None

    def leave_all(self, sessions: Sequence[LiveSession]) -> None:
        """Have the workers forget sessions."""
        by_place: dict[int, list[int]] = {}
        for session in sessions:
            if session.place is not None:
                by_place.setdefault(session.place, []).append(session.number)
                session.place = None
        for place, numbers in by_place.items():
            self.workers.drop(place, numbers)

    def _on_loss(self, place: int) -> None:
        for session in self._registry:
            if session.place == place:
                session.place = None

    async def _errand(self, place: int, order: Act | Open, timeout: float) -> Answer | None:
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()

        def done(answer: Answer | None) -> None:
            if not future.done():
                future.set_result(answer)

        self.workers.send(place, Errand(order, order.order, timeout, done))
        return await future

    @staticmethod
    def _note(session: LiveSession, answer: Answer) -> None:
        session.index, session.ended, session.state = answer.index, answer.ended, answer.state
        session.used = asyncio.get_running_loop().time()


class Losses:
    """How often what one session wants was lost with its worker: somebody else may have killed that, or it itself."""

    def __init__(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self._workers = 0
        self._crashes = 0

    def worker(self) -> None:
        """A worker was lost over something else. Raises SessionFault: so it goes all the time."""
        self._workers += 1
        lasts = asyncio.get_running_loop().time() - self._began
        if self._workers >= _MAX_LOSSES and lasts > _LOSSES_SECONDS:
            text = f"the workers that were to hold the session were lost {self._workers} times"
            raise SessionFault(Reason.ENVIRONMENT_CRASHED, text, retry_after=_RETRY_SECONDS)

    async def fault(self, fault: SessionFault) -> None:
        """Raise the fault of a session; but one whose worker ended under it is let try again, after the others.

        Who comes first to a new worker waits for its imports as well, and would be the one to blame again.
        """
        self._crashes += fault.reason is Reason.ENVIRONMENT_CRASHED
        if fault.reason is not Reason.ENVIRONMENT_CRASHED or self._crashes >= _MAX_CRASHES:
            raise fault
        await asyncio.sleep(_AFTER_CRASH_SECONDS)
