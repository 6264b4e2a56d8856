"""How many bytes of rollouts a run may have in the store."""

from __future__ import annotations

from assay_server.pipeline.failures import Code, Failure
from assay_server.store.protocol import RunKey, Store


class RecordQuota:
    """Counts what one run holds; what goes beyond its quota is refused item by item, and nothing of it is stored.

    Counted are the contents of rollouts, with appended steps, that this process found in the store and that it took
    over since.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0

    async def load(self, store: Store, key: RunKey) -> None:
        """Count what is there."""
        async for stored in store.scan_rollouts(key):
            self.used += len(stored.payload) + sum(map(len, stored.steps))

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may be stored."""
        return self.used + size <= self._limit

    def take(self, size: int) -> None:
        """Count so many bytes more, or (negative) less."""
        self.used += size

    def refusal(self) -> Failure:
        """What whoever has no room is told."""
        text = f"the run's records have {self.used} of the {self._limit} bytes that its record_quota_bytes allows"
        return Failure(Code.RESOURCE_EXHAUSTED, "RECORD_QUOTA", text, retryable=False)
