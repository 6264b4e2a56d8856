"""The foreground server that ``assay serve`` runs."""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog

from assay_server.config import Settings
from assay_server.execution.plugin_files import BrokenPlugin
from assay_server.process import run_until_signal
from assay_server.store.protocol import StoreUnavailable


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 after a drain, 1 if the server could not start."""
    _configure_logging(settings.log_level)
    try:
        asyncio.run(run_until_signal(settings))
    except (StoreUnavailable, BrokenPlugin, OSError, ValueError) as error:
        print(f"assay: cannot serve: {error}", file=sys.stderr)  # noqa: T201 - the operator's terminal
        return 1
    return 0


def _configure_logging(level: str) -> None:
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise ValueError(f"log level {level!r} is none of debug, info, warning, error")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
