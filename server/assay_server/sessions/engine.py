"""Sessions: nothing is answered that the journal does not hold.

A session lives in a worker's memory and in the journal. Where its worker is gone it is made again from the journal when
it is next touched: the same start, the same actions, and the same answers, or DATA_LOSS. In a fleet one server
holds it, and the others ask that one (:mod:`assay_server.sessions.forwarding`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from assay.sdk import Unscorable
from assay_server.environments.catalogue import EnvironmentCatalogue, UnknownEnvironment
from assay_server.environments.definition import EnvironmentDefinition, Replay
from assay_server.environments.protocol import EnvironmentFault
from assay_server.sessions.asking import NobodyOutside, Outside
from assay_server.sessions.channel import Answer
from assay_server.sessions.fleet import Fleet, Question
from assay_server.sessions.forwarding import Forwarding
from assay_server.sessions.living import LiveSession, Losses, Placement, Registry
from assay_server.sessions.recording import Recorder, decode_spec, encode_spec
from assay_server.sessions.requests import (
    Action,
    CreateSessions,
    Outcome,
    SessionFigures,
    SessionSettings,
    SessionView,
    Timeouts,
)
from assay_server.sessions.values import Reason, SessionFault, SessionSpec, Turn
from assay_server.sessions.workers import WorkerPool
from assay_server.store.journal import (
    Journal,
    JournaledDump,
    JournaledSnapshot,
    JournaledTurn,
    NewSession,
    RequestTaken,
)
from assay_server.store.protocol import StoreUnavailable

_REAP_SECONDS = 5.0
_OUTSIDE_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Making:
    """Sessions about to be made: one spec and one group each, all from the same recorded actions."""

    tenant: str
    specs: Sequence[SessionSpec]
    group_ids: Sequence[str]
    run_id: str
    timeouts: Timeouts
    turns: tuple[Turn, ...] = ()
    start: bytes = b""
    dump: JournaledDump | None = None


class SessionEngine:
    """The service behind EnvironmentService."""

    def __init__(
        self,
        catalogue: EnvironmentCatalogue,
        journal: Journal,
        settings: SessionSettings,
        outside: Outside | None = None,
        fleet: Fleet | None = None,
    ) -> None:
        """``outside`` answers what environments ask, ``fleet`` is the other servers; without one, this server claims
        whatever it is asked for. Whoever made them closes them, after :meth:`stop`."""
        self._outside = outside or NobodyOutside()
        self.figures = SessionFigures()
        self._fleet = fleet
        self._forwarding = None if fleet is None else Forwarding(fleet, self.figures, self.answer)
        self._catalogue = catalogue
        self._settings = settings
        self._recorder = Recorder(journal)
        self._live = Registry(settings.max_sessions, settings.tenant_sessions)
        self._placement = Placement(self._live, settings)
        self._loading: dict[tuple[str, str], asyncio.Task[LiveSession]] = {}
        self._reaper: asyncio.Task[None] | None = None
        self._started: asyncio.Task[None] | None = None

    @property
    def catalogue(self) -> EnvironmentCatalogue:
        """The environments that sessions can be made of."""
        return self._catalogue

    @property
    def workers(self) -> WorkerPool:
        """The processes."""
        return self._placement.workers

    @property
    def live(self) -> int:
        """Sessions that are known and not closed."""
        return len(self._live)

    async def _ready(self) -> None:
        """Start when first needed: who scores answers only pays for no worker."""
        if self._started is None:
            self._started = asyncio.create_task(self._start(), name="sessions start")
        await asyncio.shield(self._started)

    async def _start(self) -> None:
        try:
            await self._recorder.open()
            if self._fleet is not None:
                await self._join(self._fleet)
        except SessionFault:
            self._started = None
            raise
        await self.workers.start()
        self._reaper = asyncio.create_task(self._reap(), name="session reaper")

    async def _join(self, fleet: Fleet) -> None:
        try:
            await fleet.open()
        except StoreUnavailable as error:
            raise SessionFault(Reason.JOURNAL_UNAVAILABLE, str(error), retry_after=1.0) from error

    async def stop(self) -> None:
        """End the workers; sessions stay in the journal."""
        if self._started is None:
            return
        await asyncio.gather(self._started, return_exceptions=True)
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        await self.workers.stop()
        await self._recorder.close()

    # ------------------------------------------------------------ making

    async def create(self, tenant: str, request: CreateSessions) -> Sequence[SessionView]:
        """Make groups of sessions, group by group; all of them or none.

        Raises:
            SessionFault: UNKNOWN_ENVIRONMENT, INVALID_OPTIONS, SESSIONS_FULL, REQUEST_CONFLICT, GROUP_START_DIFFERS,
                and what the environment does.
        """
        await self._ready()
        definition = self._definition(request.environment)

        async def plan() -> _Making:
            specs: list[SessionSpec] = []
            group_ids: list[str] = []
            for seed in request.seeds:
                spec = SessionSpec(definition.id, definition.digest, seed, request.options, request.rules)
                specs += [spec] * request.group_size
                group_ids += [f"eg-{secrets.token_hex(8)}"] * request.group_size
            return _Making(tenant, specs, group_ids, request.run_id, request.timeouts)

        return await self._once(tenant, request.request_id, _digest_of(request, definition), plan)

    async def fork(
        self, tenant: str, session_id: str, at_step: int, count: int, request_id: str
    ) -> Sequence[SessionView]:
        """New sessions that continue from a step of another one, which goes on as it was.

        Raises:
            SessionFault: NOT_REPLAYABLE, UNKNOWN_SESSION, WRONG_STEP, REPLAY_MISMATCH, SESSIONS_FULL.
        """
        await self._ready()
        digest = hashlib.sha256(f"fork {session_id} {at_step} {count}".encode()).digest()
        return await self._once(tenant, request_id, digest, lambda: self._branch(tenant, session_id, at_step, count))

    async def restore(self, tenant: str, snapshot: str, request_id: str) -> SessionView:
        """A new session that continues from a snapshot.

        Raises:
            SessionFault: UNKNOWN_SNAPSHOT, REPLAY_MISMATCH, SESSIONS_FULL.
        """
        await self._ready()
        point = await self._recorder.get_snapshot(tenant, snapshot)
        digest = hashlib.sha256(f"restore {snapshot}".encode()).digest()
        (view,) = await self._once(tenant, request_id, digest, lambda: self._branch(tenant, *point, 1))
        return view

    async def _branch(self, tenant: str, session_id: str, at_step: int, count: int) -> _Making:
        journaled = await self._recorder.read(tenant, session_id)
        spec, timeouts = decode_spec(journaled.spec)
        self._replayable(spec)
        if not 0 <= at_step <= len(journaled.turns):
            text = f"there is no step {at_step}: the session has taken {len(journaled.turns)}"
            raise SessionFault(Reason.WRONG_STEP, text, {"step_index": str(len(journaled.turns))}, "at_step")
        turns = tuple(Turn(*turn) for turn in journaled.turns[:at_step])
        group_ids = [journaled.group_id] * count
        dump = journaled.dump if journaled.dump is not None and journaled.dump.step_index <= at_step else None
        return _Making(tenant, [spec] * count, group_ids, journaled.run_id, timeouts, turns, journaled.start, dump)

    async def _once(
        self, tenant: str, request_id: str, digest: bytes, plan: Callable[[], Awaitable[_Making]]
    ) -> Sequence[SessionView]:
        """Make what is planned, unless this request has made it before."""
        made = await self._recorder.of_request(tenant, request_id, digest) if request_id else None
        if made is None:
            try:
                return await self._make(await plan(), request_id, digest)
            except RequestTaken:  # it came twice at once, and the other was first
                made = await self._recorder.of_request(tenant, request_id, digest)
        return [await self._wherever(Question(tenant, session_id)) for session_id in made or ()]

    async def _make(self, making: _Making, request_id: str, digest: bytes) -> Sequence[SessionView]:
        self._live.admit(making.tenant, len(making.specs))
        sessions = [
            self._live.add(making.tenant, group_id, making.run_id, making.timeouts) for group_id in making.group_ids
        ]
        for session in sessions:
            session.busy = True
        try:
            starts = await self._open_all(sessions, making)
            keys = await self._recorder.create(making.tenant, _rows(sessions, making, starts), request_id, digest)
        except BaseException:
            self._forget(sessions)
            raise
        for session, key in zip(sessions, keys, strict=True):
            session.key = key
            session.busy = False
            session.last = _last(making.turns)
        self.figures.created += len(sessions)
        return [session.view() for session in sessions]

    async def _open_all(self, sessions: Sequence[LiveSession], making: _Making) -> list[Answer]:
        opened = [
            self._placement.open(session, spec, *_remaining(making.turns, making.dump))
            for session, spec in zip(sessions, making.specs, strict=True)
        ]
        answers = await asyncio.gather(*opened, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        starts = [answer for answer in answers if isinstance(answer, Answer)]
        first: dict[str, bytes] = {}
        for session, start in zip(sessions, starts, strict=True):
            if first.setdefault(session.group_id, start.digest) != start.digest:
                text = "the environment started members of one group in different states: it does not obey its seed"
                raise SessionFault(Reason.GROUP_START_DIFFERS, text)
        if making.start and not making.turns and starts[0].digest != making.start:
            raise _other_start()
        return starts

    def _definition(self, name: str) -> EnvironmentDefinition:
        try:
            return self._catalogue.resolve(name)
        except UnknownEnvironment as error:
            raise SessionFault(Reason.UNKNOWN_ENVIRONMENT, str(error), field="environment_id") from error

    def _replayable(self, spec: SessionSpec) -> None:
        if self._definition(spec.environment).replay is Replay.NONE:
            text = f"{spec.environment} cannot be replayed, so its sessions cannot be forked or restored"
            raise SessionFault(Reason.NOT_REPLAYABLE, text)

    # ------------------------------------------------------------ stepping

    async def act(self, tenant: str, action: Action) -> Outcome:
        """One action; what followed, or why it was not taken."""
        try:
            return await self._wherever(Question(tenant, action.session_id, action))
        except SessionFault as fault:
            return fault

    async def _wherever(self, question: Question) -> SessionView:
        """The answer of whichever server holds the session. Raises SessionFault."""
        if self._forwarding is None:
            return await self.answer(question)
        return await self._forwarding.answer(question)

    async def answer(self, question: Question) -> SessionView:
        """The answer of a session that this server holds, or may hold from now on.

        Raises:
            SessionFault: what an action may lead to.
            HeldElsewhere: a server of the fleet that lives holds it.
        """
        try:
            await self._ready()
            known = self._live.get(question.tenant, question.session_id)
            session = known or await self._load(question.tenant, question.session_id)
            if question.action is None:
                return await self._shown(session)
            try:
                return await self._act(session, question.action)
            except SessionFault as fault:
                if not await self._is_elsewhere(session, fault):
                    raise
            self._forget([session])
            return await self._act(await self._load(question.tenant, question.session_id), question.action)
        except SessionFault as fault:
            self.figures.faults[fault.reason.value] += 1
            raise

    async def _is_elsewhere(self, session: LiveSession, fault: SessionFault) -> bool:
        """Whether another server has taken the session over, and moved it on, since it was last heard of here."""
        if fault.reason in (Reason.WRONG_STEP, Reason.EPISODE_OVER):
            moved = self._recorder.shared and not session.busy and not await self._recorder.holds(session.key)
            return moved and not session.busy
        return fault.reason is Reason.SESSION_MOVED

    async def _act(self, session: LiveSession, action: Action) -> SessionView:
        if session.busy:
            text = "another action of this session is under way"
            raise SessionFault(Reason.STEP_IN_FLIGHT, text, session.where, retry_after=0.05)
        index = session.index
        if action.expected_step == index - 1 and session.last == (index - 1, action.action, action.agent_id):
            return await self._shown(session)
        if action.expected_step != index:
            text = f"the action answers step {action.expected_step}, the session is at {index}"
            raise SessionFault(Reason.WRONG_STEP, text, session.where, "expected_step")
        if session.ended:
            raise SessionFault(Reason.EPISODE_OVER, "the episode is over", session.where)
        session.busy = True
        try:
            answer, heard = await self._take(session, action)
            try:
                await self._recorder.append(
                    session.key, index, Turn(action.action, action.agent_id, answer.digest, heard), answer.dump
                )
            except BaseException:
                self._placement.leave(session)  # it may be ahead of the journal
                raise
            self._placement.moved_on(session, answer, action.action, action.agent_id)
        finally:
            session.busy = False
        self.figures.steps += 1
        return session.view()

    async def _take(self, session: LiveSession, action: Action) -> tuple[Answer, str]:
        """Take an action, wherever the session lives by now; what followed, and what the outside was heard to say."""
        losses, heard = Losses(), ""
        while True:
            await self._settle(session)
            if session.index != action.expected_step:  # the journal knows more than was known here
                raise SessionFault(Reason.SESSION_MOVED, "the session has moved on", session.where)
            try:
                answer = await self._placement.take(session, action.action, action.agent_id, heard)
            except SessionFault as fault:
                await losses.fault(fault)
                continue
            if answer is None:
                losses.worker()
            elif answer.request:
                heard = await self._heard(session, answer.request)
            else:
                return answer, heard

    async def _heard(self, session: LiveSession, request: str) -> str:
        """What the outside answers. Raises SessionFault: OUTSIDE_UNAVAILABLE, OUTSIDE_REFUSED, ENVIRONMENT_FAILED."""
        try:
            said = await self._outside.answer(session.tenant, session.session_id, request)
        except EnvironmentFault as error:
            raise SessionFault(Reason.ENVIRONMENT_FAILED, str(error), session.where) from error
        except Unscorable as error:
            reason = Reason.OUTSIDE_UNAVAILABLE if error.retryable else Reason.OUTSIDE_REFUSED
            text = f"the action was not taken: {error.message}"
            retry = _OUTSIDE_RETRY_SECONDS if error.retryable else None
            raise SessionFault(
                reason, text, {**session.where, "outside_reason": error.reason}, retry_after=retry
            ) from error
        if not said:  # it would be asked again for ever
            raise SessionFault(Reason.ENVIRONMENT_FAILED, "what was asked was answered by nothing", session.where)
        return said

    async def _settle(self, session: LiveSession) -> None:
        """Make a session again, from the journal, where no worker holds it."""
        if session.place is not None:
            return
        journaled = await self._recorder.read(session.tenant, session.session_id)
        spec, _ = decode_spec(journaled.spec)
        self._replayable(spec)
        turns = tuple(Turn(*turn) for turn in journaled.turns)
        answer = await self._placement.open(session, spec, *_remaining(turns, journaled.dump))
        if journaled.start and not journaled.turns and answer.digest != journaled.start:
            self._placement.leave(session)
            raise _other_start()
        self.figures.rebuilt += 1

    async def _shown(self, session: LiveSession) -> SessionView:
        """The present state again; after a restart it has to be made first."""
        if not session.state and not session.busy:
            session.busy = True
            try:
                await self._settle(session)
            finally:
                session.busy = False
        return session.view()

    # ------------------------------------------------------------ snapshots and ends

    async def snapshot(self, tenant: str, session_id: str) -> tuple[str, int, bytes]:
        """A handle to the session as it stands, its step, and the digest of its state.

        Raises:
            SessionFault: NOT_REPLAYABLE, UNKNOWN_SESSION.
        """
        await self._ready()
        journaled = await self._recorder.read(tenant, session_id)
        spec, _ = decode_spec(journaled.spec)
        self._replayable(spec)
        index = len(journaled.turns)
        snapshot = f"ss-{secrets.token_hex(12)}"
        await self._recorder.put_snapshot(tenant, snapshot, JournaledSnapshot(session_id, index))
        return snapshot, index, journaled.turns[-1].digest if index else journaled.start

    async def close(self, tenant: str, session_ids: Sequence[str]) -> None:
        """Close sessions; those that are gone already are passed over."""
        await self._ready()
        elsewhere = await self._recorder.end(tenant, session_ids)
        self.let_go(tenant, session_ids)
        if self._forwarding is not None:
            self._forwarding.closed(tenant, elsewhere)

    def let_go(self, tenant: str, session_ids: Sequence[str]) -> None:
        """Forget sessions that are closed."""
        known = [self._live.get(tenant, session_id) for session_id in session_ids]
        self._forget([session for session in known if session is not None])

    async def _reap(self) -> None:
        """Close what nobody has used for long; delete what was closed long ago."""
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            with contextlib.suppress(SessionFault):  # the journal is away: the next round tries again
                await self._close_idle()
                await self._recorder.forget(time.time() - self._settings.kept_seconds)

    async def _close_idle(self) -> None:
        now = asyncio.get_running_loop().time()
        idle = [
            session
            for session in self._live
            if not session.busy and now - session.used > (session.timeouts.idle or self._settings.idle_timeout)
        ]
        if idle:
            await self._recorder.retire([session.key for session in idle])
            self._forget(idle)
            self.figures.reaped += len(idle)

    def _forget(self, sessions: Sequence[LiveSession]) -> None:
        for session in sessions:
            self._live.remove(session)
            self._outside.forget(session.tenant, session.session_id)
        self._placement.leave_all(sessions)

    # ------------------------------------------------------------ sessions of before

    async def _load(self, tenant: str, session_id: str) -> LiveSession:
        """A session of the journal, known from now on; where several ask at once, one reads."""
        known = self._live.get(tenant, session_id)
        if known is not None:
            return known
        place = (tenant, session_id)
        if place not in self._loading:
            loading = asyncio.create_task(self._load_journaled(tenant, session_id), name="session load")
            self._loading[place] = loading
            loading.add_done_callback(lambda done: self._loaded(place, done))
        return await asyncio.shield(self._loading[place])

    def _loaded(self, place: tuple[str, str], loading: asyncio.Task[LiveSession]) -> None:
        del self._loading[place]
        if not loading.cancelled():
            loading.exception()  # whoever asked may have left before it was known that there is none

    async def _load_journaled(self, tenant: str, session_id: str) -> LiveSession:
        journaled = await self._recorder.claim(tenant, session_id)
        if journaled.closed:
            raise SessionFault(Reason.SESSION_CLOSED, "the session is closed", field="session_id")
        self._live.admit(tenant, 1)
        _, timeouts = decode_spec(journaled.spec)
        session = self._live.add(tenant, journaled.group_id, journaled.run_id, timeouts, session_id)
        session.key = journaled.key
        session.index = len(journaled.turns)
        session.last = _last(tuple(Turn(*turn) for turn in journaled.turns[-1:]), len(journaled.turns))
        self.figures.taken_over += journaled.taken_over
        return session


def _last(turns: Sequence[Turn], taken: int | None = None) -> tuple[int, str, str] | None:
    if not turns:
        return None
    return (len(turns) if taken is None else taken) - 1, turns[-1].action, turns[-1].agent_id


def _rows(sessions: Sequence[LiveSession], making: _Making, starts: Sequence[Answer]) -> list[NewSession]:
    turns = [JournaledTurn(turn.action, turn.agent_id, turn.digest) for turn in making.turns]
    return [
        NewSession(
            session.session_id,
            session.group_id,
            session.run_id,
            encode_spec(spec, session.timeouts),
            making.start or start.digest,
            turns,
        )
        for session, spec, start in zip(sessions, making.specs, starts, strict=True)
    ]


def _remaining(turns: tuple[Turn, ...], dump: JournaledDump | None) -> tuple[tuple[Turn, ...], bytes]:
    """The actions that are to be taken again, and what is resumed from before them."""
    return (turns, b"") if dump is None else (turns[dump.step_index :], dump.content)


def _other_start() -> SessionFault:
    return SessionFault(Reason.REPLAY_MISMATCH, "the environment starts otherwise than when it was recorded")


def _digest_of(request: CreateSessions, definition: EnvironmentDefinition) -> bytes:
    plain = replace(request, environment=definition.id, options={}, request_id="")
    options = json.dumps(request.options, sort_keys=True)
    return hashlib.sha256(f"{plain!r} {options}".encode()).digest()
