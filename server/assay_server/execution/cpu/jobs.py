"""What the pool keeps of its items and its workers."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from assay.sdk import Score, Unscorable
from assay_server.execution.cpu.channel import Computed, GroupTask, Task
from assay_server.execution.cpu.forks import ForkedWorker


@dataclass(frozen=True, slots=True)
class Ran:
    """A score, with the seconds that its item waited and ran."""

    score: Score
    queue_seconds: float
    run_seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """What a worker said of an item, with the seconds that it waited and ran."""

    outcome: Score | Computed
    queue_seconds: float
    run_seconds: float


@dataclass(slots=True, eq=False)
class Job:
    """An item in the lane.

    Attributes:
        attempts: workers that died while it ran, or before it could start.
        seen_blocked: it was found waiting for something, rather than computing.
        vouched: it was suspected, and the template gave a sign of life after it had begun once more.
    """

    task: Task | GroupTask
    timeout: float
    answer: asyncio.Future[Finished]
    queued: float
    slow: bool = False
    attempts: int = 0
    started: float = 0.0
    start_seconds: float = 0.0
    seen_blocked: bool = False
    vouched: bool = False

    def succeed(self, outcome: Score | Computed, now: float) -> None:
        if not self.answer.done():
            self.answer.set_result(Finished(outcome, self.started - self.queued, now - self.started))

    def fail(self, reason: str, message: str, *, retryable: bool = False) -> None:
        self.fail_with(Unscorable(reason, message, retryable=retryable))

    def fail_with(self, error: Unscorable) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True, eq=False)
class Worker:
    """A forked worker and what it was given, in order.

    Attributes:
        retiring: it takes no more items.
        at_end: its connection has ended.
        exit_code: how its process ended, once that is known.
    """

    forked: ForkedWorker
    jobs: dict[int, Job] = field(default_factory=dict[int, Job])
    current: Job | None = None
    slow: bool = False
    retiring: bool = False
    at_end: bool = False
    exit_code: int | None = None
    watch: asyncio.TimerHandle | None = None
    reader: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        return not self.jobs and not self.retiring

    @property
    def on_probation(self) -> bool:
        """Whether what it has is suspected of having ended a worker, and is not known yet to have ended nothing."""
        return not self.slow and any(job.attempts for job in self.jobs.values())

    @property
    def suspect(self) -> Job | None:
        """The item that is to blame where the worker dies: the one that ran, else the one that was to start."""
        return self.current or next(iter(self.jobs.values()), None)


@dataclass(slots=True)
class PoolFigures:
    """What the pool has done since it started.

    Attributes:
        kills: workers that were ended, by why.
        finished: items that a worker answered.
        forks: workers and spares that were started.
        moved: items that used up their slice and went to the slow lane.
        most_slow: most workers that the slow lane ever had.
        restarts: templates that were started again.
        latest_kill: most seconds that an item ran beyond its timeout.
    """

    kills: Counter[str] = field(default_factory=Counter[str])
    finished: int = 0
    forks: int = 0
    moved: int = 0
    most_slow: int = 0
    restarts: int = 0
    latest_kill: float = 0.0
