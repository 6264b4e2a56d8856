"""TLS at both doors: who is talked to, who is not, and certificates that are renewed while the server runs."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path

import httpx
import pytest

from assay import Client, Retries, Tls, Unavailable, aio
from assay_server.config import Settings
from assay_server.process import ServerProcess

from .authority import OPENSSL, Authority, Pair
from .server import http_get, serving, settings

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="the openssl command makes the certificates")

ONCE = Retries(attempts=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def secure(pair: Pair, client_ca: Path | None = None) -> Settings:
    changes = {"tls_certificate": pair.certificate, "tls_key": pair.key, "tls_client_ca": client_ca}
    return settings(http=True).model_copy(update={**changes, "probe_listen": "127.0.0.1:0"})


async def rewards(address: str, tls: Tls | None) -> int:
    """How many rewards a client is told of."""
    async with aio.Client(address, tls=tls, timeout=10.0, retries=ONCE) as client:
        return len(await client.list_rewards())


async def over_http(address: str, context: ssl.SSLContext) -> int:
    async with httpx.AsyncClient(verify=context, timeout=10.0, trust_env=False) as client:
        headers = {"content-type": "application/json"}
        url = f"https://{address}/v1/RewardService/ListRewards"
        return (await client.post(url, content=b"{}", headers=headers)).status_code


async def test_both_doors_speak_tls_only_and_probes_have_their_own(authority: Authority) -> None:
    async with serving(secure(authority.issue("server"))) as server:
        trusting = Tls.from_files(authority.certificate)
        assert await rewards(server.address, trusting) > 0
        assert await over_http(server.http_address, ssl.create_default_context(cafile=authority.certificate)) == 200
        for stranger in (None, Tls()):
            with pytest.raises(Unavailable):
                await rewards(server.address, stranger)
        with pytest.raises(httpx.ConnectError):
            await over_http(server.http_address, ssl.create_default_context())
        probes = server.process.probe_address
        assert (await http_get(probes, "/readyz", "10.0.0.7:8081"))[0] == 200
        for path in ("/metrics", "/sandboxz", "/openapi.json", "/v1/RewardService/ListRewards"):
            assert (await http_get(probes, path))[0] == 404


async def test_the_synchronous_client_speaks_tls(authority: Authority) -> None:
    async with serving(secure(authority.issue("server"))) as server:

        def ask() -> int:
            with Client(server.address, tls=Tls.from_files(authority.certificate), timeout=10.0) as client:
                return len(client.list_rewards())

        assert await asyncio.to_thread(ask) > 0


async def test_with_client_certificates_nobody_else_is_talked_to(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    ours, theirs = authority.issue("trainer"), Authority(tmp_path / "others", "other").issue("intruder")
    async with serving(secure(authority.issue("server"), authority.certificate)) as server:
        known = Tls.from_files(authority.certificate, ours.key, ours.certificate)
        assert await rewards(server.address, known) > 0
        for stranger in (
            Tls.from_files(authority.certificate),
            Tls.from_files(authority.certificate, theirs.key, theirs.certificate),
        ):
            with pytest.raises(Unavailable):
                await rewards(server.address, stranger)
        context = ssl.create_default_context(cafile=authority.certificate)
        with pytest.raises(httpx.TransportError):
            await over_http(server.http_address, context)
        context.load_cert_chain(ours.certificate, ours.key)
        assert await over_http(server.http_address, context) == 200
        assert (await http_get(server.process.probe_address, "/livez"))[0] == 200


async def test_a_renewed_certificate_is_shown_at_both_doors(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    newer = Authority(tmp_path / "new", "newer-authority")
    pair, renewed = authority.issue("server"), newer.issue("server")
    async with serving(secure(pair)) as server:
        old, new = Tls.from_files(authority.certificate), Tls.from_files(newer.certificate)
        assert await rewards(server.address, old) > 0
        shutil.copy(renewed.key, pair.key)  # half of a renewal: the pair does not fit, and the older one is shown
        server.process._tls.refresh()  # type: ignore[union-attr]  # pyright: ignore - what happens every second
        assert await rewards(server.address, old) > 0
        shutil.copy(renewed.certificate, pair.certificate)
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await rewards(server.address, new) > 0
                    break
                except Unavailable:
                    await asyncio.sleep(0.1)
        assert await over_http(server.http_address, ssl.create_default_context(cafile=newer.certificate)) == 200
        with pytest.raises(Unavailable):
            await rewards(server.address, old)


def test_half_of_a_configuration_is_refused(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("server")
    with pytest.raises(ValueError, match="both a certificate and its key"):
        ServerProcess(settings().model_copy(update={"tls_certificate": pair.certificate}))
    (tmp_path / "damaged.pem").write_text("no certificate")
    with pytest.raises(ValueError, match="cannot be used"):
        ServerProcess(secure(Pair(tmp_path / "damaged.pem", pair.key)))
