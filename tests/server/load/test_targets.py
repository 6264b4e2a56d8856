"""Load on a real service, by the command and by what it is made of."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from random import Random
from typing import cast

import pytest
import pytest_asyncio

from assay.errors import Failure
from assay_server.config import Settings
from assay_server.load.arrivals import offsets
from assay_server.load.driving import Outcome, Tally, drive
from assay_server.load.targets import Access, RolloutLoad, SessionLoad, outcome_of
from assay_server.process import ServerProcess
from tests.server.cli.command import assay

on_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncGenerator[ServerProcess]:
    process = ServerProcess(
        Settings(
            listen="127.0.0.1:0",
            http_listen="",
            store="memory:",
            token_file=None,
            tenant_sessions=2,
        )
    )
    await process.start()
    yield process
    await process.drain()


async def put(load: RolloutLoad | SessionLoad, access: Access, rate: float, duration: float = 1.0) -> Tally:
    async with load.opened(access) as target:
        return await drive(target, offsets("constant", rate, duration, Random(0)), patience=120.0)


@on_one_loop
async def test_rollouts_are_scored_and_counted(server: ServerProcess) -> None:
    tally = await put(RolloutLoad(streams=2, characters=300), Access(server.address), 64.0)
    assert (tally.due, tally.answered, tally.refused.total(), tally.failed.total()) == (64, 64, 0, 0)
    assert tally.latencies.count == 64
    assert 0.0 < tally.latencies.percentile(50.0) <= tally.latencies.longest


@on_one_loop
async def test_each_step_of_a_load_sends_rollouts_of_its_own(server: ServerProcess) -> None:
    async with RolloutLoad(characters=200).opened(Access(server.address)) as target:
        for _ in range(2):
            tally = await drive(target, offsets("poisson", 30.0, 1.0, Random(0)), patience=120.0)
            assert tally.answered == tally.due > 0


@on_one_loop
async def test_what_cannot_be_scored_has_failed(server: ServerProcess) -> None:
    tally = await put(RolloutLoad(reference={"nothing": 1}, characters=1), Access(server.address), 8.0)
    assert (tally.answered, tally.failed.total(), tally.refused.total()) == (0, 8, 0)
    [status] = tally.failed
    assert status.startswith("INVALID_ARGUMENT/")


@on_one_loop
async def test_a_quota_refuses_and_nothing_fails(server: ServerProcess) -> None:
    tally = await put(SessionLoad("number-line", steps=1, group_size=3), Access(server.address), 4.0)
    assert (tally.answered, tally.failed.total()) == (0, 0)
    assert dict(tally.refused) == {"RESOURCE_EXHAUSTED/SESSIONS_FULL": 4}


@on_one_loop
async def test_episodes_are_played(server: ServerProcess) -> None:
    tally = await put(SessionLoad("number-line", steps=3), Access(server.address), 1.0)
    assert (tally.answered, tally.failed.total(), tally.refused.total()) == (1, 0, 0)


@on_one_loop
async def test_a_service_that_is_not_there_is_a_failure_and_no_refusal() -> None:
    tally = await put(SessionLoad("number-line"), Access("127.0.0.1:1"), 2.0)
    assert (tally.refused.total(), dict(tally.failed)) == (0, {"UNAVAILABLE": 2})


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure(8, "", "TENANT_RATE"), Outcome("refused", "RESOURCE_EXHAUSTED/TENANT_RATE")),
        (Failure(14, "", "DRAINING"), Outcome("refused", "UNAVAILABLE/DRAINING")),
        (Failure(14, "no connection"), Outcome("failed", "UNAVAILABLE")),
        (Failure(16, "", "UNAUTHENTICATED"), Outcome("refused", "UNAUTHENTICATED/UNAUTHENTICATED")),
        (Failure(13, "", "INTERNAL"), Outcome("failed", "INTERNAL/INTERNAL")),
    ],
)
def test_refusals_are_told_from_failures(failure: Failure, expected: Outcome) -> None:
    assert outcome_of(failure) == expected


def test_the_command_prints_a_table_and_json() -> None:
    words = ("bench", "load", "rollouts", "--rate", "40", "--duration", "0.5")
    words += ("--arrivals", "constant", "--characters", "200")
    done = assay(*words, "--json")
    assert done.code == 0, done.stderr
    [line] = done.lines
    assert (line["due"], line["answered"], line["refused"], line["failed"]) == (20, 20, {}, {})
    latency = cast("dict[str, float]", line["latencyMs"])
    assert list(latency) == ["p50", "p90", "p95", "p99", "p99.9", "max", "mean"]
    assert latency["p50"] <= latency["p99.9"] <= latency["max"]


def test_the_command_exits_with_1_where_requests_failed() -> None:
    done = assay(
        "bench", "load", "sessions", "--rate", "4", "--duration", "0.5", "--addresses", "127.0.0.1:1", "--json"
    )
    assert done.code == 1
    assert cast("dict[str, int]", done.lines[0]["failed"]).keys() == {"UNAVAILABLE"}
