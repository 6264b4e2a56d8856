"""What is registered is in the store: of every backend, and for every server that shares it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_sandbox.protocol import Grade
from assay_server.execution.discovery import discover
from assay_server.execution.registered.hosts import PluginHosts
from assay_server.execution.registered.registry import IdTaken, Registry
from assay_server.execution.registered.sources import PluginSource
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings
from assay_server.store.protocol import Store
from assay_server.store.redis import RedisStore
from assay_server.store.redis.private_server import PrivateRedis

SOURCE = """
from assay.sdk import Score, reward

@reward("acme/one-v1", bounds=(0, 1))
def one(sample):
    return Score({value})
"""


async def test_replicas_have_what_any_of_them_was_told(tmp_path: Path, redis: PrivateRedis) -> None:
    sandboxes = Sandboxes(SandboxSettings(), lambda _: None)
    if sandboxes.level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    hosts = PluginHosts(sandboxes, 4)
    stores: list[Store] = [RedisStore(redis.url, tmp_path / "records") for _ in range(2)]
    found = discover(None, ())
    ours, theirs = (Registry(found.catalogues, found.records, store, hosts) for store in stores)
    try:
        for store in stores:
            await store.open()
        assert not await theirs.records("tenant")
        record = await ours.register("tenant", PluginSource(SOURCE.format(value=0.5)))
        assert await theirs.records("tenant") == [record]
        assert (await theirs.known_catalogues("tenant")).rewards.resolve("acme/one").digest == record.digest
        assert not await theirs.records("another")
        with pytest.raises(IdTaken):
            await theirs.register("tenant", PluginSource(SOURCE.format(value=1.0)))
        assert await theirs.register("tenant", PluginSource(SOURCE.format(value=0.5))) == record
        assert await ours.records("tenant") == [record]
    finally:
        for store in stores:
            await store.close()
        await hosts.close()
        await sandboxes.stop()
