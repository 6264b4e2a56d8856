"""What of the isolation works on this machine, found out by looking and by trying in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass, replace

from assay_sandbox.namespaces import seccomp
from assay_sandbox.namespaces.candidate import receive_exactly
from assay_sandbox.namespaces.cgroups import Cgroups, CgroupsUnavailable, find_tree
from assay_sandbox.namespaces.setup import ForkOrder, Identity, Setup
from assay_sandbox.namespaces.wire import HEAD, LENGTH, BadOutcome, decode_outcome, encode_order, encode_task
from assay_sandbox.protocol import Exec, Grade, Launch, Level, Mechanism

FIRST_ID = 0x40000000
IDS_PER_WORKER = 1 << 20
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Reached:
    """What workers are set up with here, and how it is called.

    Attributes:
        identity: None where no sandbox can be made at all.
    """

    identity: Identity | None
    level: Level


def probe(setup: Setup, *, cgroups: bool = True) -> Reached:
    """The best that this machine gives. Tries each identity in a short-lived process."""
    refused = ""
    found: Identity | None = None
    for identity in _candidates():
        refused = _try(replace(setup, identity=identity.value))
        if not refused:
            found = identity
            break
    mechanisms = [
        _spaces(found, refused),
        Mechanism("file system", found is not None, "read-only system; one memory file system per run, bounded"),
        Mechanism("network", found is not None, "a namespace without any interface; no sockets but connected pairs"),
        Mechanism("capabilities", found is not None, "none, and no new privileges"),
        Mechanism("system calls", seccomp.supported(), _filter_detail()),
        _user_ids(found),
    ]
    governed = _cgroups() if cgroups else Mechanism("cgroups", False, "switched off")
    level = Level("namespaces", _grade(found, governed), (*mechanisms, governed), memory_enforced=governed.works)
    return Reached(found, level)


def _candidates() -> list[Identity]:
    return [Identity.RANGE, Identity.HOST, Identity.SINGLE] if os.geteuid() == 0 else [Identity.SINGLE]


def _try(setup: Setup) -> str:
    """What was refused; empty where all worked."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, this package
            [sys.executable, "-I", "-m", "assay_sandbox.namespaces.outer", str(theirs.fileno())],
            env={},
            cwd="/",
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        ours.settimeout(_SECONDS)
        try:
            ours.send(setup.encode())
            answer = ours.recv(4096).decode(errors="replace")
            refused = _try_a_run(ours) if answer == "ready" else answer.removeprefix("failed ")
        except OSError as error:
            refused = str(error)
        else:
            refused = refused if refused or answer == "ready" else "the sandbox's process ended"
        finally:
            ours.close()
            process.wait()
    return refused


def _try_a_run(template: socket.socket) -> str:
    """Why a program does not run in it; empty where it does."""
    launch = Launch(Exec(("true",)))
    order, task = encode_order(launch, passes_descriptors=False), encode_task(launch)
    ours, theirs = socket.socketpair()
    with ours:
        ours.settimeout(_SECONDS)
        with theirs:
            socket.send_fds(template, [ForkOrder(1, ()).encode()], [theirs.fileno()])
        ours.sendall(HEAD.pack(len(order), len(task)) + order + task)
        try:
            outcome = decode_outcome(receive_exactly(ours, LENGTH.unpack(receive_exactly(ours, LENGTH.size))[0]))
        except (OSError, BadOutcome) as error:
            return f"a program cannot be started: {error}"
    return "" if outcome.ok else f"a program cannot be started: {outcome.stderr.decode(errors='replace')[-300:]}"


def _spaces(found: Identity | None, refused: str) -> Mechanism:
    if found is None:
        return Mechanism("namespaces", False, f"{refused}; allow user namespaces, or start the server as root")
    return Mechanism("namespaces", True, "user, pid, mount, ipc, network, uts and cgroup; pid, mount, ipc per run")


def _filter_detail() -> str:
    if seccomp.supported():
        return "an allow-list, installed last"
    return f"no filter is known for {os.uname().machine}"


def _user_ids(found: Identity | None) -> Mechanism:
    if found in (Identity.RANGE, Identity.HOST):
        return Mechanism("user ids", True, "one for each run, never used again by its worker")
    return Mechanism("user ids", False, "the server's own in a user namespace per run; as root each run has its own id")


def _cgroups() -> Mechanism:
    try:
        tree = find_tree()
        groups = Cgroups(tree)
        groups.give_back(groups.take(), empty=True)
        groups.close()
    except (CgroupsUnavailable, OSError) as error:
        return Mechanism("cgroups", False, f"{error}; memory is bounded per process, and watched")
    return Mechanism("cgroups", True, f"version {tree.version}: memory, CPU time and processes of a run together")


def _grade(found: Identity | None, cgroups: Mechanism) -> Grade:
    if found is None:
        return Grade.NONE
    if not seccomp.supported():
        return Grade.PARTIAL
    return Grade.FULL if cgroups.works and found is not Identity.SINGLE else Grade.FLOOR
