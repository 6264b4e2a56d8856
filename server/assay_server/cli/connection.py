"""The server that a command talks to: the one that was named, or an embedded one."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from assay.client import Client
from assay.connection import Tls
from assay.sdk import Json
from assay.sdk.spec import Leaf
from assay_server.cli.refusals import Usage

_FILE = ".py:"

SandboxName = Literal["namespaces", "docker"]
"""What can run untrusted code."""


def named_reward(reward: str, params: Mapping[str, Json]) -> Leaf:
    """The reward that ``--reward`` and ``--params`` name; a file is found from where the command runs."""
    path, in_file, function = reward.rpartition(_FILE)
    found = f"{Path(path).absolute()}{_FILE}{function}" if in_file else reward
    return Leaf(found, params, name=reward)


@contextmanager
def connected(
    server: str | None,
    token: str | None,
    *,
    store: str | None = None,
    reward: Leaf | None = None,
    plugins: Sequence[str] = (),
    sandbox: SandboxName | None = None,
) -> Generator[Client]:
    """A client of ``server``, or of an embedded one that ends with the command.

    The embedded one also knows ``reward`` where that is a function in a file. A server opens no path that a request
    names.

    Raises:
        Usage: an option that is for the embedded server only, or a file that cannot be used.
    """
    file = reward.id if reward is not None and _FILE in reward.id else ""
    if server is not None:
        if store is not None:
            raise Usage("--store is for the embedded server; a named server has its own")
        if plugins:
            raise Usage("--plugin is for the embedded server; a named server has its own")
        if sandbox is not None:
            raise Usage("--backend is for the embedded server; a named server has its own")
        if file:
            raise Usage(f"--reward {file}: a file can be named without --server only")
        with Client(server, token=token, tls=tls_of_environment()) as client:
            yield client
        return
    from assay_server.config import Settings
    from assay_server.embedded import Engine
    from assay_server.execution.plugin_files import BrokenPlugin

    settings = Settings(store=store or "memory:", plugins=(*plugins, *([file] if file else [])))
    if sandbox is not None:
        settings = settings.model_copy(update={"sandbox": sandbox})
    try:
        engine = Engine(settings)
    except BrokenPlugin as error:
        raise Usage(f"{'--plugin' if plugins else '--reward'} {error}") from error
    with engine:
        yield engine


def tls_of_environment() -> Tls | None:
    """TLS as the environment asks for it: ``ASSAY_TLS=1``, or a file of authorities, of a certificate and its key."""
    files = [os.environ.get(name) or None for name in ("ASSAY_CA", "ASSAY_CLIENT_KEY", "ASSAY_CLIENT_CERTIFICATE")]
    if not any(files) and os.environ.get("ASSAY_TLS", "") in ("", "0"):
        return None
    try:
        return Tls.from_files(*files)
    except OSError as error:
        raise Usage(f"{error.filename}: {error.strerror}") from error


def read_params(text: str) -> dict[str, Json]:
    """The object that ``--params`` holds."""
    from assay_server.cli.json_text import BadLine, read_object
    from assay_server.cli.line_source import Line

    data = text.encode("utf-8", "surrogateescape")
    try:
        return read_object(Line(1, data, len(data)))
    except BadLine as problem:
        raise Usage(f"--params: {problem.message}") from problem
