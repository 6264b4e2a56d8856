"""The outer sandbox of a worker: everything that can be shared by its runs is left behind here, once.

Started as a process of its own with one argument, the descriptor of its connection to the server. It becomes the
parent of the template, which is the first process of the worker's pid namespace: when it ends, all its runs end.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

from assay_sandbox.namespaces import kernel
from assay_sandbox.namespaces.root import build_root, held
from assay_sandbox.namespaces.setup import LOWER_PRIORITY, Identity, Setup

_WORKER_SPACES = (
    kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWCGROUP
    | kernel.CLONE_NEWNS
)

_SESSION_PRIORITY = 8  # there are two sessions of workers a processor, and one of the server
_LOWEST_PRIORITY = 19
_TRIES, _PAUSE_SECONDS = 10, 0.1


def enter(setup: Setup) -> None:
    """Leave all of the host's namespaces; the caller's next child is in the new pid namespace, and root in there.

    Raises:
        OSError: this machine does not allow it; the message names the call.
    """
    identity = Identity(setup.identity)
    if identity is Identity.SINGLE:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {setup.user_id} 1")
        _write("/proc/self/gid_map", f"0 {setup.group_id} 1")
        build_root(setup.shown)
        kernel.unshare(_WORKER_SPACES)
    elif identity is Identity.RANGE:
        kernel.unshare(kernel.CLONE_NEWNS)
        build_root(setup.shown)
        _enter_with_ids(setup)
    else:
        kernel.unshare(kernel.CLONE_NEWNS)
        build_root(setup.shown)
        kernel.unshare(_WORKER_SPACES)
        os.setgroups([])
    socket.sethostname("sandbox")


def _enter_with_ids(setup: Setup) -> None:
    """The host's root may give a user namespace ids that nobody else has; from outside of it, so a child does."""
    told, tell = os.pipe()
    parent = os.getpid()
    helper = os.fork()
    if helper == 0:
        status = 1
        try:
            os.close(tell)
            if os.read(told, 1):
                for kind in ("uid", "gid"):
                    _write(f"/proc/{parent}/{kind}_map", f"0 {setup.first_id} {setup.ids_count}")
                status = 0
        finally:
            os._exit(status)
    os.close(told)
    kernel.unshare(kernel.CLONE_NEWUSER | _WORKER_SPACES)
    os.write(tell, b"x")
    os.close(tell)
    if os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1]):
        raise OSError("the worker's user ids could not be mapped")
    os.setresgid(0, 0, 0)
    os.setgroups([])
    os.setresuid(0, 0, 0)


def _come_after_the_server() -> None:
    """It has to answer while programs run.

    Where the kernel groups processes by session, a nice value counts inside the group only, and the group has one too.
    The session is the worker's own: were it the server's, the server would come after everything else, too.
    """
    os.nice(LOWER_PRIORITY)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # what wakes one is not pushed aside by it
    if os.getsid(0) != os.getpid():
        raise OSError("a worker is started in a session of its own")
    for _ in range(_TRIES):
        try:
            of_the_server = int(_read(f"/proc/{os.getppid()}/autogroup").split()[-1])
            _write("/proc/self/autogroup", str(min(of_the_server + _SESSION_PRIORITY, _LOWEST_PRIORITY)))
        except BlockingIOError:  # noqa: PERF203 - of plain users the kernel takes ten a second
            time.sleep(_PAUSE_SECONDS)
        except (OSError, LookupError):  # no such groups here, or the server is in none
            return
        else:
            return


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main() -> None:
    """Enter the outer sandbox, fork the template, wait for its end."""
    control = socket.socket(fileno=int(sys.argv[1]))
    setup = Setup.decode(control.recv(1 << 20))
    kernel.die_with_parent(signal.SIGKILL)
    _come_after_the_server()
    holds = held(setup.shown)
    # While the roots are changed nothing can be imported: what this function needs is here by now.
    try:
        enter(setup)
    except Exception as error:
        control.send(f"failed {error}".encode())
        raise
    template = os.fork()
    if template:
        control.close()
        os.waitpid(template, 0)
        return
    from assay_sandbox.namespaces.template import Template

    kernel.die_with_parent(signal.SIGKILL)
    try:
        template_process = Template(control, setup, holds)
    except Exception as error:
        control.send(f"failed {error}".encode())
        raise
    template_process.run()


if __name__ == "__main__":
    main()
