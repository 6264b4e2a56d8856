"""Runs that follow each other in the namespaces of one supervisor: none learns anything of the one before."""

from __future__ import annotations

import asyncio
import socket
from ast import literal_eval
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import Exec, Grade, Launch, Reason
from tests.sandboxes.programs import script

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPARES = 2
TELL = "import os, random\ndef tell(*values): os.write(3, repr(values).encode())\n"
SILENT = "pass"
SCAN = r"""
import ctypes, re
found = set()
for line in open("/proc/self/maps"):
    span, rights, *_, name = line.split()
    if rights[0] == "r" and not name.startswith("[v"):
        begin, end = (int(at, 16) for at in span.split("-"))
        found.update(re.findall(rb"SECRET-[0-9a-f]{8}", ctypes.string_at(begin, end - begin)))
tell(*sorted(found))
"""
LEAVE_EVERYTHING = """
for folder in (".", "/tmp", "/dev/shm", os.environ["HOME"]):
    os.symlink("/etc", f"{folder}/link")
    open(f"{folder}/left", "w").write("x")
random.seed(1)
os.chmod("/tmp", 0o700)
os.utime("/tmp", (1, 1))
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import time
        time.sleep(60)
"""
FOUND = """
folders = (".", "/tmp", "/dev/shm", os.environ["HOME"], "/box")
lists = [os.listdir(folder) for folder in folders]
tell(os.getuid(), random.random(), os.getpid(), lists, oct(os.stat("/tmp").st_mode))
"""
HOLD_A_FILE_IN_FLIGHT = """
import array, socket
one, two = socket.socketpair()
file = open("left", "w")
one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno(), two.fileno()]))])
two.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno(), one.fileno()]))])
"""


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text(encoding="ascii").split()]


def supervisors(backend: NamespacesBackend) -> set[int]:
    [outer] = backend.worker_pids()
    [template] = children(outer)
    return set(children(template))


async def told(backend: NamespacesBackend, source: str) -> str:
    """What a program says on its channel, and nowhere else."""
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        async with backend.open(script(TELL + source, channels=(theirs,))) as running:
            outcome = await running.outcome()
            assert (outcome.reason, outcome.stdout, outcome.stderr) == (Reason.OK, b"", b"")
        try:
            return ours.recv(1 << 16).decode()
        except BlockingIOError:
            return ""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def backend() -> AsyncGenerator[NamespacesBackend]:
    backend = NamespacesBackend(NamespacesSettings(workers=1, spares=SPARES))
    if backend.probe().grade < Grade.FULL:
        pytest.skip(f"runs do not follow each other here: {backend.probe()}")
    await backend.start()
    yield backend
    await backend.stop()


async def settled(backend: NamespacesBackend) -> set[int]:
    """The supervisors that make all runs which follow, while those have no files; each has made some."""
    for _ in range(2 * SPARES):
        await told(backend, SILENT)
    async with asyncio.timeout(20):
        while len(found := supervisors(backend)) > SPARES:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
    for _ in range(SPARES):
        await told(backend, SILENT)
    return found


async def test_runs_without_files_are_made_by_the_same_supervisors(backend: NamespacesBackend):
    before = await settled(backend)
    for _ in range(2 * SPARES):
        await told(backend, SILENT)
        assert (await backend.run(script("print(input())", stdin=b"1"))).stdout == b"1\n"
    assert supervisors(backend) == before
    assert len(before) == SPARES


async def test_a_next_run_is_a_first_one(backend: NamespacesBackend):
    before = await settled(backend)
    for _ in range(SPARES):
        await told(backend, LEAVE_EVERYTHING)
    said = [await told(backend, FOUND) for _ in range(SPARES)]
    assert supervisors(backend) == before
    users, randoms, processes, folders, modes = zip(*map(literal_eval, said), strict=True)
    assert len(set(users)) == len(set(randoms)) == SPARES
    assert set(processes) == {2}
    assert [[set(folder) for folder in each] for each in folders] == [
        [set(), set(), set(), set(), {"work", "tmp", "home", "shm"}]
    ] * SPARES
    assert set(modes) == {"0o40755"}


async def test_the_memory_of_a_run_holds_nothing_of_the_one_before(backend: NamespacesBackend):
    secret = "SECRET-0123abcd"
    assert secret in await told(backend, f"secret = {secret!r}\n{SCAN}")
    before = await settled(backend)
    for _ in range(SPARES):
        await told(backend, f"secret = {secret!r}; open('file', 'w').write(secret)")
        echo = "import os, sys; os.environ['SECRET'] = said = input(); print(said); print(said, file=sys.stderr)"
        outcome = await backend.run(script(echo, stdin=f"{secret}\n".encode()))
        assert outcome.stdout == outcome.stderr == f"{secret}\n".encode()
    assert [await told(backend, SCAN) for _ in range(SPARES)] == ["()"] * SPARES
    assert supervisors(backend) == before


async def test_output_is_that_of_the_run_alone(backend: NamespacesBackend):
    before = await settled(backend)
    said: list[tuple[bytes, bytes]] = []
    for number in range(3 * SPARES):
        source = f"import sys\nfor _ in range(3): sys.stdout.write('{number}' * 400); sys.stderr.write('{number}' * 5)"
        outcome = await backend.run(script(source, output_bytes=1000))
        assert (outcome.stdout_truncated, outcome.stderr_truncated) == (True, False)
        said.append((outcome.stdout, outcome.stderr))
    assert said == [(b"%d" % number * 1000, b"%d" % number * 15) for number in range(3 * SPARES)]
    assert supervisors(backend) == before


async def test_what_holds_a_file_after_its_end_gets_no_next_run(backend: NamespacesBackend):
    await settled(backend)
    for _ in range(SPARES):
        await told(backend, HOLD_A_FILE_IN_FLIGHT)
        assert "['left']" not in await told(backend, FOUND)


@pytest.mark.parametrize(
    "launch",
    [
        replace(script("pass"), files={"file": b"told"}),
        replace(script("open('file', 'w').write('told')"), collect=("file",)),
        Launch(Exec(("nowhere",))),
    ],
    ids=["files", "collected files", "not started"],
)
async def test_a_supervisor_that_has_seen_data_makes_no_other_run(backend: NamespacesBackend, launch: Launch):
    before = await settled(backend)
    await backend.run(launch)
    async with asyncio.timeout(20):
        while supervisors(backend) >= before:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)


async def test_a_run_that_is_over_is_not_asked_any_more(backend: NamespacesBackend):
    before = await settled(backend)
    async with backend.open(script(SILENT)) as running:
        outcome = await running.outcome()
        running.kill()
        assert await running.cpu_ms() == outcome.cpu_ms
    running.kill()
    for _ in range(2 * SPARES):
        await told(backend, SILENT)
    assert supervisors(backend) == before


async def test_limits_hold_for_every_run_anew(backend: NamespacesBackend):
    before = await settled(backend)
    burn = "import time\nwhile time.process_time() < .05: pass"
    for _ in range(2 * SPARES):
        outcome = await backend.run(script(burn, cpu_ms=20))
        assert outcome.reason is Reason.CPU_LIMIT
        outcome = await backend.run(script(burn, cpu_ms=5000))
        assert outcome.ok
        assert 40 <= outcome.cpu_ms < 1000
    assert supervisors(backend) == before
