"""Where a run takes place: what its supervisor makes ready for it, and what it can be held to there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from assay_sandbox.namespaces import kernel
from assay_sandbox.namespaces.candidate import RunSpace
from assay_sandbox.namespaces.meters import CgroupMeter, Meter, ProcessMeter
from assay_sandbox.namespaces.root import BOX, BOX_FOLDERS, box_options, cover_temporary_folders
from assay_sandbox.namespaces.setup import Identity
from assay_sandbox.protocol import Limits

_DEFAULT_FILE_BYTES = Limits().file_bytes


class Place(Protocol):
    """Made ready before it is known what runs in it."""

    @property
    def joins(self) -> tuple[int, ...]:
        """Descriptors of cgroups that the run enters."""
        ...

    def enter(self) -> None:
        """Once, before the first run."""
        ...

    def furnish(self, space: RunSpace) -> int:
        """Have the folders of a run, empty; the id of the user to whom they belong, as the supervisor sees it."""
        ...

    def resize(self, owner: int, file_bytes: int) -> None:
        """Bound the bytes of all files."""
        ...

    def clear(self) -> bool:
        """Whether nothing of the last run is left, whose processes are gone: then another one may be furnished."""
        ...

    def meter(self, first: int) -> Meter:
        """Counts what the run uses whose first process this is."""
        ...


class NamespacePlace:
    """Namespaces and a file system of the run's own, in a worker's outer sandbox."""

    def __init__(self, counters: Mapping[str, int], held: Sequence[tuple[str, str]]) -> None:
        self._counters = counters
        self._held = held
        self._own_ids = True
        self._last_pid = -1
        self.joins = tuple(fd for name, fd in counters.items() if name.startswith("join"))

    def enter(self) -> None:
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        kernel.mount("proc", "/proc", "proc", flags, "hidepid=2,subset=pid")
        self._last_pid = _last_pid() if self.joins and not self._held else -1

    def furnish(self, space: RunSpace) -> int:
        self._own_ids = space.identity is not Identity.SINGLE
        owner = space.user_id if self._own_ids else 0
        _mount_box(owner, _DEFAULT_FILE_BYTES)
        _make_folders(owner)
        cover_temporary_folders(self._held)
        return owner

    def resize(self, owner: int, file_bytes: int) -> None:
        if file_bytes != _DEFAULT_FILE_BYTES:
            _mount_box(owner, file_bytes, kernel.MS_REMOUNT)

    def clear(self) -> bool:
        """Not where runs share a user id, or cannot be counted by cgroups, or could count each other's processes."""
        if not self._own_ids or self._last_pid < 0:
            return False
        try:
            os.pwrite(self._last_pid, b"1", 0)
            kernel.unmount(BOX)
        except OSError:  # something still holds a file of it
            return False
        return True

    def meter(self, first: int) -> Meter:
        return CgroupMeter(self._counters) if self.joins else ProcessMeter(first)


class ContainerPlace:
    """A container that was made for one run, with its bounds."""

    joins: tuple[int, ...] = ()

    def enter(self) -> None:
        """It was made so."""

    def furnish(self, space: RunSpace) -> int:
        _make_folders(space.user_id)
        return space.user_id

    def resize(self, owner: int, file_bytes: int) -> None:
        """The container has the size that it was made with."""

    def clear(self) -> bool:
        return False

    def meter(self, first: int) -> Meter:
        return ContainerMeter(first)


class ContainerMeter(ProcessMeter):
    """Reads CPU time of processes; memory is bounded by the container's cgroup."""

    def __init__(self, first: int) -> None:
        super().__init__(first)
        self._kills_before = 0

    @property
    def bounds_memory(self) -> bool:
        return True

    def prepare(self) -> None:
        super().prepare()
        self._kills_before = _kills()

    def memory_bytes(self) -> int:
        return 0

    def ran_out_of_memory(self) -> bool:
        return _kills() > self._kills_before


def _kills() -> int:
    """Processes that the kernel has ended in the container's cgroup for want of memory."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError):
            for line in Path(path).read_text(encoding="utf-8").splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


def _mount_box(owner: int, file_bytes: int, how: int = 0) -> None:
    flags = how | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", BOX, "tmpfs", flags, box_options(owner, file_bytes))


def _last_pid() -> int:
    """A descriptor of the last process id that was given out, which can be set back; -1 where the kernel has none."""
    try:
        proc = kernel.private_proc()
    except OSError:
        return -1
    try:
        return os.open("sys/kernel/ns_last_pid", os.O_RDWR | os.O_CLOEXEC, dir_fd=proc)
    except OSError:
        return -1
    finally:
        os.close(proc)


def _make_folders(owner: int) -> None:
    for name in BOX_FOLDERS:
        os.mkdir(f"{BOX}/{name}")
        os.chown(f"{BOX}/{name}", owner, owner)
