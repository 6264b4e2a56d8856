"""What was said or seen, as typed parts: a plain ``str`` nearly everywhere, parts where it is more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assay.v1 import rollout_pb2 as v1


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model made.

    Attributes:
        arguments_json: the arguments as the model wrote them: JSON text, possibly malformed.
    """

    name: str
    arguments_json: str = ""
    call_id: str = ""

    def to_message(self) -> v1.ToolCall:
        return v1.ToolCall(call_id=self.call_id, name=self.name, arguments_json=self.arguments_json)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered."""

    text: str
    call_id: str = ""
    is_error: bool = False

    def to_message(self) -> v1.ToolResult:
        return v1.ToolResult(call_id=self.call_id, text=self.text, is_error=self.is_error)


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes held by the service (``Client.put_blobs``), named by what they are.

    Attributes:
        sha256: 64 lower-case hex digits.
    """

    sha256: str
    media_type: str = ""
    size_bytes: int = 0

    def to_message(self) -> v1.BlobRef:
        return v1.BlobRef(sha256=self.sha256, media_type=self.media_type, size_bytes=self.size_bytes)


@dataclass(frozen=True, slots=True)
class Message:
    """A chat message; ``role`` is system, user, assistant or tool, as the chat template names it."""

    role: str
    text: str = ""
    name: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    blobs: tuple[Blob, ...] = ()

    def to_message(self) -> v1.ChatMessage:
        return v1.ChatMessage(
            role=self.role,
            text=self.text,
            name=self.name,
            tool_calls=[call.to_message() for call in self.tool_calls],
            tool_call_id=self.tool_call_id,
            blobs=[blob.to_message() for blob in self.blobs],
        )


Part: TypeAlias = "str | Message | ToolCall | ToolResult | Blob"
Content: TypeAlias = "str | Sequence[Part] | v1.Content"
"""Text, or parts in order, or a ready proto message."""


def fill_content(target: v1.Content, content: Content) -> None:
    """Write ``content`` into a content message.

    Raises:
        TypeError: a part has none of the types of :data:`Part`.
    """
    if isinstance(content, str):
        target.parts.add().text = content
    elif isinstance(content, v1.Content):
        target.CopyFrom(content)
    else:
        if isinstance(content, (bytes, bytearray)):
            raise TypeError("expected text or parts, got bytes")
        for part in content:
            _add_part(target, part)


def _add_part(target: v1.Content, part: Part) -> None:
    if isinstance(part, str):
        target.parts.add().text = part
    elif isinstance(part, Message):
        target.parts.add().message.CopyFrom(part.to_message())
    elif isinstance(part, ToolCall):
        target.parts.add().tool_call.CopyFrom(part.to_message())
    elif isinstance(part, ToolResult):
        target.parts.add().tool_result.CopyFrom(part.to_message())
    else:
        target.parts.add().blob.CopyFrom(_blob(part))


def _blob(part: object) -> v1.BlobRef:
    if not isinstance(part, Blob):
        raise TypeError(f"expected str, Message, ToolCall, ToolResult or Blob, got {type(part).__name__}")
    return part.to_message()
