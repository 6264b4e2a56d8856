"""``verify/choice``: is the chosen option the right one?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from assay.sdk import Evidence, Json, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.answers import normal_text
from assay_server.rewards.extraction import Extraction, extract_answer
from assay_server.rewards.latex import plain_text
from assay_server.rewards.references import reference_text
from assay_server.rewards.regions import answer_region

_LETTERS = "ABCDEFGHIJ"
_LETTER = re.compile(
    r"""(?:the\ )?(?:correct\ )?(?:option|choice|answer)?(?:\ is)?[ :]*[(\[{]*([A-Ja-j])(?:[)\]}.:,]+|$)(?!\S)
      |(?:option|choice)\ ([A-J])\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ANOTHER = re.compile(r"(?:\b(?:or|and|either)\b|[/,&])[ (]*([A-J])\b(?![a-z])")
_PHRASE = re.compile(
    r"""(?:\b(?:answer|option|choice)\b(?:\ is|:)?:?|\b(?:choose|pick|select)\b)[ :*]{0,4}(?:option\ |choice\ )?
    [(\[*]{0,3}([A-J])\b(?!['’]|\ ?[a-z])(?:[)\].:,*]|\s|$)""",
    re.IGNORECASE | re.VERBOSE,
)
_ALONE = re.compile(r"(?<![\w'’(])(?:\(([A-J])\)|([A-J])[.):]?)(?=[\s*.]*$)")
_ALTERNATIVE = re.compile(r"\b[A-J]\)?(?:,|/|,? (?:or|and))(?: option)? ?$")
_TAIL = 400


@reward(
    "verify/choice-v1",
    bounds=(0.0, 1.0),
    binary=True,
    aliases=("choice",),
    reference_keys=("answer", "choices"),
    source="verify/choice (SARI)",
)
def choice(sample: Sample) -> Score:
    """1 where the chosen letter (A to J) is the reference's, else 0.

    The reference is a letter, or the text of one of ``choices`` (a list, or an object by letter). The response may
    say ``(B)``, ``B.``, ``option B``, ``\\boxed{\\text{B}}``, or, where ``choices`` are given, an option's text. Two
    different letters are no choice.
    """
    options = _options(sample.reference)
    expected = _expected(sample.reference, options)
    found = extract_answer(sample.response, prompt=sample.prompt, truncated=sample.truncated)
    chosen = _read(found, options) if found is not None and found.method != "last_number" else None
    if chosen is None:
        found, chosen = _from_tail(sample, options) or (found, None)
    if found is None or chosen is None:
        shown = found.text[:1000] if found is not None else ""
        return Score(0.0, Verdict.INCORRECT, Evidence(extracted=shown, reason="no choice found"))
    right = chosen == expected
    reason = f"chose {chosen}, {'as' if right else 'not'} the reference"
    evidence = Evidence(found.text[:1000], found.method, found.start, found.end, reason, "letter")
    return Score(1.0 if right else 0.0, Verdict.CORRECT if right else Verdict.INCORRECT, evidence, chosen)


def _options(reference: Mapping[str, Json]) -> dict[str, str]:
    """Normalised text of each option by letter; empty where the reference has none."""
    choices = reference.get("choices")
    if choices is None:
        return {}
    pairs = list(choices.items()) if isinstance(choices, dict) else list(zip(_LETTERS, _listed(choices), strict=False))
    options = {letter.upper(): normal_text(str(text)) for letter, text in pairs if letter.upper() in _LETTERS}
    if len(options) < len(pairs) or "" in options:
        raise Unscorable("REFERENCE_UNPARSEABLE", "choices: expected letters A to J", field="reference.choices")
    return options


def _listed(choices: Json) -> Sequence[Json]:
    if isinstance(choices, list) and 0 < len(choices) <= len(_LETTERS):
        return choices
    message = f"choices: expected a list of 1 to {len(_LETTERS)} texts or an object by letter"
    raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.choices")


def _expected(reference: Mapping[str, Json], options: Mapping[str, str]) -> str:
    gold = reference_text(reference)
    letter = _letter(gold) or _option_with_text(gold, options)
    if letter is None or (options and letter not in options):
        message = f"answer: expected a letter A to J or the text of one choice, got {gold[:80]!r}"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.answer")
    return letter


def _letter(text: str) -> str | None:
    match = _LETTER.match(plain_text(text[:_TAIL]))
    if match is None:
        return None
    letter = (match[1] or match[2]).upper()
    another = {found[1] for found in _ANOTHER.finditer(plain_text(text[:_TAIL]), match.start())}
    return letter if another <= {letter} else None


def _option_with_text(text: str, options: Mapping[str, str]) -> str | None:
    normal = normal_text(text)
    letters = [letter for letter, option in options.items() if option and option == normal]
    return letters[0] if len(letters) == 1 else None


def _read(found: Extraction, options: Mapping[str, str]) -> str | None:
    return _option_with_text(found.text, options) or _letter(found.text)


def _from_tail(sample: Sample, options: Mapping[str, str]) -> tuple[Extraction, str] | None:
    """A letter near the end of an unmarked response, or a response that is an option's text."""
    region = None if sample.truncated else answer_region(sample.response, sample.prompt)
    if region is None:
        return None
    text = region.strip()
    letter = (_letter(text) or _option_with_text(text, options)) if len(text) <= _TAIL else None
    if letter is not None:
        begin = region.find(text)
        return Extraction(text, "whole_text", begin, begin + len(text)), letter
    start = max(0, len(region) - _TAIL)
    tail = region[start:]
    match = _ALONE.search(tail) or next(reversed(list(_PHRASE.finditer(tail))), None)
    if match is None:
        return None
    group = match.lastindex or 0
    letter, before = match[group], tail[max(0, match.start() - 16) : match.start()]
    if not letter.isupper() or _ALTERNATIVE.search(before) is not None:
        return None
    return Extraction(letter, "letter", start + match.start(group), start + match.end(group)), letter
