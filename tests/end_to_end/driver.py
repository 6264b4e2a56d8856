"""A rollout stream of raw messages, and a record of everything that came.

The contract is tested through this and not through the client library, so that neither can hide the other's mistakes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, Self

import grpc
from grpc._cython import cygrpc  # pyright: ignore - its errors are public, its module is not

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2

from .statuses import Refusal, refusal_of, refusal_of_error

PATIENCE_SECONDS = 20.0
"""How long a condition may take before a test gives up; nothing waits this long where all is well."""


CALL_OVER: tuple[type[Exception], ...] = (
    asyncio.InvalidStateError,
    cygrpc.InternalError,  # pyright: ignore - without stubs
    cygrpc.ExecuteBatchError,  # pyright: ignore - as above
)
"""What grpc.aio raises where the server has ended the call first; reading tells how."""


class Call(Protocol):
    """What the tests use of a raw bidirectional call."""

    async def write(self, request: bytes, /) -> None: ...
    async def read(self) -> bytes | object: ...
    async def done_writing(self) -> None: ...
    async def code(self) -> grpc.StatusCode: ...
    def cancel(self) -> bool: ...


class Stream:
    """One open rollout stream: everything it received, by kind and in order.

    Attributes:
        events: every answer in order of arrival.
        accepted: rollout ids taken over, in order.
        appended: (rollout id, length) of appends taken over.
        refused: refusals answered in-band and not held, by rollout id (the empty id for control requests).
        samples: held sample results by rollout id.
        groups: held group results by group id.
        batches: parts of batch results, in order.
        progress: the barriers' progress, in order.
        last: number of the newest result received.
        credit: rollouts it may still send.
        may_skip: results that were acknowledged on this stream before it was sent them may be missing.
        ended: how the stream ended; None while it is open.
    """

    def __init__(self, call: Call, open_request: wire.Open) -> None:
        self._call = call
        self._open = open_request
        self.opened = wire.Opened()
        self.events: list[wire.StreamRolloutsResponse] = []
        self.accepted: list[str] = []
        self.appended: list[tuple[str, int]] = []
        self.refused: dict[str, list[Refusal]] = {}
        self.samples: dict[str, rollout_pb2.SampleResult] = {}
        self.groups: dict[str, rollout_pb2.GroupResult] = {}
        self.batches: list[wire.BatchResult] = []
        self.progress: list[wire.BatchProgress] = []
        self.closing: wire.Closing | None = None
        self.last = 0
        self.may_skip = False
        self.credit = 0
        self.ended: Refusal | str | None = None
        self.problem: AssertionError | None = None
        self._changed = asyncio.Condition()
        self._reading = asyncio.Event()
        self._reading.set()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def start(self) -> None:
        """Open; returns when the server has answered (or ended the stream)."""
        with contextlib.suppress(*CALL_OVER, grpc.aio.AioRpcError):  # a refusal; reading tells it
            await self.write(wire.StreamRolloutsRequest(open=self._open))
        self.listen()
        await self.until(lambda: bool(self.opened.run_id) or self.ended is not None, "opened")

    def listen(self) -> None:
        """Begin to read."""
        self._reader = asyncio.create_task(self._read())

    # ------------------------------------------------------------ sending

    async def write_bytes(self, data: bytes) -> None:
        """Send these bytes as one message."""
        await self._call.write(data)

    async def write(self, request: wire.StreamRolloutsRequest) -> None:
        """Send one request."""
        await self.write_bytes(request.SerializeToString())

    async def overdraw(self, rollouts: Iterable[rollout_pb2.Rollout]) -> None:
        """Send a batch whatever the credit is."""
        batch = list(rollouts)
        assert self.closing is None, "the server said Closing"
        self.credit -= len(batch)
        await self.write(wire.StreamRolloutsRequest(rollouts=wire.RolloutBatch(rollouts=batch)))

    async def send(self, *rollouts: rollout_pb2.Rollout, batch: int = 256) -> None:
        """Send rollouts in batches as the credit allows."""
        rest = list(rollouts)
        while rest:
            await self.until(lambda: self.credit > 0, "credit")
            count = min(self.credit, batch, len(rest))
            await self.overdraw(rest[:count])
            del rest[:count]

    async def append(
        self,
        rollout_id: str,
        from_index: int,
        *steps: rollout_pb2.Step,
        final: bool = False,
        state: rollout_pb2.RolloutState = rollout_pb2.ROLLOUT_STATE_UNSPECIFIED,
    ) -> None:
        """Grow a rollout."""
        append = wire.AppendSteps(rollout_id=rollout_id, from_index=from_index, steps=steps, final=final, state=state)
        await self.write(wire.StreamRolloutsRequest(append_steps=append))

    async def close_group(self, group_id: str, *expected: str) -> None:
        """Fix a group's members."""
        control = wire.GroupControl(group_id=group_id, close=wire.CloseGroup(expected_rollout_ids=expected))
        await self.write(wire.StreamRolloutsRequest(group_control=control))

    async def abort_group(self, group_id: str) -> None:
        """Give a group up."""
        control = wire.GroupControl(group_id=group_id, abort=wire.AbortGroup(reason="not wanted"))
        await self.write(wire.StreamRolloutsRequest(group_control=control))

    async def barrier(
        self,
        barrier_id: str,
        *participants: str,
        kept_groups: int | None = None,
        count: int | None = None,
        all_participants: bool = False,
    ) -> None:
        """Send a barrier."""
        barrier = wire.Barrier(
            barrier_id=barrier_id,
            participants=participants,
            kept_groups=kept_groups,
            count=count,
        )
        if all_participants:
            barrier.all_participants = True
        await self.write(wire.StreamRolloutsRequest(barrier=barrier))

    async def cancel(self, *rollout_ids: str) -> None:
        """Take rollouts back."""
        await self.write(wire.StreamRolloutsRequest(cancel=wire.Cancel(rollout_ids=rollout_ids, reason="not needed")))

    async def ack(self, sequence: int | None = None) -> None:
        """Acknowledge results; everything received where no number is given."""
        number = self.last if sequence is None else sequence
        await self.write(wire.StreamRolloutsRequest(ack=wire.Ack(sequence=number)))

    async def half_close(self) -> None:
        """End this side."""
        with contextlib.suppress(*CALL_OVER):
            await self._call.done_writing()

    async def finish(self) -> None:
        """End this side; returns when the server has sent everything and ended its side."""
        await self.half_close()
        await self.until(lambda: self.ended is not None, "end of the stream")
        assert self.ended == "OK", f"the stream ended with {self.ended}"

    async def disconnect(self) -> None:
        """Go away without a word."""
        self._call.cancel()
        self._reading.set()
        if self._reader is not None:
            await asyncio.gather(self._reader)
        if self.problem is not None:
            raise self.problem

    def stop_reading(self) -> None:
        """Take nothing more from the connection."""
        self._reading.clear()

    def read_on(self) -> None:
        """Read again."""
        self._reading.set()

    # ------------------------------------------------------------ waiting

    async def until(self, condition: Callable[[], bool], what: str = "condition") -> None:
        """Wait until something that came makes the condition true."""
        async with self._changed:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._changed.wait_for(lambda: condition() or self._dead)
            except TimeoutError:
                raise AssertionError(f"waited in vain for {what}; {self.summary()}") from None
        if self.problem is not None:
            raise self.problem
        assert condition(), f"the stream ended before {what}: {self.summary()}"

    @property
    def _dead(self) -> bool:
        return self.ended is not None or (self._reader is not None and self._reader.done())

    async def scored(self, *rollout_ids: str) -> list[rollout_pb2.SampleResult]:
        """The results of these rollouts, when they are there."""
        await self.until(lambda: all(name in self.samples for name in rollout_ids), f"results of {rollout_ids[:8]}")
        return [self.samples[name] for name in rollout_ids]

    async def group(self, group_id: str) -> rollout_pb2.GroupResult:
        """A group's result, when it is there."""
        await self.until(lambda: group_id in self.groups, f"group {group_id}")
        return self.groups[group_id]

    async def batch(self, barrier_id: str) -> wire.BatchResult:
        """A barrier's result with all its parts put together, when it is there."""

        def parts() -> list[wire.BatchResult]:
            return [part for part in self.batches if part.barrier_id == barrier_id]

        await self.until(lambda: bool(parts()) and len(parts()) == parts()[0].parts, f"batch {barrier_id}")
        whole = wire.BatchResult()
        for number, part in enumerate(parts()):
            assert part.part == number
            whole.MergeFrom(part)
        return whole

    async def refusal(self, rollout_id: str = "") -> Refusal:
        """How an item was refused, when it was."""
        await self.until(lambda: rollout_id in self.refused, f"refusal of {rollout_id!r}")
        (refusal,) = self.refused[rollout_id]
        return refusal

    async def failure(self) -> Refusal:
        """The status that ended the stream, when it has."""
        await self.until(lambda: self.ended is not None, "end of the stream")
        assert isinstance(self.ended, Refusal), f"the stream ended with {self.ended}"
        return self.ended

    def summary(self) -> str:
        """What came so far, in short."""
        return (
            f"{len(self.accepted)} accepted, {len(self.samples)} samples, {len(self.groups)} groups, "
            f"{len(self.batches)} batches, last {self.last}, credit {self.credit}, refused {self.refused}, "
            f"closing {self.closing}, ended {self.ended}"
        )

    # ------------------------------------------------------------ receiving

    async def _read(self) -> None:
        try:
            while True:
                await self._reading.wait()
                data = await self._call.read()
                if not isinstance(data, bytes):
                    self.ended = (await self._call.code()).name
                    return
                await self._reading.wait()
                self._note(wire.StreamRolloutsResponse.FromString(data))
                if self.closing is not None:
                    await self.half_close()
                async with self._changed:
                    self._changed.notify_all()
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            own = any(name == "grpc-status-details-bin" for name, _ in error.trailing_metadata() or ())
            self.ended = refusal_of_error(error) if own else code
        except asyncio.CancelledError:
            self.ended = "CANCELLED"
        except AssertionError as problem:
            self.problem = problem
        finally:
            async with self._changed:
                self._changed.notify_all()

    def _note(self, response: wire.StreamRolloutsResponse) -> None:
        self.events.append(response)
        kind = response.WhichOneof("response")
        match kind:
            case "opened":
                self.opened = response.opened
                self.credit += response.opened.max_in_flight
                self.last = max(self._open.resume_after, response.opened.last_acked)
            case "accepted":
                self.accepted.extend(response.accepted.rollout_ids)
                self.appended.extend((one.rollout_id, one.length) for one in response.accepted.appends)
            case "credit":
                assert response.credit.rollouts > 0
                self.credit += response.credit.rollouts
                assert self.credit <= self.opened.max_in_flight
            case "batch_progress":
                self.progress.append(response.batch_progress)
            case "closing":
                self.closing = response.closing
            case _:
                self._note_results(response)
        held = kind in {"sample_results", "group_results", "batch_result"} and response.sequence
        assert held or not response.sequence, f"{kind} must not be numbered"

    def _note_results(self, response: wire.StreamRolloutsResponse) -> None:
        if not response.sequence:
            for result in response.sample_results.results:
                self.refused.setdefault(result.rollout_id, []).append(refusal_of(result.error))
            return
        samples, groups = response.sample_results.results, response.group_results.groups
        count = len(samples) + len(groups) + response.HasField("batch_result")
        gapless = response.sequence - count == self.last or (self.may_skip and response.sequence - count > self.last)
        assert gapless, f"{count} results up to {response.sequence} after {self.last}"
        self.last = response.sequence
        for sample in samples:
            assert sample.rollout_id not in self.samples, f"{sample.rollout_id} came twice"
            if sample.HasField("error"):
                refusal_of(sample.error)
            self.samples[sample.rollout_id] = sample
        for group in groups:
            assert group.group_id not in self.groups, f"group {group.group_id} came twice"
            self.groups[group.group_id] = group
        if response.HasField("batch_result"):
            self.batches.append(response.batch_result)

    def assert_accepted_first(self) -> None:
        """Every result of this stream's own rollouts came after they were accepted."""
        own = set(self.accepted)
        told: set[str] = set()
        for event in self.events:
            told.update(event.accepted.rollout_ids)
            if event.sequence:
                early = [r.rollout_id for r in event.sample_results.results if r.rollout_id in own - told]
                assert not early, f"results before Accepted: {early[:8]}"
