"""Answers in ``\\boxed{...}`` and ``\\fbox{...}``, with nested braces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_server.rewards.marks import MAX_CANDIDATES, Found, is_placeholder

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_OPENING = re.compile(r"\\(?:boxed|fbox)\s{0,4}(\{)?")
_BARE = re.compile(r"[^\s$.,;\\{}][^\s$\\{}]{0,99}")
_BETWEEN = re.compile(
    r"(?:\\[\])]|[\s$])*(,|;|(?:, ?)?(?:\\text\s?\{ ?)?(?:and|or)\b ?\}?)(?:\\[\[(]|[\s$]|[A-Za-z]\s?=)*"
)
_LONGEST_JOINT = 40
_LONGEST_BOX = 10_000
_CONTEXT = 160
_SHORTEST_CONTEXT = 8
_INSTRUCTION = re.compile(
    r"\byour\b[^.\n]{0,60}\b(?:in|within|inside|into|as|using)\s+(?:an? |the )?[$`\"'(]*$", re.IGNORECASE
)
_RESTATING = re.compile(
    r"\b(?:question|problem|task|prompt|exercise)\b[^.\n]{0,40}\b(?:says?|said|asks?|reads?|states?|stated)\b(?P<after>[^\n]*)$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[^.?!\n]{0,80}([.?!\n]|$)")
_RESTATED = ("question", "problem", "task", "prompt", "exercise")
_QUOTES = "\"“'`"


def last_box(region: str, prompt: str = "") -> Found | None:
    """The last box that answers; boxes joined by "and", "or" or a comma are one answer."""
    boxes = boxed_answers(region, prompt)
    last = next(boxes, None)
    if last is None:
        return None
    text, method, start, end = last
    if "}" not in region[max(0, start - _LONGEST_JOINT) : start]:
        return last
    for before in boxes:
        gap = region[before[3] : start]
        joint = _BETWEEN.fullmatch(gap[gap.find("}") + 1 : gap.rfind("\\")]) if len(gap) <= _LONGEST_JOINT else None
        if joint is None:
            break
        text = f"{before[0]}{' or ' if 'or' in joint[1] else ', '}{text}"
        start = before[2]
    return text, method, start, end


def boxed_answers(region: str, prompt: str = "") -> Iterator[Found]:
    """Boxes from the last to the first, without placeholders and boxes of the restated question."""
    framed = region.rfind("\\fbox") != -1
    limit = end = len(region)
    for _ in range(MAX_CANDIDATES):
        position = region.rfind("\\boxed", 0, end)
        if framed:
            position = max(position, region.rfind("\\fbox", 0, end))
        if position == -1:
            return
        end = position
        span = _content(region, position, min(limit, position + _LONGEST_BOX))
        if span is None:
            limit = position
            continue
        start, stop = span
        text = region[start:stop]
        if not is_placeholder(text) and not _restated(region, position, stop, prompt):
            stripped = text.strip()
            start += text.find(stripped)
            yield stripped, "boxed", start, start + len(stripped)


def _content(region: str, position: int, limit: int) -> tuple[int, int] | None:
    """Span of the box's content; None where it is not closed before ``limit``.

    An outer box cannot close behind an inner one that never closes, so the caller lowers ``limit`` and hardly a
    character is scanned twice in vain.
    """
    opening = _OPENING.match(region, position)
    if opening is None:
        return None
    if opening[1] is None:
        bare = _BARE.match(region, opening.end())
        return None if bare is None else bare.span()
    depth = 1
    for brace in _BRACE.finditer(region, opening.end(), limit):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return opening.end(), brace.start()
    return None


def _restated(region: str, position: int, stop: int, prompt: str) -> bool:
    line = region.rfind("\n", max(0, position - _CONTEXT), position) + 1
    before = region[max(line, position - _CONTEXT) : position]
    if prompt and len(before.strip()) >= _SHORTEST_CONTEXT and before + region[position:stop] in prompt:
        return True
    lower = before.lower()
    if "your" in lower and _INSTRUCTION.search(lower):
        return True
    cue = _RESTATING.search(lower) if any(word in lower for word in _RESTATED) else None
    if cue is None:
        return False
    quoted = sum(cue["after"].count(quote) for quote in _QUOTES) % 2 == 1
    ending = _SENTENCE_END.match(region, stop)
    return quoted or (ending is not None and ending[1] == "?")
