"""What all marks of an answer share: the shape of a find, and what is no answer though it is marked."""

from __future__ import annotations

import re

Found = tuple[str, str, int, int]
"""text, method, start, end."""

MAX_CANDIDATES = 64
"""Marks of one kind that are looked at, from the tail; a text with more rejected ones has no answer of that kind."""

_PLACEHOLDER = re.compile(
    r"[\s.…?_$*\-]*|\W*(?:\\text\s*\{)?\W*(?:your|the|final|my|insert)? ?(?:final |numeric(?:al)? )?"
    r"(?:answer|number|result|value|solution|letter)(?: here| goes here)?\W*",
    re.IGNORECASE,
)
_LONGEST_PLACEHOLDER = 60


def is_placeholder(text: str) -> bool:
    """Whether marked text only says where an answer would go: empty, ``...``, ``your answer here``."""
    if text.isalnum() and text[0] <= "9":
        return False
    if len(text) > _LONGEST_PLACEHOLDER:
        return not text.strip()
    return _PLACEHOLDER.fullmatch(text) is not None
