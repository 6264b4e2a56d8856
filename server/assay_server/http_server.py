"""A listener that serves an ASGI application on the process's own loop."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from assay_server.pipeline.intake import MAX_ROLLOUT_BYTES


class HttpServer(uvicorn.Server):
    """Uvicorn on a loop that is not its own: signals belong to the process.

    Attributes:
        address: as it can be dialled.
    """

    def __init__(self, application: ASGIApp, address: str, tls: ssl.SSLContext | None = None) -> None:
        """Bind ``address``, HOST:PORT. Raises OSError."""
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host.strip("[]"), int(port)), family=family)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for an ACK
        bound: tuple[str, int] = self._listener.getsockname()[:2]
        self.address = f"{host}:{bound[1]}"
        logging.getLogger("uvicorn.error").addFilter(_is_worth_a_line)
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws=_WebSockets,
            ws_max_size=MAX_ROLLOUT_BYTES,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = tls
        super().__init__(config)

    async def run_until_told(self) -> None:
        """Serve until ``should_exit`` is set."""
        await self.serve(sockets=[self._listener])

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride] - a generator there
        """Take none."""
        return contextlib.nullcontext()


class _WebSockets(WebSocketsSansIOProtocol):
    """The library's, which says nothing to a handshake that it cannot read, such as one with a line of 8 KiB, and keeps
    its connection; of one that has ended it keeps what compression needs, 37 KiB, until the garbage is collected."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        unread = self.conn.handshake_exc is not None and not self.handshake_initiated
        if unread and not self.transport.is_closing():
            self.transport.write(_UNREADABLE)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.conn.extensions.clear()


_UNREADABLE = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Not where a request was so broken that HTTP has no answer to it, or a WebSocket's text is none: their senders
    would fill the log with traces."""
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__name__ not in ("LocalProtocolError", "UnicodeDecodeError")
