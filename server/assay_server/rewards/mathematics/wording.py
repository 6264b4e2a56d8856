"""Words around and instead of formulas: ``all real numbers``, ``no solution``, ``the point``, ``is at most``."""

from __future__ import annotations

import re

from assay_server.rewards.latex import plain_text

_NOTHING = re.compile(
    r"(?:there (?:is|are) )?no (?:(?:real|such|integer|positive|possible|valid) )?(?:solution|number|x|value|root)s?"
    r"(?: exists?)?|none|(?:the )?(?:empty|null) set|dne"
    r"|(?:(?:(?:the|this) )?(?:limit|it|value|answer|inverse|solution|maximum|minimum|number) )?"
    r"(?:does not exist|doesn't exist)"
)
_MANY = re.compile(
    r"(?:there (?:is|are) )?(?:an )?(?:infinitely many|infinite(?: number of)?)(?: (?:solutions|values|numbers|ways))?"
)
_REALS = re.compile(r"(?:the )?(?:set of )?(?:all )?real(?:s| numbers| values| x)(?: of x| x)?|all real")
_INFINITY = {
    **dict.fromkeys(("infinity", "positive infinity", "plus infinity"), "infty"),
    **dict.fromkeys(("negative infinity", "minus infinity"), "-infty"),
}
_LONGEST = 60
_NUMBER_SET = re.compile(
    r"[\s$]*(?:(?:x|ℝ|\\mathbb\s?\{?\s?R\s?\}?)\s?(?:\\in|∈)\s?)?(?:ℝ|\\(?:mathbb|mathbf|Bbb)\s?\{?\s?R\s?\}?)[\s$.]*"
)
_EXCEPT = re.compile(
    r"(?:the )?(?:set of )?all reals?(?: numbers?| values)?(?: of x| x)?,? ?(?:except|other than|but|excluding)"
    r"(?: for)?(?: when)? ?(?:x ?(?:=|\\n?eq?) ?)?",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"(?:(?:(?:so|thus|hence|therefore),? )?(?:the )?(?:(?:final|correct|exact) )?"
    r"(?:answer|solution|value|result)s? (?:is|are|=)[: ]"
    r"|(?:the )?(?:ordered )?(?:points?|pairs?|triples?|vectors?|intervals?|set|vertex|center|centre|coordinates"
    r"|matrix|function|equation|line)(?: is| are)?[: ]"
    r"|(?:it|this|that|they|these|which) (?:is|are) )\s*(?=\S)",
    re.IGNORECASE,
)
_COMPARED = tuple(
    (re.compile(rf"\s(?:is |are )?(?:strictly )?{words}\s", re.IGNORECASE), sign)
    for words, sign in (
        (r"(?:less|smaller) than or equal to", " <= "),
        (r"(?:greater|larger) than or equal to", " >= "),
        (r"(?:less|smaller) than", " < "),
        (r"(?:greater|larger) than", " > "),
        (r"not equal to", " != "),
        (r"equal to|equals", " = "),
    )
)
_WRAPPED_WORDS = re.compile(r"\\(?:text|mathrm|textbf|textit|mbox|textrm)\s?\{([A-Za-z ,.:'-]*)\}")


def named_value(text: str) -> str | None:
    """The symbol that a text without formulas names: ``emptyset``, ``Reals``, ``infty``, ``infinitely many``."""
    if _NUMBER_SET.fullmatch(text):
        return "Reals"
    if len(text) > _LONGEST:
        return None
    plain = plain_text(text).casefold()
    if _NOTHING.fullmatch(plain):
        return "emptyset"
    if _MANY.fullmatch(plain):
        return "infinitely many"
    if _REALS.fullmatch(plain):
        return "Reals"
    return _INFINITY.get(plain)


def without_words(text: str) -> str:
    """A formula without the words that lead to it, comparisons in words as signs."""
    plain = _WRAPPED_WORDS.sub(r" \1 ", text).strip()
    exception = _EXCEPT.match(plain)
    if exception is not None:
        return f"\\mathbb{{R}}\\setminus\\{{{plain[exception.end() :]}\\}}"
    lead = _LEAD.match(plain)
    plain = plain[lead.end() :] if lead is not None else plain
    if " than" in plain or " equal" in plain:
        for pattern, sign in _COMPARED:
            plain = pattern.sub(sign, plain)
    return plain
