"""What a trainer's ranks send and what they must get, through the client library and whatever happens to the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import assay
from assay import aio
from assay.results import Event
from assay.sdk import Json
from assay.v1 import rollout_pb2

_REWARD = assay.Route({"code": assay.Leaf("code/unit-tests")}, fallback=assay.Leaf("text/exact_match"))
RUN = assay.RunConfig(run_id="run", reward=_REWARD, estimator="advantage/grpo")
SIZE = 8
_CHUNK = 10
_SUITE: dict[str, Json] = {
    "kind": "calls", "entryPoint": "f", "cases": [{"args": [1], "expected": 2}, {"args": [5], "expected": 6}],
}  # fmt: skip


@dataclass
class Received:
    """What one rank got, each result as its bytes without the time it took."""

    samples: dict[str, bytes] = field(default_factory=dict[str, bytes])
    groups: dict[str, bytes] = field(default_factory=dict[str, bytes])
    repeated: list[str] = field(default_factory=list[str])

    def note(self, event: Event) -> None:
        """A result came."""
        if isinstance(event, assay.SampleResult):
            message = rollout_pb2.SampleResult()
            message.CopyFrom(event.message)
            message.score.ClearField("timing")
            self._keep(self.samples, event.rollout_id, message.SerializeToString(deterministic=True))
        elif isinstance(event, assay.GroupResult):
            self._keep(self.groups, event.group_id, event.message.SerializeToString(deterministic=True))

    def _keep(self, kept: dict[str, bytes], name: str, content: bytes) -> None:
        if name in kept:
            self.repeated.append(name)
        kept[name] = content


def rollouts(count: int, *, programs_every: int = 0, first: int = 0) -> list[assay.Rollout]:
    """Rollouts in groups, some right and some wrong, the same each time.

    Args:
        first: the number of the first one.
        programs_every: each of so many groups answers with programs, which somebody has to run; 0 = none does.
    """
    return [
        _program(number) if programs_every and number // SIZE % programs_every == 0 else _answer(number)
        for number in range(first, first + count)
    ]


def _answer(number: int) -> assay.Rollout:
    return assay.Rollout(
        rollout_id=f"r{number}",
        group_id=f"g{number // SIZE}",
        group_size=SIZE,
        prompt_id=f"p{number // SIZE}",
        reference={"answer": "42"},
        response="42" if number * 7 % 5 else f"{number}",
    )


def _program(number: int) -> assay.Rollout:
    return assay.Rollout(
        rollout_id=f"r{number}",
        group_id=f"g{number // SIZE}",
        group_size=SIZE,
        prompt_id=f"p{number // SIZE}",
        task_type="code",
        reference={"suite": _SUITE},
        response=f"```python\ndef f(n):\n    return n + {1 if number * 7 % 5 else number}\n```",
    )


async def run_ranks(
    target: str, token: str, everything: Sequence[assay.Rollout], ranks: int, *, seconds: float = 0.0
) -> Mapping[int, Received]:
    """Let ranks send a part of everything each, members of a group through different ranks, until all is answered.

    Args:
        seconds: over which the sending is spread, so that something can happen meanwhile.
    """
    async with aio.Client(target, token=token, timeout=120.0) as client:
        await client.create_run(RUN)
        parts = [everything[rank::ranks] for rank in range(ranks)]
        groups = len(everything) // SIZE
        found = await asyncio.gather(*(_rank(client, rank, part, groups, seconds) for rank, part in enumerate(parts)))
    return dict(enumerate(found))


async def _rank(client: aio.Client, rank: int, part: Sequence[assay.Rollout], groups: int, seconds: float) -> Received:
    received = Received()
    async with client.stream(RUN.run_id or "", consumer=f"rank-{rank}") as stream:
        sending = asyncio.create_task(_send(stream, part, seconds))
        while len(received.samples) < len(part) or len(received.groups) < groups:
            event = await stream.receive()
            assert event is not None
            received.note(event)
        await sending
    return received


async def _send(stream: aio.RolloutStream, part: Sequence[assay.Rollout], seconds: float) -> None:
    for start in range(0, len(part), _CHUNK):
        await stream.send_many(part[start : start + _CHUNK])
        await asyncio.sleep(seconds * _CHUNK / len(part))


def assert_equal(found: Mapping[int, Received], expected: Mapping[int, Received]) -> None:
    """Each rank got what it got in an undisturbed run, each result once."""
    for rank, received in found.items():
        assert received.repeated == []
        assert received.samples == expected[rank].samples
        assert received.groups == expected[rank].groups
