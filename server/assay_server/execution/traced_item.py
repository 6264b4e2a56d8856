"""What a worker of the cpu lane did with an item, as spans."""

from __future__ import annotations

import time
from collections.abc import Coroutine

from assay_server.execution.cpu.jobs import Ran
from assay_server.tracing.present import LANE, OpenSpan, reason_of

_CPU = "cpu"


async def traced_item(span: OpenSpan, reward: str, work: Coroutine[None, None, Ran]) -> Ran:
    """The same, told below ``span``: how long the item waited for a worker and ran there. Raises as ``work``.

    Of an item that failed it is known how long it was in the lane, not how much of that it waited.
    """
    began = time.time_ns()
    try:
        ran = await work
    except BaseException as error:
        span.child("lane.run", {LANE: _CPU, "assay.reward": reward}, began).end(reason_of(error))
        raise
    ended = time.time_ns()
    started = ended - int(ran.run_seconds * 1e9)
    span.child("lane.wait", {LANE: _CPU}, min(started, began)).end(ended_ns=started)
    span.child("lane.run", {LANE: _CPU, "assay.reward": reward}, started).end(ended_ns=ended)
    return ran
