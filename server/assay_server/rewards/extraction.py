"""Finding the final answer of a response, from its tail.

Strong marks (a box, an answer tag) go before phrases ("the answer is", "####", "A:"), and these before the last
number; of marks of one strength the last one counts. Work is linear in the text: every scan moves one way, and at
most :data:`assay_server.rewards.marks.MAX_CANDIDATES` marks of a kind are looked at.
"""

from __future__ import annotations

import re

from assay.sdk.values import value
from assay_server.rewards.boxes import last_box
from assay_server.rewards.marks import Found, is_placeholder
from assay_server.rewards.phrases import last_number, last_phrase, mentions_answer
from assay_server.rewards.regions import answer_region

_TAG_NAMES = ("answer", "Answer", "ANSWER")
_TAG_WIDTH = len("<answer>")
_TAGS_LOOKED_AT = 8
_NO_TEXT = re.compile(r"\s*")


@value
class Extraction:
    """An answer as it stood in the response.

    Attributes:
        text: the answer.
        method: ``boxed``, ``answer_tag``, ``final_answer``, ``answer_is``, ``hash``, ``answer_line``, ``last_number``,
            ``whole_text`` or ``final_line``.
        start: first character of ``text`` in the response.
        end: one past its last character.
    """

    text: str
    method: str
    start: int
    end: int


def extract_answer(response: str, *, prompt: str = "", truncated: bool = False) -> Extraction | None:
    """The final answer of ``response``, or None where it has none.

    Args:
        response: what the model said.
        prompt: what it was asked, where known: an answer that only repeats the prompt is none.
        truncated: the response was cut, so its last number is not its answer.
    """
    region = answer_region(response, prompt)
    if region is None:
        return None
    mentioned = mentions_answer(region)
    boxed = last_box(region, prompt) if "\\" in region else None
    tagged = _last_tag(region, prompt) if mentioned and "<" in region and _may_hold_tag(region) else None
    found = _later(boxed, tagged) or last_phrase(region, mentioned=mentioned)
    if found is None and not truncated:
        found = last_number(region)
    return None if found is None else Extraction(*found)


def _later(boxed: Found | None, tagged: Found | None) -> Found | None:
    if boxed is None or tagged is None:
        return boxed or tagged
    return boxed if boxed[2] >= tagged[3] else tagged


def _may_hold_tag(region: str) -> bool:
    return region.rfind("nswer>") != -1 or "NSWER>" in region


def _last_tag(region: str, prompt: str) -> Found | None:
    end = len(region)
    opening = [f"<{name}>" for name in _TAG_NAMES if region.rfind(f"<{name}>") != -1]
    closing = [f"</{name}>" for name in _TAG_NAMES if region.rfind(f"</{name}>") != -1]
    for _ in range(_TAGS_LOOKED_AT):
        opened = max((region.rfind(tag, 0, end) for tag in opening), default=-1)
        if opened == -1:
            return None
        start = opened + _TAG_WIDTH
        closed = min((at for tag in closing if (at := region.find(tag, start, end)) != -1), default=end)
        content = region[start:closed]
        if not is_placeholder(content):
            return _within_tag(content, start, prompt)
        end = opened
    return None


def _within_tag(content: str, start: int, prompt: str) -> Found:
    inner = (last_box(content, prompt) if "\\" in content else None) or last_phrase(content)
    if inner is not None:
        return inner[0], "answer_tag", inner[2] + start, inner[3] + start
    lead = _NO_TEXT.match(content)
    begin = start + (lead.end() if lead else 0)
    text = content.strip()
    return text, "answer_tag", begin, begin + len(text)
