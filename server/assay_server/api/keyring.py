"""The keys that count now: those of a file, read again when it changes."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from assay_server.keys import InvalidKeys, Key, key_id_of, read_keys

_log = structlog.get_logger(__name__)

_Stamp = tuple[int, int, int, int]


class Keyring:
    """Looks keys up; no call waits for a disk."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InvalidKeys, OSError."""
        self._path = path
        self._stamp: _Stamp | None = _stamp_of(path)
        self._keys = {key.key_id: key for key in read_keys(path)}

    def find(self, text: str) -> Key | None:
        """The key with this text, expired ones too; None where there is none."""
        key = self._keys.get(key_id_of(text))
        return key if key is not None and key.matches(text) else None

    def holds(self, key: Key) -> bool:
        """Whether the key is there still, as it was."""
        return self._keys.get(key.key_id) == key

    @property
    def stale(self) -> bool:
        """Whether the file has changed and cannot be used."""
        return self._stamp is None

    def refresh(self) -> bool:
        """Read the file again where it has changed; whether it had.

        A file that cannot be used changes nothing: the keys that were read last stay, and the log says why.
        """
        try:
            stamp = _stamp_of(self._path)
            if stamp == self._stamp:
                return False
            self._keys = {key.key_id: key for key in read_keys(self._path)}
        except (OSError, InvalidKeys) as error:
            if self._stamp is not None:
                _log.error("the file of keys cannot be used; the keys read before stay", problem=str(error))
            self._stamp = None
            return False
        self._stamp = stamp
        _log.info("keys were read", keys=len(self._keys))
        return True


def _stamp_of(path: Path) -> _Stamp:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_ino, status.st_size, status.st_mode
