"""Stored rollouts as files: rows of each kind, filters, order, Parquet."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.sdk.samples import Json
from assay.v1 import rollout_pb2
from assay.v1 import run_service_pb2 as wire

from .rollouts import mixed_group, right, spec, unscorable, wrong
from .server import Endpoint, Service
from .statuses import Code
from .test_histories import at_step

pytestmark = pytest.mark.asyncio(loop_scope="module")

Row = dict[str, Json]


async def exported(
    server: Endpoint,
    run: str,
    kind: str = "",
    where: str = "",
    format_: wire.ExportFormat = wire.EXPORT_FORMAT_UNSPECIFIED,
) -> bytes:
    request = wire.ExportRolloutsRequest(run_id=server.run_id(run), kind=kind, filter_json=where, format=format_)
    parts = await server.call_stream("RunService/ExportRollouts", request, wire.ExportRolloutsResponse)
    return b"".join(part.chunk for part in parts)


async def rows(server: Endpoint, run: str, kind: str = "", where: str = "") -> list[Row]:
    return [json.loads(line) for line in (await exported(server, run, kind, where)).splitlines()]


def ids(found: Sequence[Row]) -> list[Json]:
    return [row["rolloutId"] for row in found]


async def filled(server: Service) -> None:
    """A run with two groups, one of them without a difference, a lone rollout, and one that has no reference."""
    await server.create_run("run", spec())
    async with server.stream("run", "a") as stream:
        group = at_step(mixed_group("g", 3, 1), 1, "p")
        for rollout in group:
            rollout.prompt.parts.add().message.CopyFrom(rollout_pb2.ChatMessage(role="system", text="Be right."))
            rollout.prompt.parts.add().message.CopyFrom(rollout_pb2.ChatMessage(role="user", text="6 x 3?"))
            rollout.steps[0].policy_version = "v7"
        await stream.send(*group)
        await stream.group("g")
        await stream.send(*at_step(mixed_group("flat", 2, 2), 2, "q"))
        await stream.group("flat")
        await stream.send(*at_step([right("alone"), unscorable("broken")], 3))
        await stream.until(lambda: len(stream.samples) == 7, "answers")


async def test_rollouts_come_whole_in_the_order_of_their_acceptance(server: Service) -> None:
    await filled(server)
    found = await rows(server, "run")
    assert ids(found) == ["g/0", "g/1", "g/2", "flat/0", "flat/1", "alone", "broken"]
    first, broken = found[0], found[-1]
    assert (first["reward"], first["verdict"], first["policyVersion"], first["role"]) == (
        1.0,
        "correct",
        "v7",
        "policy",
    )
    assert isinstance(first["rollout"], dict)
    assert first["rollout"]["reference"] == {"answer": "18"}
    assert isinstance(broken["result"], dict)
    assert broken["reward"] is None
    assert "error" in broken["result"]
    assert await exported(server, "run") == await exported(server, "run")


async def test_fine_tuning_takes_what_is_right(server: Service) -> None:
    await filled(server)
    found = await rows(server, "run", "sft")
    assert ids(found) == ["g/0", "flat/0", "flat/1", "alone"]
    assert found[0]["messages"] == [
        {"role": "system", "content": "Be right."},
        {"role": "user", "content": "6 x 3?"},
        {"role": "assistant", "content": "so it is\nA: 18"},
    ]
    assert ids(await rows(server, "run", "sft", '{"verdict":"incorrect"}')) == ["g/1", "g/2"]


async def test_pairs_are_of_one_group_and_never_of_equals(server: Service) -> None:
    await filled(server)
    (pair,) = await rows(server, "run", "pairs")
    assert (pair["groupId"], pair["promptId"], pair["globalStep"]) == ("g", "p", 1)
    assert (pair["chosenRolloutId"], pair["rejectedRolloutId"], pair["margin"]) == ("g/0", "g/1", 1.0)
    assert pair["chosen"] == [{"role": "assistant", "content": "so it is\nA: 18"}]
    assert pair["rejected"] == [{"role": "assistant", "content": "so it is\nA: 17"}]
    assert isinstance(pair["prompt"], list)
    assert len(pair["prompt"]) == 2
    every = await rows(server, "run", "pairs", '{"pairs":"all"}')
    assert [one["rejectedRolloutId"] for one in every] == ["g/1", "g/2"]
    assert await rows(server, "run", "pairs", '{"min_margin":1.5}') == []


async def test_rankings_have_every_member_and_ties_share_a_rank(server: Service) -> None:
    await filled(server)
    first, second = await rows(server, "run", "ranked")
    assert [(one["rolloutId"], one["rank"]) for one in _responses(first)] == [("g/0", 1), ("g/1", 2), ("g/2", 2)]
    assert [one["rank"] for one in _responses(second)] == [1, 1]


def _responses(row: Row) -> list[Row]:
    responses = row["responses"]
    assert isinstance(responses, list)
    return [one for one in responses if isinstance(one, dict)]


async def test_a_judge_is_told_the_truth(server: Service) -> None:
    await filled(server)
    found = await rows(server, "run", "judge", '{"group_ids":["g"]}')
    assert [(row["reward"], row["reference"]) for row in found] == [(1.0, {"answer": "18"})] + [
        (0.0, {"answer": "18"})
    ] * 2
    evidence = found[0]["evidence"]
    assert isinstance(evidence, dict)
    assert evidence["math"]
    assert found[0]["components"] == {"math": 1.0}


async def test_references_sent_apart_are_put_in(server: Service) -> None:
    await server.create_run("run")
    task = rollout_pb2.Task(task_id="t", reference_json='{"answer":"18"}')
    request = wire.PutTasksRequest(run_id=server.run_id("run"), tasks=[task])
    (digest,) = (await server.call("RunService/PutTasks", request, wire.PutTasksResponse)).digests
    async with server.stream("run", "a") as stream:
        rollout = right("r")
        rollout.task_digest = digest
        await stream.send(rollout)
        await stream.until(lambda: len(stream.samples) == 1, "answer")
    (row,) = await rows(server, "run", "judge")
    assert row["reference"] == {"answer": "18"}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('{"global_steps":[2,3]}', ["flat/0", "flat/1", "alone", "broken"]),
        ('{"prompt_ids":["p"]}', ["g/0", "g/1", "g/2"]),
        ('{"min_reward":0.5,"prompt_ids":["p"]}', ["g/0"]),
        ('{"max_reward":0.5}', ["g/1", "g/2"]),
        ('{"verdict":"correct","global_steps":[1,2]}', ["g/0", "flat/0", "flat/1"]),
        ('{"roles":["expert","hinted"]}', []),
        ('{"truncated":true}', []),
    ],
)
async def test_filters_choose(server: Service, where: str, expected: list[str]) -> None:
    await filled(server)
    assert ids(await rows(server, "run", "rollouts", where)) == expected


@pytest.mark.parametrize(
    ("kind", "where", "field"),
    [
        ("dpo", "", "kind"),
        ("sft", '{"reward":1}', "filter.reward"),
        ("sft", '{"roles":["judge"]}', "filter.roles[0]"),
        ("pairs", '{"min_margin":-1}', "filter.min_margin"),
        ("pairs", '{"global_steps":[1]}', "filter.global_steps"),
        ("pairs", "[1]", "filter_json"),
    ],
)
async def test_an_export_that_makes_no_sense_is_refused(server: Service, kind: str, where: str, field: str) -> None:
    await server.create_run("run")
    request = wire.ExportRolloutsRequest(run_id=server.run_id("run"), kind=kind, filter_json=where)
    refusal = await server.stream_refused("RunService/ExportRollouts", request)
    assert (refusal.code, list(refusal.fields)) == (Code.INVALID_ARGUMENT, [field])


async def test_a_long_export_comes_in_parts(server: Service) -> None:
    await server.create_run("run")
    async with server.stream("run", "a") as stream:
        for number in range(300):
            rollout = wrong(f"r{number}")
            rollout.prompt.parts.add().text = "x" * 20_000
            await stream.send(rollout)
        await stream.until(lambda: len(stream.samples) == 300, "answers")
    request = wire.ExportRolloutsRequest(run_id=server.run_id("run"))
    parts = await server.call_stream("RunService/ExportRollouts", request, wire.ExportRolloutsResponse)
    assert len(parts) > 3
    assert max(len(part.chunk) for part in parts) < 5 << 20
    assert sum(part.rollouts for part in parts) == 300
    lines = b"".join(part.chunk for part in parts).splitlines()
    assert [json.loads(line)["rolloutId"] for line in lines] == [f"r{number}" for number in range(300)]


@pytest.mark.parametrize("kind", ["rollouts", "sft", "pairs", "ranked", "judge"])
async def test_parquet_has_the_rows_of_the_lines(server: Service, tmp_path: Path, kind: str) -> None:
    duckdb = pytest.importorskip("duckdb", reason="Parquet is written by DuckDB")
    await filled(server)
    data = await exported(server, "run", kind, format_=wire.EXPORT_FORMAT_PARQUET)
    path = tmp_path / "rows.parquet"
    path.write_bytes(data)
    relation = duckdb.connect().from_parquet(str(path))
    found = [dict(zip(relation.columns, values, strict=True)) for values in relation.fetchall()]
    expected = await rows(server, "run", kind)
    assert found
    for row, line in zip(found, expected, strict=True):
        assert list(row) == list(line)
        for name, value in line.items():
            plain = json.loads(row[name]) if isinstance(value, dict) else row[name]
            assert plain == value, name


async def test_nothing_to_export_is_an_empty_file(server: Service, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="Parquet is written by DuckDB")
    await server.create_run("run")
    assert await exported(server, "run", "sft") == b""
    path = tmp_path / "rows.parquet"
    path.write_bytes(await exported(server, "run", "pairs", format_=wire.EXPORT_FORMAT_PARQUET))
    assert duckdb.connect().from_parquet(str(path)).fetchall() == []


async def test_parquet_is_refused_where_nothing_writes_it(server: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "duckdb", None)
    await server.create_run("run")
    request = wire.ExportRolloutsRequest(run_id=server.run_id("run"), format=wire.EXPORT_FORMAT_PARQUET)
    refusal = await server.stream_refused("RunService/ExportRollouts", request)
    assert (refusal.code, refusal.reason) == (Code.FAILED_PRECONDITION, "PARQUET_UNAVAILABLE")


async def test_observations_stand_between_actions(server: Service) -> None:
    await server.create_run("run")
    rollout = right("r")
    first = rollout_pb2.Step(index=0)
    first.prompt.parts.add().text = "You are in a kitchen."
    first.action.parts.add().text = "open the fridge"
    first.observation.parts.add().text = "An apple."
    first.tool_results.add(call_id="1", text="looked")
    last = rollout.steps[0]
    last.index = 1
    last.prompt.parts.add().text = "You are in a kitchen. An apple."
    del rollout.steps[:]
    rollout.steps.extend([first, last])
    async with server.stream("run", "a") as stream:
        await stream.send(rollout)
        await stream.until(lambda: len(stream.samples) == 1, "answer")
    (row,) = await rows(server, "run", "sft")
    assert row["messages"] == [
        {"role": "user", "content": "You are in a kitchen."},
        {"role": "assistant", "content": "open the fridge"},
        {"role": "tool", "content": "looked"},
        {"role": "user", "content": "An apple."},
        {"role": "assistant", "content": "so it is\nA: 18"},
    ]
