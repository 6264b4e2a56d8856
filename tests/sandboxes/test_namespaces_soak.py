"""Many mixed runs, and what is left of them: nothing. Short here, 10,000 of them in `make soak`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from assay_sandbox.namespaces.backend import NamespacesBackend, NamespacesSettings
from assay_sandbox.protocol import Exec, Grade, Launch, Limits, Outcome, Reason
from tests.sandboxes.programs import script

CLIENTS = 6
MARK = f"soak{os.getpid()}"
LIMITS = Limits(cpu_ms=300, wall_ms=20_000, memory_bytes=64 << 20, file_bytes=8 << 20)
NAMED = f"import ctypes; ctypes.CDLL(None).prctl(15, b{MARK!r}, 0, 0, 0)\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """A program and how it may end."""

    launch: Launch
    reasons: tuple[Reason, ...]
    weight: int = 1


def kinds() -> list[Kind]:
    def of(source: str, *reasons: Reason, weight: int = 1, wall_ms: int = LIMITS.wall_ms) -> Kind:
        launch = script(NAMED + source)
        return Kind(Launch(launch.program, replace(LIMITS, wall_ms=wall_ms)), reasons, weight)

    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n    time.sleep(60)\nprint('left')"
    forks = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(.001)"
    queue = "import os\nopen('file', 'w').write('x'); os.mkfifo('fifo'); os.symlink('/etc', '/tmp/link')"
    return [
        of("print('plain')", Reason.OK, weight=60),
        of(daemon, Reason.OK, weight=8),
        of(queue, Reason.OK, weight=8),
        of("raise ValueError", Reason.EXITED, weight=8),
        of("import os; os.abort()", Reason.SIGNALED, weight=4),
        of("print('x' * 3_000_000)", Reason.OK, weight=2),
        of("x = bytearray(200 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1", Reason.MEMORY_LIMIT, Reason.EXITED),
        of("while True: pass", Reason.CPU_LIMIT),
        of(forks, Reason.CPU_LIMIT, Reason.MEMORY_LIMIT, Reason.WALL_LIMIT),
        of("import time; time.sleep(60)", Reason.WALL_LIMIT, wall_ms=300),
        Kind(Launch(Exec(("sh", "-c", "sleep 60 & echo left")), LIMITS), (Reason.OK,), 4),
        Kind(Launch(Exec(("nowhere",)), LIMITS), (Reason.NOT_STARTED,), 2),
    ]


async def abandoned(backend: NamespacesBackend) -> None:
    """A run that its owner walks away from, while it talks."""
    ours, theirs = socket.socketpair()
    with ours:
        source = f"{NAMED}import os, time\nos.write(3, b'x')\ntime.sleep(60)"
        async with backend.open(script(source, channels=(theirs,))):
            ours.setblocking(False)
            with contextlib.suppress(ConnectionError):
                await asyncio.get_running_loop().sock_recv(ours, 1)


async def soak(backend: NamespacesBackend, runs: int, seed: int) -> list[Outcome]:
    """Runs in so many clients; those that ended as they must not."""
    choices = kinds()
    weights = [kind.weight for kind in choices]
    generator = random.Random(seed)
    chosen = iter(generator.choices(choices, weights, k=runs))
    wrong: list[Outcome] = []

    async def client() -> None:
        for number, kind in enumerate(chosen):
            outcome = await backend.run(kind.launch)
            if outcome.reason not in kind.reasons:
                wrong.append(outcome)
            if number % 40 == 0:
                await abandoned(backend)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return wrong


def marked() -> list[str]:
    """Processes of the machine with the soak's name."""
    found: list[str] = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdecimal() and Path(f"/proc/{entry}/comm").read_text(encoding="utf-8").strip() == MARK:
                found.append(entry)
    return found


async def until_none_is_marked() -> list[str]:
    """Those that were killed take a moment to be gone."""
    for _ in range(500):
        if not marked():
            break
        await asyncio.sleep(0.01)
    return marked()


def mounts() -> str:
    return Path("/proc/self/mounts").read_text(encoding="utf-8")


def workers_left() -> list[str]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return [pid for pid in children if b"assay_sandbox" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def groups() -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").rglob(f"assay-sandbox-{os.getpid()}-*") if path.is_dir()]


def memory() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("runs", [200, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_nothing_is_left_of_many_mixed_runs(runs: int):
    backend = NamespacesBackend(NamespacesSettings(runs_per_worker=150))
    if backend.probe().grade < Grade.FLOOR:
        pytest.skip(f"this machine gives no sandbox: {backend.probe()}")
    await backend.start()
    try:
        assert await soak(backend, 50, seed=1) == []
        before, descriptors, used = mounts(), len(os.listdir("/proc/self/fd")), memory()
        assert await soak(backend, runs, seed=2) == []
        assert await until_none_is_marked() == []
        assert mounts() == before
        assert len(os.listdir("/proc/self/fd")) < descriptors + 200  # those of waiting runs and of their cgroups
        if runs >= 10_000:
            assert memory() < 1.1 * used + (8 << 20)
    finally:
        await backend.stop()
    assert groups() == []
    assert workers_left() == []
