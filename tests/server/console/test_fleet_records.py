"""What only the records of a fleet can get wrong: what was put aside or swept, a run that is being trained, secrets."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from assay.results import GroupResult, SampleResult
from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay.sdk import Json
from assay_server.config import Settings
from assay_server.console.errors import NotHeld
from assay_server.console.fleet_records import FleetRecords
from assay_server.console.opening import Source, source_of
from assay_server.console.questions import Questions
from assay_server.console.run_index import RunIndex
from assay_server.console.side_process import SideProcess
from assay_server.embedded import Engine
from assay_server.pipeline.failures import Failure
from assay_server.store.protocol import StoreUnavailable
from assay_server.store.records import folder_name
from assay_server.store.redis.connection import Server
from assay_server.store.redis.keys import run_keys
from assay_server.store.redis.private_server import PrivateRedis

from .conftest import answers, walks

Object = dict[str, Json]
RUN = "run"


@contextmanager
def reading(redis: PrivateRedis, folder: Path) -> Generator[FleetRecords]:
    records = FleetRecords(redis.url, folder)
    yield records
    records.close()


def train(engine: Engine, rollouts: list[Rollout], run: str = RUN, estimator: str = "advantage/gigpo") -> set[str]:
    """Stream rollouts; the ids that were answered."""
    with engine.stream(run=RunConfig(run_id=run, reward="math", estimator=estimator), consumer="c") as stream:
        stream.send_many(rollouts)
        stream.finish()
        return {event.rollout_id for event in stream if isinstance(event, SampleResult)}


def wait_until(there: Callable[[], bool]) -> None:
    """Until something that others do is done."""
    deadline = time.monotonic() + 60.0
    while not there():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def wait_until_put_aside(records: FleetRecords) -> None:
    """Until the fleet has nothing of the run at hand."""
    wait_until(lambda: not records.state(records.run("local", RUN)).run.rollouts)


def ask(records: FleetRecords | Questions, question: str, **arguments: str) -> Object:
    questions = records if isinstance(records, Questions) else Questions(records)
    return cast("Object", json.loads(json.dumps(questions.answer(question, "local", {"run": RUN, **arguments}))))


def numbers(told: Object) -> Object:
    """What is known of a run for as long as its texts are there."""
    return {name: value for name, value in told.items() if name not in ("advantages", "missing")}


def part(answer: Json, *path: str | int) -> Json:
    for key in path:
        answer = cast("dict[str | int, Json]", answer)[key]
    return answer


def test_what_is_settled_is_shown_and_what_it_was_told_is_said_to_be_gone(redis: PrivateRedis, tmp_path: Path):
    settings = Settings(store=redis.url, records=tmp_path, lease_seconds=0.3, control_seconds=0.4)
    with Engine(settings) as engine, reading(redis, tmp_path) as records:
        train(engine, [*answers(), *walks()])
        watching = Questions(records)
        at_hand = {
            "run": ask(watching, "run"),
            "groups": ask(watching, "groups"),
            "group": ask(watching, "group", group="walk"),
            "rollout": ask(watching, "rollout", rollout="w.0"),
        }
        assert part(at_hand["run"], "missing") == {"rollouts": 0, "more": False, "advantages": 0}
        wait_until_put_aside(records)
        assert ask(watching, "run") == at_hand["run"]  # it was read while it was at hand, and is not read again
        later = Questions(records)
        told = ask(later, "run")
        assert numbers(told) == numbers(at_hand["run"])
        assert part(told, "missing") == {"rollouts": 0, "more": False, "advantages": 9}
        assert part(told, "advantages", "counts") == []
        assert ask(later, "groups") == at_hand["groups"]
        assert ask(later, "rollout", rollout="w.0") == at_hand["rollout"] | {"settled": True}
        group = ask(later, "group", group="walk")
        assert (group["result"], group["finished"]) == (None, True)
        assert group["members"] == at_hand["group"]["members"]
        assert group["facts"] == {
            "members": 2, "rewardMean": 0.5, "rewardStd": 0.5, "kept": True, "dropReason": "", "stepHitRatio": 1.0,
        }  # fmt: skip
        (run,) = cast("list[Object]", ask(later, "runs")["runs"])
        assert (run["rollouts"], run["groups"]) == (29, 9)
        for question, name in (("group", "unheard of"), ("rollout", "unheard of")):
            with pytest.raises(NotHeld):
                ask(later, question, **{question: name})
        train(engine, [Rollout("new", "new", 1, reference={"answer": "18"}, response="A: 18")])
        for questions in (watching, later):
            assert part(ask(questions, "run"), "totals", "rollouts") == 30
        engine.restore_run(RUN, "")
        assert part(ask(later, "run"), "totals", "rollouts") == 0


def test_what_is_put_aside_while_it_is_read_is_read_once(redis: PrivateRedis, tmp_path: Path):
    settings = Settings(store=redis.url, records=tmp_path, lease_seconds=0.3, control_seconds=1.0)
    with Engine(settings) as engine, reading(redis, tmp_path) as records:
        train(
            engine,
            [
                Rollout(f"r{n}", f"g{n // 2}", 2, reference={"answer": "18"}, response="A: 18", global_step=n)
                for n in range(600)
            ],
        )
        run = records.run("local", RUN)
        index = RunIndex(run, records.reading(run))
        while not len(index.rollouts):
            records.run("local", RUN)
            index.read(0.0)
        assert len(index.rollouts) < 600
        wait_until_put_aside(records)
        while not index.complete:
            index.read(0.0)
        assert sorted(index.rollouts.step.values.tolist()) == list(range(600))
        assert len(index.groups) == 300
        late = RunIndex(run, records.reading(run))
        while not late.complete:  # all of it from what was put aside, bit by bit
            late.read(0.0)
        assert sorted(late.rollouts.step.values.tolist()) == list(range(600))
        assert (len(late.groups), late.groups.untold) == (300, 300)


def test_what_was_swept_is_missing_and_no_zero(redis: PrivateRedis, tmp_path: Path):
    with Engine(Settings(store=redis.url, records=tmp_path)) as engine:
        train(engine, answers())
    with reading(redis, tmp_path) as records:
        before = ask(records, "run")
        assert part(before, "totals", "rollouts") == 27
        shutil.rmtree(tmp_path / folder_name("local") / folder_name(RUN))
        records.rest()
        told = ask(records, "run")
        assert part(told, "missing") == {"rollouts": 27, "more": True, "advantages": 0}
        assert (part(told, "totals", "rollouts"), part(told, "totals", "rewardMean")) == (0, None)
        assert part(told, "read") == {"complete": True, "rollouts": 0, "ofRollouts": 27, "groups": 8}
        group = ask(records, "group", group="p.0")
        assert (group["result"], group["finished"], group["facts"], group["members"]) == (None, True, None, [])
        with pytest.raises(NotHeld, match="not held any more"):
            ask(records, "rollout", rollout="p.0.0")
        shutil.rmtree(tmp_path)
        with pytest.raises(StoreUnavailable):
            ask(records, "run")


def test_runs_are_counted_when_there_is_time(redis: PrivateRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with Engine(Settings(store=redis.url, records=tmp_path)) as engine:
        for run in ("first", "second", "third"):
            train(engine, walks(), run)
    with reading(redis, tmp_path) as records:
        monkeypatch.setattr("assay_server.console.fleet_records._COUNTING_SECONDS", -1.0)
        listed, total = records.runs("local", 2)
        assert ([(run.run_id, run.rollouts) for run in listed], total) == ([("third", None), ("second", None)], 3)
        monkeypatch.setattr("assay_server.console.fleet_records._COUNTING_SECONDS", 60.0)
        listed, _ = records.runs("local", 2)
        assert [(run.rollouts, run.groups, run.generation) for run in listed] == [(2, 1, 1), (2, 1, 1)]
        asyncio.run(damage(redis, "first"))
        listed, _ = records.runs("local", 9)
        assert {run.run_id: run.rollouts for run in listed} == {"third": 2, "second": 2, "first": None}
        with pytest.raises(StoreUnavailable):
            records.run("local", "first")
        asyncio.run(forget(redis, "second"))
        listed, total = records.runs("local", 9)
        assert ([run.run_id for run in listed], total) == (["third", "first"], 2)
        with pytest.raises(NotHeld):
            records.run("local", "second")


async def damage(redis: PrivateRedis, run_id: str) -> None:
    """A log without its beginning."""
    server = Server(f"unix://{redis.socket}")
    await server.command("XDEL", run_keys("local", run_id).log, "1-0")
    await server.close()


async def forget(redis: PrivateRedis, run_id: str) -> None:
    """What Redis does to runs that nobody has used for days."""
    server = Server(f"unix://{redis.socket}")
    await server.command("DEL", *run_keys("local", run_id))
    await server.close()


def test_a_run_that_is_trained_does_not_notice_readers(redis: PrivateRedis, tmp_path: Path):
    stopped = threading.Event()
    looked: list[int] = []

    def look() -> None:
        with reading(redis, tmp_path) as records:
            questions = Questions(records)
            while not stopped.is_set():
                ask(questions, "runs")
                looked.append(cast("int", part(ask(questions, "run"), "totals", "rollouts")))

    rollouts = [
        Rollout(f"r{n}", f"g{n // 4}", 4, reference={"answer": "18"}, response=f"A: {17 + n % 2}") for n in range(400)
    ]
    config = RunConfig(run_id=RUN, reward="math", estimator="advantage/grpo")
    with Engine(Settings(store=redis.url, records=tmp_path)) as engine:
        with engine.stream(run=config, consumer="c") as stream:
            reader = threading.Thread(target=look)
            reader.start()
            for part_of_them in (rollouts[:200], rollouts[200:]):
                stream.send_many(part_of_them)
                seen = len(looked)
                wait_until(lambda seen=seen: len(looked) > seen)
            stream.finish()
            events = list(stream)
        stopped.set()
        reader.join()
        with reading(redis, tmp_path) as records:
            state = records.state(records.run("local", RUN))
            assert part(ask(records, "run"), "totals", "rollouts") == 400
        writers, leases = asyncio.run(who_writes(redis))
    assert looked == sorted(looked)
    assert len(state.members) == len(writers) == len(leases) == 1
    scores = {event.rollout_id: event.value for event in events if isinstance(event, SampleResult)}
    assert scores == {f"r{n}": float(n % 2) for n in range(400)}
    groups = [event for event in events if isinstance(event, GroupResult)]
    assert len({group.group_id for group in groups}) == len(groups) == 100


async def who_writes(redis: PrivateRedis) -> tuple[set[bytes], list[bytes]]:
    """Writers in the run's log, and leases on it."""
    server, keys = Server(f"unix://{redis.socket}"), run_keys("local", RUN)
    rows = cast("list[tuple[bytes, list[bytes]]]", await server.command("XRANGE", keys.log, "-", "+"))
    fields = cast("list[bytes]", await server.command("HKEYS", keys.head))
    await server.close()
    writers = {dict(zip(row[::2], row[1::2], strict=True))[b"w"] for _, row in rows}
    return writers, [field for field in fields if field.startswith(b"lease:")]


async def test_the_side_process_reads_a_fleet_and_nobody_sees_its_password(fleet: Source):
    side = SideProcess(fleet)
    try:
        assert json.loads(await side.ask("group", "local", {"run": "walks", "group": "walk"}))["groupId"] == "walk"
        assert json.loads(await side.ask("runs", "another", {}))["runs"] == []
        process = side._process  # pyright: ignore[reportPrivateUsage] - to see what others see of it
        assert process is not None
        for shown in ("cmdline", "environ"):
            assert b"redis" not in Path(f"/proc/{process.pid}/{shown}").read_bytes()  # noqa: ASYNC240 - no disk
        assert "gateway" not in repr(fleet)
    finally:
        await side.stop()


@pytest.mark.parametrize("url", ["redis://user:sesame@localhost:1", "redis://user:sesame", "unix://user:sesame@/no"])
async def test_a_redis_that_is_not_there_is_said_without_its_password(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    side = SideProcess(source_of(url, tmp_path))
    try:
        for _ in range(2):
            with pytest.raises(Failure) as failed:
                await side.ask("runs", "local", {})
            assert (failed.value.reason, failed.value.message) == ("RECORDS_UNAVAILABLE", "the records cannot be read")
    finally:
        await side.stop()
    assert capfd.readouterr().err == ""


async def test_a_redis_that_comes_back_is_read_again():
    with tempfile.TemporaryDirectory(prefix="assay-") as name:
        redis = PrivateRedis(Path(name))
        side = SideProcess(source_of(redis.url, Path(name)))
        try:
            for there in (False, True, False, True):
                if there:
                    await asyncio.to_thread(redis.start)
                    assert json.loads(await side.ask("runs", "local", {})) == {"runs": [], "total": 0}
                else:
                    redis.kill()
                    with pytest.raises(Failure, match="cannot be read"):
                        await side.ask("runs", "local", {})
        finally:
            await side.stop()
            redis.kill()
