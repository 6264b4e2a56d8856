"""More programs to judge than a server can: closed loop with 20 clients a core, open loop at ten times capacity.

Method: `assay serve` in a process of its own, bare gRPC calls of one job each over TCP on loopback, made by another
process in a session of its own, over four connections. A job is a program with three calls. Closed loop: each client
asks anew when it has its verdict; the rate is taken for the capacity. Open loop: calls are due at ten times that rate,
whatever became of the others, and all are waited for. Latencies are from when a call was due; what is left of them
when one counts from when it was sent is told, too, and how late the calls were sent: so much is the generator's fault.
It shares the machine; so does everything. CPU is that of all threads of a process during the loop, over its calls.
Memory is the server's resident set at its highest during each loop, after a closed loop to warm up.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import cast

import grpc
from rollout_stream import RunningServer, cpu_seconds, running_server
from sandbox_suites import CASES, SOURCE

from assay import CodeJob
from assay.sdk import Json
from assay.v1 import rollout_pb2
from assay.v1 import sandbox_service_pb2 as wire

CLIENTS_PER_CORE = 20
OVERLOAD = 10
CONNECTIONS = 4
REFUSED_WITHIN_MS = 100
_METHOD = "/assay.v1.SandboxService/RunTests"
_TICK_SECONDS = 0.005

Call = Callable[..., Awaitable[bytes]]


@dataclass(slots=True)
class Fared:
    """What was asked of a server, and what came back; times in milliseconds.

    Attributes:
        outcomes: verdicts and refusals by name.
        verdicts: from when a call was due until its verdict.
        refusals, refusals_sent: until a refusal, from when the call was due and from when it was sent.
        late: from when a call was due until it was sent.
        without_hint: refusals that do not say when to come back.
        seconds: until all were answered.
        cpu: seconds, of the generator.
    """

    outcomes: Counter[str] = field(default_factory=Counter[str])
    verdicts: list[float] = field(default_factory=list[float])
    refusals: list[float] = field(default_factory=list[float])
    refusals_sent: list[float] = field(default_factory=list[float])
    late: list[float] = field(default_factory=list[float])
    without_hint: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def calls(self) -> int:
        """That were answered, one way or the other."""
        return self.outcomes.total()


@dataclass(frozen=True, slots=True)
class Loop:
    """A load: so many clients that ask again when they are answered, or so many calls a second."""

    seconds: float
    clients: int = 0
    rate: float = 0.0


class _Generator:
    def __init__(self, address: str, token: str) -> None:
        own = (("grpc.use_local_subchannel_pool", 1),)
        self._channels = [grpc.aio.insecure_channel(address, options=own) for _ in range(CONNECTIONS)]
        self._turn = cycle([cast("Call", channel.unary_unary(_METHOD)) for channel in self._channels])
        self._metadata = (("authorization", f"Bearer {token}"),)
        cases: list[Json] = [{"args": [a, b], "expected": c} for a, b, c in CASES]
        job = CodeJob(SOURCE, {"kind": "calls", "entryPoint": "add", "cases": cases}).to_message()
        self._request = wire.RunTestsRequest(jobs=[job]).SerializeToString()
        self._fared = Fared()

    async def run(self, loop: Loop) -> Fared:
        began, cpu = time.perf_counter(), time.process_time()
        await (self._closed(loop) if loop.clients else self._open(loop))
        self._fared.seconds = time.perf_counter() - began
        self._fared.cpu = time.process_time() - cpu
        await asyncio.gather(*(channel.close() for channel in self._channels))
        return self._fared

    async def _closed(self, loop: Loop) -> None:
        end = time.perf_counter() + loop.seconds

        async def client() -> None:
            while (now := time.perf_counter()) < end:
                await self._once(now)

        await asyncio.gather(*(client() for _ in range(loop.clients)))

    async def _open(self, loop: Loop) -> None:
        began = time.perf_counter()
        calls: list[asyncio.Task[None]] = []
        while (passed := time.perf_counter() - began) < loop.seconds:
            due = range(len(calls), int(passed * loop.rate))
            calls += [asyncio.create_task(self._once(began + number / loop.rate)) for number in due]
            await asyncio.sleep(_TICK_SECONDS)
        await asyncio.gather(*calls)

    async def _once(self, due: float) -> None:
        """One job."""
        fared, sent = self._fared, time.perf_counter()
        fared.late.append((sent - due) * 1e3)
        try:
            said = await next(self._turn)(self._request, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            now = time.perf_counter()
            fared.refusals.append((now - due) * 1e3)
            fared.refusals_sent.append((now - sent) * 1e3)
            fared.outcomes[error.code().name] += 1
            fared.without_hint += not _has_hint(error)
            return
        fared.verdicts.append((time.perf_counter() - due) * 1e3)
        (result,) = wire.RunTestsResponse.FromString(said).results
        fared.outcomes["passed" if result.verdict.passed else "no verdict or a wrong one"] += 1


def _has_hint(error: grpc.aio.AioRpcError) -> bool:
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    status = rollout_pb2.Status.FromString(details) if isinstance(details, bytes) else rollout_pb2.Status()
    return any(detail.type_url.endswith("google.rpc.RetryInfo") for detail in status.details)


def generate(address: str, token: str, loop: Loop) -> Fared:
    """What became of a load; in the generator's process."""

    async def run() -> Fared:
        return await _Generator(address, token).run(loop)

    return asyncio.run(run())


@dataclass(frozen=True, slots=True)
class Measured:
    """A load, and what it took of the server: CPU seconds, and most bytes of memory."""

    fared: Fared
    cpu: float
    memory: int


def measured(server: RunningServer, processes: Executor, load: Callable[[Loop], Fared], loop: Loop) -> Measured:
    """Have the load made, and look at the server meanwhile."""
    cpu, most = cpu_seconds(server.pid), server.resident_bytes
    work = processes.submit(load, loop)
    while not work.done():
        time.sleep(0.05)
        most = max(most, server.resident_bytes)
    return Measured(work.result(), cpu_seconds(server.pid) - cpu, most)


def _figures(milliseconds: list[float]) -> str:
    if not milliseconds:
        return "none"
    ordered = sorted(milliseconds)
    return (
        f"p50 {ordered[len(ordered) // 2]:.0f}, p99 {ordered[int(len(ordered) * 0.99)]:.0f}, max {ordered[-1]:.0f} ms"
    )


def _costs(found: Measured) -> str:
    server, generator = (1e6 * seconds / max(1, found.fared.calls) for seconds in (found.cpu, found.fared.cpu))
    return f"CPU a call: server {server:.0f} us, generator {generator:.0f} us"


def _measure(server: RunningServer, token: str, processes: Executor, seconds: float) -> None:
    load = partial(generate, server.address, token)
    clients = CLIENTS_PER_CORE * (os.cpu_count() or 1)
    measured(server, processes, load, Loop(min(2.0, seconds), clients=clients))
    steady = measured(server, processes, load, Loop(seconds, clients=clients))
    fared = steady.fared
    capacity = fared.outcomes["passed"] / fared.seconds
    print(f"closed loop, {clients} clients: {capacity:.0f} jobs/s, {dict(fared.outcomes)}, {_figures(fared.verdicts)}")
    print(f"  {_costs(steady)}")
    open_one = measured(server, processes, load, Loop(seconds, rate=OVERLOAD * capacity))
    fared = open_one.fared
    print(f"open loop, {fared.calls / seconds:.0f} calls/s: {dict(fared.outcomes)}, all after {fared.seconds:.1f} s")
    print(f"  verdicts after {_figures(fared.verdicts)}")
    in_time = sum(taken <= REFUSED_WITHIN_MS for taken in fared.refusals) / max(1, len(fared.refusals))
    print(f"  refusals after {_figures(fared.refusals)}; from when they were sent {_figures(fared.refusals_sent)}")
    print(f"  {in_time:.1%} of them within {REFUSED_WITHIN_MS} ms")
    print(f"  calls sent late by {_figures(fared.late)}; {fared.without_hint} refusals without RetryInfo")
    print(f"  {_costs(open_one)}")
    growth = open_one.memory / steady.memory - 1
    mib = [found.memory >> 20 for found in (steady, open_one)]
    print(f"memory: {mib[0]} MiB in the closed loop, {mib[1]} MiB in the open one ({growth:+.1%})")


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="of each loop")
    chosen = options.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {sys.version.split()[0]}")
    spawned = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, spawned, os.setsid) as processes,
        tempfile.TemporaryDirectory() as name,
        running_server(Path(name)) as server,
    ):
        token = (Path(name) / "token").read_text(encoding="ascii").strip()
        _measure(server, token, processes, chosen.seconds)


if __name__ == "__main__":
    main()
