"""What a stream may have queued."""

from __future__ import annotations

import asyncio

from assay_server.pipeline.delivery import Outlet
from assay_server.pipeline.senders import Sender
from assay_server.store.memory import MemoryStore
from assay_server.store.protocol import RunKey


async def test_a_stream_with_too_many_queued_requests_is_read_no_further() -> None:
    sender = Sender(Outlet(MemoryStore(), RunKey("local", "run", 1), "a", 0), ("a",), 4)
    await sender.room()
    sender.requests = 1024
    waiting = asyncio.create_task(sender.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    sender.handled()
    await asyncio.wait_for(waiting, 10)
