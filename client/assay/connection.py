"""How to reach the service: target, key, TLS, retries. No gRPC yet: these are values."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from assay.errors import invalid

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The service's own limit, set on both sides."""

TOKEN_FILE_VARIABLE = "ASSAY_TOKEN_FILE"  # noqa: S105  # the name of a variable, not a secret


@dataclass(frozen=True, slots=True)
class Tls:
    """Transport security; the bytes are PEM.

    Attributes:
        root_certificates: whom to trust; None = the system's authorities.
        private_key: with ``certificate_chain``, what the client shows of itself (mutual TLS).
    """

    root_certificates: bytes | None = None
    private_key: bytes | None = None
    certificate_chain: bytes | None = None

    @classmethod
    def from_files(
        cls,
        root_certificates: str | PathLike[str] | None = None,
        private_key: str | PathLike[str] | None = None,
        certificate_chain: str | PathLike[str] | None = None,
    ) -> Tls:
        """The same from PEM files. Raises OSError."""
        paths = (root_certificates, private_key, certificate_chain)
        return cls(*(None if path is None else Path(path).read_bytes() for path in paths))


@dataclass(frozen=True, slots=True)
class Retries:
    """When a call that is safe to repeat is repeated: on UNAVAILABLE, where a server that stops
    cancelled it, and where the service says when to come back.

    Attributes:
        attempts: calls in all.
        first_delay: seconds before the second one; then it grows by ``factor`` up to ``longest_delay``.
        jitter: share of a delay that is random.
    """

    attempts: int = 5
    first_delay: float = 0.1
    longest_delay: float = 5.0
    factor: float = 2.0
    jitter: float = 0.3

    def delay(self, failures: int, draw: float, asked: float | None = None) -> float:
        """Seconds to wait after the ``failures``-th failure in a row; ``draw`` is uniform in [0, 1).

        Never less than what the service ``asked`` for.
        """
        grown = min(self.longest_delay, self.first_delay * self.factor ** min(failures - 1, 30))
        return max(asked or 0.0, grown * (1.0 - self.jitter * draw))


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the service is and how to speak to it.

    Attributes:
        target: ``host:port``, ``dns:///name:port`` or ``unix:path``; several, separated by commas, for a fleet.
        token: bearer key; None = from a token file, for a service on this machine.
        timeout: seconds a unary call may take, queueing and retries included.
        traceparent: the W3C's header of what the caller is doing now, where it traces that; asked for each call.
    """

    target: str
    token: str | None
    tls: Tls | None
    timeout: float
    retries: Retries
    traceparent: Callable[[], str | None] | None = None

    def __post_init__(self) -> None:
        if not all(self.targets):
            raise invalid("target", "expected host:port, or several of them separated by commas")
        if self.timeout <= 0:
            raise invalid("timeout", f"expected seconds > 0, got {self.timeout!r}")
        if self.token is not None and not _sendable(self.token):
            raise invalid("token", "expected printable ASCII")

    @property
    def targets(self) -> tuple[str, ...]:
        """The addresses one by one."""
        if self.target.startswith(("ipv4:", "ipv6:")):  # gRPC's own lists
            return (self.target,)
        return tuple(part.strip() for part in self.target.split(","))

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        token = self.token
        if token is None and all(map(is_local, self.targets)):
            token = read_token()
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        parent = None if self.traceparent is None else self.traceparent()
        return (*metadata, ("traceparent", parent)) if parent and _sendable(parent) else metadata


def is_local(target: str) -> bool:
    """Whether a target is this machine: loopback or a Unix socket."""
    scheme, _, rest = target.partition(":")
    if scheme in ("unix", "unix-abstract"):
        return True
    if scheme in ("dns", "ipv4", "ipv6"):
        target = rest.rpartition("/")[2]
    host = target[1:].partition("]")[0] if target.startswith("[") else target.rpartition(":")[0] or target
    numbers = host.split(".")
    loopback = len(numbers) == 4 and numbers[0] == "127" and all(number.isdecimal() for number in numbers)
    return host in ("localhost", "::1") or loopback


def read_token() -> str | None:
    """The key in the token file that ``ASSAY_TOKEN_FILE`` names, else ``~/.config/assay/token``; None without one."""
    named = os.environ.get(TOKEN_FILE_VARIABLE)
    try:
        path = Path(named) if named else Path.home() / ".config" / "assay" / "token"
        token = path.read_text("utf-8").strip()
    except (OSError, RuntimeError, UnicodeDecodeError):
        return None
    return token if _sendable(token) else None


def _sendable(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()


def channel_options(target: str) -> list[tuple[str, str | int]]:
    """gRPC's options for a channel.

    Keepalive every 30 s also while nothing is called; replicas behind one name share the calls; reconnects are
    attempted quickly, since the waiting between them is done here.
    """
    options: list[tuple[str, str | int]] = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    ]
    if is_local(target):
        options.append(("grpc.enable_http_proxy", 0))
    return options
