"""Plugins registered with a gateway of a fleet and asked by its workers, one of which is killed in the middle of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from assay import Client, Leaf, Rollout, SampleResult
from assay_sandbox.protocol import Grade
from assay_server.execution.queue import Priority
from assay_server.execution.queue.redis_keys import GROUP, jobs_key
from assay_server.execution.queue.sandbox_jobs import LANE
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings
from assay_server.store.redis.connection import Server
from assay_server.store.redis.private_server import PrivateRedis

from .fleet import Fleet

SOURCE = """
import os, time
from assay.sdk import Score, reward

@reward("acme/length-v1", bounds=(0, 1000))
def length(sample):
    \"\"\"How long the response is.\"\"\"
    match sample.response:
        case "exit": os._exit(0)
        case "crash": os.kill(os.getpid(), 11)
        case "hang":
            while True: pass
        case text if text.startswith("slow"): time.sleep(0.3)
    return Score(min(1000.0, float(len(sample.response))))
"""
ESTIMATOR = """
from assay.sdk import estimator

@estimator("acme/twice-v1")
def twice(group):
    return [2 * member.reward for member in group.members]
"""


@pytest.fixture(autouse=True)
def _needs_a_sandbox() -> None:
    if Sandboxes(SandboxSettings(), lambda _: None).level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")


def said(results: list[SampleResult]) -> list[object]:
    """Values, else the reasons why there is none."""
    return [result.score.value if result.score else result.error.reason if result.error else "" for result in results]


async def both_at_work(redis: PrivateRedis) -> None:
    """Until each of two workers has taken a job that it has not answered."""
    server = Server(redis.url)
    key = jobs_key("local", LANE, Priority.NORMAL)
    async with asyncio.timeout(60.0):
        while True:
            _, _, _, holders = cast(
                "tuple[int, bytes, bytes, list[object] | None]", await server.command("XPENDING", key, GROUP)
            )
            if len(holders or ()) == 2:
                break
            await asyncio.sleep(0.01)
    await server.close()


async def test_plugins_of_a_gateway_are_asked_by_workers_and_a_killed_ones_items_by_another(
    redis: PrivateRedis, tmp_path: Path
) -> None:
    async with Fleet(redis, tmp_path, 1, workers=2) as fleet:
        token = fleet.token.read_text()

        def score(texts: list[str], seconds: float = 60.0) -> list[object]:
            rollouts = [Rollout(f"r{place}", response=text) for place, text in enumerate(texts)]
            with Client(fleet.target, token) as client:
                return said(client.score(rollouts, Leaf("acme/length", execution_timeout=seconds)))

        def register() -> None:
            with Client(fleet.target, token) as client:
                assert client.register_plugin(SOURCE).id == "acme/length-v1"
                assert "acme/length-v1" in {one.id for one in client.list_plugins()}
                findings = client.check_plugin(ESTIMATOR)
                assert findings
                assert all(finding.passed for finding in findings), findings

        await asyncio.to_thread(register)
        hostile = ["one", "exit", "three", "crash", "hang", "six"]
        expected = [3.0, "REWARD_EXITED", 5.0, "REWARD_CRASHED", "DEADLINE_EXCEEDED", 3.0]
        assert await asyncio.to_thread(score, hostile, 4.0) == expected
        slow = [f"slow {'x' * n}" for n in range(16)]
        scoring = asyncio.create_task(asyncio.to_thread(score, slow))
        await both_at_work(redis)
        await fleet.kill(fleet.workers[0])
        assert not scoring.done()
        async with asyncio.timeout(120.0):
            assert await scoring == [5.0 + n for n in range(16)]
        assert not [event for member in fleet.members for event in member.errors()]


@pytest.mark.full
async def test_the_command_adds_checks_and_lists_at_a_gateway(redis: PrivateRedis, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(ESTIMATOR)
    async with Fleet(redis, tmp_path, 1, workers=1) as fleet:

        def command(*words: str) -> str:
            program = str(Path(sys.executable).with_name("assay"))
            there = ["--server", fleet.target, "--token", fleet.token.read_text()]
            done = subprocess.run([program, "plugin", *words, *there], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done
            return done.stdout

        assert (await asyncio.to_thread(command, "add", str(file))).startswith("acme/twice-v1@")
        assert "acme/twice-v1" in await asyncio.to_thread(command, "list")
        await asyncio.to_thread(command, "check", str(file))
