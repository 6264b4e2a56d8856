"""How the process logs: JSON lines on standard error for a server, errors alone for one that is embedded."""

from __future__ import annotations

import logging
import sys

import structlog

from assay_server.audit import name_call
from assay_server.log_subject import name_subject
from assay_server.redaction import redact_event
from assay_server.tracing.present import name_span


def log_to_stderr(level: str) -> None:
    """Log as a server: one JSON object a line, at ``level`` and above.

    Raises:
        ValueError: no such level.
    """
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise ValueError(f"log level {level!r} is none of debug, info, warning, error")
    structlog.configure(
        processors=[
            name_subject,
            name_call,
            name_span,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def log_errors_only() -> None:
    """Log as a guest: errors alone, to stderr; a program that has configured logging itself keeps its own way."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                redact_event,
                structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
