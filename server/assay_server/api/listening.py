"""The listener of the gRPC door, opened again where the library gave it up.

The library stops to listen for good when a frame asks for a path that is not UTF-8, which anybody can send, before
anybody is asked for a key. Calls that are at work go on; new ones are taken again a moment later.

When it gives up, it also frees what its core still writes into for every method that was registered ahead and that no
call had asked for, which ends the process sooner or later. Methods of generic handlers are not waited for one by one,
so every handler of this door is a generic one, those of the library's own services included.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import grpc
import structlog

from assay_server.tls import Tls

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 0.1
_UNTIL_THEY_END = 365 * 86_400.0


class Handlers(Protocol):
    """What handlers are added to; the calls are those of the library's server."""

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[grpc.GenericRpcHandler], /) -> None:
        """Add handlers that are asked for a path when a call comes."""
        ...

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, object], /) -> None:
        """Add nothing: generated code names the same handlers a second time."""
        ...


class _Generic:
    """Adds to a server what is generic."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[grpc.GenericRpcHandler], /) -> None:
        self._server.add_generic_rpc_handlers(tuple(generic_rpc_handlers))

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, object], /) -> None:
        pass


class Listener:
    """Servers of the library, one after the other, at one address.

    Args:
        options: of each of them.
        furnish: adds the handlers.
    """

    def __init__(self, options: Sequence[tuple[str, int]], furnish: Callable[[Handlers], None]) -> None:
        self._options = options
        self._furnish = furnish
        self._server: grpc.aio.Server | None = None
        self._retired: dict[grpc.aio.Server, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def start(self, address: str, tls: Tls | None) -> str:
        """Listen; the address as it can be dialled. OSError."""
        _say_less()
        self._server, dialled = await self._listen(address, tls)
        self._looking = asyncio.create_task(self._look(self._server, dialled, tls), name="look at the gRPC door")
        return dialled

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those at work end within ``grace`` seconds."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        servers = [*self._retired, *([] if self._server is None else [self._server])]
        await asyncio.gather(*(server.stop(grace) for server in servers), return_exceptions=True)
        await asyncio.gather(*self._retired.values(), return_exceptions=True)

    async def _listen(self, address: str, tls: Tls | None) -> tuple[grpc.aio.Server, str]:
        server = grpc.aio.server(options=list(self._options))
        self._furnish(_Generic(server))
        try:
            if tls is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, tls.grpc_credentials())
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error
        await server.start()
        return server, address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def _look(self, server: grpc.aio.Server, address: str, tls: Tls | None) -> None:
        while True:
            why = await _given_up(server)
            _log.warning("the library closed the gRPC door; it is opened again", error=why)
            self._retire(server)
            server = self._server = await self._listen_again(address, tls)

    async def _listen_again(self, address: str, tls: Tls | None) -> grpc.aio.Server:
        while True:
            try:
                return (await self._listen(address, tls))[0]
            except OSError as error:  # noqa: PERF203 - seldom
                _log.warning("the gRPC door cannot be opened yet", error=str(error))
                await asyncio.sleep(_LOOK_SECONDS)

    def _retire(self, server: grpc.aio.Server) -> None:
        """Let the calls at work end, then let it go."""
        ending = asyncio.create_task(server.stop(_UNTIL_THEY_END), name="calls of a closed gRPC door")
        ending.add_done_callback(lambda _: self._retired.pop(server, None))
        self._retired[server] = ending


async def _given_up(server: grpc.aio.Server) -> str:
    """Return when the library has ended it, with the class of the error for which it did."""
    try:
        while await server.wait_for_termination(_LOOK_SECONDS):
            pass
    except Exception as error:  # noqa: BLE001 - whatever it was, calls must be taken again
        return type(error).__name__
    return ""


def _say_less() -> None:
    """Whoever sends such frames does not fill the log with the library's stack traces."""
    for name in ("grpc._cython.cygrpc", "asyncio"):
        logging.getLogger(name).addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, UnicodeDecodeError) or isinstance(record.msg, UnicodeDecodeError))
