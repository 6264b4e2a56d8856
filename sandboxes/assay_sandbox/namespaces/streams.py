"""What a program writes to, and what is kept of it."""

from __future__ import annotations

import os

_CHUNK = 1 << 16


class Stream:
    """A pipe that the program writes to: the first bytes are kept, the rest is read and dropped."""

    def __init__(self, read_end: int, write_end: int) -> None:
        os.set_blocking(read_end, False)
        self.read_end = read_end
        self.write_end = write_end
        self.kept = bytearray()
        self.dropped = 0

    def drain_once(self, keep: int) -> bool:
        """Read what is there; False: nobody can write any more."""
        try:
            data = os.read(self.read_end, _CHUNK)
        except BlockingIOError:
            return True
        room = keep - len(self.kept)
        self.kept += data[: max(0, room)]
        self.dropped += max(0, len(data) - max(0, room))
        return bool(data)

    def drain_rest(self, keep: int) -> None:
        """What is left when all who wrote are gone."""
        while True:
            before = len(self.kept) + self.dropped
            if not self.drain_once(keep) or len(self.kept) + self.dropped == before:
                return
