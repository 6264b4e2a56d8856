"""What is asked of a service: rollouts on streams, programs to be judged, episodes; by the public client alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from uuid import uuid4

from assay import AssayError, CodeJob, Retries, Rollout, RunConfig, SampleResult, Tls, aio
from assay.errors import Failure
from assay.sdk import Json
from assay_server.load.driving import ANSWERED, Outcome, Target

_REFUSALS = frozenset({"RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "UNAUTHENTICATED"})
_REASONING = "Each of the 3 boxes holds 14 pens, so that is 3 * 14 = <<3*14=42>>42 pens in all. "
_PROGRAM = "def add(a, b):\n    return a + b\n"
_SUITE: Mapping[str, Json] = {"kind": "calls", "entryPoint": "add", "cases": [{"args": [1, 2], "expected": 3}]}


@dataclass(frozen=True, slots=True)
class Access:
    """Where the service is, and as who it is called; every call is made once."""

    addresses: str
    key: str | None = None
    tls: Tls | None = None

    def client(self) -> aio.Client:
        """A client that does not try again: what is refused is to be counted."""
        return aio.Client(self.addresses, self.key, tls=self.tls, retries=Retries(attempts=1))


@dataclass(frozen=True, slots=True)
class RolloutLoad:
    """Rollouts of one step, each a request; latency is until its score.

    Attributes:
        characters: of a response; the answer stands at its end.
        reference: what it is compared with, and ``answer`` what it says.
    """

    reward: str = "math"
    answer: str = "42"
    reference: Mapping[str, Json] = field(default_factory=lambda: {"answer": "42"})
    characters: int = 4096
    group_size: int = 8
    streams: int = 1

    @asynccontextmanager
    async def opened(self, access: Access) -> AsyncGenerator[Target]:
        """Streams of a run of its own. Raises AssayError."""
        run = RunConfig(run_id=f"load-{uuid4().hex[:12]}", reward=self.reward, estimator="advantage/grpo")
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(access.client())
            made = await client.create_run(run)
            streams = [
                await stack.enter_async_context(client.stream(made.run_id, f"load-{number}"))
                for number in range(self.streams)
            ]
            target = _Rollouts(self, streams)
            stack.push_async_callback(target.close)
            yield target


class _Rollouts:
    def __init__(self, load: RolloutLoad, streams: Sequence[aio.RolloutStream]) -> None:
        self._load = load
        self._streams = streams
        self._waiting: dict[str, Callable[[Outcome], None]] = {}
        self._readers = [asyncio.create_task(self._read(stream), name="load answers") for stream in streams]
        text = (_REASONING * (load.characters // len(_REASONING) + 1))[: max(0, load.characters - 180)]
        self._response = f"{text}\nA: {load.answer}"
        self._load_id = uuid4().hex[:8]
        self._positions = count()

    async def begin(self, number: int, done: Callable[[Outcome], None]) -> None:
        del number  # begins anew with each step of a load
        position = next(self._positions)
        name, group = f"{self._load_id}-{position}", f"{self._load_id}-{position // self._load.group_size}"
        self._waiting[name] = done
        rollout = Rollout(
            rollout_id=name,
            group_id=group,
            group_size=self._load.group_size,
            prompt_id=group,
            reference=dict(self._load.reference),
            response=self._response,
        )
        try:
            await self._streams[position % len(self._streams)].send(rollout)
        except AssayError as error:
            self._waiting.pop(name)(outcome_of(error.failure))

    async def _read(self, stream: aio.RolloutStream) -> None:
        try:
            async for event in stream:
                if isinstance(event, SampleResult):
                    done = self._waiting.pop(event.rollout_id, None)
                    if done is not None:
                        done(ANSWERED if event.error is None else outcome_of(event.error))
        except AssayError as error:
            for done in self._waiting.values():
                done(outcome_of(error.failure))
            self._waiting.clear()

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)


class _Calls:
    """Requests that are calls, each in a task of its own."""

    def __init__(self, call: Callable[[int], AsyncGenerator[Outcome]]) -> None:
        self._call = call
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, number: int, done: Callable[[Outcome], None]) -> None:
        task = asyncio.create_task(self._made(number, done), name="load call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _made(self, number: int, done: Callable[[Outcome], None]) -> None:
        try:
            async for outcome in self._call(number):
                done(outcome)
        except AssayError as error:
            done(outcome_of(error.failure))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class ProgramLoad:
    """Programs with a suite of one call, each a request; latency is until the verdict."""

    source: str = _PROGRAM
    suite: Mapping[str, Json] = field(default_factory=lambda: _SUITE)

    @asynccontextmanager
    async def opened(self, access: Access) -> AsyncGenerator[Target]:
        """Calls of RunTests."""
        async with access.client() as client:

            async def judged(number: int) -> AsyncGenerator[Outcome]:
                [result] = await client.run_tests([CodeJob(self.source, self.suite, job_id=str(number))])
                yield ANSWERED if result.error is None else outcome_of(result.error)

            target = _Calls(judged)
            try:
                yield target
            finally:
                await target.close()


@dataclass(frozen=True, slots=True)
class SessionLoad:
    """Episodes, each a request: made, played for some steps by admissible actions, closed; latency is of the whole."""

    environment: str = "household"
    steps: int = 10
    group_size: int = 1

    @asynccontextmanager
    async def opened(self, access: Access) -> AsyncGenerator[Target]:
        """Calls of CreateSessions, Step and CloseSessions."""
        async with access.client() as client:

            async def played(number: int) -> AsyncGenerator[Outcome]:
                choose = Random(number)  # noqa: S311 - chooses actions, keeps no secret
                async with client.make_vec(self.environment, 1, self.group_size, number) as episodes:
                    _, info = await episodes.reset()
                    for _ in range(self.steps):
                        actions = [choose.choice(known) if known else None for known in info["admissible_actions"]]
                        *_, info = await episodes.step(actions)
                yield ANSWERED

            target = _Calls(played)
            try:
                yield target
            finally:
                await target.close()


def outcome_of(failure: Failure) -> Outcome:
    """A refusal is what the service itself says of more than it wants, or of who may not; the rest has failed."""
    status = f"{failure.code_name}/{failure.reason}" if failure.reason else failure.code_name
    on_purpose = failure.code_name == "UNAVAILABLE" and failure.reason
    return Outcome("refused" if failure.code_name in _REFUSALS or on_purpose else "failed", status)
