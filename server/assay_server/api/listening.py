"""The listener of the gRPC door, opened again where the library gave it up.

The library stops to listen for good when a frame asks for a path that is not UTF-8, which anybody can send, before
anybody is asked for a key. Calls that are at work go on; new ones are taken again within a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import grpc
import structlog

from assay_server.tls import Tls

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 0.5
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "::1", "": "127.0.0.1"}  # noqa: S104 - compared with, not bound


class Listener:
    """Servers of the library, one after the other, at one address.

    Args:
        options: of each of them.
        furnish: adds the handlers.
    """

    def __init__(self, options: Sequence[tuple[str, int]], furnish: Callable[[grpc.aio.Server], None]) -> None:
        self._options = options
        self._furnish = furnish
        self._servers: list[grpc.aio.Server] = []
        self._looking: asyncio.Task[None] | None = None

    async def start(self, address: str, tls: Tls | None) -> str:
        """Listen; the address as it can be dialled. OSError."""
        _say_less()
        dialled = await self._listen(address, tls)
        self._looking = asyncio.create_task(self._look(dialled, tls), name="look at the gRPC door")
        return dialled

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those at work end within ``grace`` seconds."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await asyncio.gather(*(server.stop(grace) for server in self._servers), return_exceptions=True)

    async def _listen(self, address: str, tls: Tls | None) -> str:
        server = grpc.aio.server(options=list(self._options))
        self._furnish(server)
        try:
            if tls is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, tls.grpc_credentials())
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error
        await server.start()
        self._servers.append(server)
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def _look(self, address: str, tls: Tls | None) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if await _is_closed(address):
                _log.warning("a broken frame closed the gRPC door; it is opened again")
                try:
                    await self._listen(address, tls)
                except OSError as error:
                    _log.warning("the gRPC door cannot be opened yet", error=str(error))


async def _is_closed(address: str) -> bool:
    """Whether nobody listens there."""
    try:
        if address.startswith("unix:"):
            _, writer = await asyncio.open_unix_connection(address.removeprefix("unix:").removeprefix("//"))
        else:
            host, _, port = address.rpartition(":")
            _, writer = await asyncio.open_connection(_EVERYWHERE.get(host, host.strip("[]")), int(port))
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except OSError:
        return False  # busy, or not to be asked from here
    writer.close()
    return False


def _say_less() -> None:
    """Whoever sends such frames does not fill the log with the library's stack traces."""
    for name in ("grpc._cython.cygrpc", "asyncio"):
        logging.getLogger(name).addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, UnicodeDecodeError) or isinstance(record.msg, UnicodeDecodeError))
