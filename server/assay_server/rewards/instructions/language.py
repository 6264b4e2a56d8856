"""In which language a text is written: py3langid's model, which gives equal answers to equal texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Protocol, cast

_LANGUAGES = (
    "ar bg bn ca cs da de el en es et fa fi fr gu he hi hr hu id it ja kn ko lt lv ml mr ne nl no pa pl pt ro ru sk sl "
    "sr sv sw ta te th tr uk ur vi zh"
)
"""What texts are told apart by: the languages of the instructions, and large ones that are taken for them."""

_OTHER_CODES = {"zh-cn": "zh", "zh-tw": "zh", "zh-hans": "zh", "zh-hant": "zh", "iw": "he", "nb": "no", "in": "id"}
_NOT_PROSE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|<<|>>", re.DOTALL)
_SURE = 0.9
_UNSURE = 0.5
_POSSIBLE = 0.005
_SHORTEST_LINE = 20
_LONGEST = 20_000
_MOST_LINES = 400


class _Identifier(Protocol):
    """What is used of the library."""

    def rank(self, instance: str) -> list[tuple[str, float]]: ...
    def set_languages(self, langs: Sequence[str]) -> None: ...


@cache
def _identifier() -> _Identifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made = cast("_Identifier", LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True))
    made.set_languages(_LANGUAGES.split())
    return made


def known_language(code: str) -> str | None:
    """The code that texts are compared by; None where the language cannot be told."""
    lower = code.strip().lower().replace("_", "-")
    lower = _OTHER_CODES.get(lower, lower).partition("-")[0]
    return lower if lower in _LANGUAGES.split() else None


def language_fault(text: str, language: str) -> str:
    """Why a text as a whole is not in a language of :func:`known_language`; empty where it is, as far as can be told.

    A text too short to be told passes where it might be. Code and addresses are not looked at.
    """
    prose = _prose(text)
    if not any(map(str.isalpha, prose)):
        return "there is no word in any language"
    best, sureness, wanted = _told(prose, language)
    possible = best == language or (sureness < _UNSURE and wanted >= _POSSIBLE)
    return "" if possible else f"expected {language}, found {best}"


def foreign_line(text: str, language: str) -> str:
    """Which line of 20 letters or more is surely in another language; empty where there is none."""
    for line in [line for line in _prose(text).splitlines() if line.strip()][:_MOST_LINES]:
        if sum(map(str.isalpha, line)) >= _SHORTEST_LINE:
            best, sureness, _ = _told(line, language)
            if best != language and sureness >= _SURE:
                return f"expected {language}, found {best} in the line {line.strip()[:60]!r}"
    return ""


def _prose(text: str) -> str:
    return _NOT_PROSE.sub(" ", text)[:_LONGEST].lower()


def _told(text: str, language: str) -> tuple[str, float, float]:
    """The likeliest language, its probability, and that of ``language``."""
    ranked = _identifier().rank(text)
    best, sureness = ranked[0]
    return best, float(sureness), next((float(chance) for name, chance in ranked if name == language), 0.0)
