"""What a queue of jobs promises, wherever the work is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol, TypeAlias

from assay.sdk import Unscorable


class Priority(Enum):
    """Classes of jobs; the number is how many of one are begun for every one of ``BULK``."""

    INTERACTIVE = 4
    NORMAL = 2
    BULK = 1


class JobFailed(Exception):
    """A job that was not done.

    Attributes:
        reason: ``JOB_EXPIRED``: its deadline passed in the queue. ``JOB_DEAD``: those who did it ended, again and
            again. ``JOB_LOST``: nobody answered in time. ``QUEUE_CLOSED``.
        retryable: whether the same job may succeed later.
    """

    def __init__(self, reason: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.reason = reason
        self.retryable = retryable

    @classmethod
    def closed(cls) -> JobFailed:
        """What those are told who wait when the server stops."""
        return cls("QUEUE_CLOSED", "the server stops", retryable=True)

    def unscorable(self) -> Unscorable:
        """The same, said of what was to be scored."""
        return Unscorable(self.reason, str(self), retryable=self.retryable)


JobHandler: TypeAlias = Callable[[str, bytes], Awaitable[bytes]]
"""Does a job of a tenant: its payload to its answer. What the job says is the answer's matter, failures included; an
exception means that the job could not be done here."""


class JobQueue(Protocol):
    """Where jobs are handed in."""

    async def open(self) -> None: ...

    async def close(self) -> None:
        """Wait for nothing more; who waits is told JobFailed."""
        ...

    async def run(
        self, tenant: str, payload: bytes, *, priority: Priority = Priority.NORMAL, deadline: float | None = None
    ) -> bytes:
        """The answer to a job; it may be begun more than once, and is answered once.

        Args:
            deadline: seconds since the epoch; a job that has not begun by then is not begun any more.

        Raises:
            JobFailed: there is no answer.
        """
        ...
