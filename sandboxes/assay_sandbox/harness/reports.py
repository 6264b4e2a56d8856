"""What a suite's process tells the supervisor, over a socket of its own.

From the suite: frames (see :mod:`assay_sandbox.harness.frames`) whose payload is JSON. To the suite: a letter and a
number, with the socket to a candidate beside them, or else the number is that of a socket which the suite has already.
"""

from __future__ import annotations

import json
import socket
import time
import unittest
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Protocol

from assay_sandbox.descriptors import receive_descriptors
from assay_sandbox.harness.frames import framed
from assay_sandbox.harness.link import CandidateLost

READY = b"Y"
"""The suite is loaded: ``{"tests": [name, ...]}``; no names where they are known only when it runs."""
BROKEN = b"F"
"""The suite itself is at fault: ``{"message": ...}``. Nothing follows."""
BEGIN = b"T"
"""A test begins: ``{"name": ...}``."""
END = b"E"
"""It has ended: ``{"name", "outcome", "message", "lost", "wall"}``; ``lost``: the candidate went away meanwhile."""
NEED = b"N"
"""Another candidate is needed; answered by ANOTHER or ENOUGH."""
UNLOADED = b"X"
"""The program could not be loaded: ``{"message", "lost", "syntax"}``. No test was run."""
STOPPED = b"P"
"""What stands between the tests failed: ``{"message", "lost"}``. The tests that have not begun will not."""
DONE = b"D"
"""Nothing else would have followed."""
GONE = b"G"
"""The process that judged has ended: ``{"status": ...}``. The suite can take another job."""

JOB = b"J"
"""To the suite: judge the candidate at the other end of this socket."""
ANOTHER = b"A"
"""To the suite: the next candidate."""
ENOUGH = b"S"
"""To the suite: there will be no other candidate."""

Outcome = Literal["PASSED", "FAILED", "ERROR", "SKIPPED"]
_LONGEST_MESSAGE = 2000
_LONGEST_NAME = 500


class OutOfCandidates(BaseException):
    """The supervisor has no time left for this job."""


class Conversation(Protocol):
    """With a candidate, or with none."""

    fault: str

    @property
    def lost(self) -> bool: ...

    def begin(self) -> None: ...

    def attach(self, descriptor: int) -> None: ...


class Reports:
    """One job's reports. Ends are sent with the begin that follows, so that a short test costs one message."""

    def __init__(self, control: socket.socket, link: Conversation, spares: Sequence[socket.socket] = ()) -> None:
        self._control = control
        self._spares = spares
        self._link = link
        self._waiting = bytearray()

    def begin(self, name: str) -> None:
        """A test begins; there is a candidate, a new one where the last was lost."""
        if self._link.lost:
            self._renew()
        self._link.begin()
        self._put(BEGIN, {"name": name[:_LONGEST_NAME]})
        self._flush()

    def end(self, name: str, outcome: Outcome, message: str, seconds: float) -> None:
        """It has ended. It did not pass where the candidate was lost or broke a cap, whatever the suite says."""
        if self._link.fault:
            outcome, message = "FAILED", self._link.fault
        self._put(END, {
            "name": name[:_LONGEST_NAME], "outcome": outcome, "message": message[:_LONGEST_MESSAGE],
            "lost": self._link.lost, "wall": seconds,
        })  # fmt: skip

    def unloaded(self, message: str, *, syntax: bool = False) -> None:
        """The program could not be loaded."""
        self._put(UNLOADED, {"message": message[:_LONGEST_MESSAGE], "lost": self._link.lost, "syntax": syntax})
        self._flush()

    def stopped(self, message: str) -> None:
        """What stands between the tests failed."""
        self._put(STOPPED, {"message": message[:_LONGEST_MESSAGE], "lost": self._link.lost})
        self._flush()

    def broken(self, message: str) -> None:
        """The suite is at fault."""
        self._put(BROKEN, {"message": message[:_LONGEST_MESSAGE]})
        self._flush()

    def done(self) -> None:
        """Nothing else would have followed."""
        self._put(DONE, {})
        self._flush()

    def test(self, name: str, source: str = "") -> TestReport:
        """A context in which one test runs; what is raised there is reported and goes no further."""
        return TestReport(self, name, source)

    def _renew(self) -> None:
        self._put(NEED, {})
        self._flush()
        said, descriptor = receive_candidate(self._control, self._spares)
        if said != ANOTHER:
            raise OutOfCandidates
        self._link.attach(descriptor)

    def _put(self, letter: bytes, value: dict[str, str | bool | float]) -> None:
        self._waiting += framed(letter, json.dumps(value).encode())

    def _flush(self) -> None:
        self._control.sendall(self._waiting)
        self._waiting.clear()


class TestReport:
    """One test that runs."""

    __test__ = False

    def __init__(self, reports: Reports, name: str, source: str) -> None:
        self._reports = reports
        self._name = name
        self._source = source
        self._began = 0.0

    def __enter__(self) -> None:
        self._reports.begin(self._name)
        self._began = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(error, OutOfCandidates):
            return False
        seconds = time.monotonic() - self._began
        outcome: Outcome = "PASSED" if error is None else "FAILED"
        if isinstance(error, unittest.SkipTest):
            outcome = "SKIPPED"
        message = told(error)
        if self._source and error is not None:
            message = f"{message}: {self._source}"
        self._reports.end(self._name, outcome, message, seconds)
        return True


def told(error: BaseException | None) -> str:
    """What a failed test says."""
    if error is None:
        return ""
    if isinstance(error, CandidateLost):
        return str(error)
    try:
        return f"{type(error).__name__}: {error}".removesuffix(": ")
    except Exception as second:  # noqa: BLE001 - a message may ask the candidate
        return f"{type(error).__name__} ({type(second).__name__} in its message)"


def send_frame(control: socket.socket, letter: bytes, value: dict[str, str | int | Sequence[str]]) -> None:
    """Tell the supervisor something outside a job."""
    control.sendall(framed(letter, json.dumps(value).encode()))


def receive_candidate(control: socket.socket, spares: Sequence[socket.socket]) -> tuple[bytes, int]:
    """What the supervisor wants, and the descriptor of the socket to a candidate; empty bytes where it is gone.

    The socket comes beside the letter, or is the one of ``spares`` whose number follows the letter.
    """
    letter, descriptors = receive_descriptors(control, 1, 1)
    number = control.recv(1) if letter else b""
    if not number:
        return b"", -1
    if descriptors:
        return letter, descriptors[0]
    return letter, spares[number[0]].fileno() if letter != ENOUGH else -1
