"""Redis as component ``redis-tls`` and the fleet's compose files start it: it speaks TLS to the users of the URLs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from assay_server.config import Settings
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis, program

from .conftest import DEPLOY
from .rendering import Objects, at, items
from .workloads import container_of

GIVEN = "/run/secrets/assay-redis-tls"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the script makes them, and under the names that cert-manager gives."""
    if shutil.which("openssl") is None or program() is None:
        pytest.skip("openssl and redis-server are not both installed")
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run([DEPLOY / "make-certificates", folder, "localhost"], check=True, timeout=60)
    for ours, theirs in (("redis.pem", "tls.crt"), ("redis.key", "tls.key"), ("authority.pem", "ca.crt")):
        shutil.copy(folder / ours, folder / theirs)
    return folder


def options_of(words: list[str], certificates: Path, place: str) -> dict[str, str]:
    """What Redis is told of TLS and of its ports, with a port and files of this machine."""
    told = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    chosen = {name: value for name, value in told.items() if name == "port" or name.startswith("tls-")}
    assert chosen["tls-port"] == "6379"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    moved = {name: value.replace(place, str(certificates)) for name, value in chosen.items()}
    return {**moved, "tls-port": str(port), "bind": "127.0.0.1"}


def in_the_cluster(rendered: dict[str, Objects], certificates: Path) -> dict[str, str]:
    container = container_of(rendered["with/redis-tls"], "assay-redis", "StatefulSet")
    return options_of([str(word) for word in items(container["args"])], certificates, GIVEN)


def in_the_composition(_: dict[str, Objects], certificates: Path) -> dict[str, str]:
    said = at(yaml.safe_load((DEPLOY / "compose.fleet.tls.yaml").read_text()), "services", "redis", "environment")
    return options_of(str(at(said, "REDIS_OPTIONS")).split(), certificates, "/run/certificates")


Options = Callable[[dict[str, Objects], Path], dict[str, str]]


@pytest.mark.parametrize("options", [in_the_cluster, in_the_composition])
async def test_redis_speaks_tls_and_nothing_else_to_who_has_a_password(
    rendered: dict[str, Objects], kustomize: Path, certificates: Path, options: Options
) -> None:
    also = options(rendered, certificates)
    assert also["port"] == "0"
    made = kustomize / "overlays/dev/secrets"
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        shutil.copy(made / "users.acl", folder)
        address = f"localhost:{also['tls-port']}"
        with PrivateRedis(Path(folder), users=Path(folder) / "users.acl", also=also):
            url = (made / "gateway-url").read_text().replace("assay-redis:6379", address)
            secured = Settings(store=url.replace("redis://", "rediss://"), store_ca=certificates / "ca.crt").store
            for store, comes_in in ((secured, True), (url, False)):
                server = Server(store, timeout=5.0)
                try:
                    if comes_in:
                        assert await server.command("PING") == b"PONG"
                    else:
                        with pytest.raises(StoreUnavailable):
                            await server.command("PING")
                finally:
                    await server.close()
