"""Workers of the namespaces backend: lost, replaced, ended; and what is reached on machines that give less."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import Grade, SandboxUnavailable
from tests.sandboxes.programs import script

MOST_CAPABILITIES = 38
ROOT = Path(__file__).parents[2]


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{waiting[-1]}/task").iterdir():
                waiting[:0] = map(int, (task / "children").read_text().split())
        found.add(waiting.pop())
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def own_groups() -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").rglob(f"assay-sandbox-{os.getpid()}-*") if path.is_dir()]


async def started(workers: int, runs_per_worker: int = 512) -> NamespacesBackend:
    backend = NamespacesBackend(NamespacesSettings(workers=workers, runs_per_worker=runs_per_worker))
    if backend.probe().grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {backend.probe()}")
    await backend.start()
    return backend


async def test_runs_of_a_worker_that_was_killed_are_made_again_and_answered_once():
    backend = await started(workers=1)
    try:
        lost = backend.worker_pids()
        runs = [asyncio.create_task(backend.run(script(f"import time; time.sleep(.3); print({n})"))) for n in range(4)]
        async with backend.open(script("import time; time.sleep(60)")):  # answers only after those before it began
            os.kill(lost[0], signal.SIGKILL)
            outcomes = await asyncio.gather(*runs)
        assert [outcome.stdout for outcome in outcomes] == [b"0\n", b"1\n", b"2\n", b"3\n"]
        assert backend.worker_pids() != lost
    finally:
        await backend.stop()


async def test_workers_are_replaced_before_they_grow_old():
    backend = await started(workers=1, runs_per_worker=5)
    try:
        first = backend.worker_pids()
        async with asyncio.timeout(60):
            while backend.worker_pids() == first:
                assert (await backend.run(script("print(1)"))).ok
            while alive({*first}):  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
    finally:
        await backend.stop()


async def test_nothing_is_left_when_the_backend_stops():
    backend = await started(workers=2)
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n    time.sleep(60)"
    assert (await backend.run(script(daemon))).ok
    run = asyncio.create_task(backend.run(script("import time; time.sleep(60)")))
    assert (await backend.run(script("print(1)"))).ok
    processes = {pid for worker in backend.worker_pids() for pid in descendants(worker)}
    assert len(processes) > 4
    await backend.stop()
    assert (await asyncio.gather(run, return_exceptions=True))[0] is not None
    assert alive(processes) == set()
    assert own_groups() == []
    with pytest.raises(SandboxUnavailable):
        await backend.run(script("print(1)"))


# ---------------------------------------------------------------- other machines

PLAIN_USER = """
kernel.unshare(kernel.CLONE_NEWUSER)
for name, text in (("setgroups", "deny"), ("uid_map", f"12345 {uid} 1"), ("gid_map", f"12345 {gid} 1")):
    open(f"/proc/self/{name}", "w").write(text)
"""
NOBODY = """
try:
    kernel.unshare(kernel.CLONE_NEWUSER)  # ids that are mapped nowhere may not make namespaces
except OSError:
    pass  # this machine lets nobody
"""
ELSEWHERE = """
import asyncio, os, sys
from assay_sandbox.namespaces import kernel
from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import SandboxUnavailable
from tests.sandboxes.programs import script
uid, gid = os.getuid(), os.getgid()
{become}
kernel.drop_bounding_set()
kernel.drop_capabilities()

async def main():
    backend = NamespacesBackend(NamespacesSettings(cgroups=False))
    try:
        await backend.start()
    except SandboxUnavailable as error:
        print("refused", error)
        return
    print(backend.probe().grade.name, os.getuid())
    programs = [
        "print(open('/proc/self/status').read().split('CapPrm:')[1].split()[0])",
        "while True: pass",
    ]
    for program in programs:
        outcome = await backend.run(script(program, cpu_ms=100))
        print(outcome.reason.name, outcome.stdout.decode().strip() + outcome.stderr.decode().strip().split("\\n")[-1])
    await backend.stop()

asyncio.run(main())
"""


async def elsewhere(become: str) -> list[str]:
    """What a server says that runs as somebody else."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ELSEWHERE.format(become=become), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode().splitlines()


async def test_a_plain_user_gets_the_floor():
    await (await started(workers=1)).stop()  # where nobody may make namespaces, there is nothing to see
    said = await elsewhere(PLAIN_USER)
    assert said == [
        "FLOOR 12345",
        "OK 0000000000000000",
        "CPU_LIMIT ",
    ]


async def test_below_the_floor_nothing_is_started_and_it_is_said_why():
    [said] = await elsewhere(NOBODY)
    assert said.startswith("refused untrusted code is not run here: isolation is NONE, FLOOR is asked for (namespaces:")
    assert "docs/sandbox.md" in said


def test_an_administrator_gets_an_id_for_each_run():
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    if os.geteuid() or int(status.split("CapEff:")[1].split()[0], 16).bit_count() < MOST_CAPABILITIES:
        pytest.skip("takes an administrator with all capabilities")
    if Path("/proc/self/uid_map").read_text(encoding="utf-8").split() != ["0", "0", str(2**32 - 1)]:
        pytest.skip("takes an administrator with all user ids")
    backend = NamespacesBackend()
    mechanisms = {item.name: item for item in backend.probe().mechanisms}
    assert mechanisms["user ids"].works, mechanisms


async def test_a_server_that_lies_below_the_folder_for_temporary_files_is_seen_and_that_folder_is_the_runs_own(
    tmp_path: Path,
):
    if not tmp_path.is_relative_to(tempfile.gettempdir()) or tempfile.gettempdir() not in ("/tmp", "/var/tmp"):
        pytest.skip("temporary files lie elsewhere")
    shown = tmp_path / "tools"
    shown.mkdir()
    (shown / "tool").write_text("shown")
    (tmp_path / "hidden").write_text("hidden")
    (tmp_path / "single").write_text("file")
    backend = NamespacesBackend(NamespacesSettings(workers=1, shown=(str(shown), str(tmp_path / "single"))))
    if backend.probe().grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {backend.probe()}")
    await backend.start()
    try:
        source = f"""
import os, tempfile
print(open({str(shown / "tool")!r}).read(), open({str(tmp_path / "single")!r}).read(), end=" ")
print(sorted(os.listdir({str(tmp_path)!r})))
open(os.path.join({tempfile.gettempdir()!r}, "own"), "w").write("own")
try:
    open({str(shown / "tool")!r}, "w")
except OSError as error:
    print(error.strerror)
"""
        outcome = await backend.run(script(source))
        assert outcome.stdout == b"shown file ['single', 'tools']\nRead-only file system\n", outcome
        assert not (Path(tempfile.gettempdir()) / "own").exists()
    finally:
        await backend.stop()


KILLED_SERVER = """
import asyncio, os, signal
from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from tests.sandboxes.programs import script

async def main():
    backend = NamespacesBackend(NamespacesSettings(workers=1))
    await backend.start()
    async with backend.open(script("import time; time.sleep(60)")):
        assert (await backend.run(script("print(1)"))).ok
        print(*backend.worker_pids(), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


SCHEDULED = """
import json, os, sys

def scheduled():
    group, _, group_nice = open("/proc/self/autogroup").read().split()
    nice, session = os.getpriority(os.PRIO_PROCESS, 0), os.getsid(0)
    return {"nice": nice, "group": group, "group_nice": int(group_nice), "session": session}
"""
SERVER_IN_A_SESSION = (
    SCHEDULED
    + f"""
import asyncio
from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from tests.sandboxes.programs import script

RUN = {SCHEDULED + "print(json.dumps(scheduled()))"!r}

async def main():
    os.nice(int(sys.argv[1]))
    before = scheduled()
    backend = NamespacesBackend(NamespacesSettings(workers=1))
    await backend.start()
    try:
        run = json.loads((await backend.run(script(RUN))).stdout)
        group = open(f"/proc/{{backend.worker_pids()[0]}}/autogroup").read().split()[0]
    finally:
        await backend.stop()
    print(json.dumps({{"before": before, "after": scheduled(), "run": run, "worker's group": group}}))

asyncio.run(main())
"""
)


class Scheduled(NamedTuple):
    """How the kernel schedules a process: its nice value, its session's group, and that group's."""

    nice: int
    group: str
    group_nice: int
    session: int


async def test_a_server_that_is_killed_leaves_no_process():
    await (await started(workers=1)).stop()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_SERVER, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    workers = list(map(int, (await server.stdout.readline()).split()))
    processes = {pid for worker in workers for pid in descendants(worker)}
    assert len(processes) > 4
    server.kill()
    await server.wait()
    async with asyncio.timeout(30):
        while alive(processes):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)


def a_session_may_step_back() -> bool:
    """Whether the kernel groups processes by session, and a user like this may lower a group's priority."""
    step_back = """
import time
assert open("/proc/self/autogroup").read()
time.sleep(0.2)  # of plain users it takes ten a second
open("/proc/self/autogroup", "w").write("1")
"""
    return not subprocess.run([sys.executable, "-c", step_back], check=False, start_new_session=True).returncode


@pytest.mark.parametrize("nice_before", [0, 3, 19])
async def test_runs_come_after_the_server_alone_and_as_the_kernel_groups_them(nice_before: int):
    """By a server in a session of its own: how this process was started does not matter."""
    if not a_session_may_step_back():
        pytest.skip("does not apply: the kernel does not group processes by session, or not for users like this")
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVER_IN_A_SESSION,
        str(nice_before),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdout is not None
    told = json.loads(await server.stdout.read())
    await server.wait()
    before, after, run = Scheduled(**told["before"]), Scheduled(**told["after"]), Scheduled(**told["run"])
    assert after == before  # the server is where it was: what it tries out before it starts is not its session
    assert before.nice >= nice_before
    assert run.nice == min(before.nice + 5, 19)
    assert run.group == told["worker's group"] != before.group
    assert run.group_nice == min(before.group_nice + 8, 19)
    assert run.session == 0  # the worker's, which cannot be seen from inside
