"""What ``assay plugin`` has a server do: check, register and list plugins."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from assay.plugins import PluginInfo
from assay_server.cli.connection import connected
from assay_server.cli.refusals import Usage
from assay_server.execution.plugin_checks import Finding


def check_there(plugin: str, server: str, token: str | None) -> list[Finding]:
    """What the server finds out. Raises Usage, AssayError."""
    source, name = _read(plugin)
    with connected(server, token) as client:
        return [Finding(plugin, one.check, one.passed, one.explanation) for one in client.check_plugin(source, name)]


def add_there(plugin: str, server: str, token: str | None, digest: str, *, as_json: bool) -> str:
    """Register it; what it is known as. Raises Usage, AssayError."""
    source, name = _read(plugin)
    with connected(server, token) as client:
        info = client.register_plugin(source, name, expected_digest=digest)
    return _json(info) if as_json else f"{info.id}@{info.digest}"


def listed_there(plugins: Sequence[str], server: str, token: str | None, *, as_json: bool) -> list[str]:
    """A line for everything that the server's callers can name. Raises Usage, AssayError."""
    if plugins:
        raise Usage("--plugin is for this machine's; `assay plugin add FILE --server HOST:PORT` registers one")
    with connected(server, token) as client:
        return [_json(info) if as_json else _listed(info) for info in client.list_plugins()]


def _read(plugin: str) -> tuple[str, str]:
    """A file's text, and which of its definitions is meant."""
    path, _, name = plugin.partition(".py:")
    file = Path(path + ".py" if name else plugin)
    try:
        return file.read_text(encoding="utf-8"), name
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"{file}: {error}; expected FILE.py, or FILE.py:NAME") from error


def _json(info: PluginInfo) -> str:
    return json.dumps(dataclasses.asdict(info))


def _listed(info: PluginInfo) -> str:
    if info.broken_reason:
        return f"{info.id}  BROKEN  {info.origin}  {info.broken_reason}"
    return f"{info.id}  {info.kind}  {info.origin}  {info.digest[:12]}"
