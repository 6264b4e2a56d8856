"""The other servers of a fleet over gRPC: one conversation with each that is asked, all questions of a turn together.

A conversation is begun when there is a question and ends when its server does. Questions that are open then are given
back as lost; so are those of a server whose lease ends while it says nothing, though its connection may stand.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

import grpc
import grpc.aio
import structlog

from assay_server.sessions.fleet import PeerLost, Question
from assay_server.sessions.peer_frames import (
    METHOD,
    TICKET,
    Asked,
    BadFrame,
    Closed,
    Reply,
    TakenBack,
    decode_replies,
    encode_said,
    together,
)
from assay_server.sessions.requests import SessionView
from assay_server.store.journal.servers import ServerTable
from assay_server.store.protocol import StoreUnavailable

if TYPE_CHECKING:
    Dial = Callable[[str], grpc.aio.Channel]

_log = structlog.get_logger(__name__)
_RENEWALS_A_LEASE = 3
_WITHDRAW_SECONDS = 2.0


class _Call(Protocol):
    async def read(self) -> bytes: ...

    async def write(self, request: bytes) -> None: ...


class Peers:
    """The fleet, as one of its servers sees it.

    Args:
        address: where others reach this server; asked when it is first told to others.
        dial: a channel to an address.
    """

    def __init__(self, table: ServerTable, address: Callable[[], str], dial: Dial) -> None:
        self.lease_seconds = table.lease_seconds
        self._table = table
        self._address = address
        self._dial = dial
        self._links: dict[str, _Link] = {}
        self._announcing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Announce this server. Raises StoreUnavailable."""
        await self._table.announce(self._address())
        if self._announcing is None:
            self._announcing = asyncio.create_task(self._announce(), name="announce to the fleet")

    async def ask(self, server: str, question: Question) -> SessionView:
        """What a server answers. Raises SessionFault, NotHeld, PeerLost."""
        reply = await self._link(server).ask(question)
        if isinstance(reply, SessionView):
            return reply
        raise reply

    def closed(self, server: str, tenant: str, session_ids: Sequence[str]) -> None:
        """Tell a server that sessions are closed."""
        self._link(server).tell(Closed(tenant, tuple(session_ids)))

    async def leave(self) -> None:
        """Let others claim what this server holds."""
        if self._announcing is None:
            return
        self._announcing.cancel()
        await asyncio.gather(self._announcing, return_exceptions=True)
        self._announcing = None
        try:
            async with asyncio.timeout(_WITHDRAW_SECONDS):
                await self._table.withdraw()
        except (StoreUnavailable, TimeoutError):
            _log.warning("the fleet was not told that this server leaves; its lease will end by itself")

    async def close(self) -> None:
        """Leave, and end all conversations."""
        await self.leave()
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.close() for link in links))
        await self._table.close()

    def _link(self, server: str) -> _Link:
        link = self._links.get(server)
        if link is None or link.over:
            link = self._links[server] = _Link(server, self._table, self._dial, self._dropped)
        return link

    def _dropped(self, link: _Link) -> None:
        if self._links.get(link.server) is link:
            del self._links[link.server]

    async def _announce(self) -> None:
        period = self.lease_seconds / _RENEWALS_A_LEASE
        while True:
            await asyncio.sleep(period)
            try:
                await self._table.announce(self._address())
                period = self.lease_seconds / _RENEWALS_A_LEASE
            except StoreUnavailable as error:
                _log.warning("the fleet cannot be told that this server lives", problem=str(error))
                period = self.lease_seconds / _RENEWALS_A_LEASE**2


class _Link:
    """One conversation.

    Attributes:
        over: it has ended; nothing more can be asked.
    """

    def __init__(self, server: str, table: ServerTable, dial: Dial, dropped: Callable[[_Link], None]) -> None:
        self.server = server
        self.over = False
        self._table = table
        self._dial = dial
        self._dropped = dropped
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._outgoing: list[bytes] = []
        self._due = asyncio.Event()
        self._life = asyncio.create_task(self._live(), name=f"talk to {server}")

    async def ask(self, question: Question) -> Reply:
        """The answer. Raises PeerLost."""
        number = next(self._numbers)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self.tell(Asked(number, question))
        try:
            return await answer
        except asyncio.CancelledError:
            self.tell(TakenBack(number))
            raise
        finally:
            self._waiting.pop(number, None)

    def tell(self, said: Asked | TakenBack | Closed) -> None:
        """Say something, together with whatever else is said in the same turn of the loop."""
        self._outgoing.append(encode_said(said))
        self._due.set()

    async def close(self) -> None:
        """End it."""
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)

    async def _live(self) -> None:
        why = "it ended the conversation"
        try:
            await self._converse()
        except (PeerLost, StoreUnavailable, BadFrame, OSError) as error:
            why = str(error)
        except grpc.aio.AioRpcError as error:
            why = f"{error.code().name}: {error.details()}"
        except asyncio.InvalidStateError:  # written to when it had ended
            pass
        finally:
            self.over = True
            self._dropped(self)
            if self._waiting:
                _log.warning("a server of the fleet does not answer", server=self.server, problem=why)
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(PeerLost(why))

    async def _converse(self) -> None:
        address = await self._address()
        metadata = ((TICKET, await self._table.ticket_for(self.server)),)
        async with self._dial(address) as channel:
            call = cast("_Call", channel.stream_stream(METHOD)(metadata=metadata))
            await _first_to_end(self._write(call), self._read(call), self._watch())

    async def _write(self, call: _Call) -> None:
        while await self._due.wait():
            self._due.clear()
            outgoing, self._outgoing = self._outgoing, []
            for data in together(outgoing):
                await call.write(data)

    async def _read(self, call: _Call) -> None:
        while (data := await call.read()) != grpc.aio.EOF:  # pyright: ignore[reportAttributeAccessIssue] - missing in its stubs
            for number, reply in decode_replies(data):
                answer = self._waiting.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(reply)

    async def _watch(self) -> None:
        """Give up a server that holds its connection and lost its lease: it sleeps, or Redis is out of its reach."""
        while True:
            await asyncio.sleep(self._table.lease_seconds / _RENEWALS_A_LEASE)
            if self._waiting:
                try:
                    await self._address()
                except StoreUnavailable:
                    continue  # nobody's lease is known now

    async def _address(self) -> str:
        address = await self._table.address_of(self.server)
        if address is None:
            raise PeerLost("its lease has ended")
        return address


async def _first_to_end(*parts: Awaitable[None]) -> None:
    """Do all of them until one ends, or raises."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
