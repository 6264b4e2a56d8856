"""What a model wrote, as trainers hold it, as the steps of a rollout; and what a dataset's column says is right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from assay._text import parse_json
from assay.contents import ToolCall
from assay.errors import invalid
from assay.rollouts import Step
from assay.sdk.samples import Json

ChatMessage: TypeAlias = "Mapping[str, object]"
"""A message as chat templates read it: ``role``, ``content``, and tool calls where there are any."""

Text: TypeAlias = "str | Sequence[ChatMessage]"
"""A prompt or a completion: plain text, or the messages of a conversation."""


def text_of(content: object) -> str:
    """The text of a message's content: a string, typed parts, or nothing."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(_part_text(part) for part in cast("Sequence[object]", content))
    raise invalid("content", f"expected text or parts, got {type(content).__name__}")


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    said = cast("Mapping[str, object]", part).get("text") if isinstance(part, Mapping) else None
    return said if isinstance(said, str) else ""


def plain(text: Text) -> str:
    """All of it as one text; messages are told apart by lines."""
    if isinstance(text, str):
        return text
    return "\n\n".join(f"{message.get('role', '')}: {text_of(message.get('content'))}" for message in text)


def steps_of(completion: Text) -> tuple[Step, ...]:
    """A completion as steps: one, or one for each assistant message with the answers that came before the next.

    Raises:
        InvalidArgument: messages without one by the assistant.
    """
    if isinstance(completion, str):
        return (Step(action=completion),)
    steps: list[Step] = []
    for message in completion:
        if message.get("role") == "assistant":
            steps.append(Step(action=text_of(message.get("content")), tool_calls=_tool_calls(message)))
        elif steps:
            last = steps[-1]
            said = str(last.observation) + text_of(message.get("content"))
            steps[-1] = Step(action=last.action, tool_calls=last.tool_calls, observation=said)
    if not steps:
        raise invalid("completion", "expected a message by the assistant")
    return tuple(steps)


def _tool_calls(message: ChatMessage) -> tuple[ToolCall, ...]:
    calls = message.get("tool_calls")
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        return ()
    return tuple(_tool_call(cast("ChatMessage", call)) for call in cast("Sequence[object]", calls))


def _tool_call(call: ChatMessage) -> ToolCall:
    function = call.get("function")
    named = cast("ChatMessage", function) if isinstance(function, Mapping) else call
    arguments = named.get("arguments", "")
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(str(named.get("name", "")), written, str(call.get("id") or ""))


def reference_of(truth: Json, key: str = "") -> Mapping[str, Json]:
    """The reference that a dataset's ground truth stands for.

    Args:
        truth: an object or a JSON object as text is the reference itself; anything else is its ``answer``.
        key: where given, ``truth`` is put under it as it is.
    """
    if key:
        return {key: truth}
    if isinstance(truth, Mapping):
        return truth
    if isinstance(truth, str) and truth.lstrip().startswith("{"):
        try:
            parsed = parse_json(truth)
        except ValueError:
            return {"answer": truth}
        if isinstance(parsed, dict):
            return parsed
    return {"answer": truth if isinstance(truth, str) else json.dumps(truth)}


def name_of(*parts: str) -> str:
    """A short name that equal parts share and others do not."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "replace")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:24]


def action_of(response: str, tag: str = "action") -> str:
    """What a model wants to do: the text of its last complete ``<action>`` tag, else all it said, without the ends."""
    end = response.rfind(f"</{tag}>")
    start = response.rfind(f"<{tag}>", 0, end) if end >= 0 else -1
    return (response[start + len(tag) + 2 : end] if start >= 0 else response).strip()
