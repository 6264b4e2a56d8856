"""What everything that works on one run shares."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import structlog

from assay.sdk import Ports
from assay_server.execution.judge_account import JudgeAccount
from assay_server.execution.lanes import Lanes
from assay_server.metrics import Metrics
from assay_server.pipeline.record_quota import RecordQuota
from assay_server.pipeline.scoring import Tasks
from assay_server.pipeline.specs import CompiledSpec
from assay_server.store.protocol import RunKey, Store, StoreUnavailable

if TYPE_CHECKING:
    from assay_server.tracing.groups import RunTraces

T = TypeVar("T")

_log = structlog.get_logger(__name__)
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class Workload:
    """What is unfinished in a run.

    Attributes:
        unanswered: rollouts whose answer is not stored yet.
        growing: rollouts in progress that this process has heard of, with the bytes held of each.
        busy: loops that are at work.
    """

    unanswered: int = 0
    growing: dict[str, int] = field(default_factory=dict[str, int])
    busy: int = 0


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run in one generation, and what it works with.

    Attributes:
        account: what its judges cost, where the run limits that; ``ports`` charge it.
        records: what it holds in the store, where the run limits that.
        traces: its spans; None = nothing is traced.
    """

    key: RunKey
    spec: CompiledSpec
    store: Store
    tasks: Tasks
    metrics: Metrics
    lanes: Lanes
    account: JudgeAccount | None = None
    ports: Ports | None = None
    records: RecordQuota | None = None
    load: Workload = field(default_factory=Workload)
    traces: RunTraces | None = None

    async def persist(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Do a store operation, as often as it takes: what was accepted must get its answer."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await operation()
            except StoreUnavailable as error:
                _log.warning("store unavailable, trying again", run=self.key.run_id, pause=pause, error=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
