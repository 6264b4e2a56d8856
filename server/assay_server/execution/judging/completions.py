"""Chat completions of one endpoint over HTTP: attempts, waits between them, and what an answer holds."""

from __future__ import annotations

import asyncio
import email.utils
import json
import math
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import certifi
from pydantic import BaseModel, Field, ValidationError

from assay.sdk import Json, Unscorable
from assay_server.execution.judging.catalogue import Endpoint
from assay_server.execution.judging.connections import Answer, BrokenConnection, Connections
from assay_server.execution.judging.prompting import Message
from assay_server.version import VERSION

_WORTH_A_RETRY = frozenset({408, 409, 425, 429})
_LONGEST_BODY = 1 << 20
_LONGEST_MODEL = 200
_OK = 200
_LONGEST_DELAY = 30.0
_LONGEST_RETRY_AFTER = 300.0


@dataclass(frozen=True, slots=True)
class Completion:
    """What an endpoint answered.

    Attributes:
        text: what the model said; empty where it said nothing.
        tokens: prompt and completion tokens, as far as the endpoint says.
    """

    text: str
    model: str
    tokens: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why an attempt gave no completion."""

    what: str
    retryable: bool
    retry_after: float | None = None


class ChatCompletions:
    """The ``/chat/completions`` of one endpoint."""

    def __init__(self, endpoint: Endpoint, on_shut: Callable[[str, float], None] | None = None) -> None:
        self._name = endpoint.name
        self._on_shut = on_shut
        self._settings = endpoint.settings
        url = f"{endpoint.settings.base_url}/chat/completions"
        headers = {
            "user-agent": f"assay/{VERSION}",
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        if endpoint.key is not None:
            headers["authorization"] = f"Bearer {endpoint.key.get_secret_value()}"
        trusted = _trusted(endpoint.settings.ca_file) if url.startswith("https:") else None
        self._connections = Connections(url, headers, trusted, _LONGEST_BODY)
        self._shut_until = 0.0

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    def opens_in(self) -> float:
        """Seconds for which the endpoint has asked everyone to wait; not above 0 where it has not."""
        return self._shut_until - asyncio.get_running_loop().time() if self._shut_until else 0.0

    async def complete(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Json],
        temperature: float,
        seed: int,
        remaining: Callable[[], float],
    ) -> Completion:
        """The model's answer, after as many attempts as the operator allows and the deadline has room for.

        Args:
            remaining: seconds until nobody waits any more.

        Raises:
            Unscorable: JUDGE_UNAVAILABLE, with whether a later try makes sense.
        """
        body = self._body(messages, schema, temperature, seed)
        for attempt in range(self._settings.retries + 1):
            answer = await self._attempt(body, remaining())
            if isinstance(answer, Completion):
                return answer
            delay = self._delay(attempt, answer)
            over = attempt == self._settings.retries or delay >= remaining()
            if not answer.retryable or over:
                message = f"the judge {self._name!r} gave no answer in {attempt + 1} attempt(s): {answer.what}"
                raise Unscorable("JUDGE_UNAVAILABLE", message, retryable=answer.retryable)
            await asyncio.sleep(delay)
        raise AssertionError("the last attempt answers or raises")

    def _body(self, messages: Sequence[Message], schema: Mapping[str, Json], temperature: float, seed: int) -> bytes:
        body: dict[str, object] = {
            "model": self._settings.model,
            "messages": messages,
            "temperature": temperature,
            "seed": seed,
            "max_tokens": self._settings.max_tokens,
        }
        match self._settings.response_format:
            case "json_object":
                body["response_format"] = {"type": "json_object"}
            case "json_schema":
                named = {"name": "verdict", "schema": dict(schema)}
                body["response_format"] = {"type": "json_schema", "json_schema": named}
            case "none":
                pass
        return json.dumps(body).encode()

    async def _attempt(self, body: bytes, remaining: float) -> Completion | _Trouble:
        seconds = min(self._settings.timeout, remaining)
        if seconds <= 0.0:
            return _Trouble("its execution timeout is over", retryable=True)
        try:
            async with asyncio.timeout(seconds):
                answer = await self._connections.post(body)
        except TimeoutError:
            return _Trouble(f"no answer within {seconds:.3g} s", retryable=True)
        except BrokenConnection as error:
            return _Trouble(f"the connection failed ({error})", retryable=True)
        return _completion(answer.body) if answer.status == _OK else _refusal(answer)

    def _delay(self, attempt: int, trouble: _Trouble) -> float:
        spread = random.uniform(0.5, 1.0)  # noqa: S311 - only keeps those who wait from coming back at once
        delay = min(_LONGEST_DELAY, self._settings.retry_delay * 2.0**attempt) * spread
        if trouble.retry_after is None:
            return delay
        self._shut_until = max(self._shut_until, asyncio.get_running_loop().time() + trouble.retry_after)
        if self._on_shut is not None:
            self._on_shut(self._name, trouble.retry_after)
        return max(delay, trouble.retry_after)


def _trusted(authorities: Path | None) -> ssl.SSLContext:
    """What https trusts; read once, since reading takes tens of milliseconds."""
    return ssl.create_default_context(cafile=certifi.where() if authorities is None else authorities)


def _refusal(answer: Answer) -> _Trouble:
    """What a status means; the body of an error may repeat the request, so nobody is shown it."""
    retryable = answer.status in _WORTH_A_RETRY or 500 <= answer.status < 600
    return _Trouble(f"HTTP status {answer.status}", retryable, _retry_after(answer.headers.get("retry-after")))


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date; None where it says nothing usable."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER) if math.isfinite(seconds) else None


class _Said(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Said


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class _Answer(BaseModel):
    """What is read of a chat completion; anything else in it is passed over."""

    choices: list[_Choice] = Field(min_length=1)
    model: str = ""
    usage: _Usage | None = None


def _completion(body: bytes | None) -> Completion | _Trouble:
    """What a body of status 200 says; one that is no completion is the trouble of something between."""
    try:
        answer = _Answer.model_validate_json(body or b"")
    except ValidationError:
        return _Trouble("its answer is no chat completion", retryable=True)
    usage = answer.usage
    tokens = None if usage is None else (usage.prompt_tokens, usage.completion_tokens)
    return Completion(answer.choices[0].message.content or "", answer.model[:_LONGEST_MODEL], tokens)
