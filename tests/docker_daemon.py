"""Docker daemons of the tests' own: their data, their sockets; and images made from a bootstrapped Debian."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

IMAGE = "assay-sandbox"
_BASE = "assay-test-base"
_RELEASE = "bookworm"
_IMAGES = Path(__file__).parents[1] / "sandboxes" / "images"
_START_SECONDS = 60.0
_CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def docker() -> tuple[str, ...]:
    """The docker command for a daemon without networks, with the sandboxes' image built; started once.

    Skips where that is not possible.
    """
    _require()
    return _with_sandbox_image()


def docker_with_networks() -> tuple[str, ...]:
    """The docker command for a daemon whose containers reach each other; started once. Skips as above."""
    _require()
    return _daemon()


def imported_debian(docker: tuple[str, ...], packages: Sequence[str]) -> str:
    """An image of a bootstrapped Debian with Python, the packages, and the certificates that this machine trusts."""
    with tempfile.TemporaryDirectory(prefix="assay-debian-") as name:
        tree, archive = Path(name) / "tree", Path(name) / "tree.tar"
        _run("debootstrap", "--variant=minbase", f"--include={','.join(('python3', *packages))}", _RELEASE, tree)
        settings: list[str] = []
        for variable in _CERTIFICATES:
            source = os.environ.get(variable)
            if source is not None and Path(source).is_file():
                place = tree / Path(source).relative_to("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
                settings.append(f"--change=ENV {variable}={source}")
        _run("tar", "--create", "--file", archive, "--directory", tree, ".")
        _run(*docker, "import", *settings, archive, _BASE)
    return _BASE


def _require() -> None:
    for tool in ("dockerd", "docker", "debootstrap"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    if os.geteuid() != 0:
        pytest.skip("only root can start a docker daemon")


@cache
def _with_sandbox_image() -> tuple[str, ...]:
    command = _daemon("--bridge=none", "--iptables=false", "--ip6tables=false")
    base = imported_debian(command, ["python3-pytest"])
    _run(*command, "build", "--network=none", f"--build-arg=BASE={base}", f"--tag={IMAGE}", _IMAGES / "python")
    return command


@cache
def _daemon(*options: str) -> tuple[str, ...]:
    folder = Path(tempfile.mkdtemp(prefix="assay-docker-"))
    log = (folder / "log").open("wb")
    daemon = subprocess.Popen(
        [
            "dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid",
            f"--host=unix://{folder}/socket", *options,
        ],
        stdout=log,
        stderr=log,
        start_new_session=True,
    )  # fmt: skip
    log.close()
    atexit.register(_stop, daemon, folder)
    command = ("docker", "--host", f"unix://{folder}/socket")
    end = time.monotonic() + _START_SECONDS
    while subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
        if daemon.poll() is not None or time.monotonic() > end:
            pytest.skip(f"dockerd does not start: {(folder / 'log').read_text()[-500:]}")
        time.sleep(0.1)
    return command


def _run(*words: str | Path) -> None:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{words[0]} exited with {done.returncode}: {done.stdout[-2000:]}"


def _stop(daemon: subprocess.Popen[bytes], folder: Path) -> None:
    daemon.terminate()
    try:
        daemon.wait(_START_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
    subprocess.run(["umount", "--recursive", folder / "data"], capture_output=True, check=False)  # the daemon leaves it
    shutil.rmtree(folder, ignore_errors=True)
