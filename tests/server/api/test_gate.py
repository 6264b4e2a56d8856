"""Calls for which there is no room are refused before their message is there, and noted like others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, cast

import grpc
import pytest

from assay.v1 import rollout_pb2
from assay.v1 import sandbox_service_pb2 as wire
from assay_server.api.gate import Gate
from assay_server.api.handlers import Admission, Door
from assay_server.api.principals import Authenticator, Principal
from assay_server.api.rates import RateSettings, TenantRates
from assay_server.audit import AuditLog
from assay_server.metrics import Metrics
from assay_server.pipeline.failures import Code, Failure
from assay_server.tracing.recording import Tracing
from tests.circles import circles
from tests.end_to_end.spans import Listener

PATH = "/assay.v1.SandboxService/RunTests"
TOKEN = (("authorization", "Bearer secret"),)
ANSWER = wire.RunTestsResponse(results=[wire.TestJobResult(job_id="done")])


class Call(Protocol):
    """A unary method as bytes."""

    async def __call__(self, request: bytes, *, metadata: tuple[tuple[str, str], ...] = ()) -> bytes: ...


class Ending(Protocol):
    """A call under way."""

    async def code(self) -> grpc.StatusCode: ...


class Sending(Protocol):
    """The same method, its message in a stream."""

    def __call__(self, requests: AsyncIterator[bytes], *, metadata: tuple[tuple[str, str], ...]) -> Ending: ...


class Served:
    """A door with one method, and room or none."""

    def __init__(self, audit: Path | None = None, tracing: Tracing | None = None) -> None:
        self.full = True
        self.wait = 0.75
        self.metrics = Metrics()
        self.rates = TenantRates(RateSettings())
        self._audit = AuditLog(audit)
        self._tracing = tracing
        self.read: list[bytes] = []

    def refusal(self, principal: Principal) -> Failure | None:
        if not self.full:
            return None
        return Failure(Code.RESOURCE_EXHAUSTED, "SANDBOX_BUSY", f"{principal.tenant} waits", retry_after=self.wait)

    async def answer(self, _: Principal, data: bytes) -> wire.RunTestsResponse:
        self.read.append(data)
        return ANSWER

    @asynccontextmanager
    async def channel(self) -> AsyncGenerator[grpc.aio.Channel]:
        unary, streams = Admission(9), Admission(9)
        door = Door(Authenticator("secret"), self.metrics, unary, streams, self.rates, self._audit, self._tracing)
        server = grpc.aio.server()
        gate = Gate({PATH: door.unary(PATH, self.answer)}, {PATH: self.refusal}, door)
        server.add_generic_rpc_handlers((gate,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
        await server.stop(0)
        self._audit.close()

    def counted(self, code: str) -> float:
        labels = {"grpc_service": "assay.v1.SandboxService", "grpc_method": "RunTests", "grpc_code": code}
        return self.metrics.registry.get_sample_value("grpc_server_handled_total", labels) or 0.0


def method(channel: grpc.aio.Channel, path: str = PATH) -> Call:
    return cast("Call", channel.unary_unary(path))


async def refused(call: Call, metadata: tuple[tuple[str, str], ...] = TOKEN) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"\xff no message", metadata=metadata)
    return caught.value


def retry_seconds(error: grpc.aio.AioRpcError) -> float:
    """Of the RetryInfo."""
    details = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    status = rollout_pb2.Status.FromString(details)
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    (delay,) = (
        rollout_pb2.RetryInfo.FromString(detail.value).retry_delay
        for detail in status.details
        if detail.type_url.endswith("google.rpc.RetryInfo")
    )
    return delay.seconds + delay.nanos / 1e9


async def test_a_refused_call_is_told_when_to_come_again_and_its_bytes_are_not_looked_at() -> None:
    served = Served()
    async with served.channel() as channel:
        error = await refused(method(channel))
        assert (error.code(), error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "local waits")
        assert retry_seconds(error) == 0.75
        served.full = False
        assert await method(channel)(b"as it is", metadata=TOKEN) == ANSWER.SerializeToString()
    assert served.read == [b"as it is"]


async def test_each_refusal_has_its_own_time_however_many_there_were() -> None:
    served = Served()
    waits = [*(number / 100 for number in range(1, 300)), 0.75, 0.75, 0.01]
    async with served.channel() as channel:
        for wait in waits:
            served.wait = wait
            assert retry_seconds(await refused(method(channel))) == pytest.approx(wait)


async def test_a_refusal_leaves_nothing_of_ours_to_the_next_collection() -> None:
    served = Served()
    async with served.channel() as channel:
        with circles("assay_server", "assay_sandbox") as left:
            await asyncio.gather(*(refused(method(channel)) for _ in range(20)))
            await asyncio.sleep(0.1)
    assert not left


async def test_a_call_is_refused_before_it_has_sent_its_message() -> None:
    served, never = Served(), asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        await never.wait()
        yield b""

    async with served.channel() as channel:
        call = cast("Sending", channel.stream_unary(PATH))
        assert await call(silent(), metadata=TOKEN).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        never.set()


async def test_who_may_not_call_hears_that_and_not_that_there_is_no_room() -> None:
    served = Served()
    async with served.channel() as channel:
        for metadata in ((), (("authorization", "Bearer other"),)):
            assert (await refused(method(channel), metadata)).code() is grpc.StatusCode.UNAUTHENTICATED
        unknown = method(channel, PATH.replace("RunTests", "Unheard"))
        assert (await refused(unknown)).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_refusals_are_counted_and_written_down(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    served = Served(audit)
    async with served.channel() as channel:
        for _ in range(3):
            await refused(method(channel))
        served.full = False
        await method(channel)(b"", metadata=TOKEN)
    assert (served.counted("RESOURCE_EXHAUSTED"), served.counted("OK")) == (3, 1)
    lines = [json.loads(line) for line in audit.read_text(encoding="utf-8").splitlines()]
    told = [(line["tenant"], line["code"], line["reason"]) for line in lines]
    assert told == [("local", "RESOURCE_EXHAUSTED", "SANDBOX_BUSY")] * 3 + [("local", "OK", "")]


async def test_a_refusal_is_a_span_of_its_callers_trace_that_failed() -> None:
    listener, trace = Listener(), 0x0AF7651916CD43DD8448EB211C80319C
    served = Served(tracing=listener.tracing)
    async with served.channel() as channel:
        await refused(method(channel), (*TOKEN, ("traceparent", f"00-{trace:032x}-b7ad6b7169203331-01")))
    (span,) = listener.named(PATH.strip("/"))
    assert (span.trace, span.status, span.said("tenant")) == (trace, "SANDBOX_BUSY", "local")
