"""The audit log: one JSON object a line for each call: who, what, which run, how it ended. No texts, no keys.

A line is written when its call ends, and of a stream also when it begins. It is written at once, so that a process that
is killed has told of everything that ended before.
"""

from __future__ import annotations

import json
import os
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CallNote:
    """What becomes known of a call while it is served."""

    tenant: str = ""
    principal: str = ""
    key: str = ""
    run: str = ""
    plugin: str = ""


_PRESENT: ContextVar[CallNote | None] = ContextVar("present call", default=None)


def begin_note() -> CallNote:
    """The note of the call that this task begins to serve."""
    note = CallNote()
    _PRESENT.set(note)
    return note


def note_run(run_id: str) -> None:
    """Say which run the present call is about; outside of a call nothing happens."""
    note = _PRESENT.get()
    if note is not None:
        note.run = run_id


def note_plugin(pin: str) -> None:
    """Say which plugin, as ``id@digest``, the present call has registered; outside of a call nothing happens."""
    note = _PRESENT.get()
    if note is not None:
        note.plugin = pin


def name_call(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """A processor of structlog: says of which tenant and run a line is, where a call, or what it began, wrote it."""
    note = _PRESENT.get()
    if note is not None:
        for name, value in (("tenant", note.tenant), ("run", note.run)):
            if value:
                event.setdefault(name, value)
    return event


class AuditLog:
    """Appends to a file, readable by its owner alone; made anew where somebody has moved it away."""

    def __init__(self, path: Path | None) -> None:
        """Open the file; None = nothing is written. Raises OSError."""
        self._path = path
        self._file = None if path is None else _opened(path)
        self._broken = False

    def write(self, event: str, method: str, note: CallNote, code: str, reason: str, seconds: float) -> None:
        """One line. A file that cannot be written is an error in the server's log, and no call fails for it."""
        if self._file is None:
            return
        line = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "event": event,
            "method": method,
            "tenant": note.tenant,
            "principal": note.principal,
            "key": note.key,
            "run": note.run,
            "code": code,
            "reason": reason,
            "seconds": round(seconds, 6),
        }
        if note.plugin:
            line["plugin"] = note.plugin
        try:
            os.write(self._file, (json.dumps(line) + "\n").encode())
        except OSError as error:
            if not self._broken:
                _log.error("the audit log cannot be written", problem=error.strerror)
            self._broken = True
        else:
            self._broken = False

    def follow_rotation(self) -> None:
        """Go on in a new file where the old one was moved away."""
        if self._file is None or self._path is None:
            return
        try:
            moved = not self._path.exists() or self._path.stat().st_ino != os.fstat(self._file).st_ino
            if moved:
                older, self._file = self._file, _opened(self._path)
                os.close(older)
        except OSError as error:
            _log.error("the audit log cannot be opened anew", problem=error.strerror)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
