"""Works on a store until it is killed; prints each promise once the store has given it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from assay_server.store.protocol import AcceptItem, ResultItem, RunKey
from assay_server.store.sqlite import SqliteStore


def promise(kind: str, names: Sequence[str | int]) -> None:
    sys.stdout.write(json.dumps([kind, list(names)]) + "\n")
    sys.stdout.flush()


async def work(store: SqliteStore, key: RunKey, worker: int) -> None:
    for turn in range(10**6):
        group = f"{worker}-{turn}"
        names = [f"{group}-{n}" for n in range(4)]
        items = [AcceptItem(name, b"digest", group, 4, name.encode() * 100, True, ("c",)) for name in names]
        await store.accept_rollouts(key, items, 1.0)
        promise("accepted", names)
        await store.complete_rollouts(key, [ResultItem(name, b"result of " + name.encode()) for name in names])
        promise("completed", names)
        _, sequences = await store.emit_groups(key, [(group, group.encode(), ("c",))])
        promise("emitted", [group])
        if turn % 3 == worker % 3:
            acked = await store.outbox_ack(key, "c", sequences["c"])
            promise("acked", [acked.acked])


async def main() -> None:
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    key = (await store.create_run("local", "run", "digest", b""))[0].key
    await asyncio.gather(*(work(store, key, worker) for worker in range(6)))


asyncio.run(main())
