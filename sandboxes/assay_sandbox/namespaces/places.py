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
    def owner(self) -> int:
        """Id of the user to whom the run's files belong, as the supervisor sees it."""
        ...

    @property
    def joins(self) -> tuple[int, ...]:
        """Descriptors of cgroups that the run enters."""
        ...

    def prepare(self) -> None:
        """Have the folders of the run, empty."""
        ...

    def resize(self, file_bytes: int) -> None:
        """Bound the bytes of all files."""
        ...

    def meter(self, first: int) -> Meter:
        """Counts what the run uses whose first process this is."""
        ...


class NamespacePlace:
    """Namespaces and a file system of the run's own, in a worker's outer sandbox."""

    def __init__(self, space: RunSpace, counters: Mapping[str, int], held: Sequence[tuple[str, str]]) -> None:
        self._counters = counters
        self._held = held
        self.owner = space.user_id if space.identity is not Identity.SINGLE else 0
        self.joins = tuple(fd for name, fd in counters.items() if name.startswith("join"))

    def prepare(self) -> None:
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC)
        self._mount_box(_DEFAULT_FILE_BYTES)
        _make_folders(self.owner)
        cover_temporary_folders(self._held)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        kernel.mount("proc", "/proc", "proc", flags, "hidepid=2,subset=pid")

    def resize(self, file_bytes: int) -> None:
        if file_bytes != _DEFAULT_FILE_BYTES:
            self._mount_box(file_bytes, kernel.MS_REMOUNT)

    def meter(self, first: int) -> Meter:
        return CgroupMeter(self._counters) if self.joins else ProcessMeter(first)

    def _mount_box(self, file_bytes: int, how: int = 0) -> None:
        flags = how | kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("tmpfs", BOX, "tmpfs", flags, box_options(self.owner, file_bytes))


class ContainerPlace:
    """A container that was made for one run, with its bounds."""

    joins: tuple[int, ...] = ()

    def __init__(self, owner: int) -> None:
        self.owner = owner

    def prepare(self) -> None:
        _make_folders(self.owner)

    def resize(self, file_bytes: int) -> None:
        """The container has the size that it was made with."""

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


def _make_folders(owner: int) -> None:
    for name in BOX_FOLDERS:
        os.mkdir(f"{BOX}/{name}")
        os.chown(f"{BOX}/{name}", owner, owner)
