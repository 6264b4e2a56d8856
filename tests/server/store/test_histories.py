"""Memory, metrics and exports come to the same on every backend, also when what they read was put aside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from assay.v1 import rollout_pb2
from assay_server.estimators import Group, Member, Role
from assay_server.pipeline.barriers import FinishedGroup
from assay_server.pipeline.exporting import Exporter
from assay_server.pipeline.facts import facts_of
from assay_server.pipeline.finishing import FinishedResult
from assay_server.pipeline.history import RunHistory, series_of
from assay_server.pipeline.scoring import Tasks
from assay_server.sampling.run_state import StatePolicy
from assay_server.store.memory import MemoryStore
from assay_server.store.protocol import AcceptItem, ResultItem, RunKey, Store
from assay_server.store.redis import RedisStore
from assay_server.store.redis.private_server import PrivateRedis

ROLES = frozenset({Role.POLICY})


async def finish(store: Store, key: RunKey, group_id: str, step: int, *rewards: float, ack: bool = True) -> None:
    """Accept, answer and emit a group as the pipeline does."""
    names = [f"{group_id}/{place}" for place in range(len(rewards))]
    items: list[AcceptItem] = []
    answers: list[ResultItem] = []
    for name, reward in zip(names, rewards, strict=True):
        rollout = rollout_pb2.Rollout(rollout_id=name, group_id=group_id, prompt_id=f"p{step % 2}", global_step=step)
        rollout.steps.add().action.parts.add().text = f"answer of {name}"
        items.append(AcceptItem(name, name.encode(), group_id, len(names), rollout.SerializeToString(), True, ("c",)))
        result = rollout_pb2.SampleResult(rollout_id=name, score=rollout_pb2.Score(value=reward))
        answers.append(ResultItem(name, result.SerializeToString()))
    await store.accept_rollouts(key, items, 1.0)
    await store.complete_rollouts(key, answers)
    message = rollout_pb2.GroupResult(group_id=group_id, kept=True, prompt_id=f"p{step % 2}")
    members = tuple(Member(name, reward) for name, reward in zip(names, rewards, strict=True))
    told = FinishedResult(
        message, ("c",), FinishedGroup(group_id, True, "", len(names)), Group(group_id, members, step)
    )
    _, sequences = await store.emit_groups(key, [(group_id, b"G", ("c",))], [facts_of(told, ROLES)])
    if ack:
        await store.outbox_ack(key, "c", sequences["c"])


async def play(store: Store, key: RunKey) -> None:
    for step in range(1, 5):
        for place in range(3):
            await finish(store, key, f"g{step}-{place}", step, *(float(place > n) for n in range(3)))
        await store.arrive_at_barrier(key, f"b{step}", b"", "c")
        groups = [f"g{step}-{place}" for place in range(3)]
        sequences = await store.finish_barrier(key, f"b{step}", groups, [b"B"], ["c"])
        assert sequences is not None
        await store.outbox_ack(key, "c", sequences["c"])


async def told(store: Store, key: RunKey) -> tuple[bytes, list[tuple[str, list[int], list[float]]]]:
    """All that is remembered and all that is measured."""
    state = await RunHistory(store, key, StatePolicy()).ask(lambda state: state.to_bytes())
    series = await series_of(store, key, [], 0, 0)
    return state, [(one.name, list(one.global_steps), list(one.values)) for one in series]


async def lines(store: Store, key: RunKey, kind: str) -> list[dict[str, object]]:
    async def parts() -> AsyncIterator[bytes]:
        async for part in Exporter(store, Tasks(store), key, kind, {}).json_lines():
            yield part.chunk

    return [json.loads(line) for line in b"".join([chunk async for chunk in parts()]).splitlines()]


async def model() -> tuple[MemoryStore, RunKey]:
    store = MemoryStore()
    key = (await store.create_run("local", "run", "spec digest", b"spec"))[0].key
    await play(store, key)
    return store, key


async def test_every_backend_comes_to_the_same(store: Store, key: RunKey) -> None:
    reference = await model()
    await play(store, key)
    assert await told(store, key) == await told(*reference)
    for kind in ("rollouts", "pairs", "ranked"):
        assert await lines(store, key, kind) == await lines(*reference, kind)


async def test_reading_on_comes_to_what_reading_anew_does(store: Store, key: RunKey) -> None:
    history = RunHistory(store, key, StatePolicy())
    digests: list[str] = []
    for step in range(1, 4):
        await finish(store, key, f"g{step}", step, 1.0, 0.0)
        digests.append(await history.ask(lambda state: state.digest))  # no barrier yet
        await store.arrive_at_barrier(key, f"b{step}", b"", "c")
        await store.finish_barrier(key, f"b{step}", [f"g{step}"], [b"B"], ["c"])
        digests.append(await history.ask(lambda state: state.digest))
        anew = RunHistory(store, key, StatePolicy())
        assert await anew.ask(lambda state: state.digest) == digests[-1]
    assert digests[1::2] == list(dict.fromkeys(digests[1::2]))
    assert digests[2::2] == digests[1:-1:2]


async def test_what_was_put_aside_is_still_remembered_and_exported(redis: PrivateRedis, tmp_path: Path) -> None:
    store = RedisStore(redis.url, tmp_path, lease_seconds=0.3, control_seconds=0.4)
    await store.open()
    key = (await store.create_run("local", "run", "spec digest", b"spec"))[0].key
    await play(store, key)
    await finish(store, key, "unread", 9, 1.0, 0.0, ack=False)
    before = await told(store, key)
    exported = {kind: await lines(store, key, kind) for kind in ("rollouts", "pairs", "ranked")}
    async with asyncio.timeout(20.0):
        while await store.get_group(key, "g4-2") is not None:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(0.05)
    assert await store.get_group(key, "unread") is not None
    assert await told(store, key) == before
    for kind, rows in exported.items():
        assert await lines(store, key, kind) == rows
    await store.close()
