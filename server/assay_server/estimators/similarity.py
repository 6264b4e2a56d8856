"""Text-similarity groups: greedy, first fit against the first member of each group.

Two modes with two ratios, because they answer two needs:

* sorted (the default): distinct texts in sorted order, so that arrival cannot change a group. The ratio is
  ``2 L / (len a + len b)`` with L the longest common subsequence: symmetric, and never below difflib's.
* arrival (parity with released code): rows in (rollout, step) order. The ratio is difflib's ``2 M / (len a + len b)``
  of (row, first member), which is not symmetric.

A text joins the first group whose first member reaches ``ratio >= threshold``. Identical texts are one text: a later
copy would meet the same groups in the same order. The worst case, all texts far apart, is quadratic in the number of
distinct texts; the sorted mode discards nearly all pairs by counting characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Indel

_BUCKETS = 32
_PER_SUM = 16  # 16 buckets x 15 stay below 256
_WINDOW = 15
_BLOCK = 128
_SAMPLE = 1024
_CODES = 256
_FEW = 0.001  # of all pairs: looking at these texts costs less than counting further
_ROUNDING = 1e-9


def first_fit_sorted(texts: Sequence[str], threshold: float) -> list[int]:
    """For each of the distinct ``texts`` the position of its group's first member."""
    if not texts:
        return []
    order = sorted(range(len(texts)), key=texts.__getitem__)
    ranked = [texts[place] for place in order]
    counts = _character_counts(ranked)
    allowed = _most_edits(ranked, threshold)
    firsts: list[int] = []
    leader: list[int] = []
    for start in range(0, len(ranked), _BLOCK):
        end = min(start + _BLOCK, len(ranked))
        known = np.array(firsts, np.intp)
        earlier = _candidates(counts, allowed, range(start, end), known)
        beside = _candidates(counts, allowed, range(start, end), np.arange(start, end))
        for row in range(start, end):
            first = _first_fit(ranked, row, earlier[row - start], threshold)
            if first == row:
                own = [other for other in beside[row - start] if other < row and leader[other] == other]
                first = _first_fit(ranked, row, own, threshold)
            leader.append(first)
            if first == row:
                firsts.append(row)
    groups = [0] * len(ranked)
    for rank, place in enumerate(order):
        groups[place] = order[leader[rank]]
    return groups


def first_fit_arrival(texts: Sequence[str], threshold: float) -> list[int]:
    """The same for distinct ``texts`` in order of arrival, with difflib's ratio."""
    groups: list[int] = []
    matchers: list[tuple[int, SequenceMatcher[str]]] = []
    for place, text in enumerate(texts):
        first = next(
            (
                first
                for first, matcher in matchers
                if _subsequence_reaches(text, texts[first], threshold) and _reaches(matcher, text, threshold)
            ),
            place,
        )
        if first == place:
            matchers.append((place, SequenceMatcher(None, "", text)))
        groups.append(first)
    return groups


def _reaches(matcher: SequenceMatcher[str], text: str, threshold: float) -> bool:
    matcher.set_seq1(text)
    return matcher.ratio() >= threshold


def _first_fit(ranked: Sequence[str], row: int, candidates: Sequence[int], threshold: float) -> int:
    text = ranked[row]
    return next((other for other in candidates if _subsequence_reaches(text, ranked[other], threshold)), row)


def _subsequence_reaches(a: str, b: str, threshold: float) -> bool:
    allowed = int((1.0 - threshold) * (len(a) + len(b)) + _ROUNDING)
    return Indel.distance(a, b, score_cutoff=allowed) <= allowed


def _most_edits(texts: Sequence[str], threshold: float) -> npt.NDArray[np.uint16]:
    """Per text of length a: insertions and deletions that lie between it and any text near it.

    Where texts of lengths a and b are near, ``b <= a (2 - threshold) / threshold``.
    """
    lengths = np.array([len(text) for text in texts], np.float64)
    edits = 2.0 * lengths * (1.0 - threshold) / threshold + _ROUNDING
    return np.minimum(edits, _BUCKETS * _WINDOW).astype(np.uint16)


def _character_counts(texts: Sequence[str]) -> npt.NDArray[np.int8]:
    """Buckets x texts: how often the characters of a bucket occur, in a window of 16 values around the median.

    The characters whose numbers vary most have a bucket of their own; the rest share the last one. A text that turns
    into another by n insertions and deletions moves the counts by at most n in sum, the windows by no more.
    """
    joined = "".join(texts)
    if joined.isascii():
        codes = np.frombuffer(joined.encode(), np.uint8)
    else:
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint8)
    lengths = np.array([len(text) for text in texts], np.int64)
    owner = np.repeat(np.arange(len(texts)) * _BUCKETS, lengths)
    sampled = int(lengths[:_SAMPLE].sum())
    of_sample = np.bincount(owner[:sampled] * (_CODES // _BUCKETS) + codes[:sampled], minlength=_SAMPLE * _CODES)
    varied = np.argsort(-of_sample.reshape(-1, _CODES).var(axis=0), kind="stable")[: _BUCKETS - 1]
    bucket_of = np.full(_CODES, _BUCKETS - 1)
    bucket_of[varied] = np.arange(len(varied))
    counts = np.bincount(owner + bucket_of[codes], minlength=_BUCKETS * len(texts)).reshape(-1, _BUCKETS).T
    lowest = np.median(counts, axis=1).astype(np.int64)[:, None] - _WINDOW // 2
    return np.ascontiguousarray(np.clip(counts - lowest, 0, _WINDOW), np.int8)


def _candidates(
    counts: npt.NDArray[np.int8], allowed: npt.NDArray[np.uint16], rows: range, columns: npt.NDArray[np.intp]
) -> list[list[int]]:
    """Per row the columns that counting characters does not prove to be too far away."""
    shape = (len(rows), len(columns))
    bound = allowed[rows.start : rows.stop, None]
    of_columns = counts.take(columns, axis=1)  # indexing would lay it out text by text, and the loop reads buckets
    apart = np.zeros(shape, np.uint16)
    difference = np.empty(shape, np.int8)
    found = np.empty(0, np.intp)
    for start in range(0, _BUCKETS, _PER_SUM):
        some = np.zeros(shape, np.uint8)
        for bucket in range(start, start + _PER_SUM):
            np.subtract(counts[bucket, rows.start : rows.stop, None], of_columns[bucket], out=difference)
            np.abs(difference, out=difference)
            some += difference.view(np.uint8)
        apart += some.astype(np.uint16)
        found = np.flatnonzero(apart <= bound)
        if len(found) <= _FEW * apart.size:
            break
    cuts: list[int] = np.searchsorted(found, np.arange(len(rows) + 1) * len(columns)).tolist()
    near: list[int] = columns[found % max(len(columns), 1)].tolist()
    return [near[start:end] for start, end in pairwise(cuts)]
