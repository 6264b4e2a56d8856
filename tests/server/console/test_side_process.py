from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from assay_server.console.opening import Source, source_of
from assay_server.console.side_process import SideProcess
from assay_server.pipeline.failures import Failure


async def test_answers_go_to_who_asked_also_when_others_leave(store: Path):
    side = SideProcess(Source(f"sqlite:{store}"))
    try:
        leaving = asyncio.create_task(side.ask("whole_run", "local", {"run": "answers"}))
        staying = asyncio.create_task(side.ask("group", "local", {"run": "walks", "group": "walk"}))
        await asyncio.sleep(0)
        leaving.cancel()
        assert json.loads(await staying)["groupId"] == "walk"
        with pytest.raises(asyncio.CancelledError):
            await leaving
        asked = [side.ask("rollout", "local", {"run": "walks", "rollout": f"w.{n % 2}"}) for n in range(8)]
        answers = [json.loads(answer)["rollout"]["rolloutId"] for answer in await asyncio.gather(*asked)]
        assert answers == [f"w.{n % 2}" for n in range(8)]
    finally:
        await side.stop()


async def test_only_so_many_wait(store: Path):
    side = SideProcess(Source(f"sqlite:{store}"))
    try:
        asked = [asyncio.create_task(side.ask("runs", "local", {})) for _ in range(40)]
        done = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in done if isinstance(one, Failure)]
        assert len(refused) == 8
        assert {one.reason for one in refused} == {"TOO_MANY_QUESTIONS"}
    finally:
        await side.stop()


async def test_nothing_is_started_after_the_end(store: Path):
    side = SideProcess(Source(f"sqlite:{store}"))
    await side.warm()
    process = side._process  # pyright: ignore[reportPrivateUsage] - to see that it ends
    assert process is not None
    await side.stop()
    assert process.returncode is not None
    with pytest.raises(Failure):
        await side.ask("runs", "local", {})
    await side.warm()
    assert side._process is None  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("url", ["memory:", "redis://localhost:6379", "sqlite:"])
async def test_what_only_the_server_has_is_refused(url: str):
    assert source_of(url) is None
    with pytest.raises(Failure, match="its own memory") as failed:
        await SideProcess(source_of(url)).ask("runs", "local", {})
    assert failed.value.reason == "NO_RECORDS_FILE"


async def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    side = SideProcess(Source(f"sqlite:{tmp_path / 'nowhere.db'}"))
    try:
        with pytest.raises(Failure) as failed:
            await side.ask("runs", "local", {})
        assert failed.value.reason == "RECORDS_UNAVAILABLE"
        assert not (tmp_path / "nowhere.db").exists()
    finally:
        await side.stop()
