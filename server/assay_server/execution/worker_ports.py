"""The ports of a reward that runs in a cpu worker: what needs no I/O is there, the rest says where it is."""

from __future__ import annotations

from functools import cached_property

from assay.sdk import Blobs, Judge, PortUnavailable, Sandbox, SqlRunner, Symbolic

_OTHER_LANE = "a cpu worker has no connections; declare the reward with lane=Lane.IO or lane=Lane.SANDBOX"


class WorkerPorts:
    """Ports inside a worker process."""

    @cached_property
    def symbolic(self) -> Symbolic:
        from assay_server.execution.symbolic import SympySymbolic

        return SympySymbolic()

    @property
    def judge(self) -> Judge:
        raise PortUnavailable("judge", _OTHER_LANE)

    @property
    def sql(self) -> SqlRunner:
        raise PortUnavailable("sql", _OTHER_LANE)

    @property
    def sandbox(self) -> Sandbox:
        raise PortUnavailable("sandbox", _OTHER_LANE)

    @property
    def blobs(self) -> Blobs:
        raise PortUnavailable("blobs", _OTHER_LANE)
