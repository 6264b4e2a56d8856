"""One process at a time: the writer's memory of a run is only right if nobody else writes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from assay_server.store.protocol import StoreUnavailable


class Ownership:
    """An advisory lock beside the store's file; the kernel releases it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(
                path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise StoreUnavailable(f"the store {path.name!r} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StoreUnavailable(
                f"the store {path.name!r} is in use by another process: stop it, or give this one another file"
            ) from error

    def release(self) -> None:
        os.close(self._descriptor)
