"""What a call answers, as JSON text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from google.protobuf.message import Message

from assay.json_mapping import message_to_json, sample_result_to_json
from assay.sdk import Json
from assay.v1 import reward_service_pb2 as wire
from assay_server.api.http.bodies import BIG_BYTES

M = TypeVar("M", bound=Message)


async def answer_text(data: bytes, kind: type[Message]) -> bytes:
    """The JSON text of an encoded answer."""
    return await asyncio.to_thread(_text, data, kind) if len(data) > BIG_BYTES else _text(data, kind)


def _text(data: bytes, kind: type[Message]) -> bytes:
    return json_bytes(answer_json(kind.FromString(data)))


def answer_json(message: Message) -> dict[str, Json]:
    """The JSON of an answer; the value of a score is there also where it is 0."""
    written = message_to_json(message)
    with_scores = _WITH_SCORES.get(type(message))
    return written if with_scores is None else written | with_scores(message)


def json_bytes(value: Mapping[str, Json]) -> bytes:
    """Compact JSON, UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _scored(message: Message) -> dict[str, Json]:
    return {"results": [sample_result_to_json(result) for result in cast("wire.ScoreResponse", message).results]}


def _rescored(message: Message) -> dict[str, Json]:
    results: list[Json] = [
        {"before": sample_result_to_json(result.before), "after": sample_result_to_json(result.after)}
        for result in cast("wire.RescoreResponse", message).results
    ]
    return {"results": results}


def _streamed(message: Message) -> dict[str, Json]:
    response = cast("wire.StreamRolloutsResponse", message)
    if response.WhichOneof("response") != "sample_results":
        return {}
    return {"sampleResults": {"results": [sample_result_to_json(one) for one in response.sample_results.results]}}


_WITH_SCORES: Mapping[type[Message], Callable[[Message], dict[str, Json]]] = {
    wire.ScoreResponse: _scored,
    wire.RescoreResponse: _rescored,
    wire.StreamRolloutsResponse: _streamed,
}
