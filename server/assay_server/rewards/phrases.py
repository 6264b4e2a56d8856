"""Answers marked by words ("the answer is", "####", "A:") and, at the lowest rank, the last number."""

from __future__ import annotations

import re

from assay_server.rewards.marks import MAX_CANDIDATES, Found, is_placeholder
from assay_server.rewards.numbers import NUMERAL, parse_number

_ANSWER = re.compile(
    r"""answers?(?:\*\*|["'”)])?(?:\ ?\([^()\n]{0,40}\))?
    (?:\ (?:to|for|of)\b[^.:\n]{0,80}?)?
    (?P<mark>\s{0,3}(?:is|are|was|will\ be|would\ be|should\ be|must\ be|equals|comes\ to|becomes)\b
        (?:\ (?:therefore|thus|hence|then)\b,?)?\s{0,3}(?::|\*\*:)?
      |\s{0,3}(?:\*\*)?\s?[:=](?:\*\*)?
      |(?<=(?i:final\ answer))\s{0,3}(?:\*\*)?[ \t]*\n
      |(?<=(?i:final\ answer\*\*))[ \t]*\n)""",
    re.IGNORECASE | re.VERBOSE,
)
_CITED = re.compile(r"\b(?:reference|expected|gold|golden|ground[- ]truth|target|grader'?s)\s$", re.IGNORECASE)
"""Somebody else's answer: the words stay with it, so that it is no number."""

_BEFORE_CITED = 16
_FINAL = re.compile(r"\bfinal $", re.IGNORECASE)
_NO_ANSWER = re.compile(
    r"\W{0,4}(?:not\b|correct\b|as follows|clear\b|obvious|in the\b|within\b|inside\b|below\b|above\b|given\b)",
    re.IGNORECASE,
)
_BEFORE_A = re.compile(r"(?:^|\n)[ \t>*#-]{0,8}$|(?:[.,;:]|\b(?:so|thus|hence|therefore))[ \t*]{1,3}$", re.IGNORECASE)
_NEXT_CHOICE = re.compile(r"[^\n]*\n[ \t*]{0,4}B ?[:.)]")
_BLANK = re.compile(r"(?:[\s*:}]|\\[\[(]|\$\$(?=\s{0,4}\n)){0,40}(?:(?<=\n)[-•]\s+)?")
_SENTENCE_END = re.compile(r"(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bSt)(?<!\bMrs)[.!?](?=\s|$)|\n|\s[—–]\s(?=[A-Za-z])")
_EDGE = " \t\r\n*`\"'“”"

_NOT_ANSWERS = re.compile(r"<<[^<>\n]{0,200}>>|\\(?:boxed|fbox)\s{0,4}\{[^{}\n]{0,200}\}")
"""Calculator annotations, and the boxes left over once no box was found to answer."""

_LONGEST_PHRASE = 2000
_ALTERNATIVE = re.compile(
    r"(?:either )?(\S{0,3}[0-9][0-9.,/%]{0,20})(?: [A-Za-z]{1,20}){0,2}(?:,? or) (?:[A-Za-z]{1,20} ){0,2}$"
)
_DENIED = re.compile(r"(?:\bnot|n't)(?: be| equal(?: to)?)?\s[$*(]{0,3}$", re.IGNORECASE)
_COMPARED_BEFORE = re.compile(r"(?:(?<=\s)[<>]|[≤≥≠]|\\(?:le|ge|ne|lt|gt)[a-z]{0,6})\s?$")
_COMPARED_BEHIND = re.compile(r"\s?(?:[≤≥≠]|\\(?:le|ge|ne|lt|gt)(?![a-df-pr-z]))|\s[<>](?=\s)")
_FIRST_WINDOW = 64
_LONGEST_WORD = 4096
FARTHEST_NUMBER = 16_384
"""Characters before the end within which an unmarked number counts as the answer."""

_BEFORE = 80


def mentions_answer(text: str) -> bool:
    """Whether the word can be in ``text`` at all; searching backwards is the faster way in a long text."""
    return text.rfind("nswer") != -1 or _in_capitals(text)


def _in_capitals(text: str) -> bool:
    return "W" in text and "NSWER" in text


def last_phrase(region: str, *, mentioned: bool = True) -> Found | None:
    """The last answer marked by words; None where there is none.

    Args:
        region: where to look.
        mentioned: what :func:`mentions_answer` says of it, where that is known.
    """
    found = _last_answer(region) if mentioned else None
    hashed = _last_hash(region) if "#" in region else None
    if hashed is not None and (found is None or hashed[2] > found[2]):
        found = hashed
    line = _last_answer_line(region)
    if line is not None and (found is None or line[2] > found[2]):
        found = line
    return found


def _last_answer(region: str) -> Found | None:
    capitals = _in_capitals(region)
    end = len(region)
    for _ in range(MAX_CANDIDATES):
        before, end = end, region.rfind("nswer", 0, end)
        if capitals:
            end = max(end, region.rfind("NSWER", 0, before))
        if end == -1:
            return None
        found = _answer_at(region, end)
        if found is not None:
            return found
    return None


def _answer_at(region: str, position: int) -> Found | None:
    """The answer behind the word whose second letter is at ``position``."""
    match = _ANSWER.match(region, position - 1) if position else None
    if match is None or (position > 1 and region[position - 2].isalpha()):
        return None
    if _NO_ANSWER.match(region, match.end()):
        return None
    mark = match["mark"].strip(" *\t")
    final = _FINAL.search(region, max(0, position - 8), position - 1) is not None
    method = "final_answer" if final else "answer_line" if mark in (":", "=") else "answer_is"
    found = _sentence(region, match.end(), method)
    if found is None:
        return None
    cited = _CITED.search(region, max(0, position - _BEFORE_CITED), position - 1)
    return found if cited is None else (region[cited.start() : found[3]], method, cited.start(), found[3])


def _last_hash(region: str) -> Found | None:
    end = len(region)
    for _ in range(MAX_CANDIDATES):
        end = region.rfind("####", 0, end)
        if end == -1:
            return None
        found = _line(region, end + 4, "hash")
        if found is not None and (parse_number(found[0]) is not None or not region[found[3] :].strip(_EDGE)):
            return found
    return None


def _last_answer_line(region: str) -> Found | None:
    position = len(region)
    for _ in range(MAX_CANDIDATES):
        position = region.rfind("A:", 0, position)
        if position == -1:
            return None
        starts_line = position == 0 or region[position - 1] == "\n"
        if not starts_line and not _BEFORE_A.search(region, max(0, position - 14), position):
            continue
        if _NEXT_CHOICE.match(region, position):
            continue
        found = _sentence(region, position + 2, "answer_line")
        if found is not None:
            return found
    return None


def _line(region: str, start: int, method: str) -> Found | None:
    limit = min(len(region), start + _LONGEST_PHRASE)
    end = region.find("\n", start, limit)
    return _trimmed(region, start, limit if end == -1 else end, method)


def _sentence(region: str, start: int, method: str) -> Found | None:
    """The answer that begins at ``start`` or on the next line with text, up to the end of its sentence."""
    begin = start + 1 if region[start : start + 1] == " " else start
    if not region[begin : begin + 1].isalnum():
        blank = _BLANK.match(region, start)
        begin = blank.end() if blank else start
    limit = min(len(region), begin + _LONGEST_PHRASE)
    end = _SENTENCE_END.search(region, begin, limit)
    return _trimmed(region, begin, limit if end is None else end.start(), method)


def _trimmed(region: str, start: int, end: int, method: str) -> Found | None:
    text = region[start:end]
    stripped = text.strip(_EDGE)
    if is_placeholder(stripped) or ("\\" in stripped and ("\\boxed{" in stripped or "\\fbox{" in stripped)):
        return None
    start += text.find(stripped)
    return stripped, method, start, start + len(stripped)


def last_number(region: str) -> Found | None:
    """The last number of the text; of "7 or 8" the whole alternative, which is no number.

    Only the last :data:`FARTHEST_NUMBER` characters are looked at.
    """
    window = _FIRST_WINDOW
    while True:
        start = _window_start(region, window)
        last = _last_numeral(region[start:])
        if last is not None:
            return _with_alternative(region, start + last.start(), start + last.end())
        if start == 0 or window >= FARTHEST_NUMBER:
            return None
        window *= 4


def _window_start(region: str, window: int) -> int:
    """Where a word begins, about ``window`` characters before the end: a number is not cut in two."""
    latest = len(region) - window
    if latest <= 0:
        return 0
    earliest = max(0, latest - _LONGEST_WORD)
    space = max(region.rfind(" ", earliest, latest), region.rfind("\n", earliest, latest))
    return space + 1 if space != -1 else earliest


def _last_numeral(tail: str) -> re.Match[str] | None:
    if "<<" in tail or "\\" in tail:
        tail = _NOT_ANSWERS.sub(lambda match: " " * len(match[0]), tail)
    last: re.Match[str] | None = None
    for match in NUMERAL.finditer(tail):
        last = match
    return last


def _with_alternative(region: str, start: int, end: int) -> Found:
    lead = max(0, start - _BEFORE)
    before = region[lead:start]
    alternative = _ALTERNATIVE.search(before) if "or " in before else None
    if alternative is not None:
        start = lead + alternative.start(1)
    denied = _DENIED.search(before) if "not" in before or "n't" in before else None
    if denied is not None:
        start = lead + denied.start()
    compared = _COMPARED_BEFORE.search(before)
    if compared is not None:
        start = min(start, lead + compared.start())
    behind = _COMPARED_BEHIND.match(region, end)
    end = end if behind is None else behind.end()
    return region[start:end], "last_number", start, end
