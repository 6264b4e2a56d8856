"""What a run has used so far: read from its cgroup, or gathered from its processes where there is none."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

from assay_sandbox.namespaces import kernel

_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST = 4096


class Meter(Protocol):
    """Counts what a run uses, all its processes together."""

    @property
    def bounds_memory(self) -> bool: ...

    def prepare(self) -> None:
        """Begin to count; what the run's process has used until now does not count."""
        ...

    def cpu_ms(self) -> float:
        """CPU milliseconds since :meth:`prepare`."""
        ...

    def memory_bytes(self) -> int:
        """What it has now; 0 where the kernel watches over it."""
        ...

    def peak_bytes(self) -> int:
        """The most it had; 0 = not known."""
        ...

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended one of its processes for it."""
        ...


class CgroupMeter:
    """By descriptors of the files of the run's cgroups, named as in cgroups.py."""

    def __init__(self, counters: Mapping[str, int]) -> None:
        self._files = counters
        self._cpu_before = 0.0
        self._kills_before = 0
        self._peak_resets = False

    @property
    def bounds_memory(self) -> bool:
        return "memory_events" in self._files

    def prepare(self) -> None:
        with contextlib.suppress(OSError, KeyError):  # kernels differ in whether it can be set back
            os.pwrite(self._files["memory_peak"], b"0", 0)
            self._peak_resets = True
        self._cpu_before = self._cpu()
        self._kills_before = self._kills()

    def cpu_ms(self) -> float:
        return self._cpu() - self._cpu_before

    def memory_bytes(self) -> int:
        return 0

    def peak_bytes(self) -> int:
        return int(self._read("memory_peak") or 0) if self._peak_resets else 0

    def ran_out_of_memory(self) -> bool:
        return self._kills() > self._kills_before

    def _cpu(self) -> float:
        if "cpu_nanoseconds" in self._files:
            return int(self._read("cpu_nanoseconds")) / 1e6
        return _field(self._read("cpu_stat"), "usage_usec") / 1e3

    def _kills(self) -> int:
        return _field(self._read("memory_events"), "oom_kill") if "memory_events" in self._files else 0

    def _read(self, name: str) -> str:
        return os.pread(self._files[name], _LONGEST, 0).decode("ascii")


def _field(text: str, name: str) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


class ProcessMeter:
    """By looking at all processes of the pid namespace, through a procfs that is mounted nowhere."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._ours = {"1", str(os.getpid())}
        self._proc = -1
        self._cpu_before = 0.0
        self._peak = 0
        self._warm = 0

    @property
    def bounds_memory(self) -> bool:
        return False

    def prepare(self) -> None:
        self._cpu_before = _clock_of(self._first)
        self._warm = self._resident(os.getpid())

    def cpu_ms(self) -> float:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = ended.ru_utime + ended.ru_stime - self._cpu_before
        for pid, stat in self._processes():
            seconds += _clock_of(pid) + (int(stat[13]) + int(stat[14])) / _TICKS
        return max(0.0, seconds * 1e3)

    def memory_bytes(self) -> int:
        used = sum(max(0, self._resident(pid) - self._warm) for pid, _ in self._processes())
        self._peak = max(self._peak, used)
        return used

    def peak_bytes(self) -> int:
        return self._peak

    def ran_out_of_memory(self) -> bool:
        return False

    def _resident(self, pid: int) -> int:
        """Bytes that are no file's; in a fork, those of the warm interpreter among them."""
        lines = dict(line.split(":", 1) for line in self._text(f"{pid}/status").splitlines() if ":" in line)
        return sum(int(lines[name].split()[0]) << 10 for name in ("RssAnon", "RssShmem") if name in lines)

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        """All but the supervisor and what it runs in, each with the fields of its stat file after its name."""
        for entry in os.listdir(self._directory()):
            if entry.isdecimal() and entry not in self._ours and (text := self._text(f"{entry}/stat")):
                yield int(entry), text.rpartition(") ")[2].split()

    def _directory(self) -> int:
        if self._proc < 0:
            try:
                self._proc = kernel.private_proc()
            except OSError:  # in a container, whose own shows its processes only
                self._proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._proc

    def _text(self, path: str) -> str:
        try:
            fd = os.open(path, os.O_RDONLY, dir_fd=self._directory())
        except OSError:  # it ended meanwhile
            return ""
        with open(fd, encoding="utf-8", errors="replace") as file, contextlib.suppress(OSError):
            return file.read()
        return ""


def _clock_of(pid: int) -> float:
    """CPU seconds of all threads of a process, to the nanosecond."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0
