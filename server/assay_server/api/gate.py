"""Where calls come in: each finds what serves it, or is refused before its message is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import grpc

from assay_server.api.handlers import Door, Full, refusing
from assay_server.pipeline.failures import Code, Failure

_KEPT = 256

_Words: TypeAlias = tuple[Code, str, str, float | None, bool | None]


class Gate(grpc.GenericRpcHandler):
    """All methods at once: one look-up a call.

    A server that is asked for more than it can do has mostly to say so: what a refusal costs is what is missing for
    the calls that were let in.

    Args:
        handlers: by path.
        full: of the methods whose calls can be refused unread, by path.
    """

    def __init__(
        self, handlers: Mapping[str, grpc.RpcMethodHandler[bytes, bytes]], full: Mapping[str, Full], door: Door
    ) -> None:
        self._handlers = handlers
        self._full = full
        self._door = door
        self._refusals: dict[_Words, grpc.RpcMethodHandler[bytes, bytes]] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """What serves this call; None = no such method."""
        path = handler_call_details.method
        full = self._full.get(path)
        if full is not None:
            failure = self._door.refusal(path, full, handler_call_details.invocation_metadata or ())
            if failure is not None:
                return self._refusing(failure)
        return self._handlers.get(path)

    def _refusing(self, failure: Failure) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Who has no room says the same again and again."""
        if failure.metadata or failure.violations:
            return refusing(failure)
        words = (failure.code, failure.reason, failure.message, failure.retry_after, failure.retryable)
        handler = self._refusals.get(words)
        if handler is None:
            if len(self._refusals) >= _KEPT:
                self._refusals.clear()
            handler = self._refusals[words] = refusing(failure)
        return handler
