"""Where calls come in: each finds what serves it, or is refused before its message is read."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from assay_server.api.handlers import Door, Room, refusing


class Gate(grpc.GenericRpcHandler):
    """All methods at once: one look-up a call.

    A server that is asked for more than it can do has mostly to say so: what a refusal costs is what is missing for
    the calls that were let in.

    Args:
        handlers: by path.
        rooms: of the methods whose calls can be refused unread, by path.
    """

    def __init__(
        self, handlers: Mapping[str, grpc.RpcMethodHandler[bytes, bytes]], rooms: Mapping[str, Room], door: Door
    ) -> None:
        self._handlers = handlers
        self._rooms = rooms
        self._door = door

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """What serves this call; None = no such method."""
        path = handler_call_details.method
        room = self._rooms.get(path)
        if room is not None:
            failure = self._door.refusal(path, room, handler_call_details.invocation_metadata or ())
            if failure is not None:
                return refusing(failure)
        return self._handlers.get(path)
