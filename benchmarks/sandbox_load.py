"""More programs to judge than a server can: closed loop with 20 clients a core, open loop at ten times capacity.

Method: `assay serve` in a process of its own, bare gRPC calls of one job each over TCP on loopback. A job is a program
with three calls. Closed loop: each client asks anew when it has its verdict; the rate is taken for the capacity. Open
loop: calls are begun at ten times that rate whether or not others have been answered. A refusal's latency is from the
call's begin to its status, on a client that shares the machine; so is everything. Memory is the server's resident set
at its highest during each loop, after a closed loop to warm up.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import grpc
from rollout_stream import RunningServer, running_server
from sandbox_suites import CASES, SOURCE

from assay import CodeJob
from assay.sdk import Json
from assay.v1 import rollout_pb2
from assay.v1 import sandbox_service_pb2 as wire

CLIENTS_PER_CORE = 20
OVERLOAD = 10
_METHOD = "/assay.v1.SandboxService/RunTests"
_TICK_SECONDS = 0.01

Call = Callable[..., Awaitable[bytes]]


class Load:
    """What was asked of a server, and what came back.

    Attributes:
        outcomes: verdicts and refusals by name.
        waited: milliseconds until each verdict.
        refused: milliseconds until each refusal.
        without_hint: refusals that do not say when to come back.
    """

    def __init__(self, address: str, token: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self._call = cast("Call", self._channel.unary_unary(_METHOD))
        self._metadata = (("authorization", f"Bearer {token}"),)
        cases: list[Json] = [{"args": [a, b], "expected": c} for a, b, c in CASES]
        job = CodeJob(SOURCE, {"kind": "calls", "entryPoint": "add", "cases": cases}).to_message()
        self._request = wire.RunTestsRequest(jobs=[job]).SerializeToString()
        self.forget()

    def forget(self) -> None:
        """Count from nothing."""
        self.outcomes: Counter[str] = Counter()
        self.waited: list[float] = []
        self.refused: list[float] = []
        self.without_hint = 0

    async def once(self) -> None:
        """One job."""
        began = time.perf_counter()
        try:
            said = await self._call(self._request, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            self.refused.append((time.perf_counter() - began) * 1e3)
            self.outcomes[error.code().name] += 1
            self.without_hint += not _has_hint(error)
            return
        self.waited.append((time.perf_counter() - began) * 1e3)
        (result,) = wire.RunTestsResponse.FromString(said).results
        self.outcomes["passed" if result.verdict.passed else "no verdict or a wrong one"] += 1

    async def closed(self, clients: int, seconds: float) -> float:
        """Jobs a second with so many clients."""
        began = time.perf_counter()

        async def client() -> None:
            while time.perf_counter() - began < seconds:
                await self.once()

        await asyncio.gather(*(client() for _ in range(clients)))
        return self.outcomes["passed"] / (time.perf_counter() - began)

    async def open(self, rate: float, seconds: float) -> float:
        """Begin so many calls a second; how many were begun."""
        began = time.perf_counter()
        calls: list[asyncio.Task[None]] = []
        while (passed := time.perf_counter() - began) < seconds:
            calls += [asyncio.create_task(self.once()) for _ in range(int(passed * rate) - len(calls))]
            await asyncio.sleep(_TICK_SECONDS)
        await asyncio.gather(*calls)
        return len(calls) / seconds

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()


def _has_hint(error: grpc.aio.AioRpcError) -> bool:
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    status = rollout_pb2.Status.FromString(details) if isinstance(details, bytes) else rollout_pb2.Status()
    return any(detail.type_url.endswith("google.rpc.RetryInfo") for detail in status.details)


async def highest_memory(server: RunningServer, work: Awaitable[float]) -> tuple[float, int]:
    """What the work gives, and the server's largest resident set meanwhile."""
    task = asyncio.ensure_future(work)
    most = server.resident_bytes
    while not task.done():
        await asyncio.wait([task], timeout=0.05)
        most = max(most, server.resident_bytes)
    return task.result(), most


def _figures(milliseconds: list[float]) -> str:
    if not milliseconds:
        return "none"
    ordered = sorted(milliseconds)
    return (
        f"p50 {ordered[len(ordered) // 2]:.0f}, p99 {ordered[int(len(ordered) * 0.99)]:.0f}, max {ordered[-1]:.0f} ms"
    )


async def _measure(server: RunningServer, token: str, seconds: float) -> None:
    load = Load(server.address, token)
    clients = CLIENTS_PER_CORE * (os.cpu_count() or 1)
    await load.closed(clients, min(2.0, seconds))
    load.forget()
    capacity, steady = await highest_memory(server, load.closed(clients, seconds))
    print(f"closed loop, {clients} clients: {capacity:.0f} jobs/s, {dict(load.outcomes)}, {_figures(load.waited)}")
    load.forget()
    begun, most = await highest_memory(server, load.open(OVERLOAD * capacity, seconds))
    print(f"open loop, {begun:.0f} calls/s begun: {dict(load.outcomes)}")
    print(f"  verdicts after {_figures(load.waited)}")
    print(f"  refusals after {_figures(load.refused)}; {load.without_hint} without RetryInfo")
    print(f"memory: {steady >> 20} MiB in the closed loop, {most >> 20} MiB in the open one ({most / steady - 1:+.1%})")
    await load.close()


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0, help="of each loop")
    chosen = options.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as name, running_server(Path(name)) as server:
        asyncio.run(_measure(server, (Path(name) / "token").read_text(encoding="ascii").strip(), chosen.seconds))


if __name__ == "__main__":
    main()
