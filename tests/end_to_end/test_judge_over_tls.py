"""Judges over https: an endpoint is believed where the operator's authority vouches for it, and nobody else's."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import cast

import pytest

from assay.sdk import Json, JudgeRequest, Unscorable
from assay_server.execution.judging import CatalogueJudge, Endpoint, EndpointSettings

from .authority import OPENSSL, Authority

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl command to make certificates with")

VERDICT = json.dumps({"choices": [{"message": {"content": '{"correct": true}'}}]}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(VERDICT) + VERDICT
SCHEMA: dict[str, Json] = {"type": "object", "properties": {"correct": {"type": "boolean"}}, "required": ["correct"]}


async def test_a_judge_is_believed_where_its_authority_is_trusted(tmp_path: Path):
    ours, others = Authority(tmp_path, "ours"), Authority(tmp_path, "others")
    pair = ours.issue("judge")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                connections[-1] += 1
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = cast("int", server.sockets[0].getsockname()[1])
    url = f"https://localhost:{port}/v1"
    endpoints = [
        Endpoint(name, EndpointSettings(base_url=url, model="m", ca_file=trusted, retries=0))
        for name, trusted in (("ours", ours.certificate), ("others", others.certificate), ("public", None))
    ]
    judge = CatalogueJudge(endpoints)
    async with server, asyncio.timeout(60):
        for number in range(2):
            request = JudgeRequest("ours", "Is it right?", {"response": str(number)}, SCHEMA)
            assert (await judge.ask(request)).verdict == {"correct": True}
        assert connections == [2]  # one connection for both
        for name in ("others", "public"):
            with pytest.raises(Unscorable, match="SSLCertVerificationError") as caught:
                await judge.ask(JudgeRequest(name, "Is it right?", {"response": "x"}, SCHEMA))
            assert caught.value.reason == "JUDGE_UNAVAILABLE"
        await judge.close()
    assert sum(connections) == 2
