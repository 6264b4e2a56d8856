"""One consumer's held results in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from .protocol import OutboxEntry, OutboxKind, OutboxState


@dataclass(slots=True)
class MemoryOutbox:
    """Entries ``acked + 1 .. last``, each with the id of what it is about."""

    last: int = 0
    acked: int = 0
    entries: deque[tuple[OutboxEntry, str]] = field(default_factory=deque[tuple[OutboxEntry, str]])

    def state(self) -> OutboxState:
        return OutboxState(self.last, self.acked)

    def hold(self, kind: OutboxKind, ref: str, payload: bytes) -> int:
        """Append a result; its sequence."""
        self.last += 1
        self.entries.append((OutboxEntry(self.last, kind, payload), ref))
        return self.last

    def references(self) -> Iterator[tuple[OutboxKind, str]]:
        """What the held entries are about."""
        return ((entry.kind, ref) for entry, ref in self.entries)

    def acknowledge(self, sequence: int) -> OutboxState:
        self.acked = max(self.acked, min(sequence, self.last))
        while self.entries and self.entries[0][0].sequence <= self.acked:
            self.entries.popleft()
        return self.state()

    def read(
        self, after: int, max_entries: int, max_bytes: int, size_of: Callable[[bytes], int] = len
    ) -> list[OutboxEntry]:
        """Entries after a sequence, as many as both limits allow, at least one if there is one.

        ``size_of`` says how many bytes a payload stands for.
        """
        page: list[OutboxEntry] = []
        size = 0
        for entry, _ in islice(self.entries, max(0, after - self.acked), None):
            size += size_of(entry.payload)
            if page and (len(page) >= max_entries or size > max_bytes):
                break
            page.append(entry)
        return page
