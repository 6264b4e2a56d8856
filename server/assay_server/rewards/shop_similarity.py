"""How alike two short texts are, by their words: what WebShop calls a fuzzy match.

The ratio of word sets is thefuzz's (MIT), in each of the three ways its releases compute it. WebShop's requirements
install the first. They differ on some pairs of misspelt words only:

============== =============================================================================================
``difflib``    thefuzz 0.19.0 on Python's own difflib: longest common blocks
``levenshtein`` thefuzz 0.19.0 on python-Levenshtein: longest common subsequence
``rapidfuzz``  thefuzz 0.22.1: the same measure, but an underscore parts words
============== =============================================================================================
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal, TypeAlias

from rapidfuzz import fuzz, utils
from rapidfuzz.distance import Indel

Matcher: TypeAlias = Literal["difflib", "levenshtein", "rapidfuzz"]
"""Which release of thefuzz is followed."""

THRESHOLD = 85
"""Texts match where their ratio is above it."""

LONGEST_TEXT = 2_000
"""Characters of a text that is compared: difflib takes quadratic time."""

_NO_WORD = re.compile(r"\W")
_LATIN_1 = dict.fromkeys(range(128, 256))


def token_set_ratio(left: str, right: str, matcher: Matcher = "difflib", *, cutoff: int = 0) -> int:
    """0 to 100; 100 where the words of one text are among the other's. Either text without words: 0.

    Characters U+0080 to U+00FF are dropped first, case and order do not count. The order of the arguments matters to
    ``difflib`` on some pairs.

    Args:
        left: a text.
        right: another.
        matcher: whose arithmetic.
        cutoff: below it the answer may be 0, which is cheaper.
    """
    if matcher == "rapidfuzz":
        return round(fuzz.token_set_ratio(_processed_by_rapidfuzz(left), _processed_by_rapidfuzz(right)))
    first, second = _words(left), _words(right)
    if not first or not second:
        return 0
    shared = " ".join(sorted(first & second))
    whole_first = f"{shared} {' '.join(sorted(first - second))}".strip()
    whole_second = f"{shared} {' '.join(sorted(second - first))}".strip()
    pairs = ((shared, whole_first), (shared, whole_second), (whole_first, whole_second))
    return max(_ratio(one, other, matcher, cutoff) for one, other in pairs)


@lru_cache(maxsize=65_536)
def texts_match(left: str, right: str, matcher: Matcher = "difflib") -> bool:
    """Whether the ratio of two texts is above the threshold.

    The same few attributes and options are compared again and again: pure, so remembered.

    Raises:
        ValueError: a text is longer than ``LONGEST_TEXT``.
    """
    if len(left) > LONGEST_TEXT or len(right) > LONGEST_TEXT:
        raise ValueError(f"a text of {max(len(left), len(right))} characters; at most {LONGEST_TEXT} are compared")
    return token_set_ratio(left, right, matcher, cutoff=THRESHOLD) > THRESHOLD


def _ratio(left: str, right: str, matcher: Matcher, cutoff: int) -> int:
    if left == right:
        return 100
    if not left or not right:
        return 0
    percent = 100 * Indel.normalized_similarity(left, right)
    if matcher == "levenshtein":
        return round(percent)
    if percent < cutoff - 1:  # difflib's blocks are a common subsequence: it never says more than the longest one
        return 0
    return round(100 * SequenceMatcher(None, left, right).ratio())


def _words(text: str) -> frozenset[str]:
    return frozenset(_NO_WORD.sub(" ", text.translate(_LATIN_1)).lower().split())


def _processed_by_rapidfuzz(text: str) -> str:
    return utils.default_process(text.translate(_LATIN_1))
