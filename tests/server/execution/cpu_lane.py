"""A cpu lane to test, and what is seen of its processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from assay.sdk import Sample, Score, Unscorable
from assay_server.execution.cpu.pool import CpuPool
from assay_server.execution.cpu.template import TemplateSetup

HOSTILE = str(Path(__file__).parent / "plugins" / "hostile.py")
SIZE = 4
MEMORY_BYTES = 256 << 20
FAR_TIMEOUT = 30.0


@asynccontextmanager
async def cpu_pool(size: int = SIZE, plugins: tuple[str, ...] = (HOSTILE,)) -> AsyncGenerator[CpuPool]:
    """A pool, stopped at the end; nothing of it may be left then."""
    pool = CpuPool(size, TemplateSetup(plugins, (), MEMORY_BYTES), FAR_TIMEOUT)
    pool.launch()
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()
        await until(lambda: processes_of(pool) == [])  # a killed process takes a moment to be gone


async def outcome(
    pool: CpuPool, response: str, timeout: float | None = None, reward: str = "hostile/does-v1"
) -> Score | str:
    """The score of an item, or the reason why there is none."""
    try:
        return (await pool.run(reward, reward, {}, Sample("r", response), timeout)).score
    except Unscorable as error:
        return error.reason


def processes_of(pool: CpuPool) -> list[int]:
    """Every process that has the mark of the pool in its environment; the dead are not among them."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _has_mark(pid, pool.template.mark)]


def _has_mark(pid: int, mark: str) -> bool:
    try:
        return mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def zombies_below(pid: int) -> list[int]:
    """Dead children of a process that nobody has buried."""
    dead: list[int] = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        try:
            state = Path(f"/proc/{child}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2][0]
        except OSError:
            continue
        if state == "Z":
            dead.append(int(child))
    return dead


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for are processes, which set no event
            await asyncio.sleep(0.005)


def at_full_strength(pool: CpuPool) -> bool:
    """All workers and spares are there, the template, and nothing else."""
    return pool.complete and len(processes_of(pool)) == pool.size + pool.spares + 1
