"""The checks of ``assay doctor`` on who may reach a server, with what, and what they could do there."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from assay_server.cli.findings import Finding, Status
from assay_server.config import Settings
from assay_server.keys import InvalidKeys, Key, Scope, read_keys

_LOOPBACK = ("127.", "localhost", "::1", "[::1]")
_SOON = timedelta(days=14)
_READABLE_BY_ALL = 0o004
_NO = ("0", "f", "false", "n", "no")
"""As Redis' client reads a no in a URL."""


def examine_safety(settings: Settings) -> list[Finding]:
    """All of them, in order."""
    exposed = open_addresses(settings)
    return [
        _exposure(settings, exposed),
        *_transport(settings, exposed),
        _callers(settings),
        *([_redis(settings.store)] if settings.store.startswith(("redis:", "rediss:")) else []),
        *_paths(settings, exposed),
        *_names(settings),
        *_sandbox(settings),
        *(_bounds(settings) if exposed else []),
    ]


def open_addresses(settings: Settings) -> list[str]:
    """Addresses that others than this machine can reach."""
    return [a for a in (settings.listen, settings.http_listen) if a and not a.startswith(("unix:", *_LOOPBACK))]


def _exposure(settings: Settings, exposed: list[str]) -> Finding:
    if not exposed:
        return Finding("exposure", Status.OK, "this machine only")
    listed = ", ".join(exposed)
    if settings.token_file is None and settings.keys_file is None:
        hint = "set ASSAY_KEYS_FILE or ASSAY_TOKEN_FILE, or bind to loopback"
        return Finding("exposure", Status.FAIL, f"{listed} without authentication", hint)
    if settings.tls_certificate is None and not settings.network_encrypts:
        hint = "set ASSAY_TLS_CERTIFICATE and ASSAY_TLS_KEY; where a mesh encrypts, ASSAY_NETWORK_ENCRYPTS=1 says so"
        return Finding("exposure", Status.FAIL, f"{listed} in plain text: keys and texts can be read on the way", hint)
    how = "with TLS" if settings.tls_certificate is not None else "where the network encrypts"
    return Finding("exposure", Status.NOTE, f"{listed} is open to the network, {how}")


def _transport(settings: Settings, exposed: list[str]) -> list[Finding]:
    from assay_server.tls import Tls

    try:
        files = settings.tls
        if files is None:
            return []
        Tls(files)
    except (ValueError, OSError) as error:
        return [Finding("tls", Status.FAIL, str(error))]
    if stat.S_IMODE(files.key.stat().st_mode) & _READABLE_BY_ALL:
        hint = f"chmod o-r {files.key}"
        return [Finding("tls", Status.FAIL, f"{files.key}: everybody on this machine can read the private key", hint)]
    shown = "with certificates of clients" if files.client_ca else "any client"
    if exposed and not settings.probe_listen:
        hint = "probes of Kubernetes over gRPC speak no TLS, and none has a certificate: ASSAY_PROBE_LISTEN"
        return [Finding("tls", Status.NOTE, f"{files.certificate}, {shown}", hint)]
    return [Finding("tls", Status.OK, f"{files.certificate}, {shown}")]


def _callers(settings: Settings) -> Finding:
    return _token(settings.token_file) if settings.keys_file is None else _keys(settings.keys_file)


def _token(path: Path | None) -> Finding:
    if path is None:
        return Finding("token", Status.NOTE, "no authentication", "fine on a machine that nobody else uses")
    try:
        status = path.stat()
    except FileNotFoundError:
        return Finding("token", Status.OK, f"{path} is made on first start, readable by you alone")
    except OSError as error:
        return Finding("token", Status.FAIL, f"{path}: {error.strerror}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        return Finding("token", Status.FAIL, f"{path} has mode {mode:04o}: others can read it", f"chmod 600 {path}")
    if status.st_uid != os.geteuid():
        return Finding("token", Status.FAIL, f"{path} belongs to user {status.st_uid}, not to you")
    return Finding("token", Status.OK, f"{path} (mode {mode:04o})")


def _keys(path: Path) -> Finding:
    try:
        keys = read_keys(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return Finding("keys", Status.FAIL, f"{path}: {error.strerror}", "assay keys create makes it")
    except InvalidKeys as error:
        return Finding("keys", Status.FAIL, str(error))
    if mode & _READABLE_BY_ALL:
        detail = f"{path} has mode {mode:04o}: everybody on this machine can read who has keys, and for what"
        return Finding("keys", Status.FAIL, detail, f"chmod o-r {path}")
    now = datetime.now(timezone.utc)
    valid = [key for key in keys if not key.expired(now.timestamp())]
    if not valid:
        hint = "nobody can call; assay keys create makes one"
        return Finding("keys", Status.FAIL, f"{path} holds no key that is valid", hint)
    notes = _notes_on(valid, now)
    tenants = len({key.tenant for key in valid})
    detail = (
        f"{path}: {len(valid)} valid, of {tenants} tenant{'s' if tenants > 1 else ''}{'; ' if notes else ''}{notes}"
    )
    return Finding("keys", Status.NOTE if notes else Status.OK, detail, "assay keys rotate, revoke" if notes else "")


def _notes_on(keys: list[Key], now: datetime) -> str:
    endless = sum(key.expires is None for key in keys)
    ending = [key.key_id for key in keys if key.expires is not None and key.expires - now < _SOON]
    mighty = sum(key.scopes >= set(Scope) for key in keys)
    notes = [
        f"{endless} never expire" if endless else "",
        f"soon to expire: {', '.join(ending)}" if ending else "",
        f"{mighty} with every scope" if mighty else "",
    ]
    return ", ".join(note for note in notes if note)


def _redis(url: str) -> Finding:
    try:
        parts = urlsplit(url)
        host, password, options = parts.hostname or "", parts.password, dict(parse_qsl(parts.query))
    except ValueError:
        return Finding("redis access", Status.FAIL, "the URL of Redis is none", "redis://USER:PASSWORD@HOST:PORT/0")
    if host.startswith(_LOOPBACK):
        return Finding("redis access", Status.OK, "on this machine")
    if not password:
        hint = "give each role a user and a password (deploy/redis/users.acl.in), and put them into the URL"
        return Finding(
            "redis access", Status.FAIL, f"{host} without a password: whoever reaches it owns all runs", hint
        )
    if parts.scheme == "redis":
        return Finding("redis access", Status.NOTE, f"{host} in plain text", "rediss:// where others share the network")
    if options.get("ssl_cert_reqs") in ("none", "optional") or options.get("ssl_check_hostname", "").lower() in _NO:
        detail = f"{host} over TLS, and whoever answers there is believed to be Redis"
        return Finding(
            "redis access", Status.FAIL, detail, "name its authority (ASSAY_STORE_CA), and let it be checked"
        )
    return Finding("redis access", Status.OK, f"{host} with a password, over TLS")


def _paths(settings: Settings, exposed: list[str]) -> list[Finding]:
    if not settings.database_paths:
        return []
    status = Status.FAIL if exposed else Status.NOTE
    hint = "name databases in a catalogue (ASSAY_DATABASES) instead"
    return [Finding("database paths", status, "callers may open any database file that the server can", hint)]


def _names(settings: Settings) -> list[Finding]:
    if "*" not in settings.http_hosts:
        return []
    detail = "the HTTP door answers to any name, so a page in a browser can reach it under one of its own"
    return [Finding("http names", Status.NOTE, detail, "name them in ASSAY_HTTP_HOSTS")]


def _sandbox(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    if settings.sandbox_floor == "partial" and settings.sandbox in ("namespaces", "docker"):
        detail = "programs also run where some of the isolation is missing"
        found.append(Finding("sandbox floor", Status.FAIL, detail, "ASSAY_SANDBOX_FLOOR=floor; docs/sandbox.md"))
    if settings.sandbox == "docker":
        detail = "who may talk to docker's daemon is root of the machine, and the server may"
        found.append(Finding("docker", Status.NOTE, detail, "for machines that do nothing else"))
    return found


def _bounds(settings: Settings) -> list[Finding]:
    rates = settings.tenant_requests_per_minute and settings.tenant_rollouts_per_minute and settings.tenant_streams
    programs = settings.sandbox_tenant_cpu_seconds or settings.sandbox_tenant_jobs or settings.sandbox == "none"
    missing = [] if rates else ["calls, rollouts or streams"]
    missing += [] if programs else ["programs"]
    found: list[Finding] = []
    if missing:
        hint = "ASSAY_TENANT_*, ASSAY_SANDBOX_TENANT_*; docs/security.md"
        found.append(
            Finding("quotas", Status.NOTE, f"a tenant may take all of the {' and of the '.join(missing)}", hint)
        )
    if settings.audit_log is None:
        found.append(Finding("audit log", Status.NOTE, "none: nobody can say later who did what", "ASSAY_AUDIT_LOG"))
    return found
