"""What the kernel says of a process."""

from __future__ import annotations

_FLAGS_FIELD = 6
_EXITING = 0x4


def state_of(pid: int) -> str:
    """The kernel's letter for what its main thread does; empty where it is gone."""
    fields = _fields(pid)
    return fields[0] if fields else ""


def is_exiting(pid: int) -> bool:
    """Whether it is gone or about to be."""
    fields = _fields(pid)
    return not fields or bool(int(fields[_FLAGS_FIELD]) & _EXITING)


def cpu_seconds_of(pid: int) -> float:
    """CPU time of its main thread so far; 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9
    except (OSError, ValueError):
        return 0.0


def _fields(pid: int) -> list[str]:
    """Those of /proc/PID/stat after the name; none where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(") ")[2].split()
    except OSError:
        return []
