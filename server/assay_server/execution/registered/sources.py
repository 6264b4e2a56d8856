"""The source of a registered plugin, and all that goes into a sandbox with it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import assay
import assay_server
from assay_sandbox.guests import GuestProgram

LONGEST_SOURCE = 1 << 18
"""Bytes in UTF-8."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_PACKAGES = (
    "__init__.py",
    "execution/__init__.py",
    "execution/foreign_functions.py",
    "execution/foreign_scores.py",
    "execution/plugin_answers.py",
    "execution/plugin_files.py",
    "execution/cpu/__init__.py",
    "execution/cpu/channel.py",
    "execution/registered/__init__.py",
    "execution/registered/declarations.py",
    "execution/registered/guest.py",
    "execution/registered/letters.py",
    "execution/registered/plain.py",
)
"""What of the server a plugin's process needs: the code by which plugins are loaded and called elsewhere, too."""


class BadSource(Exception):
    """A source that cannot be a plugin's, whatever is in it; ``field`` says what of the request is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class PluginSource:
    """A file's text, and which of its definitions or functions is meant; empty: the only one that it declares."""

    text: str
    object_name: str = ""

    def check(self) -> None:
        """Raise BadSource."""
        size = len(self.text.encode("utf-8", "replace"))
        if not self.text.strip() or size > LONGEST_SOURCE:
            raise BadSource("source", f"expected a Python source of 1 to {LONGEST_SOURCE} bytes, got {size}")
        if self.object_name and not _NAME.fullmatch(self.object_name):
            raise BadSource("object_name", "expected the name of a function or a definition in the source")

    @property
    def digest(self) -> str:
        """sha256 of all that it is, hex."""
        return hashlib.sha256(f"assay plugin 1\0{self.object_name}\0{self.text}".encode()).hexdigest()

    def program(self) -> GuestProgram:
        """What runs in the sandbox. The file is named after its content: foreign functions have their ids from that."""
        name = f"r{self.digest[:12]}.py"
        told = {"plugin": f"{name}:{self.object_name}" if self.object_name else name}
        files = {**_luggage(), name: self.text.encode()}
        return GuestProgram("assay_server.execution.registered.guest", told, files, imports=("numpy",))


@cache
def _luggage() -> dict[str, bytes]:
    """The plugin SDK, and the modules above, by their paths."""
    client, server = Path(assay.__file__).parent, Path(assay_server.__file__).parent
    sdk = {f"assay/sdk/{path.name}": path.read_bytes() for path in sorted((client / "sdk").glob("*.py"))}
    ours = {f"assay_server/{path}": (server / path).read_bytes() for path in _PACKAGES}
    return {"assay/__init__.py": (client / "__init__.py").read_bytes(), **sdk, **ours}
