"""A Redis that speaks TLS: who is told of its authority works with it, and nobody else is believed or let in."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from pydantic import ValidationError

from assay_server.cli.doctor import examine
from assay_server.cli.findings import Finding, Status
from assay_server.config import Settings
from assay_server.console.opening import source_of
from assay_server.console.side_process import SideProcess
from assay_server.sandbox_lane import fleet_parts
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis, program

from .parts import OPENSSL, Authority, Pair, mixed_group, serving, settings


@dataclass(frozen=True, slots=True)
class Secured:
    """A Redis with TLS at a port of localhost, which asks for certificates or does not, and certificates."""

    url: str
    authority: Path
    stranger: Path
    client: Pair
    asks: bool

    def settings(self, folder: Path, **also: Path | str) -> Settings:
        """Of a server that knows the authority."""
        return Settings.model_validate({"store": self.url, "store_ca": self.authority, "records": folder, **also})


@pytest.fixture(scope="module", params=[False, True])
def secured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Secured]:
    if program() is None or OPENSSL is None:
        pytest.skip("redis-server and openssl are not both installed")
    certificates = tmp_path_factory.mktemp("certificates")
    ours, other = Authority(certificates, "ours"), Authority(certificates, "other")
    pair, port = ours.issue("redis"), _free_port()
    also = {
        "bind": "127.0.0.1",
        "tls-port": str(port),
        "tls-ca-cert-file": str(ours.certificate),
        "tls-cert-file": str(pair.certificate),
        "tls-key-file": str(pair.key),
        "tls-auth-clients": "yes" if request.param else "no",
    }
    with tempfile.TemporaryDirectory(prefix="assay-") as folder, PrivateRedis(Path(folder), also=also):
        yield Secured(
            f"rediss://localhost:{port}/0", ours.certificate, other.certificate, ours.issue("client"), request.param
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
    return number


async def answer(url: str) -> object:
    server = Server(url, timeout=5.0)
    try:
        return await server.command("PING")
    finally:
        await server.close()


async def test_a_run_is_served_over_it(secured: Secured, tmp_path: Path) -> None:
    shown = {"store_certificate": secured.client.certificate, "store_key": secured.client.key}
    chosen = secured.settings(tmp_path, **shown)
    update = {name: getattr(chosen, name) for name in ("store", "records")}
    async with serving(settings().model_copy(update=update)) as server:
        await server.create_run("run")
        async with server.stream("run", "a") as stream:
            await stream.send(*mixed_group("g", 8, 3))
            assert sum((await stream.group("g")).rewards) == 3
    connection, records = fleet_parts(chosen)  # a worker's
    try:
        assert await connection.command("GET", "local:runs-that-are-not-there") is None
    finally:
        await connection.close()
        await records.close()


async def test_its_runs_are_shown_by_a_process_that_is_told_of_the_authority(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(secured.authority.parent)  # files may be named from where the server was started
    shown = {"store_certificate": secured.client.certificate.name, "store_key": secured.client.key.name}
    chosen = secured.settings(tmp_path, store_ca=secured.authority.name, **shown)
    update = {name: getattr(chosen, name) for name in ("store", "records")}
    async with serving(settings().model_copy(update=update)) as server:
        await server.create_run("shown")
    side = SideProcess(source_of(chosen.store, chosen.records))
    try:
        runs = json.loads(await side.ask("runs", "local", {}))["runs"]
        assert "shown" in [run["runId"] for run in runs]
    finally:
        await side.stop()


@pytest.mark.parametrize("which", ["the system's authorities", "another authority", "another name", "plain text"])
async def test_whoever_cannot_be_believed_is_not(
    secured: Secured,
    tmp_path: Path,
    which: Literal["the system's authorities", "another authority", "another name", "plain text"],
) -> None:
    shown = {"store_certificate": secured.client.certificate, "store_key": secured.client.key}
    match which:
        case "the system's authorities":
            url = Settings.model_validate({"store": secured.url, **shown}).store
        case "another authority":
            url = secured.settings(tmp_path, store_ca=secured.stranger, **shown).store
        case "another name":
            elsewhere = secured.url.replace("localhost", "127.1")  # the same machine by a name that is not certified
            url = secured.settings(tmp_path, store=elsewhere, **shown).store
        case "plain text":
            url = secured.url.replace("rediss://", "redis://")
    assert await answer(secured.settings(tmp_path, **shown).store) == b"PONG"
    with pytest.raises(StoreUnavailable):
        await answer(url)


async def test_who_shows_no_certificate_comes_in_only_where_none_is_asked_for(secured: Secured, tmp_path: Path) -> None:
    url = secured.settings(tmp_path).store
    if secured.asks:
        with pytest.raises(StoreUnavailable):
            await answer(url)
    else:
        assert await answer(url) == b"PONG"


def test_doctor_reaches_it(secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "ASSAY_STORE": secured.url,
        "ASSAY_RECORDS": str(tmp_path),
        "ASSAY_STORE_CERTIFICATE": str(secured.client.certificate),
        "ASSAY_STORE_KEY": str(secured.client.key),
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert _store().status is Status.FAIL
    monkeypatch.setenv("ASSAY_STORE_CA", str(secured.authority))
    assert _store().status is Status.OK


def _store() -> Finding:
    return next(finding for finding in examine() if finding.check == "store")


@pytest.mark.parametrize(
    "told",
    [
        {"store": "redis://localhost", "store_ca": "ca.pem"},
        {"store": "memory:", "store_ca": "ca.pem"},
        {"store": "rediss://localhost", "store_certificate": "client.pem"},
        {"store": "rediss://localhost", "store_key": "client.key"},
    ],
)
def test_files_that_nobody_would_look_at_are_refused(told: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="ASSAY_STORE_"):
        Settings.model_validate(told)


def test_what_an_operator_wrote_into_the_url_stays() -> None:
    told = {"store": "rediss://user:p%40ss@host:1/2?ssl_ca_certs=mine.pem&a=b", "store_ca": "/with blanks/ca.pem"}
    assert Settings.model_validate(told).store == "rediss://user:p%40ss@host:1/2?ssl_ca_certs=mine.pem&a=b"
    told["store"] = "rediss://user:p%40ss@host:1/2"
    assert Settings.model_validate(told).store.endswith("@host:1/2?ssl_ca_certs=%2Fwith+blanks%2Fca.pem")
