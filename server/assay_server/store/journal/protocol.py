"""What the session engine needs of a journal.

Every operation is one transaction; when its coroutine returns the change is durable, as durable as the backend is.
A journal holds no policy: it knows ids, indexes and bytes, never what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from assay_server.store.protocol import StoreError


class UnknownJournalEntry(StoreError):
    """There is no such session or snapshot for this tenant."""


class RequestTaken(StoreError):
    """A request id came again with another request."""


class HeldElsewhere(StoreError):
    """Another server holds the session, and its lease has not ended."""

    def __init__(self, server: str) -> None:
        super().__init__(server)
        self.server = server


class JournaledTurn(NamedTuple):
    """One acknowledged action; ``digest`` is of what was answered, ``heard`` what the outside said when asked."""

    action: str
    agent_id: str
    digest: bytes
    heard: str = ""


class SessionKey(NamedTuple):
    """What a session is written by.

    Attributes:
        number: of the backend's own; 0 where it has none.
        fence: rises with every claim; a key with an older one writes nothing any more.
    """

    tenant: str
    session_id: str
    number: int = 0
    fence: int = 0


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be journaled.

    Attributes:
        spec: what it was made from; opaque.
        start: digest of what its reset answered.
        turns: actions that a fork starts with.
    """

    session_id: str
    group_id: str
    run_id: str
    spec: bytes
    start: bytes
    turns: Sequence[JournaledTurn] = ()


@dataclass(frozen=True, slots=True)
class JournaledSession:
    """A session as journaled.

    Attributes:
        key: what :meth:`Journal.append` names it by.
        dump: what it can be resumed from, with the number of actions that are in it.
        taken_over: the claim that it comes from took it from another server.
    """

    key: SessionKey
    session_id: str
    group_id: str
    run_id: str
    spec: bytes
    start: bytes
    closed: bool
    turns: tuple[JournaledTurn, ...]
    dump: JournaledDump | None = None
    taken_over: bool = False


class JournaledDump(NamedTuple):
    """What an episode can be resumed from."""

    step_index: int
    content: bytes


class JournaledSnapshot(NamedTuple):
    """A point of a session."""

    session_id: str
    step_index: int


class Journal(Protocol):
    """A backend.

    Attributes:
        shared: other servers write to it too, so that a session may have moved on elsewhere.
    """

    shared: bool

    async def open(self) -> None:
        """Connect. Raises StoreUnavailable."""
        ...

    async def close(self) -> None: ...

    async def create(
        self, tenant: str, sessions: Sequence[NewSession], request_id: str, request_digest: bytes
    ) -> Sequence[SessionKey]:
        """Journal sessions, from now on this server's; their keys, in order.

        Raises:
            RequestTaken: the request id is there already, whatever was asked with it.
        """
        ...

    async def of_request(self, tenant: str, request_id: str, request_digest: bytes) -> Sequence[str] | None:
        """The sessions that a request made, in order; None where it is new.

        Raises:
            RequestTaken: it made them from another request.
        """
        ...

    async def append(
        self,
        turns: Sequence[tuple[SessionKey, int, JournaledTurn]],
        dumps: Sequence[tuple[SessionKey, JournaledDump]] = (),
    ) -> Sequence[SessionKey]:
        """Journal actions: (key of the session, index of the action, the action). Indexes have no holes.

        ``dumps`` come with an action of their session, which keeps the last one. Answers the keys whose sessions are
        another server's by now: of these nothing was written.
        """
        ...

    async def claim(self, tenant: str, session_id: str) -> JournaledSession:
        """A session with all its actions, from now on this server's: keys that were given out before write nothing.

        One that is closed is nobody's any more; it is read.

        Raises:
            UnknownJournalEntry: there is none.
            HeldElsewhere: a server that says so and lives holds it. Not where this one says nothing of itself.
        """
        ...

    async def holds(self, key: SessionKey) -> bool:
        """Whether the session is this server's still."""
        ...

    async def read(self, tenant: str, session_id: str) -> JournaledSession:
        """A session with all its actions.

        Raises:
            UnknownJournalEntry: there is none.
        """
        ...

    async def end(self, tenant: str, session_ids: Sequence[str]) -> Mapping[str, str]:
        """Mark sessions as closed; those that are unknown or closed already are passed over.

        Answers which other servers hold some of them, as far as that is known: server by session.
        """
        ...

    async def retire(self, keys: Sequence[SessionKey]) -> None:
        """Mark sessions as closed, those that are another server's by now apart."""
        ...

    async def put_snapshot(self, tenant: str, snapshot: str, point: JournaledSnapshot) -> None: ...

    async def get_snapshot(self, tenant: str, snapshot: str) -> JournaledSnapshot:
        """A snapshot. Raises UnknownJournalEntry."""
        ...

    async def forget(self, before: float) -> int:
        """Delete closed sessions that no snapshot names and that were closed before this time; how many."""
        ...
