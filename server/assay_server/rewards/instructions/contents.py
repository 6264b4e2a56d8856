"""Instructions about what stands in a response: keywords, language, lengths, placeholders, a postscript.

Every check answers why a response does not follow; empty where it does.
"""

from __future__ import annotations

import re
import unicodedata

from assay_server.rewards.instructions.arguments import Arguments, fault
from assay_server.rewards.instructions.language import foreign_line, known_language, language_fault
from assay_server.rewards.instructions.words import occurrences, plain, sentences, words

_DIVIDER = re.compile(r"(?<![*\w])\*\*\*(?![*\w])")
_BLANK_LINES = re.compile(r"\n[ \t\r]*\n\s*")
_QUOTED = "\"'“”‘’*_#>`( \t"
_FIRST_WORD = re.compile(r"[^\W_]+(?:['’\-‐‑][^\W_]+)*")
_BRACKETS = re.compile(r"\[([^\[\]\n]{1,500})\](?!\()")


def existence(text: str, arguments: Arguments) -> str:
    """Every keyword is there as a whole word."""
    within = plain(text)
    missing = [word for word in arguments.texts("keywords") if not occurrences(within, plain(word), 1)]
    return f"lacks {', '.join(map(repr, missing[:5]))}" if missing else ""


def frequency(text: str, arguments: Arguments) -> str:
    """A keyword is there often enough, or seldom enough, as a whole word."""
    keyword, bound = arguments.text("keyword"), arguments.count("frequency")
    found = occurrences(plain(text), plain(keyword))
    return fault(found, arguments.relation("relation"), bound, f"times {keyword!r}")


def forbidden_words(text: str, arguments: Arguments) -> str:
    """None of the words is there as a whole word."""
    within = plain(text)
    used = [word for word in arguments.texts("forbidden_words") if occurrences(within, plain(word), 1)]
    return f"has {', '.join(map(repr, used[:5]))}" if used else ""


def letter_frequency(text: str, arguments: Arguments) -> str:
    """A letter is there often enough, or seldom enough, in either case."""
    letter = unicodedata.normalize("NFC", arguments.text("letter").strip()).lower()
    if len(letter) != 1:
        raise arguments.refused("letter", "one character")
    found = unicodedata.normalize("NFC", text).lower().count(letter)
    return fault(found, arguments.relation("let_relation"), arguments.count("let_frequency"), f"times {letter!r}")


def response_language(text: str, arguments: Arguments) -> str:
    """The response is in a language, every line of it."""
    language = known_language(arguments.text("language"))
    if language is None:
        raise arguments.refused("language", "the ISO 639-1 code of a language that can be told")
    return language_fault(text, language) or foreign_line(text, language)


def number_sentences(text: str, arguments: Arguments) -> str:
    """So many sentences."""
    bound = arguments.count("num_sentences")
    return fault(sentences(text), arguments.relation("relation"), bound, "sentences")


def number_paragraphs(text: str, arguments: Arguments) -> str:
    """So many paragraphs, parted by ``***``."""
    asked = arguments.count("num_paragraphs")
    parts = _DIVIDER.split(text)
    if any(not part.strip() for part in parts[1:-1]):
        return "a paragraph between two dividers is empty"
    found = sum(1 for part in parts if part.strip())
    return "" if found == asked else f"expected {asked} paragraphs parted by ***, found {found}"


def number_words(text: str, arguments: Arguments) -> str:
    """So many words."""
    return fault(len(words(text)), arguments.relation("relation"), arguments.count("num_words"), "words")


def nth_paragraph_first_word(text: str, arguments: Arguments) -> str:
    """So many paragraphs, parted by blank lines, of which the n-th begins with a word."""
    asked, nth = arguments.count("num_paragraphs", 1), arguments.count("nth_paragraph", 1)
    wanted = plain(arguments.text("first_word")).strip(_QUOTED + ".,?!")
    if nth > asked:
        raise arguments.refused("nth_paragraph", f"a number up to num_paragraphs ({asked})")
    paragraphs = [part for part in _BLANK_LINES.split(text) if part.strip()]
    if len(paragraphs) != asked:
        return f"expected {asked} paragraphs, found {len(paragraphs)}"
    first = _FIRST_WORD.match(paragraphs[nth - 1].strip().lstrip(_QUOTED))
    word = plain(first[0]) if first else ""
    return "" if word == wanted else f"paragraph {nth} begins with {word[:40]!r}, not with {wanted!r}"


def number_placeholders(text: str, arguments: Arguments) -> str:
    """So many placeholders in square brackets: with a letter in them, and no link, box or footnote."""
    held = [match[1].strip() for match in _BRACKETS.finditer(text)]
    found = sum(1 for name in held if any(map(str.isalpha, name)) and name.lower() != "x" and name[0] != "^")
    return fault(found, "at least", arguments.count("num_placeholders"), "placeholders")


def postscript(text: str, arguments: Arguments) -> str:
    """Words follow a postscript's mark, which is no part of a longer word or mark."""
    marker = plain(arguments.text("postscript_marker"))
    parts = [re.escape(part) for part in marker.replace(" ", "").split(".") if part]
    dots = r"\.[ \t]?".join(parts) + (r"\." if marker.endswith(".") else "")
    pattern = dots if "." in marker else re.escape(marker)
    found = re.search(rf"(?:(?<=\s)|(?<=[*_\"“(])|^){pattern}(?![^\W_])[ \t]*[.:*_\"-]*\s*[^\W_]", text, re.IGNORECASE)
    return "" if found else f"no postscript that begins with {marker!r}"
