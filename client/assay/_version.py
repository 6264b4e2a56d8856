"""The client's version, as its distribution says it."""

from __future__ import annotations

import functools


@functools.cache
def client_version() -> str:
    """Version of the installed client; ``0`` in a bare source tree."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("assay-client")
    except PackageNotFoundError:
        return "0"
