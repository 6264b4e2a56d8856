"""A search index in order of impact: the postings that matter most are added up first.

What a word adds to a product's score (BM25, k1 = 0.9, b = 0.4) is worked out when the index is built and rounded to
one of 255 impacts. The postings of a word lie in segments of equal impact, largest first, so a query adds up segments
in falling order of impact, over all its words together, and stops after ``BUDGET`` postings: what is left out could
add little (Anh and Moffat 2006; Lin and Trotman 2015, "anytime ranking"). Equal scores stand in catalogue order, so
equal queries always get equal answers. This is not Lucene's ranking: it has no stemming and rounds its scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BUDGET = 400_000
"""Postings that a query looks at."""

MAX_WORDS = 32
"""Distinct words of a query that are looked up; the first ones count."""

_K1, _B = 0.9, 0.4
_LEVELS = 255
_WORD = re.compile(r"\w+")

Ids = npt.NDArray[np.int32]
"""Product or word numbers."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Which word occurs in which product: two arrays of equal length, a pair for every occurrence.

    Attributes:
        words: the vocabulary; a word's number is its place.
    """

    words: tuple[str, ...]
    word_ids: Ids
    product_ids: Ids
    num_products: int


class ImpactIndex:
    """Immutable; shared by all sessions of a process."""

    def __init__(self, postings: Postings) -> None:
        """Sort what occurs where by word and impact; takes memory for about four times the pairs while it does."""
        words, products, impacts = _impacts(postings)
        order = np.lexsort((products, -impacts, words))
        self._products: Ids = products[order]
        words, impacts = words[order], impacts[order]
        change = np.flatnonzero((np.diff(words) != 0) | (np.diff(impacts) != 0)) + 1
        self._starts = np.concatenate((np.zeros(1, np.int64), change, np.full(1, len(words), np.int64)))
        heads = self._starts[:-1] if len(words) else np.zeros(0, np.int64)
        self._segment_impacts = impacts[heads].astype(np.uint8)
        first = np.searchsorted(words[heads], np.arange(len(postings.words) + 1))
        self._first_segments = first.astype(np.int64)
        self._numbers: Mapping[str, int] = {word: number for number, word in enumerate(postings.words)}
        self._num_products = postings.num_products

    @property
    def num_bytes(self) -> int:
        """Memory of the arrays."""
        arrays = (self._products, self._starts, self._segment_impacts, self._first_segments)
        return sum(array.nbytes for array in arrays)

    def search(self, query: str, limit: int) -> tuple[int, ...]:
        """The products with the highest scores above 0, best first."""
        segments = self._segments_of(query)
        if not segments:
            return ()
        scores = np.zeros(self._num_products, np.uint16)
        touched: list[Ids] = []
        left = BUDGET
        for impact, start, end in segments:
            found = self._products[start : min(end, start + left)]
            scores[found] += np.uint16(impact)
            touched.append(found)
            left -= len(found)
            if left <= 0:
                break
        return _best(scores, np.concatenate(touched), limit)

    def _segments_of(self, query: str) -> list[tuple[int, int, int]]:
        """(impact, start, end) of every segment of the query's words, the largest impact first."""
        numbers: list[int] = []
        for word in dict.fromkeys(_WORD.findall(query.lower())):
            number = self._numbers.get(word)
            if number is not None and len(numbers) < MAX_WORDS:
                numbers.append(number)
        segments: list[tuple[int, int, int]] = []
        for number in numbers:
            low, high = int(self._first_segments[number]), int(self._first_segments[number + 1])
            impacts = self._segment_impacts[low:high].tolist()
            starts = self._starts[low : high + 1].tolist()
            segments += zip(impacts, starts, starts[1:], strict=False)
        segments.sort(key=lambda segment: -segment[0])
        return segments


def _best(scores: npt.NDArray[np.uint16], touched: Ids, limit: int) -> tuple[int, ...]:
    worth = scores[touched]
    keep = limit * MAX_WORDS  # a product is touched once for each of its words: as many rows hold `limit` products
    if len(worth) > keep:
        touched = touched[worth >= np.partition(worth, len(worth) - keep)[len(worth) - keep]]
    candidates = np.unique(touched)
    ranked = candidates[np.argsort(-scores[candidates].astype(np.int32), kind="stable")]
    return tuple(ranked[:limit].tolist())


def _impacts(postings: Postings) -> tuple[Ids, Ids, npt.NDArray[np.int32]]:
    """Words, products and impacts, one row for every pair that occurs."""
    size = max(1, len(postings.words))
    keys = postings.product_ids.astype(np.int64) * size + postings.word_ids
    pairs, frequencies = np.unique(keys, return_counts=True)
    products, words = (pairs // size).astype(np.int32), (pairs % size).astype(np.int32)
    lengths = np.bincount(products, weights=frequencies, minlength=postings.num_products)
    document_frequencies = np.bincount(words, minlength=size)
    rarity = np.log1p((postings.num_products - document_frequencies + 0.5) / (document_frequencies + 0.5))
    mean = lengths.mean() or 1.0
    saturation = _K1 * (1 - _B + _B * lengths[products] / mean)
    weights = rarity[words] * frequencies / (frequencies + saturation)
    top = weights.max() if len(weights) else 1.0
    return words, products, np.maximum(1, np.rint(weights / top * _LEVELS)).astype(np.int32)


def postings_of_texts(texts: Iterable[str]) -> Postings:
    """The words of texts, lower case; a text's number is its place."""
    numbers: dict[str, int] = {}
    word_ids: list[npt.NDArray[np.int32]] = []
    lengths: list[int] = []
    for words in _words_of(texts):
        word_ids.append(np.fromiter((numbers.setdefault(word, len(numbers)) for word in words), np.int32, len(words)))
        lengths.append(len(words))
    product_ids = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    flat = np.concatenate(word_ids) if word_ids else np.zeros(0, np.int32)
    return Postings(tuple(numbers), flat, product_ids, len(lengths))


def _words_of(texts: Iterable[str]) -> Iterator[list[str]]:
    for text in texts:
        yield _WORD.findall(text.lower())
