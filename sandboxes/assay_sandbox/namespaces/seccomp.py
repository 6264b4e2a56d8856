"""The system-call filter of a run: an allow-list, assembled here for the machine's own call numbers.

An allow-list, because what a kernel adds later is closed until somebody has looked at it. The filter depends on
nothing but the processor's kind: it is assembled once and installed in each run after everything is set up.
"""

from __future__ import annotations

import errno
import platform
import socket
from collections.abc import Iterable, Iterator

from assay_sandbox.namespaces.kernel import CLONE_NEW_ANY
from assay_sandbox.namespaces.syscall_numbers import ALLOWED, CONDITIONAL, LAST_KNOWN, UNKNOWN, Numbers

Instruction = tuple[int, int, int, int]
_Leaf = tuple[int, int, list[Instruction]]
"""The first and the last of some calls' numbers, and what decides on them."""

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000
_REFUSE: Instruction = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
_PERMIT: Instruction = (_RETURN, 0, 0, _ALLOW)
_NOT_THERE: Instruction = (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)

_NUMBER = 0
_ARCHITECTURE = 4
_FIRST_ARGUMENT = 16

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_INJECT_INPUT = 0x5412  # TIOCSTI: types into a terminal
_CONSOLE = 0x541C  # TIOCLINUX: the console's clipboard
_ASK_PERSONALITY = 0xFFFFFFFF
_TYPE_OF_SOCKET = 0xFF


def supported() -> bool:
    """Whether a filter can be made for this machine."""
    return platform.machine() in _ARCHITECTURES


def assemble(machine: str) -> list[Instruction]:
    """The filter for a kind of processor: x86_64 or aarch64. 32-bit calls end the process."""
    column, architecture = _ARCHITECTURES[machine]
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
    ]
    found = {number: _condition(name) for name, row in CONDITIONAL.items() if (number := row[column]) is not None}
    found |= {number: [_NOT_THERE] for row in UNKNOWN.values() if (number := row[column]) is not None}
    leaves = [(number, number, block) for number, block in found.items()]
    leaves += [(first, last, [_PERMIT]) for first, last in _ranges(_numbers(ALLOWED.values(), column))]
    return [*program, (_GREATER, 0, 1, LAST_KNOWN), _NOT_THERE, *_search(sorted(leaves))]


def _search(leaves: list[_Leaf]) -> list[Instruction]:
    """Instructions that halve the numbers: when a filter is installed the kernel follows it for every call there is."""
    if len(leaves) == 1:
        [(first, last, block)] = leaves
        return [(_AT_LEAST, 0, len(block) + 1, first), (_GREATER, len(block), 0, last), *block, _REFUSE]
    middle = len(leaves) // 2
    below, above = _search(leaves[:middle]), _search(leaves[middle:])
    return [(_AT_LEAST, len(below), 0, leaves[middle][0]), *below, *above]


def _condition(name: str) -> list[Instruction]:
    """Instructions that decide on a call by its arguments (their low 32 bits, which is what these calls read)."""
    if name == "clone":
        return [
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_AND, 0, 0, CLONE_NEW_ANY & ~0xFF),
            (_EQUAL, 0, 1, 0),
            _PERMIT,
            _REFUSE,
        ]
    if name == "ioctl":
        second = _FIRST_ARGUMENT + 8
        return [(_LOAD, 0, 0, second), (_EQUAL, 2, 0, _INJECT_INPUT), (_EQUAL, 1, 0, _CONSOLE), _PERMIT, _REFUSE]
    if name == "personality":
        return [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_EQUAL, 1, 0, _ASK_PERSONALITY), (_EQUAL, 0, 1, 0), _PERMIT, _REFUSE]
    assert name == "socketpair", name
    # Streams only: a pair of datagram sockets could send to any other by its name.
    return [
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 4, socket.AF_UNIX),
        (_LOAD, 0, 0, _FIRST_ARGUMENT + 8),
        (_AND, 0, 0, _TYPE_OF_SOCKET),
        (_EQUAL, 0, 1, socket.SOCK_STREAM),
        _PERMIT,
        _REFUSE,
    ]


def _numbers(rows: Iterable[Numbers], column: int) -> list[int]:
    return sorted(number for row in rows if (number := row[column]) is not None)


def _ranges(numbers: list[int]) -> Iterator[tuple[int, int]]:
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last
