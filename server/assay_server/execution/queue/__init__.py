"""Work that other processes do: in the order of its priority, fair to tenants, and surviving those who do it."""

from .local import LocalQueue
from .protocol import JobFailed, JobHandler, JobQueue, Priority

__all__ = ["JobFailed", "JobHandler", "JobQueue", "LocalQueue", "Priority"]
