"""The paragraphs of a solution, which judges are asked about one by one."""

from __future__ import annotations

import re

_BREAK = re.compile(r"\n[ \t\r]*\n\s*")
_MOST = 256


def paragraphs_of(text: str) -> list[tuple[int, int]]:
    """Spans of what blank lines part, 256 at most; the last one takes what goes beyond."""
    spans: list[tuple[int, int]] = []
    start = 0
    for gap in _BREAK.finditer(text):
        if len(spans) == _MOST - 1:
            break
        spans.append((start, gap.start()))
        start = gap.end()
    return [*spans, (start, len(text))]
