"""Answers without their markup: LaTeX spacing, delimiters and fonts, Markdown emphasis, look-alike characters."""

from __future__ import annotations

import re
import unicodedata

_LOOK_ALIKE = str.maketrans(
    {
        **{chr(0xFF01 + offset): chr(0x21 + offset) for offset in range(94)},  # full-width ASCII
        **dict.fromkeys("−‐‑‒–—﹣", "-"),
        **dict.fromkeys("\xa0\u2009\u202f\u2007\u2002\u2003\u3000", " "),
        **dict.fromkeys("\u200b\u200e\u200f\u2060\ufeff", ""),
        **dict.fromkeys("‘’′", "'"),
        **dict.fromkeys("“”", '"'),
        "⁄": "/", "∕": "/", "÷": "/", "。": ".", "，": ",", "º": "°", "％": "%", "＄": "$", "￡": "£", "￥": "¥",
    }
)  # fmt: skip
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_WRAPPER = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox|operatorname|bm|boldsymbol)\s*\{([^{}]*)\}"
)
_THOUSANDS = re.compile(r"(?<=[0-9])(?:\{,\}|\\,|,? *\\!|\\ |\\;|~) *(?=[0-9]{3}(?![0-9]))")
_SPACING = re.compile(r"\\(?:left|right|displaystyle|quad|qquad|enspace|thinspace|,|;|:|!|>| )|~")
_FRACTION = re.compile(r"\\[dtc]frac(?![a-zA-Z])")
_DEGREE = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))|\\degree(?![a-zA-Z])")
_SPACES = re.compile(r"\s+")
_LEFT_EDGE = " \t\r\n*`_\"'“”‘’;,:"
_RIGHT_EDGE = _LEFT_EDGE + "."


def plain_text(text: str) -> str:
    """``text`` without markup, trimmed, with single spaces. Linear in its length.

    Full-width ASCII, dashes and mathematical digits become ASCII, ``½`` becomes `` 1/2``. Superscripts and digits of
    other scripts stay as they are: read as ASCII they would change the value.
    """
    if not text.isascii():
        text = ascii_look_alikes(text)
    if "\\" in text:
        text = _without_commands(text)
    elif "{,}" in text or "~" in text:
        text = _THOUSANDS.sub(",", text)
    text = _trimmed(_SPACES.sub(" ", text))
    if text.startswith("$") and text.endswith("$") and len(text) > 1:
        return _trimmed(text.strip("$"))
    return text.rstrip("$ ") if text.endswith("$") else text


def _trimmed(text: str) -> str:
    return text.lstrip(_LEFT_EDGE).rstrip(_RIGHT_EDGE)


def ascii_look_alikes(text: str) -> str:
    """``text`` with full-width ASCII, dashes, blanks and mathematical letters as ASCII, ``½`` as `` 1/2``."""
    text = _VULGAR.sub(lambda match: " " + unicodedata.normalize("NFKC", match[0]), text.translate(_LOOK_ALIKE))
    if text.isascii():
        return text
    folded = (unicodedata.normalize("NFKC", c) if "\U0001d400" <= c <= "\U0001d7ff" else c for c in text)
    return "".join(folded).translate(_LOOK_ALIKE)


def _without_commands(text: str) -> str:
    text = text.replace("\\$", "$").replace("\\%", "%").replace("\\(", "").replace("\\)", "")
    text = text.replace("\\[", "").replace("\\]", "").replace("\\approx", "≈")
    text = _THOUSANDS.sub(",", text)
    text = _FRACTION.sub(r"\\frac", _DEGREE.sub("°", text))
    for _ in range(3):
        text, replaced = _WRAPPER.subn(r" \1 ", text)
        if not replaced:
            break
    return _SPACING.sub(" ", text)
