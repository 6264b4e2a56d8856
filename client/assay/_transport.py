"""The seam to gRPC: channels, and gRPC's errors turned into Assay's. User code never sees a gRPC type."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeAlias, cast

import grpc
import grpc.aio

from assay._statuses import failure_from
from assay.connection import Connection, channel_options
from assay.errors import AssayError, Failure, error_of

Metadata: TypeAlias = Sequence[tuple[str, str]]

DETAILS_KEY = "grpc-status-details-bin"


class RpcEnd(Protocol):
    """What a failed or finished call says of itself."""

    def code(self) -> grpc.StatusCode | None: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Sequence[tuple[str, str | bytes]] | None: ...


def failure_of_rpc(error: grpc.RpcError) -> Failure:
    """The failure of a call that raised."""
    end = cast("RpcEnd", error)
    status = end.code() or grpc.StatusCode.UNKNOWN
    trailers = end.trailing_metadata() or ()
    details_bin = next((value for key, value in trailers if key == DETAILS_KEY), None)
    number = cast("int", status.value[0])
    return failure_from(number, end.details() or "", details_bin if isinstance(details_bin, bytes) else None)


def error_of_rpc(error: grpc.RpcError) -> AssayError:
    """The exception for a call that raised."""
    return error_of(failure_of_rpc(error))


@contextmanager
def translated() -> Generator[None]:
    """Inside, gRPC's errors come out as Assay's."""
    try:
        yield
    except grpc.RpcError as error:
        raise error_of_rpc(error) from None
    except grpc.FutureTimeoutError:
        raise error_of(Failure(4, "the service did not answer in time")) from None


def open_channel(connection: Connection) -> grpc.Channel:
    """A channel; nothing is connected before the first call."""
    options = channel_options(connection.target)
    if connection.tls is None:
        return grpc.insecure_channel(connection.target, options)
    return grpc.secure_channel(connection.target, _credentials(connection), options)


def open_aio_channel(connection: Connection) -> grpc.aio.Channel:
    """The same for asyncio; it belongs to the running loop."""
    asyncio.get_running_loop()
    options = channel_options(connection.target)
    if connection.tls is None:
        return grpc.aio.insecure_channel(connection.target, options)
    return grpc.aio.secure_channel(connection.target, _credentials(connection), options)


def _credentials(connection: Connection) -> grpc.ChannelCredentials:
    tls = connection.tls
    assert tls is not None
    return grpc.ssl_channel_credentials(tls.root_certificates, tls.private_key, tls.certificate_chain)
