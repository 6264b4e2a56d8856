"""The server that a command talks to: the one that was named, or an embedded one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager

from assay.client import Client
from assay.sdk import Json
from assay_server.cli.refusals import Usage


@contextmanager
def connected(server: str | None, token: str | None, *, store: str | None = None) -> Generator[Client]:
    """A client of ``server``, or of an embedded one that ends with the command."""
    if server is not None:
        if store is not None:
            raise Usage("--store is for the embedded server; a named server has its own")
        with Client(server, token=token) as client:
            yield client
        return
    from assay_server.config import Settings
    from assay_server.embedded import Engine

    log_errors_only()
    with Engine(None if store is None else Settings(store=store)) as engine:
        yield engine


def log_errors_only() -> None:
    """Keep an embedded server from talking into the answers: errors alone are logged, to stderr."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def read_params(text: str) -> dict[str, Json]:
    """The object that ``--params`` holds."""
    from assay_server.cli.json_text import BadLine, read_object
    from assay_server.cli.line_source import Line

    data = text.encode("utf-8", "surrogateescape")
    try:
        return read_object(Line(1, data, len(data)))
    except BadLine as problem:
        raise Usage(f"--params: {problem.message}") from problem


def check_reward(reward: str, server: str | None) -> None:
    """Refuse a reward that is named as a function in a file.

    A server opens no path that a request names; and the embedded one, which may, has no sandbox to run it in yet.
    """
    path, _, function = reward.rpartition(":")
    if not path.endswith(".py") or not function:
        return
    if server is not None:
        raise Usage(f"--reward {reward}: a file can be named without --server only")
    raise Usage(f"--reward {reward}: not available yet: code from files runs in a sandbox, which this version lacks")
