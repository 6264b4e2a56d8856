"""What one of each thing costs a service: the figures that `assay bench plan` counts with, as JSON for its `--costs`.

Method: an `assay serve` in a process of its own for each line, with a private Redis and a folder of records (as in a
fleet) unless the line is about something else; one client in this process. CPU is that of the server and of all its
descendants, user and system, from when it is warm until it is done, over the number of items; how busy the machine is
otherwise hardly matters. `numeric`: 4 KB, the answer is a number, groups of 16, GRPO, all in the event loop.
`symbolic`: the answer takes computer algebra, so a worker of the cpu lane does it. `program`: a short Python program
with a suite of one call, through the sandbox. `judge`: a question to an endpoint that answers at once. `step`: an
action of a `household` episode through Step, eight episodes a call. Redis: its CPU, commands and bytes received for
the numeric rollouts. Memory: resident, of the server with its processes, for groups of 16 of which one is missing, and
for episodes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from rollout_stream import RunningServer, running_server

from assay import Client, CodeJob, GroupResult, Leaf, Rollout, RunConfig, SampleResult
from assay.sdk import Json
from assay_server.store.redis.private_server import PrivateRedis

GROUP_SIZE = 16
_REASONING = "Each of the 3 boxes holds 14 pens, so that is 3 * 14 = <<3*14=42>>42 pens in all. " * 48
_ADDS: dict[str, Json] = {"kind": "calls", "entryPoint": "f", "cases": [{"args": [1], "expected": 2}]}


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    return [pid, *(one for child in children for one in descendants(child))]


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and its descendants, those that have ended included."""
    ticks = 0
    for one in descendants(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes that a process and its descendants have for themselves (proportional share of what they have in common)."""
    total = 0
    for one in descendants(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of CPU an item."""

    server: float
    redis: float = 0.0
    commands: float = 0.0
    bytes: float = 0.0


def rollouts(count: int, name: str, response: str, answer: str) -> list[Rollout]:
    """Members of whole groups, all of which say the same."""
    return [
        Rollout(
            f"{name}-{number}", group_id=f"{name}-{number // GROUP_SIZE}", group_size=GROUP_SIZE,
            prompt_id=f"p{number // GROUP_SIZE}", reference={"answer": answer},
            response=f"{_REASONING}\n{response}",
        )
        for number in range(count)
    ]  # fmt: skip


def streamed(client: Client, reward: Leaf, sent: Sequence[Rollout], groups: int, run: str) -> None:
    """Send all, and wait for all answers."""
    with client.stream(run=RunConfig(run_id=run, reward=reward, estimator="advantage/grpo")) as stream:
        for rollout in sent:
            stream.send(rollout)
        stream.flush()
        left = [len(sent), groups]
        for event in stream:
            left[0] -= isinstance(event, SampleResult)
            left[1] -= isinstance(event, GroupResult)
            if left == [0, 0]:
                return


def scored(
    server: RunningServer, client: Client, response: str, answer: str, count: int, store: redis.Redis
) -> Measured:
    """What rollouts with this answer cost."""
    math = Leaf("math")
    streamed(client, math, rollouts(4 * GROUP_SIZE, "warm", response, answer), 4, "warm")
    before, cpu = _info(store), cpu_of(server.pid)
    streamed(client, math, rollouts(count, "r", response, answer), count // GROUP_SIZE, "measured")
    server_cpu, after = cpu_of(server.pid) - cpu, _info(store)
    return Measured(
        server_cpu / count, *((later - earlier) / count for earlier, later in zip(before, after, strict=True))
    )


def _info(store: redis.Redis) -> tuple[float, float, float]:
    said: dict[str, float] = store.info()  # pyright: ignore[reportUnknownMemberType, reportAssignmentType] - untyped there
    cpu = said["used_cpu_user"] + said["used_cpu_sys"]
    return cpu, said["total_commands_processed"], said["total_net_input_bytes"]


def programs(server: RunningServer, client: Client, count: int) -> float:
    """CPU of a program."""
    jobs = [CodeJob(f"def f(n):\n    return n + 1 + 0 * {number}\n", _ADDS) for number in range(count)]
    client.run_tests(jobs[:16])
    before = cpu_of(server.pid)
    client.run_tests(jobs)
    return (cpu_of(server.pid) - before) / count


def steps(server: RunningServer, client: Client, count: int) -> float:
    """CPU of an action."""
    with closing(client.make_vec("household", 1, 8, seed=3, options={"maxSteps": 4 * count})) as episodes:
        _, info = episodes.reset()
        done, before = 0, 0.0
        while done < count:
            if done == 0:
                before = cpu_of(server.pid)
            *_, info = episodes.step([known[done % len(known)] for known in info["admissible_actions"]])
            done += 8
        return (cpu_of(server.pid) - before) / done


def judged(server: RunningServer, client: Client, count: int) -> float:
    """CPU of a judge's call."""
    reward = Leaf("judge/rubric", {"endpoint": "quick", "rubric": "It is sound."})
    sent = [Rollout(f"j{n}", reference={"answer": "1"}, response=f"argument {n}") for n in range(count + 16)]
    run = RunConfig(run_id="judged", reward=reward)
    with client.stream(run=run) as stream:

        def until_answered(part: Sequence[Rollout]) -> None:
            for rollout in part:
                stream.send(rollout)
            stream.flush()
            for _ in part:
                assert isinstance(stream.receive(timeout=60), SampleResult)

        until_answered(sent[:16])
        before = cpu_of(server.pid)
        until_answered(sent[16:])
        return (cpu_of(server.pid) - before) / count


def group_bytes(server: RunningServer, client: Client, groups: int) -> float:
    """Memory of a group that waits for its last member."""
    with client.stream(run=RunConfig(run_id="open", reward="math", estimator="advantage/grpo")) as stream:
        missing = {f"o-{group * GROUP_SIZE}" for group in range(groups)}
        sent = [one for one in rollouts(groups * GROUP_SIZE, "o", "A: 42", "42") if one.rollout_id not in missing]
        before = resident(server.pid)
        for rollout in sent:
            stream.send(rollout)
        stream.flush()
        for _ in sent:
            stream.receive(timeout=60)
        return max(0.0, resident(server.pid) - before) / groups


def session_bytes(server: RunningServer, client: Client, count: int) -> float:
    """Memory of an episode."""
    with closing(client.make_vec("household", 1, 8, seed=1)) as warm:
        warm.reset()
    before = resident(server.pid)
    with closing(client.make_vec("household", count // 8, 8, seed=2)) as episodes:
        episodes.reset()
        return max(0.0, resident(server.pid) - before) / count


@contextmanager
def endpoint() -> Generator[str]:
    """A chat-completions endpoint in a process of its own that gives everybody full marks; its URL."""
    with subprocess.Popen([sys.executable, __file__, "--endpoint"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def serve_endpoint() -> None:
    """Answer requests until terminated."""
    said = json.dumps({"rationale": "as I see it", "score": 10})
    body = json.dumps(
        {
            "model": "quick",
            "choices": [{"message": {"role": "assistant", "content": said}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in request.lower().split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.split(b":")[1]))
                writer.write(head + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--items", type=int, default=8192, help="numeric rollouts; of the others as many as take as long"
    )
    parser.add_argument("--endpoint", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.endpoint:
        asyncio.run(serve_endpoint())
        return
    print(__doc__, file=sys.stderr)
    items: int = arguments.items
    with tempfile.TemporaryDirectory(prefix="assay-") as name, PrivateRedis(Path(name)) as store, endpoint() as judge:
        folder = Path(name)
        (folder / "judges.toml").write_text(
            f'[judges.quick]\nbase_url = "{judge}"\nmodel = "quick"\nmax_concurrent = 64\n'
        )
        os.environ["ASSAY_EXECUTION_TIMEOUT"] = "300"  # of a busy machine's time
        os.environ["ASSAY_CPU_WORKERS"] = "2"  # few, so that each is warm
        os.environ["ASSAY_JUDGES"] = str(folder / "judges.toml")
        connection = redis.Redis(unix_socket_path=str(store.socket))

        def measured(what: Callable[[RunningServer, Client], object]) -> object:
            place = folder / f"{time.monotonic_ns()}"
            place.mkdir()
            options = ("--store", store.url, "--records", str(folder / "records"))
            with running_server(place, *options) as server, Client(server.address) as client:
                found = what(server, client)
            print(found, file=sys.stderr, flush=True)
            return found

        numeric = measured(lambda s, c: scored(s, c, "A: 42", "42", items, connection))
        connection.flushall()  # pyright: ignore[reportUnknownMemberType] - untyped there
        symbolic = measured(lambda s, c: scored(s, c, "A: $\\sin 2x$", "2\\sin x\\cos x", items // 32, connection))
        assert isinstance(numeric, Measured)
        assert isinstance(symbolic, Measured)
        costs = {
            "numericCpu": numeric.server,
            "symbolicCpu": symbolic.server - numeric.server,
            "programCpu": measured(lambda s, c: programs(s, c, items // 32)),
            "judgeCpu": measured(lambda s, c: judged(s, c, items // 16)),
            "stepCpu": measured(lambda s, c: steps(s, c, items // 4)),
            "redisCpu": numeric.redis,
            "redisCommands": numeric.commands,
            "redisBytes": numeric.bytes,
            "groupBytes": measured(lambda s, c: group_bytes(s, c, items // GROUP_SIZE)),
            "sessionBytes": measured(lambda s, c: session_bytes(s, c, 64)),
        }
    print(json.dumps({name: float(f"{value:.3g}") for name, value in costs.items()}, indent=2))


if __name__ == "__main__":
    main()
