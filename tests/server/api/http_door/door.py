"""A server with both doors and a token, and what its answers look like."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import grpc
import httpx
from google.protobuf.message import Message

from assay.json_mapping import message_from_json
from assay.sdk import Json
from assay_server.config import Settings
from assay_server.process import ServerProcess

LEAKS = re.compile(r"Traceback|File \"|\.py\b|site-packages|/usr/|/work|/tmp|object at 0x|\b\w+(?:Error|Exception)\b")

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Refused:
    """An error of either door."""

    code: str
    reason: str
    message: str


@dataclass(slots=True)
class Doors:
    """Both doors of one server."""

    process: ServerProcess
    token: str
    http: httpx.AsyncClient
    channel: grpc.aio.Channel

    @property
    def base(self) -> str:
        return f"http://{self.process.http_address}"

    async def post(
        self, path: str, body: Json | bytes, headers: Mapping[str, str] | None = None, *, known: bool = True
    ) -> httpx.Response:
        """A POST of JSON; with the token unless the caller is not ``known``."""
        all_headers = {"content-type": "application/json", **(self.credentials if known else {}), **(headers or {})}
        if isinstance(body, bytes):
            return await self.http.post(path, content=body, headers=all_headers)
        return await self.http.post(path, json=body, headers=all_headers)

    @property
    def credentials(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    async def message(self, path: str, body: Json, kind: type[M]) -> M:
        """The answer over HTTP, as the message that it stands for."""
        response = await self.post(path, body)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        return message_from_json(cast("Json", response.json()), kind)

    async def by_grpc(self, method: str, request: Message, kind: type[M]) -> M:
        """The answer over gRPC."""
        metadata = tuple(self.credentials.items())
        data = request.SerializeToString()
        call = cast("Awaitable[bytes]", self.channel.unary_unary(f"/assay.v1.{method}")(data, metadata=metadata))
        return kind.FromString(await call)


def refused(response: httpx.Response) -> Refused:
    """The error of an answer; fails the test where it is not one of AIP-193, or leaks the server's insides."""
    body = cast("dict[str, dict[str, Json]]", response.json())
    assert set(body) == {"error"}, body
    error = body["error"]
    assert set(error) == {"code", "message", "status", "details"}, error
    assert error["code"] == response.status_code
    assert not LEAKS.search(response.text), response.text
    details = cast("list[dict[str, Json]]", error["details"])
    (info,) = [detail for detail in details if str(detail["@type"]).endswith("google.rpc.ErrorInfo")]
    assert info["domain"] == "assay"
    return Refused(str(error["status"]), str(info["reason"]), str(error["message"]))


def settings(token_file: Path | None) -> Settings:
    """Free ports, a store in memory."""
    return Settings(listen="127.0.0.1:0", http_listen="127.0.0.1:0", store="memory:", token_file=token_file)


@asynccontextmanager
async def doors(chosen: Settings) -> AsyncGenerator[Doors]:
    """A server of this process, drained at the end."""
    process = ServerProcess(chosen)
    await process.start()
    token = "" if chosen.token_file is None else chosen.token_file.read_text(encoding="ascii").strip()
    try:
        async with (
            httpx.AsyncClient(base_url=f"http://{process.http_address}", timeout=60.0, trust_env=False) as client,
            grpc.aio.insecure_channel(process.address) as channel,
        ):
            yield Doors(process, token, client, channel)
    finally:
        await process.drain()
