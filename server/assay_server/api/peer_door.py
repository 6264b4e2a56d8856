"""Where the other servers of a fleet come in: at the gRPC door, by a method that is not part of the contract.

Who comes has no key of a tenant, and names the tenants of its questions itself. So it is let in by what only servers of
the fleet can have: a ticket to this server, left in Redis under its digest a moment ago, good for one conversation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import structlog

from assay_server.api.handlers import Context, end
from assay_server.pipeline.failures import Code, Failure, failure_of, internal
from assay_server.sessions.peer_answers import PeerAnswers
from assay_server.sessions.peer_frames import METHOD, TICKET, BadFrame
from assay_server.store.journal.servers import ServerTable
from assay_server.store.protocol import StoreUnavailable

_log = structlog.get_logger(__name__)
_MAX_TICKET = 128


class PeerDoor:
    """Lets servers in and has their questions answered."""

    def __init__(self, table: ServerTable, answers: PeerAnswers) -> None:
        self._table = table
        self._answers = answers

    def handlers(self) -> grpc.GenericRpcHandler:
        """For the gRPC door."""
        service, name = METHOD.strip("/").split("/")
        serve: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self._serve)
        return grpc.method_handlers_generic_handler(service, {name: serve})

    async def _serve(self, _: AsyncIterator[bytes], context: Context) -> None:
        try:
            await self._let_in(context)
            await self._answers.serve(lambda: _next(context), context.write)
        except Failure as failure:
            end(context, failure)
        except BadFrame as error:
            _log.error("a server of the fleet speaks otherwise than this one", problem=str(error))
            end(context, Failure(Code.INVALID_ARGUMENT, "UNDECODABLE", str(error)))

    async def _let_in(self, context: Context) -> None:
        """Raise Failure for who is no server of the fleet."""
        metadata = context.invocation_metadata() or ()
        ticket = next((value for name, value in metadata if name == TICKET), "")
        try:
            if isinstance(ticket, str) and 0 < len(ticket) <= _MAX_TICKET and await self._table.redeem(ticket):
                return
        except StoreUnavailable as error:
            raise failure_of(error) or internal() from error
        raise Failure(Code.UNAUTHENTICATED, "UNAUTHENTICATED", "this is for servers of the fleet")


async def _next(context: Context) -> bytes | None:
    data = await context.read()
    return None if data == grpc.aio.EOF else data  # pyright: ignore[reportAttributeAccessIssue] - missing in its stubs
