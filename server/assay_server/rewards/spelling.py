"""Constructs of LaTeX and Unicode that have several spellings, in the one that is read."""

from __future__ import annotations

import re

_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUBSCRIPT = re.compile("[₀-₉]+")
_CHARACTERS = str.maketrans({"∶": ":", "ː": ":", "﹕": ":", "∠": "\\angle ", "△": "\\triangle ", "≡": "\\equiv ",
                             "↦": "\\mapsto ", "→": "\\to ", "⊤": "^T", "ᵀ": "^T", "✓": "", "∼": "~"})  # fmt: skip
_SUBSTITUTIONS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("quad", re.compile(r"(?:\\q?quad\s{0,4})+$"), ""),
    ("~", re.compile(r"(?<![0-9])~|~(?![0-9])"), " "),
    ("\\hspace", re.compile(r"\\hspace\*?\s?\{[^{}]{0,20}\}"), " "),
    ("\\phantom", re.compile(r"\\[hv]?phantom\s?\{[^{}]{0,40}\}"), ""),
    ("\\tag", re.compile(r"\\tag\s?\{[^{}]{0,40}\}"), ""),
    ("frac", re.compile(r"\\(?:nice|s|x|u)frac(?![a-zA-Z])"), r"\\frac"),
    ("{.}", re.compile(r"(?<=[0-9])\{\.\}(?=[0-9])"), "."),
    ("{,}", re.compile(r"(?<=[0-9])\{,\}(?=[0-9]{1,2}(?![0-9])|[0-9]{4,})"), "."),
    ("{}", re.compile(r"(?<!\\text)(?<!\\mathrm)\{\}(?=\s?\^\s?\{?\\circ)"), ""),
    ("{}", re.compile(r"(?<=[0-9)])\{\}"), ""),
    ("\\not", re.compile(r"\\not\s?="), r"\\ne "),
    ("\\bar", re.compile(r"(?<![0-9.])\\bar\s?\{([a-zA-Z]+)\}"), r"\\overline{\1}"),
    ("\\mathrm", re.compile(r"(\\mathrm\{[^{}]{1,20}\^)\{(-?[0-9])\}\}"), r"\1\2}"),
    ("\\cent", re.compile(r"\\(?:cents?|textcent)(?![a-zA-Z])"), r"\\text{ cents}"),
    ("¢", re.compile("¢"), " cents"),
    ("\\pound", re.compile(r"\\(?:pounds|textsterling)(?![a-zA-Z])\s?"), "£"),
    ("\\euro", re.compile(r"\\euro(?![a-zA-Z])\s?(?:\{\})?"), "€"),
    ("\\text", re.compile(r"\\text\s?\{\s?\\?([$%])\s?\}"), r"\\\1"),
    ("\\text", re.compile(r"\\text\s?\{\s?([€£¥])\s?\}"), r"\1"),
    ("mod", re.compile(
        r"\(\s?\\?(?:(?:text|mathrm|operatorname|mbox)\s?\{\s?mod\s?\}|[bp]?mod(?:ulo)?)\s?([^()]{1,24})\)"),
     r"\\pmod{\1}"),
    ("\\frac", re.compile(
        r"\\frac\s?\{\s?\\(?:text|mathrm)\{([A-Za-z ]{1,20})\}\s?\}"
        r"\{\s?\\(?:text|mathrm)\{([A-Za-z ]{1,20})\}\s?\}"),
     r"\\text{ \1/\2}"),
    ("circ", re.compile(
        r"(\\circ\s?\}?)\s*([0-9]{1,2}(?:\.[0-9]{1,6})?)\s*(?:'|\^\s?\{?\s?\\prime\s?\}?)"), r"\1 \2 arcminutes"),
    ("°", re.compile(r"°\s*([0-9]{1,2}(?:\.[0-9]{1,6})?)\s*['′]"), r"° \1 arcminutes"),
    ("}_", re.compile(r"^\{([0-9A-Z]{1,60})\}\s?_"), r"\1_"),
    ("\\overline", re.compile(r"(?<![0-9.])\\overline\s?\{\s?([A-Z]{2})\s?\}"), r"\1"),
    (".\\overline", re.compile(r"(?<![0-9])\.\\overline"), r"0.\\overline"),
    ("\\angle", re.compile(r"\\angle\s?\{\s?([A-Z]{1,3})\s?\}"), r"\\angle \1"),
    ("+/-", re.compile(r"\+\s?/\s?-"), r"\\pm "),
    ("\\left\\{", re.compile(
        r"\\left\s?\\\{\s{0,4}\\begin\s?\{(?:array|aligned|matrix|align\*?|split|gathered)\}"), r"\\begin{cases}"),
    ("\\right.", re.compile(
        r"\\end\s?\{(?:array|aligned|matrix|align\*?|split|gathered)\}\s{0,4}\\right\s?\."), r"\\end{cases}"),
    ("cases", re.compile(r"\\begin\{cases\}\s?\{[lcr|\s]{0,8}\}"), r"\\begin{cases}"),
)  # fmt: skip


_WRAPPED = re.compile(
    r"\\(?:text(?:bf|it|rm|normal)?|mathrm|mbox|operatorname|displaystyle|boxed|fbox|mathbf(?=\s?\{[^{}]{2}))\s?\{|\{"
)
_LEAD = re.compile(
    r"(?:(?:so|thus|hence|therefore),? )?(?:the )?(?:(?:final|correct) )?"
    r"(?:answer|solution|result)(?: is|:)[\s:]*(?=\S)"
    r"|\\text(?:bf|it|rm)?\s?\{\s?(?:the )?(?:(?:final|correct) )?answer(?: is)?\s?:?\s?\}[\s:]*(?=\S)",
    re.IGNORECASE,
)
_CONTRAST = re.compile(r"(?<=\w),?\s(?:and |but )?not\s[^,]{1,40}$")
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"))
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_ENDS = " \t\r\n.,;"
_MOST_LAYERS = 6


def unwrapped(text: str) -> str:
    """``text`` without what stands around all of it: delimiters, fonts, boxes, braces, "the answer is". Linear."""
    for _ in range(_MOST_LAYERS):
        before = text
        text = text.strip(" \t\r\n")
        if text[:1] == "=" and text[1:2] != "=":
            text = text[1:]
        elif text[:1] in "$\\*{":
            text = _without_edges(text)
        if "nswer" in text or "olution" in text or "esult" in text:
            lead = _LEAD.match(text)
            text = text if lead is None else text[lead.end() :]
        if text == before:
            break
    return _CONTRAST.sub("", text) if ", not " in text or "but not " in text else text


def _without_edges(text: str) -> str:
    ended = text if text.endswith("...") else text.rstrip(_ENDS)
    for opening, closing in _DELIMITERS:
        width = len(opening)
        inner = ended[width : len(ended) - width]
        if ended.startswith(opening) and ended.endswith(closing) and inner and opening not in inner:
            return inner
    wrapped = _WRAPPED.match(ended)
    if wrapped is None or not ended.endswith("}") or not _closes_at_end(ended, wrapped.end()):
        return text
    inner = ended[wrapped.end() : -1]
    return text if wrapped[0] == "{" and ("," in inner or ";" in inner or not inner.strip()) else inner


def _closes_at_end(text: str, start: int) -> bool:
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.end() == len(text)
    return False


def respelled(text: str) -> str:
    """``text`` unwrapped, with one spelling for each of these constructs, without breaks at its end. Linear."""
    if text.isascii() and text.isalnum():
        return text
    text = unwrapped(text)
    if text.isascii():
        if "\\" not in text and "{" not in text and "~" not in text and "mod" not in text and "+/-" not in text:
            return text
    else:
        text = _SUBSCRIPT.sub(lambda found: f"_{{{found[0].translate(_SUBSCRIPTS)}}}", text.translate(_CHARACTERS))
    for mark, pattern, replacement in _SUBSTITUTIONS:
        if mark in text:
            text = pattern.sub(replacement, text)
    return _without_breaks(text)


def _without_breaks(text: str) -> str:
    end = len(text)
    while end and text[end - 1] in "\\ \t\r\n":
        end -= 1
    return text[:end]
