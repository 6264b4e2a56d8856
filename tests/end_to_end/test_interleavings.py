"""Random interleavings of everything that several consumers may do, against a simple model."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assay.v1 import rollout_pb2

from .driver import Stream
from .rollouts import mixed_group, rollout, step
from .server import Service, serving, settings

CONSUMERS = 3


@dataclass(slots=True)
class Received:
    """What a consumer has processed, over all its streams."""

    last: int = 0
    samples: list[str] = field(default_factory=list[str])
    groups: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Model:
    """What was sent: the only truth about what must come."""

    owner: dict[str, int] = field(default_factory=dict[str, int])
    senders: dict[str, set[int]] = field(default_factory=dict[str, set[int]])


class Play:
    """One random course of events."""

    def __init__(self, server: Service, seed: int) -> None:
        self.server = server
        self.chance = random.Random(seed)
        self.model = Model()
        self.received = [Received() for _ in range(CONSUMERS)]
        self.streams: list[Stream | None] = [None] * CONSUMERS
        self.stock = [self._stock(consumer) for consumer in range(CONSUMERS)]
        self.growing: list[dict[str, int]] = [{} for _ in range(CONSUMERS)]
        self.taken: list[set[str]] = [set() for _ in range(CONSUMERS)]
        self.sent: list[list[rollout_pb2.Rollout]] = [[] for _ in range(CONSUMERS)]

    def _stock(self, consumer: int) -> list[rollout_pb2.Rollout]:
        """Groups split over the consumers: member i of a group is sent by consumer (i + group) % 3."""
        mine: list[rollout_pb2.Rollout] = []
        for number in range(12):
            for index, member in enumerate(mixed_group(f"g{number}", 4, number % 5)):
                if (index + number) % CONSUMERS != consumer:
                    continue
                self.model.owner[member.rollout_id] = consumer
                self.model.senders.setdefault(member.group_id, set()).add(consumer)
                mine.append(member)
        for number in range(4):
            name = f"turns-{consumer}-{number}"
            mine.append(rollout(name, "", state=rollout_pb2.ROLLOUT_STATE_IN_PROGRESS))
            self.model.owner[name] = consumer
        random.Random(consumer).shuffle(mine)
        return mine

    # ------------------------------------------------------------ what may happen

    async def connect(self, consumer: int) -> Stream:
        stream = self.streams[consumer]
        if stream is None:
            stream = self.server.stream("run", f"c{consumer}", resume_after=self.received[consumer].last)
            await stream.start()
            assert stream.ended is None
            self.streams[consumer] = stream
        return stream

    async def send(self, consumer: int) -> None:
        count = self.chance.randrange(1, 7)
        batch, self.stock[consumer] = self.stock[consumer][:count], self.stock[consumer][count:]
        if batch:
            stream = await self.connect(consumer)
            await stream.send(*batch)
            self.sent[consumer].extend(batch)
            for member in batch:
                if member.state == rollout_pb2.ROLLOUT_STATE_IN_PROGRESS:
                    self.growing[consumer].setdefault(member.rollout_id, 0)

    async def send_again(self, consumer: int) -> None:
        if self.sent[consumer]:
            stream = await self.connect(consumer)
            await stream.send(*self.chance.choices(self.sent[consumer], k=3))

    async def append(self, consumer: int) -> None:
        if self.growing[consumer]:
            stream = await self.connect(consumer)
            name = self.chance.choice(sorted(self.growing[consumer]))
            await self._grow(stream, consumer, name, final=self.chance.random() < 0.4)

    async def _grow(self, stream: Stream, consumer: int, name: str, *, final: bool) -> None:
        length = self.growing[consumer][name]
        await stream.append(name, length, step(length, "A: 18" if final else "on"), final=final)
        if self.chance.random() < 0.3:
            await stream.append(name, length, step(length, "A: 18" if final else "on"), final=final)
        await stream.until(lambda: (name, length + 1) in stream.appended, "append")
        if final:
            del self.growing[consumer][name]
        else:
            self.growing[consumer][name] = length + 1

    async def acknowledge(self, consumer: int) -> None:
        await (await self.connect(consumer)).ack()

    async def leave(self, consumer: int) -> None:
        """Disconnect; what was not accepted by then is still the consumer's to send."""
        stream = self.streams[consumer]
        if stream is None:
            return
        await stream.disconnect()
        self.streams[consumer] = None
        self._note(consumer, stream)
        self._take_back(consumer, stream)

    def _take_back(self, consumer: int, stream: Stream) -> None:
        taken = self.taken[consumer]
        taken.update(stream.accepted)
        lost = [member for member in self.sent[consumer] if member.rollout_id not in taken]
        self.stock[consumer] = [*lost, *self.stock[consumer]]
        self.sent[consumer] = [member for member in self.sent[consumer] if member.rollout_id in taken]
        for member in lost:  # nothing was appended to it: an append would have come after its Accepted
            self.growing[consumer].pop(member.rollout_id, None)

    def _note(self, consumer: int, stream: Stream) -> None:
        received = self.received[consumer]
        received.last = max(received.last, stream.last)
        received.samples.extend(stream.samples)
        received.groups.extend(stream.groups)

    # ------------------------------------------------------------ the course

    async def run(self, steps: int) -> None:
        actions: list[tuple[int, Callable[[int], Coroutine[None, None, None]]]] = [
            (8, self.send), (2, self.send_again), (6, self.append), (3, self.acknowledge), (3, self.leave)
        ]  # fmt: skip
        weighted = [action for weight, action in actions for _ in range(weight)]
        for _ in range(steps):
            await self.chance.choice(weighted)(self.chance.randrange(CONSUMERS))

    async def finish(self) -> None:
        """Everything that is left is sent, grown and received."""
        async with AsyncExitStack() as closing:
            streams = [await self.connect(consumer) for consumer in range(CONSUMERS)]
            for consumer, stream in enumerate(streams):
                closing.push_async_callback(stream.disconnect)
                while self.stock[consumer]:
                    await self.send(consumer)
                for name in list(self.growing[consumer]):
                    await self._grow(stream, consumer, name, final=True)
            for consumer, stream in enumerate(streams):
                await stream.until(lambda c=consumer, s=stream: self._complete(c, s), "everything")
                await stream.finish()
                self._note(consumer, stream)

    def _wanted(self, consumer: int) -> tuple[set[str], set[str]]:
        samples = {name for name, owner in self.model.owner.items() if owner == consumer}
        return samples, {name for name, senders in self.model.senders.items() if consumer in senders}

    def _complete(self, consumer: int, stream: Stream) -> bool:
        samples, groups = self._wanted(consumer)
        received = self.received[consumer]
        return samples <= {*received.samples, *stream.samples} and groups <= {*received.groups, *stream.groups}

    def check(self) -> None:
        for consumer, received in enumerate(self.received):
            samples, groups = self._wanted(consumer)
            assert sorted(received.samples) == sorted(samples)
            assert sorted(received.groups) == sorted(groups)
            assert received.last == len(samples) + len(groups)


async def _play(store: str, seed: int, steps: int) -> None:
    async with serving(settings(store)) as server:
        await server.create_run("run")
        play = Play(server, seed)
        await play.run(steps)
        await play.finish()
        play.check()


@pytest.mark.parametrize("seed", range(6))
async def test_every_rollout_is_answered_once_and_every_group_told_once(seed: int) -> None:
    await _play("memory:", seed, 60)


@pytest.mark.parametrize("seed", range(100, 102))
async def test_the_same_over_sqlite(seed: int, tmp_path: Path) -> None:
    await _play(f"sqlite:{tmp_path / 'assay.db'}", seed, 40)


@pytest.mark.soak
async def test_many_more_courses() -> None:
    for seed in range(1000, 1080):
        with tempfile.TemporaryDirectory() as directory:
            store = "memory:" if seed % 2 else f"sqlite:{Path(directory) / 'assay.db'}"
            await _play(store, seed, 150)
