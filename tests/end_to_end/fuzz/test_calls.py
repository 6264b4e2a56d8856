"""Whatever a server is sent, at whichever door: an answer that says why, no crash, and the next caller notices nothing.

The same at length, and that it does not grow: test_soak.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from .calling import Gunner, maker_of, shots
from .described import try_description
from .frames import PREFACE, Lines, Wires, frame, headers, listens, send
from .generated import assert_answered, conversations
from .pages import pages, post_all
from .sockets import Talkers, shoot_all, talks
from .target import Target, check_bytes, fuzzed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Target]:
    async with fuzzed(tmp_path_factory.mktemp("fuzzed")) as found:
        yield found


async def test_messages_whole_and_damaged(target: Target) -> None:
    gunner = Gunner(target)
    await gunner.fire_all(shots(maker_of(target, 1), 300))
    assert gunner.codes["OK"] > 15
    assert gunner.codes["INVALID_ARGUMENT"] > 40
    await target.assert_unbroken()


async def test_bytes_that_are_no_calls(target: Target) -> None:
    wires, lines = Wires(maker_of(target, 2), target.token), Lines(random.Random(2), target.token)
    for _ in range(30):
        found = await asyncio.gather(
            send(target.endpoint.address, wires.next()), send(target.endpoint.http_address, lines.next())
        )
        for answer in found:
            check_bytes(answer)
            assert not answer.startswith(b"HTTP/1.1 5")
    await target.assert_unbroken()


async def test_bodies_that_are_nearly_right(target: Target) -> None:
    statuses = await post_all(target, pages(maker_of(target, 3), 150))
    assert statuses[200] > 5
    assert statuses[400] > 30
    await target.assert_unbroken()


async def test_what_the_doors_own_description_allows(target: Target) -> None:
    base = f"http://{target.endpoint.http_address}"
    assert await asyncio.to_thread(try_description, base, target.token, 1, 4) > 40
    await target.assert_unbroken()


async def test_conversations_over_a_websocket(target: Target) -> None:
    talkers = Talkers(target)
    await talkers.talk_all(talks(maker_of(target, 5), 120))
    assert talkers.kinds["observation"] > 5
    assert talkers.kinds["INVALID_JSON"] > 2
    await target.assert_unbroken()


async def test_frames_that_are_no_websockets(target: Target) -> None:
    await shoot_all(target, maker_of(target, 6), 60)
    await target.assert_unbroken()


async def test_messages_that_a_property_test_makes_up(target: Target) -> None:
    await asyncio.to_thread(assert_answered, target.endpoint.address, target.token, conversations(), 3)
    await target.assert_unbroken()


async def test_a_path_that_is_no_text_closes_the_door_for_a_moment_at_most(target: Target) -> None:
    block = headers("/assay.v1.RewardService/Score", target.token).replace(b"RewardService", b"Reward\xb1ervice")
    opened = PREFACE + frame(4, 0, 0, b"") + frame(1, 5, 1, block)
    for number in range(3):
        await send(target.endpoint.address, opened)
        async with asyncio.timeout(20.0):
            while _opened_again(target) <= number or not await listens(target.endpoint.address):  # noqa: ASYNC110 - processes tell nobody
                await asyncio.sleep(0.05)
    await target.assert_unbroken()


def _opened_again(target: Target) -> int:
    return sum("is opened again" in str(event.get("event")) for event in target.server.log)
