"""TLS where servers are run by hand: the health check of the image, the scripts' certificates, the compose files."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
import yaml

from assay import Rollout, Tls, aio
from assay_server.config import Settings
from assay_server.process import ServerProcess

from .rendering import Object, Yaml, at, items, mapping

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run([DEPLOY / "make-certificates", folder, "localhost", "assay-1"], check=True, timeout=60)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(certificates: Path) -> AsyncGenerator[ServerProcess]:
    """A server as the image with compose.tls.yaml has it, mutual TLS included."""
    settings = Settings(
        listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        probe_listen="127.0.0.1:0",
        store="memory:",
        token_file=None,
        tls_certificate=certificates / "server.pem",
        tls_key=certificates / "server.key",
        tls_client_ca=certificates / "authority.pem",
    )
    process = ServerProcess(settings)
    await process.start()
    yield process
    await process.drain()


def health_check() -> str:
    """The program of the image's health check."""
    [words] = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    python, option, program = json.loads(words)
    assert (python, option) == ("python", "-c")
    return str(program)


async def healthy(address: str) -> bool:
    command = (sys.executable, "-c", health_check())
    environment = {**os.environ, "ASSAY_PROBE_LISTEN": address}
    quiet = asyncio.subprocess.DEVNULL
    done = await asyncio.create_subprocess_exec(*command, env=environment, stderr=quiet)
    return await done.wait() == 0


async def test_the_images_health_check_works_with_mutual_tls(secured: ServerProcess) -> None:
    assert await healthy(secured.probe_address)
    # As the kubelet's or compose's own user would say it.
    assert await healthy(f"0.0.0.0:{secured.probe_address.rpartition(':')[2]}")
    assert not await healthy(secured.http_address)


async def test_clients_come_in_with_what_the_script_made(secured: ServerProcess, certificates: Path) -> None:
    tls = Tls.from_files(*(certificates / name for name in ("authority.pem", "client.key", "client.pem")))
    async with aio.Client(secured.address.replace("127.0.0.1", "localhost"), tls=tls) as client:
        [result] = await client.score([Rollout("r", reference={"answer": "1"}, response="A: 1")], "math")
    assert result.value == 1.0


def composition(*names: str) -> Object:
    """The services of these compose files, as docker compose merges them: mappings grow, lists are joined."""
    merged: Object = {}
    for name in names:
        for service, said in mapping(cast("Object", yaml.safe_load((DEPLOY / name).read_text()))["services"]).items():
            known = mapping(merged.setdefault(service, {}))
            for key, value in mapping(said).items():
                known[key] = _joined(known.get(key), value)
    return merged


def _joined(old: Yaml, new: Yaml) -> Yaml:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **new}
    return [*old, *new] if isinstance(old, list) and isinstance(new, list) else new


@pytest.mark.parametrize(
    ("files", "servers"),
    [
        (("compose.yaml", "compose.tls.yaml"), ("assay",)),
        (("compose.fleet.yaml", "compose.fleet.tls.yaml"), ("assay-1", "assay-2")),
    ],
)
async def test_compose_files_put_certificates_where_they_are_read(
    files: tuple[str, str], servers: tuple[str, ...], certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, secured = composition(files[0]), composition(*files)
    assert plain.keys() == secured.keys()
    for name in servers:
        service = mapping(secured[name])
        for key, value in mapping(service["environment"]).items():
            monkeypatch.setenv(key, re.sub(r"\$\{\w+:-\}|\$\{\w+:\?\}", "", str(value)))
        tls = Settings().tls
        assert tls is not None
        assert tls.client_ca is None
        [mount] = [str(volume) for volume in items(service["volumes"]) if str(volume).startswith("./certificates:")]
        _, place, mode = mount.split(":")
        assert mode == "ro"
        for path in tls.paths:
            assert str(path.parent) == place
            assert (certificates / path.name).is_file()
        assert "healthcheck" not in service, "the image's works"
    assert at(plain, servers[0], "image") == at(secured, servers[0], "image")


async def test_the_script_replaces_nothing(certificates: Path) -> None:
    before = (certificates / "authority.pem").read_bytes()
    done = await asyncio.create_subprocess_exec(
        DEPLOY / "make-certificates", certificates, "x", stderr=asyncio.subprocess.DEVNULL
    )
    assert await done.wait() == 1
    assert (certificates / "authority.pem").read_bytes() == before
    for name in ("authority.key", "client.key"):
        assert (certificates / name).stat().st_mode & 0o077 == 0
