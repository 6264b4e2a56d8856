"""A hundred thousand inputs at all doors of one server: it stands, says nothing of itself, and is not larger for it."""

from __future__ import annotations

import asyncio
import math
import os
import random
import statistics
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from .calling import Gunner, maker_of, shots
from .described import try_description
from .frames import Lines, Wires, send
from .generated import assert_answered, conversations
from .pages import pages, post_all
from .sockets import Talkers, shoot_all, talks
from .target import Target, check_bytes, fuzzed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.soak]

INPUTS = int(os.environ.get("ASSAY_FUZZ_INPUTS", "100000"))
"""How many; twenty thousand are the least that say something of growth."""

SEED = int(os.environ.get("ASSAY_FUZZ_SEED", "0"))
ROUNDS = 20
ROOM: Mapping[str, float] = {"MiB": 24, "descriptors": 12, "threads": 4, "children": 2}
"""By how much the last third may differ from the one before."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Target]:
    async with fuzzed(tmp_path_factory.mktemp("fuzzed")) as found:
        yield found


def assert_flat(series: Sequence[Mapping[str, float]]) -> None:
    third = len(series) // 3
    for name, room in ROOM.items():
        print(f"{name:>12}: " + " ".join(f"{each[name]:.0f}" for each in series))  # noqa: T201 - the figures of a long run
        before, after = (
            statistics.median(each[name] for each in part) for part in (series[third:-third], series[-third:])
        )
        assert after <= before + room, f"{name} grew from {before} to {after}"


def share(percent: int, together: int = 1) -> int:
    """How often in a round so many inputs are sent together, for this part of all."""
    return math.ceil(INPUTS * percent / 100 / ROUNDS / together)


@dataclass
class Watch:
    """What the server needs, round by round."""

    target: Target
    series: list[Mapping[str, float]] = field(default_factory=list[Mapping[str, float]])

    async def rounds(self, one: Callable[[int], Awaitable[object]]) -> None:
        """Do something so many times; at the end the server is what it was."""
        for number in range(ROUNDS):
            await one(SEED * ROUNDS + number)
            self.series.append(self.target.occupied())
        await self.target.assert_unbroken()
        assert_flat(self.series)


async def test_calls(target: Target) -> None:
    gunner = Gunner(target)
    each = share(52)
    await Watch(target).rounds(lambda number: gunner.fire_all(shots(maker_of(target, number), each)))
    print(f"\n{gunner.codes}")  # noqa: T201 - the figures of a long run


async def test_bytes(target: Target) -> None:
    async def some(number: int) -> None:
        wires, lines = Wires(maker_of(target, number), target.token), Lines(random.Random(number), target.token)
        for _ in range(share(10, 16)):
            sent = [send(target.endpoint.address, wires.next()) for _ in range(8)]
            sent += [send(target.endpoint.http_address, lines.next()) for _ in range(8)]
            for answer in await asyncio.gather(*sent):
                check_bytes(answer)
                assert not answer.startswith(b"HTTP/1.1 5")

    await Watch(target).rounds(some)


async def test_bodies(target: Target) -> None:
    each = share(23)
    await Watch(target).rounds(lambda number: post_all(target, pages(maker_of(target, number), each)))


async def test_sockets(target: Target) -> None:
    talkers = Talkers(target)

    async def some(number: int) -> None:
        await talkers.talk_all(talks(maker_of(target, number), share(3)))
        await shoot_all(target, maker_of(target, number), share(2))

    await Watch(target).rounds(some)
    print(f"\n{talkers.kinds}")  # noqa: T201 - the figures of a long run


async def test_description(target: Target) -> None:
    base = f"http://{target.endpoint.http_address}"
    examples = share(5, 72)  # for each of 36 operations what fits, and what does not
    await Watch(target).rounds(lambda number: asyncio.to_thread(try_description, base, target.token, examples, number))


async def test_made_up_messages(target: Target) -> None:
    examples = share(5 * ROUNDS, len(conversations()))
    await asyncio.to_thread(assert_answered, target.endpoint.address, target.token, conversations(), examples)
    await target.assert_unbroken()
