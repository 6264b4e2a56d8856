"""Linux system calls that Python has no function for. Each raises OSError."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_NEW_ANY = 0x7E020080

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION_3 = 0x20080522

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 1
_MOUNT_ATTR_NOSUID = 2
_MOUNT_ATTR_NODEV = 4
_MOUNT_SETATTR = 442
_FSOPEN = 430
_FSCONFIG = 431
_FSMOUNT = 432
_FSCONFIG_CMD_CREATE = 6
_CLOEXEC = 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_libc.unshare.argtypes = [ctypes.c_int]
_libc.setns.argtypes = [ctypes.c_int, ctypes.c_int]
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]
_libc.pivot_root.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
_libc.capset.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


class BpfProgram(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _checked(result: int, what: str | tuple[str, str]) -> int:
    if result < 0:
        number = ctypes.get_errno()
        name = what if isinstance(what, str) else " ".join(what)
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _syscall(number: int, what: str, *arguments: object) -> int:
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments), what)


def fork() -> int:
    """fork(2) without what ``os.fork`` does in the child: the caller has one thread, whose state is right as it is.

    Those hooks (of threads, locks, generators of random numbers) write to some 150 pages, which is more than all the
    rest of a fork. What has to differ in the child (seeds, the pipe that signals wake) is the caller's to change.
    """
    return _checked(_libc_with_gil.fork(), "fork")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones; a new pid namespace is for children only."""
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter a namespace."""
    _checked(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    data = options.encode() if options else None
    _checked(_libc.mount(source.encode(), target.encode(), kind.encode(), flags, data), ("mount on", target))


def unmount(target: str) -> None:
    """Take a mount away; refused while anything holds a file of it."""
    _checked(_libc.umount2(os.fsencode(target), 0), ("umount", target))


def bind(source: str, target: str, *, device: bool = False) -> None:
    """Show a file or a tree elsewhere, read-only, with all that is mounted below it."""
    mount(source, target, flags=MS_BIND | MS_REC)
    if not device:
        freeze_mount(target, recursive=True)


def freeze_mount(target: str, *, recursive: bool) -> None:
    """Make a mount read-only, without set-user-id programs and devices (Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV, 0, 0, 0)
    flags = ctypes.c_uint(_AT_RECURSIVE if recursive else 0)
    path = os.fsencode(target)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _syscall(_MOUNT_SETATTR, f"mount_setattr {target}", ctypes.c_int(_AT_FDCWD), path, flags, attributes, size)


def private_mounts() -> None:
    """Keep what is mounted here from showing elsewhere."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def pivot_root(new: str, old: str) -> None:
    """Make a mount the root, and put the old root below it."""
    _checked(_libc.pivot_root(os.fsencode(new), os.fsencode(old)), "pivot_root")


def pivot_into(root: str) -> None:
    """Make a mount the root; nothing of the old root stays reachable."""
    os.chdir(root)
    pivot_root(".", ".")
    _checked(_libc.umount2(b".", MNT_DETACH), "umount the old root")
    os.chdir("/")


def private_proc() -> int:
    """A procfs of this process's pid namespace that is mounted nowhere; a descriptor of its directory."""
    handle = _syscall(_FSOPEN, "fsopen proc", b"proc", ctypes.c_uint(_CLOEXEC))
    try:
        create = ctypes.c_uint(_FSCONFIG_CMD_CREATE)
        _syscall(_FSCONFIG, "fsconfig proc", ctypes.c_int(handle), create, None, None, ctypes.c_int(0))
        mounted = _syscall(_FSMOUNT, "fsmount proc", ctypes.c_int(handle), ctypes.c_uint(_CLOEXEC), ctypes.c_uint(0))
    finally:
        os.close(handle)
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=mounted)
    finally:
        os.close(mounted)


def die_with_parent(signal: int) -> None:
    """Be sent a signal when the thread that forked this process ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl pdeathsig")


def adopt_orphans() -> None:
    """Be the parent of all descendants whose parents ended."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl subreaper")


def hide_from_debuggers() -> None:
    """No process without capabilities may look into this one."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl dumpable")


def show_to_debuggers() -> None:
    """Have this process's files in /proc be its own."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl dumpable")


def no_new_privileges() -> None:
    """Never gain anything by executing a program."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl no_new_privs")


def drop_bounding_set() -> None:
    """Have no executed program give back a capability; those held stay until they are dropped."""
    for capability in range(_LAST_CAPABILITY + 1):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            return  # past the last one that this kernel knows


def drop_capabilities() -> None:
    """Give up every capability."""
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _checked(_libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES), "capset")


def bpf_program(instructions: Sequence[tuple[int, int, int, int]]) -> tuple[BpfProgram, ctypes.Array[ctypes.c_char]]:
    """A filter for :func:`install_filter`, and the memory that must be kept for it."""
    import struct

    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    kept = ctypes.create_string_buffer(code, len(code))
    return BpfProgram(len(instructions), ctypes.addressof(kept)), kept


def install_filter(program: BpfProgram) -> None:
    """Have every further system call of this process and its children go through a filter."""
    at = ctypes.addressof(program)
    _checked(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, at, 0, 0), "prctl seccomp")
