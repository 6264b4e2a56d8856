"""Sessions among the servers of a fleet: the journal, the others, and the door at which they come in."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import grpc.aio

from assay_server.api.peer_door import PeerDoor
from assay_server.api.streams import MAX_MESSAGE_BYTES
from assay_server.config import Settings
from assay_server.sessions.engine import SessionEngine
from assay_server.sessions.fleet import Fleet
from assay_server.sessions.peer_answers import PeerAnswers
from assay_server.sessions.peers import Peers
from assay_server.store.journal import Journal, open_journal
from assay_server.store.journal.servers import ServerTable
from assay_server.store.opening import REDIS_SCHEMES
from assay_server.tls import peer_credentials

_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),  # who asks again after a failure does not wait for an older channel's pause
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.enable_http_proxy", 0),
]


class SessionFleet:
    """What an engine needs to be one of several; nothing but a journal where this server is alone.

    Attributes:
        fleet: the others; None = there are none, or they cannot reach this one.

    Args:
        listening: where the gRPC door listens, once it does.
    """

    def __init__(self, settings: Settings, listening: Callable[[], str]) -> None:
        self._answers: PeerAnswers | None = None
        self._peers: Peers | None = None
        self._table: ServerTable | None = None
        name = ""
        if settings.advertise and settings.store.split(":", 1)[0] in REDIS_SCHEMES:
            reached_at(settings.advertise, settings.listen)  # what cannot be reached is said at the start
            name = f"sv-{secrets.token_hex(12)}"
            self._table = ServerTable(settings.store, name, settings.lease_seconds)
            dial = _dialler(settings)
            self._peers = Peers(self._table, lambda: reached_at(settings.advertise, listening()), dial)
        self.journal: Journal = open_journal(settings.store, name)

    @property
    def fleet(self) -> Fleet | None:
        """For the engine."""
        return self._peers

    def door(self, engine: SessionEngine) -> PeerDoor | None:
        """Where others ask this engine; None = nowhere."""
        if self._table is None:
            return None
        self._answers = PeerAnswers(engine)
        return PeerDoor(self._table, self._answers)

    async def leave(self) -> None:
        """Let others claim what this server holds, and answer them no more."""
        if self._peers is not None:
            await self._peers.leave()
        if self._answers is not None:
            self._answers.leave()

    async def close(self) -> None:
        """Let go of the others."""
        if self._peers is not None:
            await self._peers.close()


def reached_at(advertised: str, listening: str) -> str:
    """The address in full: with the door's own port where none is named.

    Raises:
        ValueError: the door has none, being a Unix socket.
    """
    bare = advertised.count(":") > 1 and not advertised.startswith("[")
    host = f"[{advertised}]" if bare else advertised
    if host.rpartition("]")[2].count(":"):
        return host
    if listening.startswith("unix:"):
        raise ValueError("ASSAY_ADVERTISE names no port, and the gRPC door is a Unix socket")
    return f"{host}:{listening.rpartition(':')[2]}"


def _dialler(settings: Settings) -> Callable[[str], grpc.aio.Channel]:
    files, authorities = settings.tls, settings.tls_peer_ca

    def dial(address: str) -> grpc.aio.Channel:
        if files is None:
            return grpc.aio.insecure_channel(address, options=_OPTIONS)
        name = settings.tls_peer_name
        options = [*_OPTIONS, ("grpc.ssl_target_name_override", name)] if name else _OPTIONS
        return grpc.aio.secure_channel(address, peer_credentials(files, authorities), options=options)

    return dial
