"""The file system that runs see: the system's programs and libraries, read-only, and nothing else of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable

from assay_sandbox.namespaces import kernel

BOX = "/box"
WORK = f"{BOX}/work"
BOX_FOLDERS = ("work", "tmp", "home", "shm")

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/java-17-openjdk", "/etc/java-21-openjdk")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {
    "/tmp": f"{BOX}/tmp",  # noqa: S108 - a folder of the run's own
    "/var/tmp": f"{BOX}/tmp",  # noqa: S108 - the same
    "/dev/shm": f"{BOX}/shm",  # noqa: S108 - the same
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}
_USERS = "root:x:0:0:root:/box/home:/bin/sh\n"
_PLACE = "/tmp"  # noqa: S108 - only a mount point, in a mount namespace of this process alone


def build_root(shown: Iterable[str]) -> None:
    """Make a new root and move into it. The caller has a mount namespace of its own.

    The mount of /proc is this process's; the template puts its own over it.
    """
    kernel.private_mounts()
    kernel.mount("tmpfs", _PLACE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=4m,nr_inodes=8k")
    for path in _SYSTEM:
        _show(path)
    for path in (*_SETTINGS, *_outermost(shown)):
        if os.path.exists(path) and not path.startswith("/usr/"):
            _show(path)
    for name in _DEVICES:
        target = _file(f"{_PLACE}/dev/{name}")
        kernel.bind(f"/dev/{name}", target, device=True)
    for link, target in _LINKS.items():
        os.makedirs(os.path.dirname(_PLACE + link), exist_ok=True)
        os.symlink(target, _PLACE + link)
    with open(_file(f"{_PLACE}/etc/passwd"), "w", encoding="ascii") as file:
        file.write(_USERS)
    for folder in (BOX, "/proc"):
        os.makedirs(_PLACE + folder, exist_ok=True)
    kernel.mount("/proc", f"{_PLACE}/proc", flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.pivot_into(_PLACE)
    kernel.freeze_mount("/", recursive=False)


def box_options(user_id: int, file_bytes: int) -> str:
    """Of the file system that holds all that a run writes."""
    files = 64 + file_bytes // 16384
    return f"mode=0755,uid={user_id},gid={user_id},size={file_bytes},nr_inodes={files}"


def _show(path: str) -> None:
    target = _PLACE + path
    if os.path.islink(path) and path in _SYSTEM:
        os.symlink(os.readlink(path), target)
    elif os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
        kernel.bind(path, target)
    elif os.path.exists(path):
        kernel.bind(path, _file(target))


def _file(path: str) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a", encoding="ascii"):
        return path


def _outermost(paths: Iterable[str]) -> list[str]:
    """Each once, and none that lies in another or in the system's."""
    kept: list[str] = []
    for path in sorted({os.path.normpath(path) for path in paths}):
        if not any(path == other or path.startswith(other + "/") for other in (*kept, *_SYSTEM)):
            kept.append(path)
    return kept
