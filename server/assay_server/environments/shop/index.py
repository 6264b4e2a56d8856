"""A search index in order of impact: the postings that matter most are added up first.

What a word adds to a product's score (BM25, k1 = 0.9, b = 0.4) is worked out when the index is built and rounded to
one of 255 impacts. The postings of a word lie in segments of equal impact, largest first, so a query adds up segments
in falling order of impact, over all its words together, and stops after ``BUDGET`` postings: what is left out could
add little (Anh and Moffat 2006; Lin and Trotman 2015, "anytime ranking"). Equal scores stand in catalogue order, so
equal queries always get equal answers. This is not Lucene's ranking: it has no stemming and rounds its scores.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

BUDGET = 400_000
"""Postings that a query looks at."""

MAX_WORDS = 32
"""Distinct words of a query that are looked up; the first ones count."""

_K1, _B = 0.9, 0.4
_LEVELS = 255
_PIECE = 2_000_000
_WORD = re.compile(r"\w+")

Ids: TypeAlias = "npt.NDArray[np.int32]"
"""Product or word numbers."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Which word occurs how often in which product: three arrays of equal length, products ascending.

    Attributes:
        words: the vocabulary; a word's number is its place.
        lengths: words of every product.
    """

    words: tuple[str, ...]
    word_ids: Ids
    product_ids: Ids
    counts: npt.NDArray[np.uint16]
    lengths: Ids


class ImpactIndex:
    """Immutable; shared by all sessions of a process."""

    def __init__(self, postings: Postings) -> None:
        """Sort what occurs where by word and impact."""
        keys = postings.word_ids.astype(np.uint32) << np.uint32(8)
        keys |= np.uint32(_LEVELS) - _impacts(postings)
        order = np.argsort(keys, kind="stable")  # products stay in catalogue order where all else is equal
        self._products: Ids = postings.product_ids[order]
        keys = keys[order]
        self._starts = np.concatenate(
            (np.zeros(min(1, len(keys)), np.int64), np.flatnonzero(np.diff(keys)) + 1, np.full(1, len(keys), np.int64))
        )
        heads = keys[self._starts[:-1]]
        self._segment_impacts = np.uint8(_LEVELS) - (heads & np.uint32(0xFF)).astype(np.uint8)
        self._first_segments = np.searchsorted(heads >> np.uint32(8), np.arange(len(postings.words) + 1))
        self._numbers: Mapping[str, int] = {word: number for number, word in enumerate(postings.words)}
        self._num_products = len(postings.lengths)

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


def _impacts(postings: Postings) -> npt.NDArray[np.uint8]:
    """The impact of every row, worked out in pieces to spare memory."""
    size = len(postings.lengths)
    holders = np.bincount(postings.word_ids, minlength=len(postings.words))
    rarity = np.log1p((size - holders + 0.5) / (holders + 0.5)).astype(np.float32)
    mean = float(postings.lengths.mean()) if size else 1.0
    saturation = (_K1 * (1 - _B + _B * postings.lengths / (mean or 1.0))).astype(np.float32)
    weights = np.empty(len(postings.word_ids), np.float32)
    for start in range(0, len(weights), _PIECE):
        piece = slice(start, start + _PIECE)
        counts = postings.counts[piece].astype(np.float32)
        weights[piece] = rarity[postings.word_ids[piece]] * counts / (counts + saturation[postings.product_ids[piece]])
    if len(weights):
        weights *= np.float32(_LEVELS) / weights.max()
    return np.maximum(1, np.rint(weights)).astype(np.uint8)


Occurrences: TypeAlias = "tuple[Ids, Ids]"
"""Word numbers with product numbers, one pair for each time a word stands in a product."""


def postings_of(words: Mapping[str, int], pieces: Iterable[Occurrences], num_products: int) -> Postings:
    """Count occurrences that come in pieces; all those of a product are in one, and products ascend.

    Args:
        words: the vocabulary: numbers in order of insertion; it may grow until the last piece is taken.
        pieces: what stands where.
        num_products: products, those without words included.
    """
    counted = [_counted(word_ids, product_ids) for word_ids, product_ids in pieces]
    empty = np.zeros(0, np.int32)
    word_ids = np.concatenate([row[0] for row in counted] or [empty])
    product_ids = np.concatenate([row[1] for row in counted] or [empty])
    counts = np.concatenate([row[2] for row in counted] or [empty.astype(np.uint16)])
    lengths = np.zeros(num_products, np.int32)
    for _, products, times in counted:
        if len(products):
            first, last = int(products[0]), int(products[-1]) + 1
            lengths[first:last] += np.bincount(products - first, weights=times).astype(np.int32)
    return Postings(tuple(words), word_ids, product_ids, counts, lengths)


def _counted(word_ids: Ids, product_ids: Ids) -> tuple[Ids, Ids, npt.NDArray[np.uint16]]:
    keys = (product_ids.astype(np.int64) << 32) | word_ids
    pairs, counts = np.unique(keys, return_counts=True)
    words, products = (pairs & 0xFFFFFFFF).astype(np.int32), (pairs >> 32).astype(np.int32)
    return words, products, np.minimum(counts, 0xFFFF).astype(np.uint16)


def postings_of_texts(texts: Iterable[str]) -> Postings:
    """The words of texts, lower case; a text's number is its place."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    number_of = numbers.__getitem__
    pieces: list[Occurrences] = []
    word_ids, lengths, total = array("i"), array("i"), 0
    for text in texts:
        words = _WORD.findall(text.lower())
        word_ids.extend(map(number_of, words))
        lengths.append(len(words))
        if len(word_ids) > _PIECE:
            pieces.append(_piece(word_ids, lengths, total))
            total += len(lengths)
            word_ids, lengths = array("i"), array("i")
    pieces.append(_piece(word_ids, lengths, total))
    return postings_of(numbers, pieces, total + len(lengths))


def _piece(word_ids: array[int], lengths: array[int], first: int) -> Occurrences:
    products = np.arange(first, first + len(lengths), dtype=np.int32)
    return np.array(word_ids, np.int32), np.repeat(products, np.array(lengths, np.int64))
