"""A question on its way to an endpoint and back: prompt, attempts, verdict; in whichever process that runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from jsonschema import SchemaError

from assay.sdk import Json, JudgeRequest
from assay_server.execution.judging.catalogue import Endpoint
from assay_server.execution.judging.completions import ChatCompletions, Completion
from assay_server.execution.judging.prompting import Message, prompt_of
from assay_server.execution.judging.verdicts import NoVerdict, Schema, compile_schema, read_verdict


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an endpoint.

    Attributes:
        data: the request as :func:`request_data` writes it; empty where it is sent no further.
        unusable: what the judge said when it was asked first, and why that is no verdict; None = it is asked first now.
    """

    request: JudgeRequest
    data: bytes = b""
    unusable: tuple[str, str] | None = None


def request_data(request: JudgeRequest) -> bytes:
    """A request as a JSON list: written once, to be digested and to be sent."""
    texts = list(request.graded.items())
    fields = [request.endpoint, request.instructions, texts, request.schema, request.temperature, request.seed]
    return json.dumps(fields).encode()


@dataclass(frozen=True, slots=True)
class Said:
    """What an endpoint answered.

    Attributes:
        tokens: prompt and completion tokens as the endpoint reports them; None where it does not.
        charged: the same, or the most that they can be.
        verdict: None where there is none; ``problem`` says why.
    """

    text: str
    model: str
    tokens: tuple[int, int] | None
    charged: tuple[int, int]
    verdict: Mapping[str, Json] | None
    problem: str = ""


class Deadline(Protocol):
    """When nobody waits any more; it moves out when somebody joins.

    Attributes:
        moved: called when it does.
    """

    moved: Callable[[], None] | None

    def remaining(self) -> float:
        """Seconds left."""
        ...


class Asking(Protocol):
    """Asks endpoints."""

    def opens_in(self, endpoint: str) -> float:
        """Seconds for which the endpoint has asked everyone to wait; not above 0 where it has not."""
        ...

    def ask(self, question: Question, deadline: Deadline) -> asyncio.Future[Said]:
        """The answer, when it is there; cancelling it takes the question back.

        Raises, when it is asked for:
            Unscorable: JUDGE_UNAVAILABLE, with whether a later try makes sense.
            ValueError: a text's name is no label, or the schema is none.
        """
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class DirectAsking:
    """Asks on this loop.

    Args:
        on_shut: told of an endpoint that asks everyone to come back so many seconds later.
    """

    def __init__(self, endpoints: Iterable[Endpoint], on_shut: Callable[[str, float], None] | None = None) -> None:
        self._completions = {endpoint.name: ChatCompletions(endpoint, on_shut) for endpoint in endpoints}

    def opens_in(self, endpoint: str) -> float:
        return self._completions[endpoint].opens_in()

    def ask(self, question: Question, deadline: Deadline) -> asyncio.Future[Said]:
        return asyncio.create_task(self.answer(question, deadline), name="question to a judge")

    async def answer(self, question: Question, deadline: Deadline) -> Said:
        """What :meth:`ask` comes to."""
        request = question.request
        schema = _compiled(json.dumps(request.schema, sort_keys=True))
        prompt = prompt_of(request)
        messages = prompt.messages if question.unusable is None else prompt.repaired(*question.unusable)
        completion = await self._completions[request.endpoint].complete(
            messages, request.schema, request.temperature, request.seed, deadline.remaining
        )
        charged = completion.tokens or _most_tokens(messages, completion)
        try:
            verdict, problem = read_verdict(completion.text, schema), ""
        except NoVerdict as error:
            verdict, problem = None, str(error)
        return Said(completion.text, completion.model, completion.tokens, charged, verdict, problem)

    async def close(self) -> None:
        await asyncio.gather(*(completions.close() for completions in self._completions.values()))


def _most_tokens(messages: Sequence[Message], completion: Completion) -> tuple[int, int]:
    """What an endpoint that does not say is charged: the most that its texts can be; a token has at least one byte."""
    asked = sum(len(message["content"].encode(errors="replace")) for message in messages)
    return asked, len(completion.text.encode(errors="replace"))


@lru_cache(maxsize=256)
def _compiled(schema: str) -> Schema:
    """Questions of one reward share their schema."""
    parsed: dict[str, Json] = json.loads(schema)
    try:
        return compile_schema(parsed)
    except SchemaError as error:
        raise ValueError(f"the schema of a verdict: {error.message[:300]}") from error
