"""Transport security of both doors: certificates from files, taken up anew when they change."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc
import structlog

from assay_server.config import TlsFiles

_log = structlog.get_logger(__name__)

_Stamp = tuple[tuple[int, int], ...]


class Tls:
    """What both doors show and ask for.

    Attributes:
        context: of the HTTP door.
        stale: the files have changed and cannot be used.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read the files. Raises ValueError (a pair that does not fit), OSError."""
        self._files = files
        self._stamp = _stamp_of(files)
        self.context = _context(files)
        self._grpc = _configuration(files)
        self._fresh = False
        self.stale = False

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For the gRPC door: each handshake takes what :meth:`refresh` read last."""
        asks = self._files.client_ca is not None
        return grpc.dynamic_ssl_server_credentials(self._grpc, self._fetched, asks)  # pyright: ignore - missing in its stubs

    def _fetched(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC's threads before a handshake; None = as before."""
        fresh, self._fresh = self._fresh, False
        return self._grpc if fresh else None

    def refresh(self) -> None:
        """Read the files again where they have changed; those that do not fit leave all as it was."""
        try:
            stamp = _stamp_of(self._files)
            if stamp == self._stamp:
                self.stale = False
                return
            _context(self._files)  # in the middle of a renewal the key may belong to another certificate
            self._load(self.context)
            self._grpc = _configuration(self._files)
        except (OSError, ValueError) as error:
            if not self.stale:
                _log.warning("certificates cannot be used yet; the older ones stay", problem=str(error))
            self.stale = True
            return
        self._stamp, self._fresh, self.stale = stamp, True, False
        _log.info("certificates were read")

    def _load(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self._files.certificate, self._files.key)
        if self._files.client_ca is not None:
            context.load_verify_locations(self._files.client_ca)


def peer_credentials(files: TlsFiles, authorities: Path | None) -> grpc.ChannelCredentials:
    """For calls to other servers of a fleet, who are shown this one's certificate, as the files are now.

    Args:
        authorities: of their certificates; None = those of clients' certificates, else the system's.

    Raises:
        OSError: a file cannot be read.
    """
    trusted = authorities or files.client_ca
    root = None if trusted is None else trusted.read_bytes()
    return grpc.ssl_channel_credentials(root, files.key.read_bytes(), files.certificate.read_bytes())


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key)
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except ssl.SSLError as error:
        named = ", ".join(map(str, files.paths))
        raise ValueError(f"certificate and key cannot be used ({error.reason or 'damaged'}): {named}") from error
    return context


def _configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    pair = (files.key.read_bytes(), files.certificate.read_bytes())
    authorities = None if files.client_ca is None else files.client_ca.read_bytes()
    return grpc.ssl_server_certificate_configuration([pair], authorities)  # pyright: ignore - missing in its stubs


def _stamp_of(files: TlsFiles) -> _Stamp:
    return tuple((status.st_mtime_ns, status.st_ino) for status in (path.stat() for path in files.paths))
