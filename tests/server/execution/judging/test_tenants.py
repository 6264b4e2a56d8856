"""What a tenant's judges said is nobody else's: neither the verdict, nor that it was asked."""

from __future__ import annotations

import asyncio

from .chat_server import ChatServer, judging, says
from .questions import question


async def test_a_verdict_is_remembered_for_its_tenant_alone(server: ChatServer):
    server.replies(says({"correct": True}))
    async with judging(server.endpoint()) as judge:
        ours, theirs = judge.of("ours"), judge.of("theirs")
        assert not (await ours.ask(question())).cached
        assert (await ours.ask(question())).cached
        assert not (await theirs.ask(question())).cached
    assert len(server.asked) == 2


async def test_a_question_on_its_way_is_not_shared_with_another_tenant(server: ChatServer):
    server.replies(says({"correct": True}))
    async with judging(server.endpoint()) as judge:
        asked = [judge.of(tenant).ask(question()) for tenant in ("ours", "theirs", "ours", "theirs")]
        verdicts = await asyncio.gather(*asked)
    assert [verdict.cached for verdict in verdicts] == [False, False, True, True]
    assert len(server.asked) == 2
