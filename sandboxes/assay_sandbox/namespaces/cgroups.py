"""Control groups for runs: below the server's own (version 1) or the root (version 2); reused when they are empty.

The server opens their files and hands the descriptors to the run's supervisor: inside a sandbox there is no cgroup
file system, and the ids there could not write to it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay_sandbox.namespaces.setup import LOWER_PRIORITY
from assay_sandbox.protocol import SandboxUnavailable

_NEEDED = ("memory", "cpu", "pids")
_PREFIX = "assay-sandbox-"
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Tree:
    """Where cgroups can be made: the server's own folder of each hierarchy, by controller."""

    version: int
    folders: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class _File:
    """Which file of a controller's folder a supervisor gets, by the name it knows."""

    name: str
    controller: str
    path: str
    flags: int


_V1 = (
    _File("join_memory", "memory", "cgroup.procs", os.O_WRONLY),
    _File("join_cpu", "cpuacct", "cgroup.procs", os.O_WRONLY),
    _File("join_pids", "pids", "cgroup.procs", os.O_WRONLY),
    _File("cpu_nanoseconds", "cpuacct", "cpuacct.usage", os.O_RDONLY),
    _File("memory_limit", "memory", "memory.limit_in_bytes", os.O_RDWR),
    _File("swap_limit", "memory", "memory.memsw.limit_in_bytes", os.O_RDWR),
    _File("memory_peak", "memory", "memory.max_usage_in_bytes", os.O_RDWR),
    _File("memory_events", "memory", "memory.oom_control", os.O_RDONLY),
    _File("pids_limit", "pids", "pids.max", os.O_RDWR),
)
_V2 = (
    _File("join", "", "cgroup.procs", os.O_WRONLY),
    _File("cpu_stat", "", "cpu.stat", os.O_RDONLY),
    _File("memory_limit", "", "memory.max", os.O_RDWR),
    _File("memory_peak", "", "memory.peak", os.O_RDWR),
    _File("memory_events", "", "memory.events", os.O_RDONLY),
    _File("pids_limit", "", "pids.max", os.O_RDWR),
)
_OPTIONAL = ("swap_limit", "memory_peak")
_SHARES = str(1024 * 4**LOWER_PRIORITY // 5**LOWER_PRIORITY)
_RULES = {
    1: (("cpuacct", "cpu.shares", _SHARES),),
    2: (
        ("", "memory.swap.max", "0"),
        ("", "memory.oom.group", "1"),
        ("", "cpu.weight.nice", str(LOWER_PRIORITY)),
    ),
}
"""What holds for every run, by controller and file. Groups share the processors, whatever the nice values inside: a
run's comes after the server as its processes would without it (a step of niceness is a quarter)."""


class CgroupsUnavailable(SandboxUnavailable):
    """Cgroups cannot be made here; the message says what is missing."""


def find_tree(proc: Path = Path("/proc/self"), mounts: Path = Path("/proc/self/mounts")) -> Tree:
    """The server's place in the hierarchies. Raises CgroupsUnavailable."""
    own = _own_groups(proc)
    roots = _mounted(mounts)
    if all(name in roots for name in ("memory", "cpuacct", "pids")):
        return Tree(1, {name: _below(roots[name], own.get(name, "/")) for name in ("memory", "cpuacct", "pids")})
    if "" not in roots:
        raise CgroupsUnavailable("no cgroup file system with memory, cpu and pids is mounted")
    # A group that has processes cannot be divided, save the root of all: the server's own has one, the server.
    root = roots[""]
    is_root_of_all = not (root / "cgroup.type").exists()
    folder = root if is_root_of_all else _below(root, own.get("", "/"))
    controllers = (folder / "cgroup.controllers").read_text(encoding="ascii").split()
    if missing := [name for name in _NEEDED if name not in controllers]:
        raise CgroupsUnavailable(f"{folder} has no {', '.join(missing)} controller")
    return Tree(2, {"": folder})


def _own_groups(proc: Path) -> dict[str, str]:
    groups: dict[str, str] = {}
    for line in (proc / "cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    return groups


def _mounted(mounts: Path) -> dict[str, Path]:
    roots: dict[str, Path] = {}
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, place, kind, options, *_ = line.split(" ")
        if kind == "cgroup":
            roots |= dict.fromkeys(options.split(","), Path(place))
        elif kind == "cgroup2":
            roots[""] = Path(place)
    return roots


def _below(root: Path, own: str) -> Path:
    """In a container the path of the own group may be of the host: then what is mounted is the own group."""
    folder = root / own.strip("/")
    return folder if folder.is_dir() else root


class Slot:
    """The cgroups of one run at a time, and descriptors of their files by their names."""

    def __init__(self, folders: tuple[Path, ...], files: Mapping[str, int]) -> None:
        self._folders = folders
        self._files = files
        self._bounds: tuple[int, int] | None = None

    @property
    def counters(self) -> dict[str, int]:
        """Descriptors for the run's supervisor: to enter, and to read what is used."""
        return {name: fd for name, fd in self._files.items() if not name.endswith("_limit")}

    def bound(self, memory_bytes: int, pids: int) -> None:
        """What the next run may use."""
        if self._bounds == (memory_bytes, pids):
            return
        # Where swap is bounded together with memory, one may not pass the other on the way.
        for name in ("memory_limit", "swap_limit") * 2:
            self._set(name, memory_bytes)
        self._set("pids_limit", pids)
        self._bounds = (memory_bytes, pids)

    def _set(self, name: str, value: int) -> None:
        with contextlib.suppress(OSError, KeyError):  # refused while the last run's memory is not all given back
            os.pwrite(self._files[name], str(value).encode("ascii"), 0)

    def is_empty(self) -> bool:
        """Whether no process is in it."""
        return not any((folder / "cgroup.procs").read_text(encoding="ascii") for folder in self._folders)

    def close(self) -> None:
        """Close the files and remove the groups, as far as no process is left in them."""
        for fd in self._files.values():
            os.close(fd)
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


class Cgroups:
    """Makes slots, keeps those that are free, removes all at the end. Names carry the server's process id."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._free: list[Slot] = []
        self._doubtful: list[Slot] = []
        self._made = 0
        for folder in tree.folders.values():
            _remove_left_over(folder)
        if tree.version == 2:
            self._delegate(tree.folders[""])

    def take(self) -> Slot:
        """A slot that no run is in. Raises CgroupsUnavailable."""
        for slot in [slot for slot in self._doubtful if slot.is_empty()]:
            self._doubtful.remove(slot)
            self._free.append(slot)
        return self._free.pop() if self._free else self._make()

    def give_back(self, slot: Slot, *, empty: bool) -> None:
        """For a next run; where processes of the last one may still be ending, not before they are gone."""
        if empty and len(self._free) >= _KEPT:
            slot.close()
        else:
            (self._free if empty else self._doubtful).append(slot)

    def close(self) -> None:
        """Remove all that were given back."""
        for slot in (*self._free, *self._doubtful):
            slot.close()
        self._free.clear()
        self._doubtful.clear()

    def _make(self) -> Slot:
        name = f"{_PREFIX}{os.getpid()}-{id(self):x}-{self._made}"
        self._made += 1
        folders = {controller: folder / name for controller, folder in self._tree.folders.items()}
        files: dict[str, int] = {}
        try:
            for folder in folders.values():
                folder.mkdir()
            for file in _V1 if self._tree.version == 1 else _V2:
                with contextlib.suppress(OSError) if file.name in _OPTIONAL else contextlib.nullcontext():
                    files[file.name] = os.open(folders[file.controller] / file.path, file.flags | os.O_CLOEXEC)
        except OSError as error:
            Slot(tuple(folders.values()), files).close()
            raise CgroupsUnavailable(f"a cgroup cannot be made: {error}") from error
        for controller, path, value in _RULES[self._tree.version]:
            with contextlib.suppress(OSError):
                (folders[controller] / path).write_text(value, encoding="ascii")
        return Slot(tuple(folders.values()), files)

    def _delegate(self, folder: Path) -> None:
        """Have children of the server's group governed; refused while the group itself has processes, save the root."""
        try:
            (folder / "cgroup.subtree_control").write_text("+memory +cpu +pids", encoding="ascii")
        except OSError as error:
            message = f"{folder} cannot be divided ({error.strerror}): it takes the machine's administrator"
            raise CgroupsUnavailable(message) from error


def _remove_left_over(folder: Path) -> None:
    """Groups of servers that were killed."""
    with contextlib.suppress(OSError):
        for left in folder.glob(f"{_PREFIX}*"):
            pid = left.name.removeprefix(_PREFIX).split("-")[0]
            if not Path("/proc", pid).exists():
                with contextlib.suppress(OSError):
                    left.rmdir()
