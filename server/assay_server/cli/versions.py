"""Which versions are installed."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import typer

PACKAGES = ("assay-server", "assay-client", "grpcio", "protobuf", "numpy", "pydantic-settings", "typer", "rich")


def installed() -> Mapping[str, str]:
    """Versions by distribution name, Python's first; "not installed" where one is missing."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def show_versions(*, as_json: bool) -> None:
    """Print them."""
    versions = installed()
    if as_json:
        typer.echo(json.dumps(versions))
        return
    typer.echo(f"assay {versions['assay-server']}")
    for name, found in versions.items():
        typer.echo(f"  {name:<18} {found}")
