"""Metrics, prompts and exports through the client library, both of its clients."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

import assay
from assay_server.embedded import Engine

from .server import Service


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A server with one run: two steps of two prompts."""
    with Engine() as started:
        started.put_tasks(
            "run", [assay.Task(name, {"answer": "18"}, prompt_id=name, difficulty=0.5) for name in ("p", "q")]
        )
        with started.stream(assay.RunConfig(run_id="run", reward="math", estimator="advantage/grpo")) as stream:
            for step in (1, 2):
                for prompt, rights in (("p", 1), ("q", 3)):
                    stream.send_many([_rollout(f"{step}-{prompt}", prompt, step, place, rights) for place in range(4)])
                stream.barrier(f"b{step}", count=8)
                while not isinstance(next(stream), assay.BatchResult):
                    pass
        yield started


def _rollout(group: str, prompt: str, step: int, place: int, rights: int) -> assay.Rollout:
    return assay.Rollout(
        f"{group}/{place}",
        group_id=group,
        group_size=4,
        prompt_id=prompt,
        reference={"answer": "18"},
        response="A: 18" if place < rights else "A: 17",
        global_step=step,
        num_tool_calls=place + 1,
    )


def test_metrics_are_arrays(engine: Engine) -> None:
    found = engine.metrics("run", ["metric/reward_mean", "metric/tool_productivity"])
    assert found["metric/reward_mean"].global_steps.tolist() == [1, 2]
    assert found["metric/reward_mean"].values.tolist() == [0.5, 0.5]
    np.testing.assert_allclose(found["metric/tool_productivity"].values, 4 / 20)
    assert engine.metrics("run", ["metric/reward_mean"], first=2)["metric/reward_mean"].global_steps.tolist() == [2]
    with pytest.raises(assay.NotFound, match="did you mean metric/reward_mean"):
        engine.metrics("run", ["metric/reward_men"])


def test_prompts_come_with_what_is_known_of_them(engine: Engine) -> None:
    first, second = sorted(engine.sample_tasks("run", 2, seed=3), key=lambda prompt: prompt.prompt_id)
    assert (first.prompt_id, first.visits, first.pass_rate, first.best_tool_calls) == ("p", 2, 0.25, 1)
    assert (second.prompt_id, second.pass_rate) == ("q", 0.75)
    assert first.success_rollout_ids == ("1-p/0", "2-p/0")
    with pytest.raises(assay.InvalidArgument, match="count"):
        engine.sample_tasks("run", 3)
    assert engine.sample_tasks("run", 1, prompt_ids=["new"])[0].best_tool_calls is None


def test_rollouts_are_allocated(engine: Engine) -> None:
    counts = engine.allocate_rollouts("run", ["p", "q"], 8, "allocate/knapsack", {"low": 1, "high": 7})
    assert sum(counts) == 8
    assert counts[0] > counts[1]  # harder of two that are as uncertain
    assert engine.allocate_rollouts("run", ["p", "q"], 3) == [2, 1]


def test_exports_are_parts_of_a_file(engine: Engine) -> None:
    lines = b"".join(engine.export_rollouts("run", "sft", where={"global_steps": [2, 2]})).splitlines()
    assert [json.loads(line)["rolloutId"] for line in lines] == ["2-p/0", "2-q/0", "2-q/1", "2-q/2"]
    pytest.importorskip("duckdb", reason="Parquet is written by DuckDB")
    assert b"".join(engine.export_rollouts("run", "pairs", format="parquet"))[:4] == b"PAR1"


@pytest.mark.parametrize("kind", ["sft", "unknown"])
def test_a_wrong_export_is_the_callers_fault(engine: Engine, kind: str) -> None:
    with pytest.raises(assay.InvalidArgument):
        list(engine.export_rollouts("run", kind, where={"unknown": 1}))  # type: ignore[arg-type] - that is the point


async def test_the_asyncio_client_says_the_same(own_server: Service) -> None:
    async with assay.aio.Client(own_server.address) as client:
        await client.put_tasks("run", [assay.Task("p", {"answer": "18"}, prompt_id="p")])
        async with client.stream(assay.RunConfig(run_id="run", reward="math")) as stream:
            await stream.send_many([_rollout("g", "p", 1, place, 2) for place in range(4)])
            await stream.barrier("b", count=4)
            async for event in stream:
                if isinstance(event, assay.BatchResult):
                    break
        series = await client.metrics("run", ["metric/effective_gradient"])
        assert series["metric/effective_gradient"].values.tolist() == [1.0]
        (prompt,) = await client.sample_tasks("run", 1)
        assert (prompt.prompt_id, prompt.visits, prompt.pass_rate) == ("p", 1, 0.5)
        assert await client.allocate_rollouts("run", ["p", "q"], 4) == [2, 2]
        data = b"".join([part async for part in client.export_rollouts("run", "ranked")])
        assert json.loads(data)["groupId"] == "g"
