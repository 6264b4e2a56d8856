"""Words, sentences and places of phrases in a response. Every scan is linear in the text."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:['’.,:/@&+\-‐‑][^\W_]+)*")
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
_UNSPACED_CLASS = "".join(f"{chr(low)}-{chr(high)}" for low, high in _UNSPACED)
_IDEOGRAPH = re.compile(f"[{_UNSPACED_CLASS}]")

_BLOCK = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[*+•-]|\d{1,3}[.)])[ \t])|\n(?=[ \t]*#{1,6} )")
_LIST_MARK = re.compile(r"[ \t]*(?:[*+•-]|\d{1,3}[.)]|[A-Za-z]\))[ \t]+")
_NO_SENTENCE = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t][^\n]*|<<[^\n]*>>[ \t]*|\*\*[^*\n]*[^*\n.!?]\*\*[ \t]*|[-*_]{3,}[ \t]*)$", re.MULTILINE
)
_END = re.compile(r"[.!?…]+[\"'”’»)\]*_]*(?=\s|$)|[。！？｡]+[」』”’）)]*|[।॥؟۔]+")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘*_]*$")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_MAY_END = "etc inc ltd co corp jr sr a.m p.m u.s u.k u.n ph.d al no"
_NEVER_END = (
    "mr mrs ms dr prof st vs dept est gen gov hon lt col sgt capt rev fig figs nos vol pp "
    "ed eds approx appt apt ave blvd rd cf ca viz jan feb mar apr jun jul aug sep sept oct nov dec e.g i.e"
)
_BEFORE_CAPITALS = frozenset(_MAY_END.split())
_ABBREVIATIONS = _BEFORE_CAPITALS.union(_NEVER_END.split())
_FEWEST_WORDS = 4
_LONGEST_ABBREVIATION = 8


def words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, with the apostrophes, hyphens, points... within them.

    ``don't``, ``well-known``, ``3.5`` and ``U.S`` are one each. Every character of a script without spaces is one.
    """
    found: list[str] = []
    for match in _WORD.finditer(text):
        if match[0].isascii() or not _IDEOGRAPH.search(match[0]):
            found.append(match[0])
        else:
            apart = _IDEOGRAPH.sub(lambda one: f" {one[0]} ", match[0])
            found += apart.split()
    return found


def plain(text: str) -> str:
    """For finding phrases: composed, without case, one kind of apostrophe, single spaces."""
    folded = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    return " ".join(folded.split())


def occurrences(text: str, phrase: str, most: int = 1_000_000) -> int:
    """How often a phrase stands in a text as whole words, case and spacing apart; both as :func:`plain` has them."""
    found, at = 0, text.find(phrase)
    while at != -1 and found < most:
        end = at + len(phrase)
        whole = not _joined(text[at - 1 : at], phrase[0]) and not _joined(phrase[-1], text[end : end + 1])
        found += whole
        at = text.find(phrase, end if whole else at + 1)
    return found


def _joined(left: str, right: str) -> bool:
    """Whether two neighbouring characters are within one word."""
    return left.isalnum() and right.isalnum() and not _IDEOGRAPH.match(left) and not _IDEOGRAPH.match(right)


def sentences(text: str) -> int:
    """The number of sentences.

    One ends with a full stop, a question or exclamation mark or their like in other scripts, at the end of a word; a
    blank line and an item of a list end one too. Abbreviations, initials, decimals and the numbers of lists end none.
    Headings are none. Words without a mark at their end are one after another sentence, or from four words on.
    """
    return sum(map(_in_block, _BLOCK.split(_NO_SENTENCE.sub("", text))))


def _in_block(block: str) -> int:
    mark = _LIST_MARK.match(block)
    block = block[mark.end() :] if mark else block
    found = start = 0
    for end in _END.finditer(block):
        if _ends(block, end) and any(map(str.isalnum, block[start : end.start()])):
            found += 1
            start = end.end()
    return found + (len(words(block[start:])) >= (1 if found else _FEWEST_WORDS))


def _ends(block: str, end: re.Match[str]) -> bool:
    following = block[end.end() : end.end() + 20].lstrip()[:1]
    if end[0][0] not in ".…":
        return not (following.islower() and end[0][-1] in "\"'”’»)")
    if following.islower():
        return False
    if end[0].rstrip("\"'”’»)]*_") != "." or not following:
        return True
    before = _LAST_WORD.search(block, max(0, end.start() - _LONGEST_ABBREVIATION - 1), end.start())
    word = before[0].casefold() if before else ""
    if word in _ABBREVIATIONS:
        return word in _BEFORE_CAPITALS and following.isupper()
    is_initial = _INITIALS.fullmatch(word) and word not in ("i", "a") and following.isupper()
    numbers_a_line = word.isdigit() and end.start() <= _LONGEST_ABBREVIATION and block[: end.start()].strip() == word
    return not is_initial and not numbers_a_line
