"""The client library against the real server: what a trainer would write."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import assay
from assay import Anchor, GroupResult, Rollout, RolloutState, RunConfig, SampleResult, Step, aio

from .server import Service

RUN = RunConfig(run_id="library", reward="math", estimator="advantage/grpo")
QUICK = assay.Retries(first_delay=0.02, longest_delay=0.2)


def rollouts(groups: int, size: int = 4) -> list[Rollout]:
    return [
        Rollout(
            f"g{group}-{member}",
            group_id=f"g{group}",
            group_size=size,
            reference={"answer": "18"},
            response=f"so A: {18 if member % 2 else 3}",
        )
        for group in range(groups)
        for member in range(size)
    ]


@pytest.fixture
async def client(server: Service) -> AsyncIterator[aio.Client]:
    async with aio.Client(server.address, retries=QUICK) as client:
        await client.wait_ready(10.0)
        yield client


async def test_rollouts_are_scored_grouped_and_given_advantages(client: aio.Client):
    sent = rollouts(20)
    async with client.stream(RUN, "rank-0") as stream:
        await stream.send_many(sent)
        await stream.finish()
        events = [event async for event in stream]
    values = {event.rollout_id: event.value for event in events if isinstance(event, SampleResult)}
    assert values == {rollout.rollout_id: float(int(rollout.rollout_id[-1]) % 2) for rollout in sent}
    groups = [event for event in events if isinstance(event, GroupResult)]
    assert len(groups) == 20
    for group in groups:
        assert [(member.advantage or 0) > 0 for member in group] == [False, True, False, True]


async def test_grown_rollouts_and_barriers(client: aio.Client):
    config = RunConfig(run_id="grown", reward="reward/episode_return", estimator="advantage/gigpo")
    async with client.stream(config) as stream:
        for member in range(2):
            name = f"r{member}"
            await stream.send(Rollout(name, group_id="g", group_size=2, state=RolloutState.IN_PROGRESS))
            await stream.append(name, 0, [Step("go", anchor=Anchor("hall"), reward=0.0)])
            await stream.append(name, 1, [Step("open", anchor="door", reward=float(member))])
            await stream.append(name, 2, [], final=True)
        await stream.barrier("step-1", count=2)
        seen: dict[str, object] = {}
        while "BatchResult" not in seen:
            event = await stream.receive(20.0)
            seen[type(event).__name__] = event
    group, batch = seen["GroupResult"], seen["BatchResult"]
    assert isinstance(group, GroupResult)
    assert isinstance(batch, assay.BatchResult)
    assert list(group.step_counts) == [2, 2]
    assert group["r0"].step_group_ids == group["r1"].step_group_ids
    assert batch.group_ids == ("g",)


async def test_bad_items_are_answered_and_the_stream_goes_on(client: aio.Client):
    async with client.stream(RUN) as stream:
        await stream.send(Rollout("empty", reference={"answer": "1"}))
        await stream.send(Rollout("repaired", reference={"answer": "1"}, response="\ud800\nA: 1"))
        got: dict[str, SampleResult] = {}
        for _ in range(2):
            event = await stream.receive(20.0)
            assert isinstance(event, SampleResult)
            got[event.rollout_id] = event
    assert got["empty"].error is not None
    assert (got["empty"].error.code, got["empty"].sequence) == (3, 0)
    assert got["repaired"].value == 1.0


async def test_a_newer_stream_takes_the_place_and_a_restore_fences(client: aio.Client):
    async with client.stream(RUN, "me") as old, client.stream(RUN, "me") as new:
        with pytest.raises(assay.StreamReplaced):
            await old.receive(20.0)
        await client.restore_run("library", "", new.generation)
        with pytest.raises(assay.StaleGeneration):
            await new.receive(20.0)
    with pytest.raises(assay.StaleGeneration):
        async with client.stream("library", "me", generation=1):
            pass


async def test_unknown_names_are_told(client: aio.Client):
    with pytest.raises(assay.NotFound):
        async with client.stream("no-such-run"):
            pass
    with pytest.raises(assay.Misuse):
        await client.create_run(RunConfig(reward="no/such-reward"))


async def test_results_that_were_not_taken_come_to_the_next_stream(client: aio.Client):
    async with client.stream(RUN, "me") as stream:
        await stream.send_many(rollouts(1))
        first = await stream.receive(20.0)
    taken = [first]
    async with client.stream(RUN, "me") as stream:
        taken += [await stream.receive(20.0) for _ in range(4)]
    names = [event.rollout_id if isinstance(event, SampleResult) else "group" for event in taken]
    assert sorted(names) == ["g0-0", "g0-1", "g0-2", "g0-3", "group"]


class KillableServer:
    """``assay serve`` with SQLite at one address over several lives."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.target = f"127.0.0.1:{free.getsockname()[1]}"
        self._environment = {
            **os.environ,
            "ASSAY_LISTEN": self.target,
            "ASSAY_HTTP_LISTEN": "",
            "ASSAY_STORE": f"sqlite:{folder / 'assay.db'}",
            "ASSAY_TOKEN_FILE": str(folder / "token"),
        }
        self._log = (folder / "log").open("ab")
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", "import sys; from assay_server.cli import main; sys.exit(main())", "serve"]
        self._process = subprocess.Popen(command, env=self._environment, stderr=self._log, stdout=self._log)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        self._log.close()


@pytest.fixture
def killable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KillableServer]:
    monkeypatch.setenv("ASSAY_TOKEN_FILE", str(tmp_path / "token"))
    server = KillableServer(tmp_path)
    yield server
    server.close()


def test_a_killed_server_loses_nothing_and_answers_nothing_twice(killable: KillableServer):
    client = assay.Client(killable.target, retries=QUICK)
    client.wait_ready(30.0)
    sent = rollouts(300)
    scored: list[str] = []
    groups: list[str] = []
    with client.stream(RUN, "rank-0") as stream:
        sender = threading.Thread(target=stream.send_many, args=(sent,))
        sender.start()
        while len(scored) < len(sent) or len(groups) < 300:
            event = stream.receive(60.0)
            if isinstance(event, SampleResult):
                scored.append(event.rollout_id)
                assert event.value == int(event.rollout_id[-1]) % 2
                if len(scored) in (100, 700):
                    killable.kill()
                    killable.start()
            elif isinstance(event, GroupResult):
                groups.append(event.group_id)
        sender.join(20.0)
    assert sorted(scored) == sorted(rollout.rollout_id for rollout in sent)
    assert sorted(groups) == sorted({rollout.group_id for rollout in sent})
