"""``assay doctor``: is this machine, and is this configuration, fit to run Assay? Looks, and changes nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from assay_server.cli.doctor_safety import examine_safety
from assay_server.cli.exit_codes import ExitCode
from assay_server.cli.findings import Finding, Status
from assay_server.cli.versions import installed
from assay_server.config import Settings
from assay_server.store.opening import REDIS_SCHEMES

_OLDEST_PYTHON = (3, 11)
_LITTLE_SPACE = 1 << 30


def examine() -> list[Finding]:
    """All checks, in order."""
    findings = [_python(), _packages()]
    try:
        settings = Settings()
    except ValidationError as error:
        named = ", ".join("ASSAY_" + "_".join(str(part) for part in item["loc"]).upper() for item in error.errors())
        return [*findings, Finding("settings", Status.FAIL, f"not usable: {named}", "correct these variables")]
    return [
        *findings,
        _store(settings),
        _address("grpc address", settings.listen),
        *([_address("http address", settings.http_listen)] if settings.http_listen else []),
        *examine_safety(settings),
        *_sandbox(settings),
    ]


def show(findings: Sequence[Finding], *, as_json: bool) -> ExitCode:
    """Print findings as a table or as JSON; the exit status they deserve."""
    healthy = all(finding.status is not Status.FAIL for finding in findings)
    if as_json:
        sys.stdout.write(json.dumps({"ok": healthy, "checks": [asdict(finding) for finding in findings]}) + "\n")
    else:
        _print_table(findings)
    return ExitCode.OK if healthy else ExitCode.ITEM_ERRORS


def _print_table(findings: Sequence[Finding]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styles = {Status.OK: "green", Status.NOTE: "yellow", Status.FAIL: "bold red"}
    table = Table("check", "", "found", box=box.SIMPLE_HEAD)
    for finding in findings:
        found = Text(finding.detail)
        if finding.hint:
            found.append(f"\n{finding.hint}", "italic")
        table.add_row(finding.check, Text(finding.status.value, styles[finding.status]), found)
    Console().print(table)


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < _OLDEST_PYTHON:
        return Finding("python", Status.FAIL, found, "Assay needs Python 3.11 or newer")
    return Finding("python", Status.OK, found)


def _packages() -> Finding:
    versions = {name: found for name, found in installed().items() if name != "python"}
    missing = [name for name, found in versions.items() if found == "not installed"]
    if missing:
        return Finding("packages", Status.FAIL, f"not installed: {', '.join(missing)}", "install assay-server anew")
    return Finding("packages", Status.OK, ", ".join(f"{name} {found}" for name, found in versions.items()))


def _store(settings: Settings) -> Finding:
    kind, _, rest = settings.store.partition(":")
    if kind in REDIS_SCHEMES:
        return _redis(settings.store, settings.records)
    if kind == "memory":
        return Finding("store", Status.NOTE, "memory", "accepted rollouts are lost when the server stops")
    if kind != "sqlite" or not rest:
        return Finding(
            "store", Status.FAIL, f"{kind!r} is not a store", "use sqlite:PATH, memory: or redis://HOST:PORT"
        )
    path = Path(rest).expanduser()
    holder = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(holder, os.W_OK | os.X_OK):
        return Finding("store", Status.FAIL, f"{holder} cannot be written", "choose another place with ASSAY_STORE")
    if path.exists() and (problem := _sqlite_problem(path)):
        return Finding("store", Status.FAIL, f"{path}: {problem}", "restore it from a copy, or name another file")
    free = shutil.disk_usage(holder).free
    detail = f"{path} ({'exists' if path.exists() else 'made on first start'}, {free / 1e9:.0f} GB free)"
    return Finding("store", Status.NOTE if free < _LITTLE_SPACE else Status.OK, detail)


def _redis(url: str, records: Path | None) -> Finding:
    """A fleet's store: its folder, and whether Redis answers to this user. Passwords of the URL are not told."""
    import redis

    if records is None:
        hint = "name a folder that all members of the fleet see with ASSAY_RECORDS"
        return Finding("store", Status.FAIL, "Redis without a folder of records", hint)
    if not os.access(records, os.W_OK | os.X_OK):
        return Finding(
            "store", Status.FAIL, f"{records} is not there, or cannot be written", "mount it, or let us write"
        )
    if not (place := _place_of(url)):
        return Finding("store", Status.FAIL, "the URL of Redis is none", "redis://USER:PASSWORD@HOST:PORT/0")
    try:
        with closing(redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0)) as server:  # pyright: ignore[reportUnknownMemberType] - its options
            server.ping()  # pyright: ignore[reportUnknownMemberType] - as above
    except redis.RedisError as error:
        hint = "servers and workers wait for it; see that it runs, that we may reach it, and whose password this is"
        return Finding("store", Status.FAIL, f"Redis at {place}: {type(error).__name__}", hint)
    except ValueError:
        return Finding("store", Status.FAIL, "the URL of Redis is none", "redis://USER:PASSWORD@HOST:PORT/0")
    return Finding("store", Status.OK, f"Redis at {place} answers; records in {records}")


def _place_of(url: str) -> str:
    """What of a URL may be shown; empty where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]


def _sqlite_problem(path: Path) -> str:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return "" if os.access(path, os.W_OK) else "cannot be written"


def _address(check: str, address: str) -> Finding:
    if address.startswith("unix:"):
        holder = Path(address.removeprefix("unix:")).parent
        usable = os.access(holder, os.W_OK | os.X_OK)
        return Finding(check, Status.OK if usable else Status.FAIL, f"{address} ({'' if usable else 'not '}writable)")
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        return Finding(check, Status.FAIL, f"{address!r} is not HOST:PORT")
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return Finding(
                check, Status.NOTE, f"{address} is in use", "by a server that runs already, or another program"
            )
        return Finding(check, Status.FAIL, f"{address}: {error.strerror or error}")
    return Finding(check, Status.OK, f"{address} is free")


def _sandbox(settings: Settings) -> list[Finding]:
    """What isolation untrusted code would get: in all, then what is missing of it."""
    from assay_sandbox.containers.backend import DockerBackend, DockerSettings
    from assay_sandbox.namespaces.backend import NamespacesBackend
    from assay_sandbox.protocol import Grade

    if settings.sandbox == "none":
        return [Finding("sandbox", Status.NOTE, "switched off", "no untrusted code is run; ASSAY_SANDBOX says so")]
    if settings.sandbox == "workers":
        hint = "ask there: assay doctor, with the settings of assay worker"
        return [Finding("sandbox", Status.NOTE, "rewards leave programs to the workers of the fleet", hint)]
    docker = DockerSettings(settings.sandbox_image, settings.sandbox_runtime)
    level = (DockerBackend(docker) if settings.sandbox == "docker" else NamespacesBackend()).probe()
    floor = Grade[settings.sandbox_floor.upper()]
    enough = level.grade >= floor
    works = ", ".join(item.name for item in level.mechanisms if item.works) or "nothing"
    detail = f"{level.backend}: {level.grade.name.lower()} isolation ({works})"
    hint = "" if enough else f"no untrusted code is run below {floor.name.lower()}; docs/sandbox.md says what it needs"
    missing = [Finding(f"sandbox {item.name}", Status.NOTE, item.detail) for item in level.mechanisms if not item.works]
    return [Finding("sandbox", Status.OK if enough else Status.NOTE, detail, hint), *missing]
