"""The server's settings: command line over environment (``ASSAY_*``) over these defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def state_directory() -> Path:
    """Where a user's server keeps its data."""
    return Path.home() / ".local" / "state" / "assay"


def config_directory() -> Path:
    """Where the token lies that the local client reads."""
    return Path.home() / ".config" / "assay"


def default_store() -> str:
    """The store of a server that is told of none."""
    return f"sqlite:{state_directory() / 'assay.db'}"


def _default_token_file() -> Path:
    return config_directory() / "token"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files.

    Attributes:
        certificate: the server's, and those up to its authority.
        client_ca: authorities of clients' certificates: who has none of theirs is not talked to. None = anyone is.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.certificate, self.key) if self.client_ca is None else (self.certificate, self.key, self.client_ca)


class Settings(BaseSettings):
    """Everything an operator may decide."""

    model_config = SettingsConfigDict(env_prefix="ASSAY_", extra="ignore", hide_input_in_errors=True)

    listen: str = "127.0.0.1:50051"
    """Address of the gRPC door; ``unix:PATH`` works too."""

    http_listen: str = "127.0.0.1:8080"
    """Address of the HTTP door, with probes and metrics; empty = none."""

    http_hosts: tuple[str, ...] = ()
    """Names under which the HTTP door is called, besides those of loopback and its own address; ``*`` = any."""

    store: str = Field(default_factory=default_store)
    """``sqlite:PATH``, ``memory:``, or for a fleet of servers ``redis://HOST:PORT``; ``rediss://`` with TLS."""

    store_ca: Path | None = None
    """With ``rediss://``: authorities of the certificate that Redis shows, PEM, besides those of the system."""

    store_certificate: Path | None = None
    """With ``rediss://``: what is shown to a Redis that asks for certificates, PEM, with those up to its authority."""

    store_key: Path | None = None
    """The certificate's private key, PEM."""

    records: Path | None = None
    """With a store in Redis: the folder, seen by all servers of the fleet, in which rollouts and results lie."""

    lease_seconds: float = Field(default=10.0, gt=0.0)
    """With a store in Redis: how long the others wait for a server that says nothing before they do its work."""

    control_seconds: float = Field(default=3600.0, gt=0.0)
    """With a store in Redis: how long what is answered, emitted and acknowledged is still known by its id."""

    advertise: str = ""
    """With a store in Redis: where the fleet's other servers reach this gRPC door, ``HOST`` or ``HOST:PORT``; they then
    forward calls for sessions that this one holds. Empty = whoever is asked claims the session."""

    stream_seconds: float | None = Field(default=None, gt=0.0)
    """How old a rollout stream may grow before it is asked to connect again, so that load spreads over new servers."""

    token_file: Path | None = Field(default_factory=_default_token_file)
    """The bearer token, in a file only its owner can read; made where there is none. None = no authentication."""

    keys_file: Path | None = None
    """Keys with scopes, of tenants (``assay keys``); read again when it changes. Then the token file does not count."""

    tls_certificate: Path | None = None
    """The server's certificate, PEM, with those up to its authority; both doors then speak TLS only. Read again when it
    changes, as are the next two."""

    tls_key: Path | None = None
    """The certificate's private key, PEM."""

    tls_client_ca: Path | None = None
    """Authorities of clients' certificates, PEM; then both doors talk to nobody without one (mutual TLS)."""

    tls_peer_ca: Path | None = None
    """Authorities of the certificates of the fleet's other servers, PEM, for calls to where they are reached
    (``ASSAY_ADVERTISE``). None = those of clients' certificates, else the system's."""

    tls_peer_name: str = ""
    """A name that is in all their certificates, where they are reached by an address that is not."""

    network_encrypts: bool = False
    """The network encrypts what goes over it (a mesh, WireGuard), so that plain text is safe: `assay doctor` believes
    it."""

    probe_listen: str = ""
    """Address of a door in plain text that has ``/livez``, ``/readyz`` and nothing else: for probes that cannot speak
    the TLS of the others. Empty = none."""

    audit_log: Path | None = None
    """A file to which a line is appended for each call: who, what, which run, how it ended. None = none."""

    tracing: bool = False
    """Send spans by OTLP; OpenTelemetry's own variables (``OTEL_*``) say where to and how many."""

    tenant_requests_per_minute: float = Field(default=0.0, ge=0.0)
    """Calls that a tenant may make; a minute's worth can be used at once. 0 = no limit."""

    tenant_rollouts_per_minute: float = Field(default=0.0, ge=0.0)
    """Rollouts that a tenant may have scored; calls beyond are refused with a retry hint, streams are read more slowly.
    0 = no limit."""

    tenant_streams: int = Field(default=0, ge=0)
    """Streams that a tenant may have open at a time; 0 = as many as there are."""

    tenant_sessions: int = Field(default=0, ge=0)
    """Live episodes that a tenant may have; 0 = as many as there is room for."""

    max_in_flight: int = Field(default=1024, ge=1, le=65_536)
    """Rollouts a stream may have queued or scoring."""

    max_streams: int = Field(default=1024, ge=1)
    """Open rollout streams of the process."""

    max_unary: int = Field(default=256, ge=1)
    """Unary calls at work at a time; more are refused with a retry hint."""

    cpu_workers: int = Field(default_factory=lambda: max(4, 2 * (os.cpu_count() or 1)), ge=1, le=1024)
    """Processes of the cpu lane; half of them at most run items that take long."""

    cpu_memory_mib: int = Field(default=1024, ge=16)
    """Memory an item of the cpu lane may use beyond what rewards need in common."""

    environment_workers: int = Field(default_factory=lambda: max(2, os.cpu_count() or 1), ge=1, le=1024)
    """Processes that hold episodes; they start with the first session."""

    max_sessions: int = Field(default=65_536, ge=1)
    """Live episodes of the process; more are refused with a retry hint."""

    session_idle_timeout: float = Field(default=1800.0, gt=0.0)
    """Seconds without an action after which an episode is closed, where its creator does not say."""

    check_environments: bool = False
    """Hold environments to their promises at every step (``assay env check`` does more); for debugging, as it costs."""

    game_folder: Path | None = None
    """A folder of ALFWorld's games that the options of ``household`` may name. None = there is none."""

    shop_folder: Path | None = None
    """A folder whose folders hold WebShop's files: catalogues that the options of ``shop`` may name."""

    question_folder: Path | None = None
    """A folder whose folders are sets of questions, as Spider and BIRD lay them out, that the options of ``sql`` may
    name. Generated questions are always there."""

    corpus_folder: Path | None = None
    """A folder whose folders are corpora that the options of ``tools`` may name. A generated one is always there."""

    execution_timeout: float = Field(default=10.0, gt=0.0)
    """Seconds an item may run where neither the spec nor the reward says."""

    plugins: tuple[str, ...] = ()
    """What must be there: files (``PATH``, or ``PATH:NAME`` for one function of it), and names of installed plugins."""

    drain_seconds: float = Field(default=20.0, ge=0.0)
    """How long in-flight work may take to finish after SIGTERM."""

    sandbox: Literal["namespaces", "docker", "none", "workers"] = "namespaces"
    """What runs untrusted code; ``none`` = nothing does, ``workers`` = for rewards the ``assay worker`` processes of
    the fleet do. It starts when it is first needed."""

    job_idle_seconds: float = Field(default=15.0, gt=0.0)
    """A worker's job of which nothing was heard for so long is done by another worker."""

    sandbox_slots: int = Field(default_factory=lambda: 2 * (os.cpu_count() or 1), ge=1, le=1024)
    """Jobs of untrusted code at a time."""

    sandbox_queue: int = Field(default_factory=lambda: max(128, 24 * (os.cpu_count() or 1)), ge=0, le=65_536)
    """Jobs of untrusted code that may wait; more are refused with a retry hint. Half of ``max_unary`` at first: calls
    that wait for programs leave room for others."""

    sandbox_wait_seconds: float = Field(default=0.5, ge=0.0)
    """Calls of untrusted code are let in as long as their jobs are expected to wait no longer, at the pace of the last
    ones; and as long as fewer than 24 a core wait."""

    sandbox_tenant_jobs: int = Field(default=0, ge=0)
    """Jobs of untrusted code that a tenant may have running at a time; 0 = as many as there are slots."""

    sandbox_tenant_cpu_seconds: float = Field(default=0.0, ge=0.0)
    """CPU seconds a minute that a tenant's programs and their compilers may take; 0 = no limit."""

    sandbox_floor: Literal["full", "floor", "partial"] = "floor"
    """The isolation below which no untrusted code runs; docs/sandbox.md says what each means."""

    sandbox_shown: tuple[str, ...] = ()
    """Files and folders that untrusted code sees read-only, besides the system's and Python's."""

    sandbox_search_path: tuple[str, ...] = ()
    """Folders in which untrusted code finds programs, besides the system's; show them, too."""

    sandbox_image: str = "assay-sandbox"
    """With ``docker``: the image that containers are made from; see ``sandboxes/images``."""

    sandbox_runtime: str = ""
    """With ``docker``: ``runsc`` for gVisor; empty = docker's own."""

    databases: Path | None = None
    """A TOML file with a ``[databases.NAME]`` table for each database that references may name, and a
    ``[folders.NAME]`` table for each folder of them. None = there are none."""

    database_paths: bool = False
    """References may also name databases by their paths; embedded engines and commands do so."""

    sql_workers: int = Field(default_factory=lambda: max(2, os.cpu_count() or 1), ge=1, le=1024)
    """Processes that run queries; they start with the first one."""

    sql_memory_mib: int = Field(default=1024, ge=64)
    """Memory that each of them may use."""

    log_level: str = "info"

    judges: Path | None = None
    """A TOML file with a ``[judges.NAME]`` table for each endpoint that rewards may ask. None = there are none."""

    @property
    def tls(self) -> TlsFiles | None:
        """The files of transport security; None = plain text. Raises ValueError where they are not complete."""
        if self.tls_certificate is None and self.tls_key is None and self.tls_client_ca is None:
            return None
        if self.tls_certificate is None or self.tls_key is None:
            raise ValueError("TLS needs both a certificate and its key (ASSAY_TLS_CERTIFICATE, ASSAY_TLS_KEY)")
        return TlsFiles(self.tls_certificate, self.tls_key, self.tls_client_ca)

    @model_validator(mode="after")
    def _store_with_files(self) -> Self:
        """Its client takes the files of transport security from the URL; what an operator wrote there stays."""
        if (self.store_certificate is None) != (self.store_key is None):
            raise ValueError("a certificate to show to Redis needs its key (ASSAY_STORE_CERTIFICATE, ASSAY_STORE_KEY)")
        files = {
            "ssl_ca_certs": self.store_ca,
            "ssl_certfile": self.store_certificate,
            "ssl_keyfile": self.store_key,
        }
        named = {name: str(path) for name, path in files.items() if path is not None}
        if not named:
            return self
        if not self.store.startswith("rediss://"):
            raise ValueError("ASSAY_STORE_CA, _CERTIFICATE and _KEY are for a store at rediss://HOST:PORT")
        parts = urlsplit(self.store)
        query = urlencode({**named, **dict(parse_qsl(parts.query))})
        self.store = parts._replace(query=query).geturl()
        return self

    @field_validator("plugins")
    @classmethod
    def _absolute(cls, plugins: tuple[str, ...]) -> tuple[str, ...]:
        """Files are found from where the server starts; workers run in a directory of their own."""
        return tuple(os.path.abspath(plugin) if ".py" in plugin else plugin for plugin in plugins)

    @field_validator(
        "store_ca", "store_certificate", "store_key", "token_file", "keys_file", "tls_certificate", "tls_key",
        "tls_client_ca", "tls_peer_ca", "audit_log",
        "judges", "databases", "game_folder", "records", "stream_seconds",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """An environment variable cannot say None."""
        return None if value == "" else value
