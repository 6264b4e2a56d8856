"""Which servers of a fleet hold sessions, in Redis: where each is reached, for as long as it says so.

A server's entry ends by itself when nothing was heard of it for the length of its lease; then others may claim what it
holds. Redis' clock alone decides that.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from assay_server.store.redis.connection import Server

_TICKET_SECONDS = 60


class ServerTable:
    """The table, as one server sees and fills it.

    Args:
        url: of the Redis.
        name: this server's; another one after each start.
        lease_seconds: how long an entry stays that nobody renews.
    """

    def __init__(self, url: str, name: str, lease_seconds: float) -> None:
        from assay_server.store.redis.connection import Server

        self.name = name
        self.lease_seconds = lease_seconds
        self._server: Server = Server(url, connections=4)

    async def announce(self, address: str) -> None:
        """Say, for another lease, where this server is reached. Raises StoreUnavailable."""
        lease = max(1, round(self.lease_seconds * 1000))
        await self._server.command("SET", life_key(self.name), address, "PX", lease)

    async def withdraw(self) -> None:
        """Hold nothing any more: whoever is asked may claim it at once. Raises StoreUnavailable."""
        await self._server.command("DEL", life_key(self.name))

    async def address_of(self, server: str) -> str | None:
        """Where a server is reached; None where its lease has ended. Raises StoreUnavailable."""
        address = cast("bytes | None", await self._server.command("GET", life_key(server)))
        return None if address is None else address.decode()

    async def ticket_for(self, server: str) -> str:
        """What lets this server into another one, once: who can leave it in Redis is of the fleet.

        Raises:
            StoreUnavailable: it cannot be left there.
        """
        ticket = secrets.token_hex(32)
        await self._server.command("SET", _ticket_key(ticket), server, "EX", _TICKET_SECONDS)
        return ticket

    async def redeem(self, ticket: str) -> bool:
        """Whether this is a ticket to this server, not used before. Raises StoreUnavailable."""
        key = _ticket_key(ticket)
        server, _ = await self._server.together(("GET", key), ("DEL", key))
        return server == self.name.encode()

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()


def life_key(server: str) -> str:
    """Where a server says that it lives. What belongs to no tenant starts with a colon."""
    return f":session-server:{server}"


def _ticket_key(ticket: str) -> str:
    """Of its digest: who reads Redis learns no ticket."""
    return f":session-ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"
