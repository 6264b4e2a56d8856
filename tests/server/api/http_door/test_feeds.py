"""Streams over HTTP: jobs as they are judged, results of a run with resume and acknowledgement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import httpx
import pytest

from assay.sdk import Json

from .door import Doors, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEC: Json = {"reward": {"leaf": {"id": "math"}}, "estimator": {"id": "advantage/grpo"}}
SUITE: Json = {"kind": "stdio", "cases": [{"input": "2\n", "output": "4\n"}]}


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    number: int
    data: Mapping[str, Json]


async def read(response: httpx.Response) -> AsyncIterator[Event]:
    """The events of a response."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields.get("data"):
            yield Event(fields.get("event", ""), int(fields.get("id", "0")), json.loads(fields["data"]))
            fields = {}


@asynccontextmanager
async def feed(door: Doors, run: str, consumer: str, last: int | None = None, query: str = "") -> AsyncGenerator[Feed]:
    """A consumer's open feed."""
    headers = {**door.credentials, **({} if last is None else {"last-event-id": str(last)})}
    async with door.http.stream(
        "GET", f"/v1/runs/{run}/consumers/{consumer}:results{query}", headers=headers
    ) as answer:
        if answer.status_code != 200:
            await answer.aread()
            yield Feed(answer, read(answer))
            return
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Feed(answer, read(answer))


@dataclass(frozen=True, slots=True)
class Feed:
    """An open feed."""

    response: httpx.Response
    events: AsyncIterator[Event]

    async def until(self, kind: str) -> Event:
        """The next event that holds this."""
        async for event in self.events:
            if kind in event.data:
                return event
        raise AssertionError(f"the feed ended without {kind}")


def rollouts(group: str) -> Json:
    """A group of two: one right, one wrong."""
    members: list[Json] = [
        {
            "rolloutId": f"{group}/{i}",
            "groupId": group,
            "groupSize": 2,
            "reference": {"answer": "18"},
            "steps": [{"index": 0, "action": f"A: {17 + i}"}],
        }
        for i in range(2)
    ]
    return {"rollouts": {"rollouts": members}}


def scored(event: Event) -> list[dict[str, dict[str, Json]]]:
    """The results of an event."""
    held = cast("dict[str, Json]", event.data["sampleResults"])
    return cast("list[dict[str, dict[str, Json]]]", held["results"])


async def send(door: Doors, run: str, consumer: str, body: Json) -> httpx.Response:
    return await door.post(f"/v1/runs/{run}/consumers/{consumer}:send", body)


async def made(door: Doors, run: str) -> str:
    assert (await door.post("/v1/RunService/CreateRun", {"runId": run, "spec": SPEC})).status_code == 200
    return run


async def test_jobs_are_answered_as_they_are_judged(door: Doors) -> None:
    jobs: list[Json] = [
        {"jobId": f"j{i}", "language": "python", "source": f"print({i} * int(input()))", "suite": SUITE}
        for i in range(3)
    ]
    headers = {"content-type": "application/json", **door.credentials}
    async with door.http.stream(
        "POST", "/v1/SandboxService/StreamTests", json={"jobs": jobs}, headers=headers
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [event async for event in read(answer)]
    results = [cast("dict[str, Json]", event.data["result"]) for event in events[:-1]]
    verdicts = {result["jobId"]: cast("dict[str, Json]", result["verdict"]).get("passed", False) for result in results}
    assert verdicts == {"j0": False, "j1": False, "j2": True}
    assert events[-1] == Event("end", 0, {})


async def test_what_fails_before_the_first_event_is_a_status(door: Doors) -> None:
    response = await door.post("/v1/RewardService/Rescore", {"runId": "nobody", "reward": {"leaf": {"id": "math"}}})
    assert response.status_code == 404
    assert refused(response).reason == "RUN_NOT_FOUND"
    async with feed(door, "nobody", "a") as opened:
        assert opened.response.status_code == 404


async def test_a_run_is_streamed_resumed_and_acknowledged(door: Doors) -> None:
    run = await made(door, "fed")
    async with feed(door, run, "a") as opened:
        assert (await opened.until("opened")).data["opened"]
        assert (await send(door, run, "a", rollouts("g"))).status_code == 202
        assert (await opened.until("accepted")).number == 0
        samples = await opened.until("sampleResults")
        results = scored(samples)
        last = samples
        while len(results) < 2:
            last = await opened.until("sampleResults")
            results += scored(last)
        assert sorted(cast("float", result["score"]["value"]) for result in results) == [0.0, 1.0]
        group = await opened.until("groupResults")
        assert (last.number, group.number) == (2, 3)
    async with feed(door, run, "a", last=2) as again:
        resumed = await again.until("groupResults")
        assert (resumed.number, resumed.data) == (group.number, group.data)
    acked = await door.post(f"/v1/runs/{run}/consumers/a:ack", {"sequence": "3"})
    assert (acked.status_code, acked.json()) == (200, {})
    async with feed(door, run, "a") as after:
        state = cast("dict[str, Json]", (await after.until("opened")).data["opened"])
        assert (state["lastAcked"], state["lastSequence"]) == (3, 3)


async def test_a_result_that_was_not_acknowledged_comes_again(door: Doors) -> None:
    run = await made(door, "again")
    async with feed(door, run, "a") as opened:
        await opened.until("opened")
        await send(door, run, "a", rollouts("g"))
        first = await opened.until("groupResults")
    async with feed(door, run, "a") as again:
        assert (await again.until("groupResults")).data == first.data


async def test_one_feed_a_consumer(door: Doors) -> None:
    run = await made(door, "one")
    async with feed(door, run, "a") as older:
        await older.until("opened")
        async with feed(door, run, "a") as newer:
            await newer.until("opened")
            closing = await older.until("closing")
            assert cast("dict[str, Json]", closing.data["closing"])["reason"] == "CLOSING_REASON_REPLACED"
            assert (await send(door, run, "a", rollouts("g"))).status_code == 202
            await newer.until("groupResults")


async def test_requests_that_make_no_sense(door: Doors) -> None:
    run = await made(door, "refusing")
    response = await send(door, run, "a", rollouts("g"))
    assert response.status_code == 400
    assert refused(response).reason == "NO_FEED"
    async with feed(door, run, "a") as opened:
        await opened.until("opened")
        nonsense: list[Json] = [{}, {"open": {}}, {"rolouts": {}}]
        for body in nonsense:
            assert (await send(door, run, "a", body)).status_code == 400
        assert (await send(door, run, "a", {"ack": {"sequence": 99}})).status_code == 202
    for query in ("?resumeAfter=99", "?resumeAfter=x", "?generation=-1", "?delivery=NOBODY", "?token=x"):
        async with feed(door, run, "a", query=query) as opened:
            assert opened.response.status_code == 400
            assert refused(opened.response).code == "INVALID_ARGUMENT"
    assert (await door.post(f"/v1/runs/{run}/consumers/a:ack", {"sequence": -1})).status_code == 400


async def test_methods_with_streams_both_ways_say_what_to_use(door: Doors) -> None:
    for path in ("RewardService/StreamRollouts", "EnvironmentService/Interact"):
        response = await door.post(f"/v1/{path}", {})
        assert response.status_code == 501
        assert "over HTTP" in refused(response).message


async def test_a_listener_that_leaves_gives_its_place_back(door: Doors) -> None:
    run = await made(door, "left")
    async with feed(door, run, "a") as opened:
        await opened.until("opened")
    async with asyncio.timeout(60):
        while "assay_streams 0" not in (await door.http.get("/metrics", headers=door.credentials)).text:
            pass
    assert refused(await send(door, run, "a", rollouts("g"))).reason == "NO_FEED"
