"""Which parts of a response can hold its answer: not thoughts, not the question said again."""

from __future__ import annotations

import re

_THINK_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_QUESTION = re.compile(
    r"\s*(?:#{1,6} *|\*\*)?(?:question|problem|q|task|prompt)(?: statement)? ?(?:\*\*)? ?:(?:\*\*)?", re.IGNORECASE
)
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n|\n(?=[ \t*#]*(?:a|answer|solution|response)\b ?\W{0,2}:)", re.IGNORECASE)
_BEGINS_NO_QUESTION = frozenset("abcdefghijklmnorsuvwxyzABCDEFGHIJKLMNORSUVWXYZ0123456789")
_SHORTEST_RESTATEMENT = 40
_MOST_TAGS = 1000
"""With more thought tags than this a response is no answer."""


def answer_region(text: str, prompt: str = "") -> str | None:
    """``text`` with thoughts and a leading restatement of the question blanked out; same length, so offsets hold.

    None where nothing is left to say: the thought was never closed, or the whole text is part of the prompt.
    Linear in the text.
    """
    masked = without_thoughts(text)
    if masked is None:
        return None
    text = masked
    if prompt and len(text) >= _SHORTEST_RESTATEMENT and text.strip() in prompt:
        return None
    heading = None if text[:1] in _BEGINS_NO_QUESTION else _QUESTION.match(text)
    if heading is not None:
        end = _question_end(text, heading.end())
        return " " * end + text[end:]
    return text


def without_thoughts(text: str) -> str | None:
    """``text`` with its thoughts blanked out, same length; None where a thought is never closed. Linear."""
    return _without_thoughts(text) if "<" in text and _may_hold_thoughts(text) else text


def _may_hold_thoughts(text: str) -> bool:
    """A cheap look before the tags are parsed; searching backwards is the faster way in a long text."""
    if "k" in text and (text.rfind("hink>") != -1 or text.rfind("king>") != -1):
        return True
    return "K" in text and ("HINK>" in text or "KING>" in text)


def _without_thoughts(text: str) -> str | None:
    blanks: list[tuple[int, int]] = []
    opened: int | None = None
    for number, tag in enumerate(_THINK_TAG.finditer(text)):
        if number == _MOST_TAGS:
            return None
        if not tag[1]:
            opened = tag.start() if opened is None else opened
            continue
        if opened is None:  # the template opened the thought in the prompt
            blanks, opened = [], 0
        blanks.append((opened, tag.end()))
        opened = None
    return None if opened is not None else _blanked(text, blanks)


def _blanked(text: str, blanks: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    kept = 0
    for start, end in blanks:
        parts += (text[kept:start], " " * (end - start))
        kept = end
    return "".join([*parts, text[kept:]])


def _question_end(text: str, start: int) -> int:
    line_end = text.find("\n", start)
    if line_end != -1 and not text[start:line_end].strip():
        match = _PARAGRAPH_END.search(text, line_end + 1)
        return len(text) if match is None else match.start()
    return len(text) if line_end == -1 else line_end
