"""What every backend does, as whoever uses it sees it. What hostile programs try is in tests/hostile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from assay_sandbox.protocol import Backend, Exec, Launch, Outcome, Reason
from tests.sandboxes.programs import script
from tests.sandboxes.real_backends import BACKENDS, make_backend

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=BACKENDS)
async def backend(request: pytest.FixtureRequest) -> AsyncGenerator[Backend]:
    backend = make_backend(request.param)
    await backend.start()
    yield backend
    await backend.stop()


def ended(outcome: Outcome) -> tuple[Reason, int, int]:
    return outcome.reason, outcome.exit_status, outcome.signal


async def test_a_program_reads_writes_and_ends(backend: Backend):
    source = "import sys\nprint(int(input()) + int(input()))\nprint('why', file=sys.stderr)"
    outcome = await backend.run(script(source, stdin=b"40\n2\n"))
    assert ended(outcome) == (Reason.OK, 0, 0)
    assert outcome.stdout == b"42\n"
    assert outcome.stderr == b"why\n"
    assert outcome.cpu_ms > 0


@pytest.mark.parametrize(
    ("source", "reason", "status", "signalled"),
    [
        ("raise SystemExit", Reason.OK, 0, 0),
        ("import sys; sys.exit(3)", Reason.EXITED, 3, 0),
        ("import sys; sys.exit('no')", Reason.EXITED, 1, 0),
        ("import os; os._exit(256 + 9)", Reason.EXITED, 9, 0),
        ("1 / 0", Reason.EXITED, 1, 0),
        ("def f(:", Reason.EXITED, 1, 0),
        ("import os; os.kill(os.getpid(), 9)", Reason.SIGNALED, -1, signal.SIGKILL),
        ("import os; os.abort()", Reason.SIGNALED, -1, signal.SIGABRT),
        ("import ctypes; ctypes.string_at(1)", Reason.SIGNALED, -1, signal.SIGSEGV),
    ],
)
async def test_how_it_ended_is_told(backend: Backend, source: str, reason: Reason, status: int, signalled: int):
    assert ended(await backend.run(script(source))) == (reason, status, signalled)


async def test_a_traceback_begins_with_the_program(backend: Backend):
    outcome = await backend.run(script("def f():\n    return {}['key']\nf()"))
    lines = outcome.stderr.decode().splitlines()
    assert lines[1] == '  File "<program>", line 3, in <module>'
    assert lines[-1] == "KeyError: 'key'"


async def test_a_program_ends_as_python_does(backend: Backend):
    source = """
import atexit, threading
atexit.register(print, "last")
threading.Thread(target=lambda: print("thread")).start()
print("main", end=" ")
"""
    outcome = await backend.run(script(source))
    assert sorted(outcome.stdout.split()) == [b"last", b"main", b"thread"]
    assert outcome.stdout.endswith(b"last\n")


async def test_cpu_time_decides_and_is_measured_finely(backend: Backend):
    outcome = await backend.run(script("while True: pass", cpu_ms=60))
    assert ended(outcome) == (Reason.CPU_LIMIT, -1, 0)
    assert 60 <= outcome.cpu_ms < 1000
    outcome = await backend.run(script("import time\nwhile time.process_time() < .05: pass", cpu_ms=20, wall_ms=60000))
    assert outcome.reason is Reason.CPU_LIMIT


async def test_cpu_time_of_all_processes_counts(backend: Backend):
    source = "import os\nfor _ in range(3): os.fork()\nwhile True: pass"
    outcome = await backend.run(script(source, cpu_ms=100))
    assert outcome.reason is Reason.CPU_LIMIT


async def test_waiting_costs_no_cpu_time_and_the_wall_limit_ends_it(backend: Backend):
    outcome = await backend.run(script("import time\ntime.sleep(60)", cpu_ms=50, wall_ms=150))
    assert outcome.reason is Reason.WALL_LIMIT
    assert outcome.wall_ms >= 150
    assert outcome.cpu_ms < 50


async def test_memory_is_bounded_for_all_processes_together(backend: Backend):
    fill = "x = bytearray(60 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\n"
    source = f"import os, time\nfor _ in range(3):\n    if os.fork() == 0: break\n{fill}time.sleep(20)"
    outcome = await backend.run(script(source, memory_bytes=128 << 20, wall_ms=20_000))
    assert outcome.reason is Reason.MEMORY_LIMIT
    if backend.probe().memory_enforced:
        assert outcome.peak_bytes <= 128 << 20
    outcome = await backend.run(script("x = b'x' * (256 << 20)\nprint(len(x))", memory_bytes=64 << 20))
    assert not outcome.ok
    assert outcome.stdout == b""


async def test_output_is_drained_while_it_runs_and_cut(backend: Backend):
    source = "import sys\nfor _ in range(200): sys.stdout.write('x' * 20000)\nsys.stderr.write('end')"
    outcome = await backend.run(script(source))
    assert outcome.reason is Reason.OK
    assert len(outcome.stdout) == 1 << 20
    assert (outcome.stdout_truncated, outcome.stderr_truncated) == (True, False)
    assert outcome.stderr == b"end"


async def test_endless_output_is_ended(backend: Backend):
    outcome = await backend.run(script("while True: print('x' * 100000)", output_bytes=1000))
    assert outcome.reason in (Reason.OUTPUT_LIMIT, Reason.CPU_LIMIT)
    assert outcome.stdout == b"x" * 1000


async def test_files_go_in_and_come_out(backend: Backend):
    launch = Launch(
        Exec(("sh", "-c", "cat in/a.txt in/a.txt > out; ./tool; ln -s /etc/passwd link; mkdir folder")),
        files={"in/a.txt": b"ab", "tool": b"#!/bin/sh\necho tool in $PWD for $WHO\n"},
        collect=("out", "none", "link", "folder"),
    )
    outcome = await backend.run(Launch(Exec(("sh", "-c", "true"))))
    assert outcome.ok, outcome
    outcome = await backend.run(launch)
    assert outcome.stdout == b"tool in /box/work for\n"
    assert outcome.files == {"out": b"abab"}


async def test_files_are_bounded_together(backend: Backend):
    source = "for n in range(64):\n    with open(f'{n}', 'wb') as f: f.write(bytes(1 << 20))\n    print(n, flush=True)"
    outcome = await backend.run(script(source, file_bytes=8 << 20))
    assert b"No space left" in outcome.stderr
    assert outcome.stdout.split()[-1] in (b"6", b"7")


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "a//b", "a\0b"])
async def test_paths_that_lead_elsewhere_are_refused(backend: Backend, path: str):
    with pytest.raises(ValueError, match="relative paths"):
        await backend.run(Launch(Exec(("true",)), files={path: b""}))


async def test_a_program_that_is_not_there_is_not_started(backend: Backend):
    outcome = await backend.run(Launch(Exec(("no-such-program",))))
    assert ended(outcome) == (Reason.NOT_STARTED, -1, 0)
    assert outcome.stderr == b"no-such-program: No such file or directory"
    assert ended(await backend.run(Launch(Exec(("sh", "-c", "exit 127"))))) == (Reason.EXITED, 127, 0)


async def test_two_runs_talk_over_a_pair_of_sockets(backend: Backend):
    ask = "import socket\ns = socket.socket(fileno=3)\ns.sendall(b'20\\n')\nprint(s.recv(10).decode())"
    answer = "import socket\ns = socket.socket(fileno=3)\ns.sendall(b'%d' % (int(s.recv(10)) + 1))"
    one, other = socket.socketpair()
    async with (
        backend.open(script(ask, channels=(one,))) as asking,
        backend.open(script(answer, channels=(other,))) as answering,
    ):
        assert (await asking.outcome()).stdout == b"21\n"
        assert (await answering.outcome()).ok
    assert one.fileno() == other.fileno() == -1


async def test_standard_input_and_output_may_be_a_channel(backend: Backend):
    ours, theirs = socket.socketpair()
    launch = Launch(Exec(("cat",)), channels=(theirs,), stdio_on_channel=True)
    loop = asyncio.get_running_loop()
    with ours:
        ours.setblocking(False)
        async with backend.open(launch) as running:
            await loop.sock_sendall(ours, b"there and back")
            assert await loop.sock_recv(ours, 100) == b"there and back"
            ours.shutdown(socket.SHUT_WR)
            outcome = await running.outcome()
    assert outcome.ok
    assert outcome.stdout == b""


async def test_a_run_is_killed_on_request_and_on_leaving_it(backend: Backend):
    async with backend.open(script("import time; time.sleep(60)")) as running:
        running.kill()
        assert (await running.outcome()).reason is Reason.KILLED
    async with backend.open(script("import time; time.sleep(60)")) as left:
        pass
    assert (await left.outcome()).reason is Reason.KILLED


async def test_what_a_run_has_used_so_far_can_be_asked(backend: Backend):
    ours, theirs = socket.socketpair()
    source = "import os, time\nwhile time.process_time() < .05: pass\nos.write(3, b'x')\nos.read(3, 1)"
    with ours:
        ours.setblocking(False)
        async with backend.open(script(source, channels=(theirs,))) as running:
            assert await asyncio.get_running_loop().sock_recv(ours, 1) == b"x"
            used = await asyncio.gather(running.cpu_ms(), running.cpu_ms())
            assert all(45 <= milliseconds < 5000 for milliseconds in used)
            ours.send(b"x")
            assert (await running.outcome()).ok
            assert await running.cpu_ms() >= used[1]


async def test_nothing_is_the_same_in_the_next_run(backend: Backend):
    source = """
import os, random, sys
shown = [name for name in os.listdir("/tmp") if not sys.prefix.startswith("/tmp/" + name)]
print(os.getuid(), random.random(), hash("text"), os.listdir("."), shown, os.getpid())
open("left", "w").close(); open("/tmp/left", "w").close()
"""
    runs = [(await backend.run(script(source))).stdout.split() for _ in range(4)]
    if backend.name == "namespaces" and any(
        item.name == "user ids" and item.works for item in backend.probe().mechanisms
    ):
        assert len({run[0] for run in runs[::2]}) == 2  # two workers take turns: ids are new within each
    assert len({run[1] for run in runs}) == 4
    assert runs[0][2] != runs[1][2]
    assert {tuple(run[3:5]) for run in runs} == {(b"[]", b"[]")}
    if backend.name == "namespaces":
        assert {run[5] for run in runs} == {b"2"}


async def test_the_environment_holds_nothing_of_the_server(backend: Backend, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ASSAY_SECRET", "secret")
    source = "import os\nprint(sorted(os.environ))\nprint(open('/proc/self/environ').read())"
    outcome = await backend.run(script(source))
    assert (
        outcome.stdout.splitlines()[0]
        == b"['HOME', 'LANG', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'PATH', 'TMPDIR']"
    )
    assert b"ASSAY" not in outcome.stdout


async def test_nothing_is_inherited_and_nothing_of_this_machine_is_seen(backend: Backend):
    if backend.name == "docker":
        pytest.skip("does not apply: a container's /proc has more in it")
    source = (
        "import os\nprint(sorted(map(int, os.listdir('/proc/self/fd')))[:4], os.listdir('/proc'), os.listdir('/box'))"
    )
    inherited = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    outcome = await backend.run(script(source))
    os.close(inherited)
    descriptors, processes, box = outcome.stdout.decode().replace("] [", "]|[").split("|")
    assert descriptors == "[0, 1, 2, 3]"  # 3 is the folder that is being listed
    shown = set(processes.strip("[]").replace("'", "").split(", "))
    assert shown - {"1"} == {"2", "self", "thread-self"}
    # The kernel hides no names from the group of root, which runs have where there is no other.
    assert "1" not in shown or os.getgid() == 0
    outcome = await backend.run(script("print(open('/proc/1/environ').read())"))
    assert b"Error" in outcome.stderr
    assert "work" in box
    outcome = await backend.run(script(f"print(open({__file__!r}).read())"))
    assert b"FileNotFoundError" in outcome.stderr


async def test_a_child_of_the_server_inherits_nothing_of_a_run(backend: Backend):
    """Who starts a program without closing what is open gives it no way to a run's conversations."""
    before = _inheritable()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    launch = script("import os\nos.write(3, os.read(3, 9))\nos.read(3, 1)").with_channels(theirs)
    with ours:
        async with backend.open(launch) as running:
            await loop.sock_sendall(ours, b"are you?")
            assert await loop.sock_recv(ours, 9) == b"are you?"
            assert _inheritable() == before
            running.kill()
            await running.outcome()


async def test_a_run_full_of_processes_leaves_the_others_theirs(backend: Backend):
    forks = "import os, time\nfor _ in range(50):\n    if os.fork() == 0:\n        time.sleep(60), os._exit(0)\n"
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours:
        async with backend.open(script(f"{forks}os.write(3, b'.')\ntime.sleep(60)").with_channels(theirs)) as full:
            assert await asyncio.get_running_loop().sock_recv(ours, 1) == b"."
            outcome = await backend.run(script(f"{forks}print('as many', flush=True)\nos._exit(0)"))
            full.kill()
            await full.outcome()
    assert outcome.stdout == b"as many\n", outcome.stderr


def _inheritable() -> list[int]:
    found: list[int] = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the folder that was listed
            if os.get_inheritable(int(name)):
                found.append(int(name))
    return sorted(found)


async def test_as_many_runs_at_once_as_are_asked_for(backend: Backend):
    outcomes = await asyncio.gather(*(backend.run(script(f"print({n})")) for n in range(40)))
    assert [int(outcome.stdout) for outcome in outcomes] == list(range(40))


async def test_a_program_that_speaks_of_numpy_has_it(backend: Backend):
    if backend.name == "docker":
        pytest.skip("does not apply: the image decides")
    outcome = await backend.run(
        script("import sys\nprint('numpy' in sys.modules)\nimport numpy\nprint(numpy.arange(3))")
    )
    assert outcome.stdout == b"True\n[0 1 2]\n"
    assert (await backend.run(script("import sys\nprint('num' + 'py' in sys.modules)"))).stdout == b"False\n"
