"""Rollouts that an event loop's tasks ask about one by one, put together into few calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from weakref import WeakKeyDictionary

from assay.integrations.service import Scorer
from assay.results import SampleResult
from assay.rollouts import Rollout

COALESCED: Final = 256
"""Rollouts in one call."""

COALESCE_SECONDS: Final = 0.002
"""How long a rollout waits for others."""


class _Call:
    """A call that still takes rollouts."""

    def __init__(self) -> None:
        self.rollouts: list[Rollout] = []
        self.task: asyncio.Task[Sequence[SampleResult]] | None = None


class CoalescingScorer:
    """A scorer for coroutines: who asks at about the same time shares a call. Blocks no event loop.

    May be used from several event loops, each in its own thread.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, _Call] = WeakKeyDictionary()

    async def score(self, rollout: Rollout) -> SampleResult:
        """The result of a rollout; its id is replaced by one of the call's.

        Raises:
            AssayError: the service cannot be asked. Whoever shared the call is told the same.
        """
        loop = asyncio.get_running_loop()
        call = self._open.get(loop)
        if call is None or len(call.rollouts) >= COALESCED:
            call = self._open[loop] = _Call()
            call.task = loop.create_task(self._send(loop, call))
        place = len(call.rollouts)
        call.rollouts.append(replace(rollout, rollout_id=str(place)))
        assert call.task is not None
        return (await asyncio.shield(call.task))[place]

    async def _send(self, loop: asyncio.AbstractEventLoop, call: _Call) -> Sequence[SampleResult]:
        await asyncio.sleep(COALESCE_SECONDS)
        if self._open.get(loop) is call:
            del self._open[loop]
        return await asyncio.to_thread(self._scorer.score, call.rollouts)
