"""A docker daemon of the tests' own: its data, its socket, no network; and an image made from a bootstrapped Debian."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest

IMAGE = "assay-sandbox"
_BASE = "assay-test-base"
_RELEASE = "bookworm"
_IMAGES = Path(__file__).parents[1] / "sandboxes" / "images"
_START_SECONDS = 60.0


def docker() -> tuple[str, ...]:
    """The docker command for the daemon, with the image built; started once. Skips where that is not possible."""
    for tool in ("dockerd", "docker", "debootstrap"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    if os.geteuid() != 0:
        pytest.skip("only root can start a docker daemon")
    return _started()


@cache
def _started() -> tuple[str, ...]:
    folder = Path(tempfile.mkdtemp(prefix="assay-docker-"))
    log = (folder / "log").open("wb")
    daemon = subprocess.Popen(
        [
            "dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid",
            f"--host=unix://{folder}/socket", "--bridge=none", "--iptables=false", "--ip6tables=false",
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
    _build(command, folder)
    return command


def _build(command: tuple[str, ...], folder: Path) -> None:
    tree = folder / "tree"
    _run("debootstrap", "--variant=minbase", "--include=python3,python3-pytest", _RELEASE, tree)
    archive = folder / "tree.tar"
    _run("tar", "--create", "--file", archive, "--directory", tree, ".")
    shutil.rmtree(tree)
    _run(*command, "import", archive, _BASE)
    archive.unlink()
    _run(*command, "build", "--network=none", f"--build-arg=BASE={_BASE}", f"--tag={IMAGE}", _IMAGES / "python")


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
