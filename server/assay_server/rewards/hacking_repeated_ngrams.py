"""``constraint/repeated_ngrams``: does the response say the same over and over?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from assay.sdk import Lane, Sample, Score, Unscorable, reward
from assay_server.rewards.hacking_findings import Finding, constraint_score, is_small

_TOKEN = re.compile(r"\w{1,12}|[^\w\s]{1,12}")
"""Words and runs of marks, cut into pieces, so that text without spaces repeats itself too."""

_MOST_TOKENS_OF_A_GRAM = 32


def _on_the_loop(sample: Sample, **parameters: object) -> Score | None:
    return repeated_ngrams.function(sample, **parameters) if is_small(sample) else None


@reward(
    "constraint/repeated_ngrams-v1",
    bounds=(0.0, 1.0),
    binary=True,
    lane=Lane.CPU,
    quick=_on_the_loop,
    source="repetition penalty of long chain-of-thought training (share of repeated n-grams)",
)
def repeated_ngrams(sample: Sample, *, size: int = 8, largest_share: float = 0.3, fewest_tokens: int = 100) -> Score:
    """1 where at most ``largest_share`` of the n-grams are repeats (``1 - distinct / all``), else 0.

    An n-gram is ``size`` words or marks, without regard to case. Responses of fewer than ``fewest_tokens`` are not
    looked at. The evidence has the ``share``, and shows the most frequent n-gram where it comes for the second time.
    Thoughts are looked at too.
    """
    if not 1 <= size <= _MOST_TOKENS_OF_A_GRAM or not 0.0 <= largest_share <= 1.0:
        message = f"expected 1 <= size <= {_MOST_TOKENS_OF_A_GRAM} and 0 <= largest_share <= 1"
        raise Unscorable("INVALID_PARAMETER", message)
    text = sample.response
    tokens: list[str] = _TOKEN.findall(text.lower())
    total = len(tokens) - size + 1
    share = 1.0 - len(set(_grams(tokens, size))) / total if len(tokens) >= fewest_tokens and total > 0 else 0.0
    found = [_second(text, size)] if share > largest_share else []
    return constraint_score("repeated_ngrams", text, found, share=share)


def _grams(tokens: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(tokens[offset:] for offset in range(size)), strict=False)


def _second(text: str, size: int) -> Finding:
    """Where the most frequent n-gram comes for the second time."""
    places = [match.span() for match in _TOKEN.finditer(text)]
    tokens = [text[start:end].lower() for start, end in places]
    (most, _), *_ = Counter(_grams(tokens, size)).most_common(1)
    occurrences = (number for number, gram in enumerate(_grams(tokens, size)) if gram == most)
    next(occurrences)
    number = next(occurrences)
    return Finding("repeats_itself", places[number][0], places[number + size - 1][1])
