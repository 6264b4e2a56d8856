"""Thousands of live episodes over gRPC: many sessions on a handful of connections, a random subset stepped at a time.

Method: a server in a process of its own (SQLite), one asyncio client in this one with a few Interact streams. All
sessions are made first. Then, for some seconds, at most so many actions are in flight, each for a session chosen at
random among those that wait for none; the time from handing an action over to its answer is measured for each. Last,
every session is stepped once as fast as the service answers. Memory is what the server and its workers hold more
than before the sessions were made (proportional set size).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import grpc.aio
import numpy as np

from assay.v1 import environment_service_pb2 as wire

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
        environment = {
            **os.environ,
            "ASSAY_LISTEN": address,
            "ASSAY_HTTP_LISTEN": "",
            "ASSAY_STORE": f"sqlite:{folder}/store.db",
            "ASSAY_TOKEN_FILE": "",
            "ASSAY_LOG_LEVEL": "warning",
        }
        server = await asyncio.create_subprocess_exec(sys.executable, "-c", _SERVE, "serve", env=environment)
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                await channel.channel_ready()
            await measure(arguments, Driver(address, arguments.connections), server.pid)
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


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", default="keydoor")
    parser.add_argument("--sessions", type=int, default=16_384)
    parser.add_argument("--in-flight", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
