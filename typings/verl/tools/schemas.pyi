from collections.abc import Mapping

from typing_extensions import Self

class OpenAIFunctionToolSchema:
    @classmethod
    def model_validate(cls, obj: Mapping[str, object]) -> Self: ...

class ToolResponse:
    text: str | None
    def __init__(self, *, text: str | None = ...) -> None: ...
