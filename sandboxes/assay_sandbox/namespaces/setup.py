"""How a worker is set up: decided by the server, carried out by the worker's template."""

from __future__ import annotations

import marshal
from dataclasses import astuple, dataclass
from enum import Enum

ENVIRONMENT = {
    "HOME": "/box/home",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TMPDIR": "/box/tmp",
}
"""Of every run, besides PATH: one thread for libraries that would make one for each processor."""

LOWER_PRIORITY = 5
"""How nice runs are to the server."""


class Identity(Enum):
    """Whose ids a worker and its runs have."""

    RANGE = "range"  # a user namespace with ids of its own for every run
    SINGLE = "single"  # a user namespace with the server's own id: one user namespace more for each run
    HOST = "host"  # no user namespace: ids of the host that nobody has
    CONTAINER = "container"  # one run only, in a container that somebody else made


@dataclass(frozen=True, slots=True)
class Setup:
    """What a template needs to know.

    Attributes:
        identity: see there.
        first_id: of the host's user ids, the first that belongs to this worker; ids_count are its own.
        user_id, group_id: of the server.
        shown: files and folders that runs see, read-only, besides the system's.
        search_path: PATH of runs.
        preload: modules that the template imports before it forks.
    """

    identity: str
    first_id: int
    ids_count: int
    user_id: int
    group_id: int
    shown: tuple[str, ...]
    search_path: str
    preload: tuple[str, ...]

    def encode(self) -> bytes:
        """For :meth:`decode`."""
        return marshal.dumps(astuple(self))

    @classmethod
    def decode(cls, data: bytes) -> Setup:
        """What the server encoded."""
        return cls(*marshal.loads(data))  # noqa: S302 - comes from the server


@dataclass(frozen=True, slots=True)
class ForkOrder:
    """Asks a template for a run's supervisor; the descriptors come beside it.

    Attributes:
        user_id: of the run, inside the worker; no other run of the worker gets it.
        counters: what the descriptors after the first (the run's socket) are, see cgroups.py.
    """

    user_id: int
    counters: tuple[str, ...]

    def encode(self) -> bytes:
        """For :meth:`decode`."""
        return marshal.dumps((self.user_id, self.counters))

    @classmethod
    def decode(cls, data: bytes) -> ForkOrder:
        """What the server encoded."""
        return cls(*marshal.loads(data))  # noqa: S302 - comes from the server
