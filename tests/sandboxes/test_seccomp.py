from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_sandbox.namespaces.kernel import CLONE_NEWNET, CLONE_NEWUSER
from assay_sandbox.namespaces.seccomp import assemble
from assay_sandbox.namespaces.syscall_numbers import ALLOWED, CONDITIONAL

MACHINES = ["x86_64", "aarch64"]
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PROGRAMS = {machine: assemble(machine) for machine in MACHINES}
ALLOW = 0x7FFF0000
KILL = 0x80000000
REFUSED = 0x50000 | errno.EPERM
NOT_THERE = 0x50000 | errno.ENOSYS
MOST_INSTRUCTIONS = 4096


def decide(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the kernel's interpreter would answer."""
    six = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=iIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *six)
    program, at, value = PROGRAMS[machine], 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == 0x54:
            value &= operand
        elif code == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x25: value > operand, 0x35: value >= operand}[code]
            at += if_true if holds else if_false


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_fits_into_the_kernel(machine: str):
    program = PROGRAMS[machine]
    assert len(program) < MOST_INSTRUCTIONS
    assert all(0 <= jump < 256 for _, *jumps, _ in program for jump in jumps)


@pytest.mark.parametrize("machine", MACHINES)
@given(number=st.integers(0, 600))
def test_what_is_on_the_list_is_allowed_and_nothing_else(machine: str, number: int):
    column = MACHINES.index(machine)
    allowed = {row[column] for row in ALLOWED.values()}
    if number in {row[column] for row in CONDITIONAL.values()}:
        return
    answer = decide(machine, number)
    assert (answer == ALLOW) == (number in allowed)
    if number > 462 or number == 435:
        assert answer == NOT_THERE


def test_threads_may_be_made_and_namespaces_may_not():
    assert decide("x86_64", 56, 0x3D0F00) == ALLOW
    assert decide("x86_64", 56, 17) == ALLOW
    for flags in (CLONE_NEWUSER, CLONE_NEWNET | 0x3D0F00):
        assert decide("x86_64", 56, flags) == REFUSED
        assert decide("aarch64", 220, flags) == REFUSED


def test_only_pairs_of_connected_streams_are_sockets():
    unix, stream, datagram, close_on_exec = 1, 1, 2, 0x80000
    assert decide("x86_64", 53, unix, stream | close_on_exec) == ALLOW
    assert decide("x86_64", 53, unix, datagram) == REFUSED
    assert decide("x86_64", 53, 2, stream) == REFUSED
    assert decide("x86_64", 41, unix, stream) == REFUSED


def test_terminals_cannot_be_typed_into_and_layouts_not_be_frozen():
    assert decide("x86_64", 16, 1, 0x5401) == ALLOW
    assert decide("x86_64", 16, 1, 0x5412) == REFUSED
    assert decide("x86_64", 16, 1, 0xF00005412) == REFUSED
    assert decide("x86_64", 135, 0xFFFFFFFF) == ALLOW
    assert decide("x86_64", 135, 0x0040000) == REFUSED


def test_other_calling_conventions_are_closed():
    assert decide("x86_64", 1, architecture=0x40000003) == KILL
    assert decide("x86_64", 0x40000001) == NOT_THERE
