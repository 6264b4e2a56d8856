"""A server in a process of its own that is fuzzed, and what must hold of it whatever it was sent."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
from google.protobuf.message import Message

from assay.v1 import (
    advantage_service_pb2,
    environment_service_pb2,
    plugin_service_pb2,
    reward_service_pb2,
    rollout_pb2,
    run_service_pb2,
)
from assay_server.pipeline.failures import Code

from .parts import Endpoint, ServerUnderTest, mixed_group, refusal_of, right, spec, wrong

RUNS = ("fuzz", "fuzz-1", "fuzz-2")
NEVER = frozenset({Code.OK, Code.UNKNOWN, Code.INTERNAL, Code.DATA_LOSS})
"""What no item is answered with, whatever it is."""

SETTINGS: Mapping[str, str] = {
    "ASSAY_TENANT_SESSIONS": "24",
    "ASSAY_SESSION_IDLE_TIMEOUT": "1",
    "ASSAY_ENVIRONMENT_WORKERS": "1",
    "ASSAY_EXECUTION_TIMEOUT": "2",
    "ASSAY_CPU_WORKERS": "2",
    "ASSAY_SQL_WORKERS": "1",
    "ASSAY_SANDBOX_SLOTS": "2",
}
"""Few processes, so that what they need is soon needed; few sessions, so that they do not pile up."""

_PROGRAMS = ("print(1)", "def f(n):\n    return n + 1", "raise SystemExit(3)", "(", "\x00", "import os; os.abort()")
_PLUGIN = """
from assay.sdk import Score, reward

@reward("fuzz/length-v1", bounds=(0, 1e9))
def length(sample, *, factor: float = 1.0):
    return Score(abs(factor) % 7 * len(sample.response))
"""
_LOGGED_PLAINLY = re.compile(r"Invalid HTTP request received\.|^[EWI]\d{4} |^$|WARNING: All log messages before absl")
"""Lines of the libraries that listen, about frames that are none."""

_BROKEN_CALLS = re.compile(r"grpc_server_handled_total\{grpc_code=\"(?:UNKNOWN|INTERNAL|DATA_LOSS)\".*")
_SECRETS = re.compile(rb"Traceback \(most recent|site-packages")


@dataclass
class Target:
    """The server, and what it has that requests can name.

    Attributes:
        words: texts for the fields of requests, by the field's name.
    """

    server: ServerUnderTest
    folder: Path
    http: httpx.AsyncClient
    words: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    @property
    def endpoint(self) -> Endpoint:
        return self.server.endpoint

    @property
    def token(self) -> str:
        return (self.folder / "token").read_text().strip()

    async def prepare(self) -> None:
        """Make runs, and learn the ids that there are."""
        for name in RUNS:
            await self.endpoint.create_run(name, spec())
        self.words = {
            **await self._catalogues(),
            "run_id": (*RUNS, "nothing"),
            "CreateRunRequest.run_id": (*RUNS, "fuzz-3"),
            "consumer": ("a", "b"),
            "rollout_id": tuple(f"r{number}" for number in range(12)),
            "group_id": ("g0", "g1", "g2", ""),
            "prompt_id": ("p0", "p1", ""),
            "barrier_id": ("b0", "b1"),
            "participants": ("a", "b"),
            "checkpoint": ("c0", "c1", ""),
            "role": ("user", "assistant", "tool", ""),
            "dtype": ("float32", "int64", "float16", "bool", "object"),
            "language": ("python", "python", "python", "", "cobol"),  # others compile for seconds
            "source": _PROGRAMS,
            "RegisterPluginRequest.source": (*_PROGRAMS, _PLUGIN),
            "request_id": ("q0", "q1", ""),
            "path": ("main.py", "a/b.txt", "../../x", "/x", ""),
            "kind": ("sft", "dpo", "ranking", "judge", "?"),
        }

    async def _catalogues(self) -> dict[str, Sequence[str]]:
        call = self.endpoint.call
        rewards = await call(
            "RewardService/ListRewards",
            reward_service_pb2.ListRewardsRequest(),
            reward_service_pb2.ListRewardsResponse,
        )
        estimators = await call(
            "AdvantageService/ListEstimators",
            advantage_service_pb2.ListEstimatorsRequest(),
            advantage_service_pb2.ListEstimatorsResponse,
        )
        environments = await call(
            "EnvironmentService/ListEnvironments",
            environment_service_pb2.ListEnvironmentsRequest(),
            environment_service_pb2.ListEnvironmentsResponse,
        )
        plugins = await call(
            "PluginService/ListPlugins",
            plugin_service_pb2.ListPluginsRequest(),
            plugin_service_pb2.ListPluginsResponse,
        )
        return {
            "RewardLeaf.id": [*(one.id for one in rewards.rewards), *["fuzz/length-v1"] * 3],
            "EstimatorSpec.id": [one.id for one in estimators.estimators],
            "FilterSpec.id": [one.id for one in plugins.plugins if one.id.startswith(("filter", "select"))],
            "allocator_id": [one.id for one in plugins.plugins if one.id.startswith("alloc")],
            "environment_id": [one.id for one in environments.environments],
        }

    # ------------------------------------------------------------ what must hold

    async def assert_scores(self) -> None:
        """It still says what is right, over a call and over a stream of a fresh run."""
        request = reward_service_pb2.ScoreRequest(rollouts=[right("x"), wrong("y")], reward=spec().reward)
        answer = await self.endpoint.call("RewardService/Score", request, reward_service_pb2.ScoreResponse)
        assert [result.score.value for result in answer.results] == [1.0, 0.0]
        await self.endpoint.create_run("known")
        restore = run_service_pb2.RestoreRunRequest(run_id="known")
        await self.endpoint.call("RunService/RestoreRun", restore, run_service_pb2.RestoreRunResponse)
        async with self.endpoint.stream("known", "judge") as stream:
            await stream.send(*mixed_group("known-group", 4, 1))
            assert sorted((await stream.group("known-group")).rewards) == [0.0, 0.0, 0.0, 1.0]

    async def assert_unbroken(self) -> None:
        """It scores, logged nothing broken, answered no call with a failure of its own, and holds no stream."""
        async with asyncio.timeout(60.0):
            while not await self._scores():  # noqa: ASYNC110 - doors tell nobody
                await asyncio.sleep(0.1)
        self._assert_quiet_log()
        text = (await self.http.get("/metrics")).text
        assert not _BROKEN_CALLS.findall(text)
        async with asyncio.timeout(10.0):
            while "\nassay_streams 0.0\n" not in text:  # those that were left end a moment later
                await asyncio.sleep(0.05)
                text = (await self.http.get("/metrics")).text

    async def _scores(self) -> bool:
        """Whether it scores rightly; False where the door is closed for the moment that a broken frame costs."""
        try:
            await self.assert_scores()
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                return False
            raise
        return True

    def _assert_quiet_log(self) -> None:
        told = [event for event in self.server.log if event.get("level") in {"error", "critical"}]
        assert told == []
        assert not [event for event in self.server.log if "Traceback" in str(event)]
        assert [line for line in self.server.unlogged if not _LOGGED_PLAINLY.search(line)] == []

    def occupied(self) -> dict[str, float]:
        """Memory in MiB, descriptors, threads, child processes.

        Without the files of cgroups: so many cgroups are kept as were once needed together, up to a bound of their own.
        """
        pid = self.server.pid
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {
            "MiB": int(status["VmRSS"].split()[0]) / 1024,
            "descriptors": sum(not name.startswith("/sys/fs/cgroup/") for name in _open_files(pid)),
            "threads": int(status["Threads"]),
            "children": len(children),
        }


def _open_files(pid: int) -> Iterator[str]:
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed by now
            yield os.readlink(f"/proc/{pid}/fd/{descriptor}")


@asynccontextmanager
async def fuzzed(folder: Path) -> AsyncGenerator[Target]:
    """A server with both doors, a token, and a store on disk."""
    async with ServerUnderTest(f"sqlite:{folder / 'assay.db'}", folder / "token", SETTINGS) as server:
        base = f"http://{server.endpoint.http_address}"
        limits = httpx.Limits(max_connections=16)
        async with httpx.AsyncClient(base_url=base, timeout=60.0, trust_env=False, limits=limits) as client:
            target = Target(server, folder, client)
            client.headers["authorization"] = f"Bearer {target.token}"
            await target.prepare()
            yield target


def check_answer(answer: Message) -> None:
    """Whatever was refused in-band is refused as it should be."""
    for status in statuses(answer):
        if status.code:
            refusal = refusal_of(status)
            assert refusal.code not in NEVER, refusal


def statuses(message: Message) -> Iterator[rollout_pb2.Status]:
    """Every status in a message."""
    for one, value in message.ListFields():
        entry = one.message_type
        if entry is None or entry.GetOptions().map_entry:
            continue
        for member in value if one.is_repeated else (value,):
            if isinstance(member, rollout_pb2.Status):
                yield member
            else:
                yield from statuses(member)


def check_bytes(data: bytes) -> None:
    """Nothing in an answer shows the server's insides."""
    assert not _SECRETS.search(data), data[:2000]
