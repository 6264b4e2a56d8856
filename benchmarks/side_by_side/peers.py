"""Others' packages, from the package index, each in an environment of its own below build/peers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).resolve().parents[2] / "build" / "peers"
INSTALL_SECONDS = 900


class NotMeasurable(Exception):
    """A peer that cannot be measured here; says why."""


def peer_python(name: str, *requirements: str) -> Path:
    """The interpreter of an environment with these packages, built on first use.

    Raises:
        NotMeasurable: pip says no.
    """
    home = PEERS / name
    python = home / "bin" / "python"
    installed = home / "installed"
    if installed.exists() and installed.read_text(encoding="utf-8") == "\n".join(requirements):
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", home], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", *requirements]
    done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise NotMeasurable(f"{' '.join(requirements)}: {done.stderr.strip().splitlines()[-1]}")
    installed.write_text("\n".join(requirements), encoding="utf-8")
    return python


def version_of(python: Path, package: str) -> str:
    """Which version an environment has."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
