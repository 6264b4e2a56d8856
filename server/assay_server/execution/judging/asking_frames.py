"""What the server and the process that asks judges say to each other: JSON texts, each with its length before it."""

from __future__ import annotations

import asyncio
import json
import math
import struct
from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import SecretStr

from assay.sdk import Json, JudgeRequest, Unscorable
from assay_server.execution.gathering import Gathering
from assay_server.execution.judging.asking import Question, Said
from assay_server.execution.judging.catalogue import Endpoint, EndpointSettings

HEADER = struct.Struct("<I")

Message = Mapping[str, Json]


def framed(message: Mapping[str, object]) -> bytes:
    """A message with its length before it."""
    return _with_length(json.dumps(message).encode())


def _with_length(data: bytes) -> bytes:
    return HEADER.pack(len(data)) + data


def mail_of(writer: asyncio.StreamWriter) -> Gathering[bytes]:
    """Sends messages, those that may wait together."""
    return Gathering(lambda frames: writer.write(b"".join(frames)))


def split_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """The messages that ``data`` begins with, without their lengths, and what is left of it."""
    messages: list[bytes] = []
    start = 0
    while len(data) - start >= HEADER.size:
        (length,) = HEADER.unpack_from(data, start)
        end = start + HEADER.size + length
        if end > len(data):
            break
        messages.append(data[start + HEADER.size : end])
        start = end
    return messages, data[start:]


def parsed(data: bytes) -> dict[str, Json]:
    """A message without its length."""
    return cast("dict[str, Json]", json.loads(data))


def setup_message(endpoints: Iterable[Endpoint]) -> dict[str, object]:
    """The endpoints with their keys: the only way in which keys reach the process."""
    return {
        "endpoints": [
            [one.name, one.settings.model_dump(mode="json"), None if one.key is None else one.key.get_secret_value()]
            for one in endpoints
        ]
    }


def endpoints_of(message: Message) -> list[Endpoint]:
    """What :func:`setup_message` wrote."""
    rows = cast("list[tuple[str, dict[str, Json], str | None]]", message["endpoints"])
    return [
        Endpoint(name, EndpointSettings.model_validate(settings), None if key is None else SecretStr(key))
        for name, settings, key in rows
    ]


def seconds_message(number: int, seconds: float) -> dict[str, object]:
    """Question ``number`` has so many seconds left; None stands for no end."""
    return {"n": number, "left": None if math.isinf(seconds) else seconds}


def seconds_of(message: Message) -> float:
    """What :func:`seconds_message` wrote."""
    left = message["left"]
    return math.inf if left is None else float(cast("float", left))


def question_frame(number: int, question: Question, seconds: float) -> bytes:
    """A question, with the seconds it may take, as :func:`framed` would write it."""
    rest = json.dumps({**seconds_message(number, seconds), "unusable": question.unusable}).encode()
    return _with_length(b'%s, "ask": %s}' % (rest[:-1], question.data))


def question_of(message: Message) -> Question:
    """What :func:`question_frame` wrote."""
    endpoint, instructions, graded, schema, temperature, seed = cast("list[Json]", message["ask"])
    texts = dict(cast("list[tuple[str, str]]", graded))
    request = JudgeRequest(
        cast("str", endpoint), cast("str", instructions), texts, cast("dict[str, Json]", schema),
        cast("float", temperature), cast("int", seed),
    )  # fmt: skip
    unusable = cast("list[str] | None", message["unusable"])
    return Question(request, unusable=None if unusable is None else (unusable[0], unusable[1]))


def said_message(number: int, said: Said) -> dict[str, object]:
    """An answer."""
    fields = [said.text, said.model, said.tokens, said.charged, said.verdict, said.problem]
    return {"n": number, "said": fields}


def failed_message(number: int, error: Exception) -> dict[str, object]:
    """Why there is no answer; the text of what nobody foresaw stays in the process."""
    if isinstance(error, Unscorable):
        return {"n": number, "unscorable": [error.reason, error.message, error.retryable]}
    return {"n": number, "invalid": str(error) if isinstance(error, ValueError) else type(error).__name__}


def answer_of(message: Message) -> Said | Exception:
    """What :func:`said_message` or :func:`failed_message` wrote."""
    if "said" in message:
        text, model, tokens, charged, verdict, problem = cast("list[Json]", message["said"])
        return Said(
            cast("str", text), cast("str", model), None if tokens is None else _pair(tokens), _pair(charged),
            cast("dict[str, Json] | None", verdict), cast("str", problem),
        )  # fmt: skip
    if "unscorable" in message:
        reason, text, retryable = cast("tuple[str, str, bool]", message["unscorable"])
        return Unscorable(reason, text, retryable=retryable)
    return ValueError(message["invalid"])


def _pair(value: Json) -> tuple[int, int]:
    first, second = cast("list[int]", value)
    return first, second
