"""Where the program is in a response: a fenced block, or the whole text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from assay_server.rewards.regions import answer_region

Unfenced = Literal["whole", "none"]
"""What a response without any fence is: a program as a whole, or no program."""

_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[ \t]*([^\n`]*)$", re.MULTILINE)
_THOUGHT_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_ALIASES = {
    "py": "python", "python3": "python", "py3": "python", "c++": "cpp", "cc": "cpp", "cxx": "cpp", "js": "javascript",
    "node": "javascript", "golang": "go", "rs": "rust", "sh": "bash", "shell": "bash",
    "lean4": "lean",
}  # fmt: skip
_MOST_FENCES = 10_000


@dataclass(frozen=True, slots=True)
class Block:
    """A program at ``start:end`` of the response.

    Attributes:
        language: what its fence says, in one spelling; empty where it says nothing.
        method: ``fence``, or ``whole_text``.
    """

    text: str
    language: str
    start: int
    end: int
    method: str


def canonical_language(name: str) -> str:
    """One name for each language: ``py`` and ``Python3`` are ``python``."""
    lowered = name.strip().lower()
    return _ALIASES.get(lowered, lowered)


def find_program(response: str, language: str = "", unfenced: Unfenced = "whole") -> Block | None:
    """The last complete fenced block outside thoughts that is in ``language`` or does not say in which it is.

    Where every block says another language, the last complete one. A block that is never closed is no block. A
    response without any fence is a program as a whole, or none. None where there is no program. Linear in the response.
    """
    region = answer_region(response)
    if region is None:
        return None
    region = _with_line_after_thoughts(response, region)
    fences = 0
    blocks: list[Block] = []
    for block in _blocks(response, region):
        fences += 1
        if block is not None:
            blocks.append(block)
    if fences:
        return _last(blocks, canonical_language(language))
    if unfenced == "none" or not region.strip():
        return None
    start = len(region) - len(region.lstrip()) if region != response else 0
    return Block(response[start:], "", start, len(response), "whole_text")


def _with_line_after_thoughts(response: str, region: str) -> str:
    """The region with a line's end in the place of each thought's last character: a fence may follow at once."""
    if region is response:
        return region
    ends = [tag.end() for tag in _THOUGHT_END.finditer(response) if region[tag.end() - 1] == " "]
    starts = [0, *ends]
    return "\n".join(region[start : end - 1] for start, end in zip(starts, [*ends, len(region) + 1], strict=True))


def _last(blocks: Sequence[Block], language: str) -> Block | None:
    fitting = [block for block in blocks if not language or block.language in ("", language)]
    return (fitting or blocks or [None])[-1]


def _blocks(response: str, region: str) -> Iterator[Block | None]:
    """Fenced blocks in order; None for a last one that is not closed."""
    opened: re.Match[str] | None = None
    for number, fence in enumerate(_FENCE.finditer(region)):
        if number == _MOST_FENCES:
            return
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2].strip():
            start = min(opened.end() + 1, fence.start())
            yield Block(response[start : fence.start()], _tag(opened[2]), start, fence.start(), "fence")
            opened = None
    if opened is not None:
        yield None


def _tag(info: str) -> str:
    words = info.split()
    return canonical_language(words[0].strip("{}.,")) if words else ""
