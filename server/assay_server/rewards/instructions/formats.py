"""Instructions about the form of a response: lists, titles, sections, JSON, parts, letter case, commas, quotations.

Every check answers why a response does not follow; empty where it does.
"""

from __future__ import annotations

import json
import re

from assay_server.rewards.instructions.arguments import Arguments, fault
from assay_server.rewards.instructions.language import language_fault
from assay_server.rewards.instructions.words import plain, words

_BULLET = re.compile(r"^[ \t]*[*+-][ \t]+(?=\S)(.*)$", re.MULTILINE)
_RULE = re.compile(r"[ \t*+-]*")
_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_EMPHASIS = re.compile(r"(?<!\*)(\*{1,3})(?![*\s])([^*\n]{1,5000})(?<!\s)\1(?!\*)")
_FENCE = re.compile(r"```(?:[Jj][Ss][Oo][Nn])?[ \t]*\r?\n?(.*?)```", re.DOTALL)
_TITLE = re.compile(r"<<([^<>\n]+)>>")
_SIX_STARS = re.compile(r"(?<!\*)\*{6}(?!\*)")
_CAPITALS = re.compile(r"[^\W\d_]")
_COMMAS = ",،、，､︐﹐﹑‚٫⹁"
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "「": "」", "『": "』"}


def number_bullet_lists(text: str, arguments: Arguments) -> str:
    """Exactly so many items of lists: a mark, a space, and words."""
    asked = arguments.count("num_bullets")
    found = sum(1 for match in _BULLET.finditer(text) if not _RULE.fullmatch(match[1]))
    return "" if found == asked else f"expected {asked} bullet points, found {found}"


def constrained_response(text: str, arguments: Arguments) -> str:
    """One of three answers, and only one of them."""
    del arguments
    chosen = [option for option in _OPTIONS if option in text]
    if len(chosen) == 1:
        return ""
    return "none of the three answers is given" if not chosen else f"two answers are given: {chosen[0]} {chosen[1]}"


def number_highlighted_sections(text: str, arguments: Arguments) -> str:
    """At least so many highlighted parts, as Markdown has them."""
    return fault(len(_EMPHASIS.findall(text)), "at least", arguments.count("num_highlights"), "highlighted sections")


def multiple_sections(text: str, arguments: Arguments) -> str:
    """At least so many sections, each of which begins on a line of its own with the splitter and another number."""
    splitter = r"\s+".join(map(re.escape, arguments.text("section_spliter").split()))
    pattern = rf"^[ \t>#*_]{{0,20}}{splitter}[ \t]*[*_]*[ \t]*(\d{{1,6}})(?![\w])"
    numbers = {int(match[1]) for match in re.finditer(pattern, text, re.MULTILINE)}
    return fault(len(numbers), "at least", arguments.count("num_sections"), "sections")


def json_format(text: str, arguments: Arguments) -> str:
    """The response is a JSON object or list and nothing else, in a fence or bare."""
    del arguments
    fenced = _FENCE.fullmatch(text.strip())
    body = fenced[1] if fenced else text
    try:
        held: object = json.loads(body, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        return f"is no JSON: {str(error)[:100]}"
    return "" if isinstance(held, dict | list) else "is a bare JSON value, no object or list"


def _no_json(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def title(text: str, arguments: Arguments) -> str:
    """A title in double angular brackets."""
    del arguments
    return "" if any(match[1].strip() for match in _TITLE.finditer(text)) else "no title in <<double brackets>>"


def two_responses(text: str, arguments: Arguments) -> str:
    """Two different responses, parted by six asterisks."""
    del arguments
    parts = _SIX_STARS.split(text)
    if any(not part.strip() for part in parts[1:-1]):
        return "a response between two dividers is empty"
    held = [plain(part) for part in parts if part.strip()]
    if len(held) != 2:
        return f"expected 2 responses parted by ******, found {len(held)}"
    return "both responses are the same" if held[0] == held[1] else ""


def repeat_prompt(text: str, arguments: Arguments) -> str:
    """The response begins with the request, word for word."""
    request, said = plain(arguments.text("prompt_to_repeat")), plain(text)
    following = said[len(request) : len(request) + 1]
    begins = said.startswith(request) and not (request[-1].isalnum() and following.isalnum())
    return "" if begins else "does not begin with the request"


def end_checker(text: str, arguments: Arguments) -> str:
    """The response ends with a phrase, and no word follows."""
    phrase = plain(arguments.text("end_phrase"))
    said = plain(text).strip('"“” ')
    phrase = phrase.strip('"“” ') or phrase
    before = said[: len(said) - len(phrase)][-1:]
    ends = said.endswith(phrase) and not (before.isalnum() and phrase[0].isalnum())
    return "" if ends else f"does not end with {phrase[:100]!r}"


def capital_word_frequency(text: str, arguments: Arguments) -> str:
    """So many words in capitals, of two letters at least."""
    found = sum(1 for word in words(text) if word.isupper() and len(_CAPITALS.findall(word)) > 1)
    bound = arguments.count("capital_frequency")
    return fault(found, arguments.relation("capital_relation"), bound, "words in capitals")


def english_capital(text: str, arguments: Arguments) -> str:
    """English, without a small letter."""
    del arguments
    return language_fault(text, "en") if text.isupper() else "not all letters are capitals"


def english_lowercase(text: str, arguments: Arguments) -> str:
    """English, without a capital letter."""
    del arguments
    return language_fault(text, "en") if text.islower() else "not all letters are small"


def no_comma(text: str, arguments: Arguments) -> str:
    """No comma of any script."""
    del arguments
    at = next((place for place, character in enumerate(text) if character in _COMMAS), -1)
    return "" if at < 0 else f"has a comma at {at}: {text[max(0, at - 20) : at + 1]!r}"


def quotation(text: str, arguments: Arguments) -> str:
    """The whole response stands within one pair of double quotation marks."""
    del arguments
    said = text.strip()
    closing = _QUOTES.get(said[:1])
    if closing is None or len(said) < 3 or said[-1] != closing or not said[1:-1].strip():
        return "is not wrapped in double quotation marks"
    opening, depth = said[0], 0
    for at, character in enumerate(said[:-1]):
        if character not in (opening, closing):
            continue
        closes = character == closing and (closing != opening or (at > 0 and _closes(said[at - 1], said[at + 1])))
        depth += -1 if closes else 1
        if depth == 0:
            return f"the quotation ends at {at}, before the response does"
    return ""


def _closes(before: str, after: str) -> bool:
    """Whether a straight quotation mark between these two closes."""
    return not before.isspace() and not after.isalnum()
