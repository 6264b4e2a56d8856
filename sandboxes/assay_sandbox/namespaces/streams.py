"""What a program writes to, and what is kept of it."""

from __future__ import annotations

import os

_CHUNK = 1 << 16


class Stream:
    """A pipe that the program writes to: the first bytes are moved to a file, the rest is dropped. None is read here.

    Attributes:
        kept, dropped: bytes so far.
    """

    def __init__(self, read_end: int, write_end: int) -> None:
        os.set_blocking(read_end, False)
        self.read_end = read_end
        self.write_end = write_end
        self.kept = 0
        self.dropped = 0
        self._file = self._nowhere = -1
        self._at = self._most = 0

    def keep(self, file: int, at: int, most: int, nowhere: int) -> None:
        """Keep so many bytes at a place of a file; what is dropped goes to ``nowhere``."""
        self._file, self._at, self._most, self._nowhere = file, at, most, nowhere

    def drain_once(self) -> bool:
        """Take what is there; False: nobody can write any more."""
        room = self._most - self.kept
        try:
            if room:
                moved = os.splice(self.read_end, self._file, min(room, _CHUNK), offset_dst=self._at + self.kept)
                self.kept += moved
            else:
                moved = os.splice(self.read_end, self._nowhere, _CHUNK)
                self.dropped += moved
        except BlockingIOError:
            return True
        return moved > 0

    def drain_rest(self) -> None:
        """What is left when all who wrote are gone."""
        while True:
            before = self.kept + self.dropped
            if not self.drain_once() or self.kept + self.dropped == before:
                return
