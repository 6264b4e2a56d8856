"""What is read of processes that live, that have ended and are not buried, and that are gone."""

from __future__ import annotations

import os

from assay_server.execution.process_state import cpu_seconds_of, is_exiting, state_of


def test_a_process_that_lives() -> None:
    assert state_of(os.getpid()) in ("R", "S")
    assert not is_exiting(os.getpid())
    assert cpu_seconds_of(os.getpid()) > 0


def test_a_process_that_has_ended_and_then_is_gone() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert state_of(pid) == "Z"
    assert is_exiting(pid)
    os.waitpid(pid, 0)
    assert state_of(pid) == ""
    assert is_exiting(pid)
    assert cpu_seconds_of(pid) == 0.0
