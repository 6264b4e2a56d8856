"""Rewards of the cpu lane over a stream: bad items among good ones, a drain, a server that is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.v1 import rollout_pb2, run_service_pb2

from .rollouts import rollout, spec
from .server import serving, settings
from .server_process import server_process

PLUGIN = str(Path(__file__).parents[1] / "server" / "execution" / "plugins" / "hostile.py")
DOES = "hostile/does-v1"
BAD = {"exit_now": 13, "segmentation_fault": 13, "raises": 13, "lone_surrogate": 13, "allocate_at_once": 8, "sleep": 4}


def groups(count: int, size: int) -> list[rollout_pb2.Rollout]:
    return [rollout(f"g{g}/{i}", "fine", group=f"g{g}", size=size) for g in range(count) for i in range(size)]


def made_spec(timeout_ms: int = 500) -> run_service_pb2.RunSpec:
    made = spec(reward=DOES)
    made.reward.leaf.execution_timeout.FromMilliseconds(timeout_ms)
    return made


async def test_bad_items_have_their_status_and_all_groups_come() -> None:
    whole = groups(20, 4)
    bad = {name: f"g{number}/0" for number, name in enumerate(BAD)}
    for name, bad_id in bad.items():
        next(one for one in whole if one.rollout_id == bad_id).steps[0].action.parts[0].text = name
    chosen = settings().model_copy(update={"plugins": (PLUGIN,)})
    async with serving(chosen) as server:
        await server.create_run("run", made_spec())
        async with server.stream("run", "a") as stream:
            await stream.send(*whole)
            await stream.until(lambda: len(stream.samples) == 80 and len(stream.groups) == 20, "everything")
    for name, bad_id in bad.items():
        assert stream.samples[bad_id].error.code == BAD[name], name
    fine = [result for key, result in stream.samples.items() if key not in bad.values()]
    assert {result.score.value for result in fine} == {1.0}


@pytest.mark.parametrize("end", ["kill", "drain"])
async def test_what_was_accepted_is_scored_though_the_server_ends(
    tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_PLUGINS", f'["{PLUGIN}"]')
    monkeypatch.setenv("ASSAY_DRAIN_SECONDS", "0.2")
    whole = groups(10, 4)
    for number in range(0, 40, 8):
        whole[number].steps[0].action.parts[0].text = "sleep"
    async with server_process(tmp_path) as server:
        await server.endpoint.create_run("run", made_spec(1500))
        stream = server.endpoint.stream("run", "a")
        await stream.start()
        await stream.send(*whole)
        await stream.until(lambda: len(stream.accepted) == 40, "accepted")
        if end == "kill":
            await server.kill()
        else:
            server.terminate()
            await server.exit_code()
        await stream.disconnect()
    async with server_process(tmp_path) as server, server.endpoint.stream("run", "a") as again:
        await again.until(lambda: len(again.samples) == 40 and len(again.groups) == 10, "everything")
        slow = {one.rollout_id for one in whole[::8]}
        assert {key for key, result in again.samples.items() if result.error.code == 4} == slow
        assert all(again.samples[one.rollout_id].score.value == 1.0 for one in whole if one.rollout_id not in slow)
