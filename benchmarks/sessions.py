"""Thousands of live episodes over gRPC: many sessions on a handful of connections, a random subset stepped at a time.

Method: a server in a process of its own (SQLite), one asyncio client in this one with a few Interact streams. All
sessions are made first. Then, for some seconds, at most so many actions are in flight, each for a session chosen at
random among those that wait for none; the time from handing an action over to its answer is measured for each. Last,
every session is stepped once as fast as the service answers. Memory is what the server and its workers hold more
than before the sessions were made (proportional set size).

With --forwarded: what a hop costs on a fleet. Two servers on TCP share a Redis (`appendfsync always`, a socket); all
sessions are made by one of them. In turns they are stepped through that one and through the other, which hands each
action on; CPU is that of both servers, the workers of the holder and Redis, per step; ratios are of neighbouring turns,
everything is the median over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc.aio
import numpy as np
from rollout_stream import cpu_seconds

from assay.v1 import environment_service_pb2 as wire
from assay_server.store.redis.private_server import PrivateRedis

_SERVE = "import sys; from assay_server.cli import main; sys.exit(main())"
_OPTIONS = [("grpc.max_receive_message_length", 1 << 28), ("grpc.max_send_message_length", 1 << 28)]


class Lane:
    """One stream on a connection of its own: actions out together, answers as they come."""

    def __init__(self, address: str, number: int) -> None:
        self.channel = grpc.aio.insecure_channel(address, options=[*_OPTIONS, ("grpc.channel_id", number)])
        self._stream = self.channel.stream_stream(
            "/assay.v1.EnvironmentService/Interact",
            request_serializer=wire.InteractRequest.SerializeToString,
            response_deserializer=wire.InteractResponse.FromString,
        )()
        self._outgoing: list[wire.StepAction] = []
        self._due = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[wire.StepResult]] = {}
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._read())]

    def act(self, action: wire.StepAction) -> asyncio.Future[wire.StepResult]:
        """Hand an action over; its answer comes."""
        answer = self._waiting[action.session_id] = asyncio.get_running_loop().create_future()
        self._outgoing.append(action)
        self._due.set()
        return answer

    async def _write(self) -> None:
        while await self._due.wait():
            self._due.clear()
            actions, self._outgoing = self._outgoing, []
            await self._stream.write(wire.InteractRequest(actions=actions))

    async def _read(self) -> None:
        while isinstance(response := await self._stream.read(), wire.InteractResponse):
            for result in response.results:
                self._waiting.pop(result.session_id).set_result(result)

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.channel.close()


class Driver:
    """Sessions of one server and the streams to it."""

    def __init__(self, address: str, connections: int) -> None:
        self._lanes = [Lane(address, number) for number in range(connections)]
        self._states: list[wire.SessionState] = []
        self.errors = 0

    async def make(self, environment: str, sessions: int, seed: int) -> float:
        """Make sessions in groups of 16; the seconds that took."""
        call = self._lanes[0].channel.unary_unary(
            "/assay.v1.EnvironmentService/CreateSessions",
            request_serializer=wire.CreateSessionsRequest.SerializeToString,
            response_deserializer=wire.CreateSessionsResponse.FromString,
        )
        started = time.perf_counter()
        for first in range(0, sessions, 1024):
            groups = min(1024, sessions - first) // 16
            request = wire.CreateSessionsRequest(
                environment_id=environment, num_groups=groups, group_size=16, seed=seed + first
            )
            self._states += (await call(request)).sessions
        return time.perf_counter() - started

    def go_on(self, other: Driver) -> None:
        """Drive another driver's sessions from where they stand."""
        self._states = other._states

    def live(self) -> list[int]:
        """Places of sessions that take actions."""
        return [place for place, state in enumerate(self._states) if state.admissible_actions]

    async def step(self, place: int, chooser: random.Random) -> float:
        """One random admissible action; the seconds until its answer."""
        state = self._states[place]
        action = wire.StepAction(session_id=state.session_id, expected_step=state.step_index)
        action.action.parts.add(text=chooser.choice(state.admissible_actions))
        began = time.perf_counter()
        result = await self._lanes[place % len(self._lanes)].act(action)
        took = time.perf_counter() - began
        if result.WhichOneof("outcome") == "error":
            self.errors += 1
            del state.admissible_actions[:]
        else:
            self._states[place] = result.state
        return took

    async def at_random(self, chooser: random.Random, in_flight: int, seconds: float) -> list[float]:
        """Keep so many actions in flight; the seconds of each."""
        waiting = self.live()
        chooser.shuffle(waiting)
        end = time.perf_counter() + seconds
        took: list[float] = []

        async def one_at_a_time() -> None:
            while waiting and time.perf_counter() < end:
                swap = chooser.randrange(len(waiting))
                waiting[swap], waiting[-1] = waiting[-1], waiting[swap]
                place = waiting.pop()
                took.append(await self.step(place, chooser))
                if self._states[place].admissible_actions:
                    waiting.append(place)

        await asyncio.gather(*(one_at_a_time() for _ in range(in_flight)))
        return took

    async def all_once(self, chooser: random.Random) -> int:
        """Step every session that is not over, all at once; how many."""
        return len(await asyncio.gather(*(self.step(place, chooser) for place in self.live())))

    async def close(self) -> None:
        """Hang up."""
        await asyncio.gather(*(lane.close() for lane in self._lanes))


def memory_of(pid: int) -> int:
    """Bytes of a process and its children, shared pages in proportion."""
    total = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            total = int(line.split()[1]) * 1024
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return total + sum(memory_of(int(child)) for child in children)


async def run(arguments: argparse.Namespace) -> None:
    """Start a server, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/socket"
        async with served(address, STORE=f"sqlite:{folder}/store.db") as pid:
            await measure(arguments, Driver(address, arguments.connections), pid)


@asynccontextmanager
async def served(address: str, **settings: str) -> AsyncGenerator[int]:
    """A server that takes calls at an address, with these settings: its process."""
    common = {"LISTEN": address, "HTTP_LISTEN": "", "TOKEN_FILE": "", "LOG_LEVEL": "warning"}
    environment = {**os.environ, **{f"ASSAY_{name}": value for name, value in (common | settings).items()}}
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", _SERVE, "serve", env=environment)
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            await channel.channel_ready()
        yield server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        await server.wait()


async def measure(arguments: argparse.Namespace, driver: Driver, pid: int) -> None:
    """All figures of one server."""
    chooser = random.Random(7)
    await driver.make(arguments.environment, 16, 0)
    before = memory_of(pid)
    seconds = await driver.make(arguments.environment, arguments.sessions, 1000)
    print(f"{arguments.sessions:,} sessions of {arguments.environment} made in {seconds:.2f} s")
    held = (memory_of(pid) - before) / arguments.sessions
    print(f"memory of server and workers: {held / 1024:.1f} KiB a session, its state included")
    started = time.perf_counter()
    took = await driver.at_random(chooser, arguments.in_flight, arguments.seconds)
    elapsed = time.perf_counter() - started
    p50, p99 = np.percentile(took, (50, 99)) * 1000
    print(
        f"at most {arguments.in_flight} in flight, random sessions: {len(took) / elapsed:,.0f} steps/s,"
        f" p50 {p50:.0f} ms, p99 {p99:.0f} ms ({len(took):,} steps, {driver.errors} errors)"
    )
    started = time.perf_counter()
    stepped = await driver.all_once(chooser)
    print(f"stepping all {stepped:,} that are not over once: {time.perf_counter() - started:.2f} s")
    await driver.close()


def cpu_of(pid: int) -> float:
    """Seconds of processor of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(cpu_of(int(child)) for child in children)


@asynccontextmanager
async def member(redis: PrivateRedis, folder: Path) -> AsyncGenerator[tuple[str, int]]:
    """A server of a fleet: its address and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    fleet = {"ADVERTISE": address, "STORE": redis.url, "RECORDS": f"{folder}/records", "ENVIRONMENT_WORKERS": "1"}
    async with served(address, **fleet) as pid:
        yield address, pid


async def run_forwarded(arguments: argparse.Namespace) -> None:
    """Start a fleet of two, measure, print."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-")))
        redis = stack.enter_context(PrivateRedis(folder))
        servers = [await stack.enter_async_context(member(redis, folder)) for _ in range(2)]
        pids = [redis.pid, *(pid for _, pid in servers)]
        owner, other = (Driver(address, arguments.connections) for address, _ in servers)
        await owner.make(arguments.environment, arguments.sessions, 0)
        chooser = random.Random(7)
        figures: list[list[tuple[float, float, float, float]]] = []
        for _ in range(arguments.rounds + 1):
            turns: list[tuple[float, float, float, float]] = []
            for driver, before in ((owner, other), (other, owner)):
                if figures or turns:
                    driver.go_on(before)
                spent, started = sum(map(cpu_of, pids)), time.perf_counter()
                took = await driver.at_random(chooser, arguments.in_flight, arguments.seconds)
                elapsed, spent = time.perf_counter() - started, sum(map(cpu_of, pids)) - spent
                if not took:
                    raise SystemExit("all episodes are over: take more --sessions, or fewer --seconds")
                p50, p99 = np.percentile(took, (50, 99)) * 1000
                turns.append((spent / len(took) * 1e6, len(took) / elapsed, float(p50), float(p99)))
            figures.append(turns)
        own, forwarded = np.median(np.array(figures[1:]), axis=0)  # the first round connects
        ratio = np.median([turns[1][0] / turns[0][0] for turns in figures[1:]])
        for label, (cpu, rate, p50, p99) in (("own", own), ("forwarded", forwarded)):
            print(f"{label:>9}: {cpu:5.0f} us CPU a step, {rate:6,.0f} steps/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        print(f"a forwarded step costs {ratio:.2f} times an own one; errors: {owner.errors + other.errors}")
        await asyncio.gather(owner.close(), other.close())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", default="keydoor")
    parser.add_argument("--sessions", type=int, default=16_384)
    parser.add_argument("--in-flight", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--forwarded", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    asyncio.run(run_forwarded(arguments) if arguments.forwarded else run(arguments))


if __name__ == "__main__":
    main()
