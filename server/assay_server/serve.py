"""The foreground server that ``assay serve`` runs."""

from __future__ import annotations

import asyncio
import gc
import sys

from assay_server.config import Settings, default_store, state_directory
from assay_server.execution.plugin_files import BrokenPlugin
from assay_server.logs import log_to_stderr
from assay_server.process import run_until_signal
from assay_server.store.protocol import StoreUnavailable


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 after a drain, 1 if the server could not start."""
    _collect_rarely()
    try:
        log_to_stderr(settings.log_level)
        if settings.store == default_store():
            state_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        asyncio.run(run_until_signal(settings))
    except (StoreUnavailable, BrokenPlugin, OSError, ValueError) as error:
        print(f"assay: cannot serve: {error}", file=sys.stderr)  # noqa: T201 - the operator's terminal
        return 1
    return 0


def _collect_rarely() -> None:
    """Reference counts free nearly all that rollouts leave behind, and what is loaded by now stays: looking at it as
    often as Python does costs a tenth of the throughput."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
