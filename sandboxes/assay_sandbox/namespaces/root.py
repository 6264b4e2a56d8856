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
_BOX_TEMPORARY = f"{BOX}/tmp"  # noqa: S108 - a folder of the run's own
_LINKS = {
    "/tmp": _BOX_TEMPORARY,  # noqa: S108 - a folder of the run's own
    "/var/tmp": _BOX_TEMPORARY,  # noqa: S108 - the same
    "/dev/shm": f"{BOX}/shm",  # noqa: S108 - the same
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}
_USERS = "root:x:0:0:root:/box/home:/bin/sh\n"
_PLACE = "/tmp"  # noqa: S108 - only a mount point, in a mount namespace of this process alone
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - as above
_OLD = "/old"
_NEW = "/new"


def build_root(shown: Iterable[str]) -> None:
    """Make a new root and move into it. The caller has a mount namespace of its own.

    The mount of /proc is this process's; the template puts its own over it.
    """
    links, shows = _plan(shown)
    holds = held(shown)
    kernel.private_mounts()
    # The old root is moved below a file system of our own first: so nothing that is shown can lie under the new one.
    kernel.mount("tmpfs", _PLACE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755")
    for folder in (_OLD, _NEW):
        os.mkdir(_PLACE + folder)
    kernel.pivot_root(_PLACE, _PLACE + _OLD)
    os.chdir("/")
    kernel.mount("tmpfs", _NEW, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=4m,nr_inodes=8k")
    for target, source in shows.items():
        _show(_NEW + target, _OLD + source)
    for hold, target in holds:
        _show(_NEW + hold, _OLD + shows[target])
    for name in _DEVICES:
        kernel.bind(f"{_OLD}/dev/{name}", _file(f"{_NEW}/dev/{name}"), device=True)
    for link, target in {**_LINKS, **links}.items():
        if os.path.isdir(_NEW + link):
            continue  # something that is shown lies in it
        os.makedirs(os.path.dirname(_NEW + link), exist_ok=True)
        os.symlink(target, _NEW + link)
    with open(_file(f"{_NEW}/etc/passwd"), "w", encoding="utf-8") as file:
        file.write(_USERS)
    for folder in (BOX, "/proc"):
        os.makedirs(_NEW + folder, exist_ok=True)
    kernel.mount(f"{_OLD}/proc", f"{_NEW}/proc", flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.pivot_into(_NEW)
    kernel.freeze_mount("/", recursive=False)


def held(shown: Iterable[str]) -> list[tuple[str, str]]:
    """What is shown below a folder for temporary files, by where else it is kept: each run covers that folder."""
    below = [path for path in _present(shown) if path.startswith(tuple(f"{folder}/" for folder in _TEMPORARY))]
    return [(f"/held/{number}", path) for number, path in enumerate(below)]


def cover_temporary_folders(holds: Iterable[tuple[str, str]]) -> None:
    """In a run: its own folder for temporary files where others' things are shown, and those in it."""
    covered: set[str] = set()
    for hold, target in holds:
        folder = next(folder for folder in _TEMPORARY if target.startswith(f"{folder}/"))
        if folder not in covered:
            kernel.mount(_BOX_TEMPORARY, folder, flags=kernel.MS_BIND)
            covered.add(folder)
        if os.path.isdir(hold):
            os.makedirs(target, exist_ok=True)
        else:
            _file(target)
        kernel.mount(hold, target, flags=kernel.MS_BIND | kernel.MS_REC)


def box_options(user_id: int, file_bytes: int) -> str:
    """Of the file system that holds all that a run writes."""
    return f"mode=0755,uid={user_id},gid={user_id},{box_size(file_bytes)}"


def box_size(file_bytes: int) -> str:
    """As mount options: bytes, and how many files."""
    return f"size={file_bytes},nr_inodes={64 + file_bytes // 16384}"


def _plan(shown: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Links by their places, and what is shown where; sources with all links followed, while those can be."""
    links = {path: os.readlink(path) for path in _SYSTEM if os.path.islink(path)}
    folders = [path for path in _SYSTEM if os.path.isdir(path) and path not in links]
    return links, {path: os.path.realpath(path) for path in (*folders, *_present((*_SETTINGS, *shown)))}


def _show(target: str, source: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
        kernel.bind(source, target)
    else:
        kernel.bind(source, _file(target))


def _file(path: str) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a", encoding="utf-8"):
        return path


def _present(paths: Iterable[str]) -> list[str]:
    """Those that are there, each once, and none that lies in another or in the system's."""
    kept: list[str] = []
    for path in sorted({os.path.normpath(path) for path in paths if os.path.exists(path)}):
        if not any(path == other or path.startswith(other + "/") for other in (*kept, *_SYSTEM)):
            kept.append(path)
    return kept
